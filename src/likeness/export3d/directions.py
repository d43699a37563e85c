"""The expression directions v1..vn of a model: how far an expression usually lies along each, and moving along them.

Source: Export3D (Ki et al. 2024), beta' = beta'_S + a v_i; the unit of a is the deviation of the coefficient lambda_i.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from likeness.export3d.clebs import ExpressionEncoder

_DRAWS, _SEED = 4096, 0  # expressions that deviations are taken over


@torch.no_grad()
def direction_deviations(encoder: ExpressionEncoder) -> Float[Tensor, " directions"]:
    """std(lambda_i) over expressions whose standardised numbers are drawn from a unit Gaussian, always the same ones.

    The encoder stores mean and deviation of each number over its training set but not how they vary together, so this
    is the spread over expressions that are as likely as those number by number.

    Raises:
        ValueError: the encoding has no basis.
    """
    standard = torch.randn(_DRAWS, encoder.settings.inputs, generator=torch.Generator().manual_seed(_SEED))
    inputs = encoder.mean + standard.to(encoder.mean.device) * encoder.deviation
    return encoder.coefficients(inputs).std(dim=0)


def moved_expression(
    encoder: ExpressionEncoder, inputs: Float[Tensor, "B inputs"], offsets: Float[Tensor, "B directions"]
) -> Float[Tensor, "B d"]:
    """The vectors of expressions after a move along the directions.

    Args:
        offsets: what is added to the coefficients.

    Raises:
        ValueError: the encoding has no basis.
    """
    return encoder.compose(encoder.coefficients(inputs) + offsets)
