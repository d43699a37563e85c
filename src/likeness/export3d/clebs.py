"""Learned basis scaling (LeBS): the numbers of an expression become few coefficients on an orthonormal basis.

Source: Export3D (Ki et al. 2024), beta' = sum_i lambda_i v_i with lambda = MLP(beta) and V the Q of a QR factorisation
(as in LIA, Wang et al. 2022). Trained by contrast within videos (`contrast.py`) it is CLeBS, and is frozen afterwards.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.config import GAZE_NUMBERS, ExpressionSettings

SLOPE = 0.2  # of the activations below zero
LEAST_DEVIATION = 0.05  # of a number, as a share of the median one: what hardly varies is not blown up


class ExpressionEncoder(nn.Module):
    """Expression numbers to the vector that the generator sees.

    The expression and, with `settings.gaze`, the gaze have perceptrons and directions of their own. The encoding
    `direct` has no basis: the standardised numbers go through one linear layer.
    """

    mean: Tensor
    deviation: Tensor
    gain: Tensor  # g: the length of the vectors, which a cosine cannot learn
    directions: Tensor  # V, once it is frozen

    def __init__(self, settings: ExpressionSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.zeros(settings.inputs))
        self.register_buffer("deviation", torch.ones(settings.inputs))
        self.register_buffer("gain", torch.ones(()))
        if settings.encoding == "direct":
            self.projection = nn.Linear(settings.inputs, settings.width)
            return
        norm = [nn.LayerNorm(settings.size)] if settings.layer_norm else []
        self.expression = nn.Sequential(*norm, *_perceptron(settings.size, settings.basis, settings))
        # Both eyes up, or all numbers larger: a layer norm would take just that away from four numbers.
        self.gaze = _perceptron(GAZE_NUMBERS, settings.gaze_basis, settings) if settings.gaze else None
        self.weight = nn.Parameter(torch.randn(settings.width, settings.directions))

    @property
    def is_frozen(self) -> bool:
        """Whether the basis is stored, and nothing is learned any more."""
        return "directions" in self._buffers

    def forward(self, inputs: Float[Tensor, "B inputs"]) -> Float[Tensor, "B d"]:
        """What the generator sees, in float32."""
        if self.settings.encoding == "direct":
            return self.gain * self.projection(self._standardised(inputs))
        return self.compose(self.coefficients(inputs))

    def coefficients(self, inputs: Float[Tensor, "B inputs"]) -> Float[Tensor, "B directions"]:
        """Lambda: how far along each direction; those of the gaze come last.

        Raises:
            ValueError: the encoding has no basis.
        """
        self._check_basis()
        standard = self._standardised(inputs)
        size = self.settings.size
        parts = [self.expression(standard[:, :size])]
        if self.gaze is not None:
            parts.append(self.gaze(standard[:, size:]))
        return torch.cat(parts, dim=-1).float()

    def compose(self, coefficients: Float[Tensor, "B directions"]) -> Float[Tensor, "B d"]:
        """The vector with these coefficients: g V lambda.

        Raises:
            ValueError: the encoding has no basis.
        """
        with torch.autocast(coefficients.device.type, enabled=False):
            return self.gain * coefficients.float() @ self.basis().T

    def basis(self) -> Float[Tensor, "d directions"]:
        """V, orthonormal columns in float32.

        Column i of Q is turned by the sign of R_ii, so that it does not flip from one step to the next.

        Raises:
            ValueError: the encoding has no basis.
        """
        self._check_basis()
        if self.is_frozen:
            return self.directions
        with torch.autocast(self.weight.device.type, enabled=False):
            orthonormal, upper = torch.linalg.qr(self.weight.float())
            signs = torch.where(torch.diagonal(upper) < 0.0, -1.0, 1.0)
            return orthonormal * signs

    def groups(self, inputs: Float[Tensor, "B inputs"]) -> tuple[Float[Tensor, "B d"], Float[Tensor, "B d"] | None]:
        """The parts of the vector that expression and gaze make; their sum is the whole."""
        coefficients, basis, count = self.coefficients(inputs), self.basis(), self.settings.basis
        with torch.autocast(coefficients.device.type, enabled=False):
            expression = self.gain * coefficients[:, :count] @ basis[:, :count].T
            if self.gaze is None:
                return expression, None
            return expression, self.gain * coefficients[:, count:] @ basis[:, count:].T

    @torch.no_grad()
    def set_statistics(self, mean: Float[Tensor, " inputs"], deviation: Float[Tensor, " inputs"]) -> None:
        """Mean and standard deviation of each number over the training set."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(max(LEAST_DEVIATION * float(deviation.median()), 1e-6)))

    @torch.no_grad()
    def set_gain(self, inputs: Float[Tensor, "N inputs"]) -> None:
        """g = sqrt(n) / mean length over these inputs, so that a coefficient is about 1."""
        self.gain.fill_(1.0)
        lengths = torch.cat([self(part).norm(dim=-1) for part in inputs.split(4096)])
        self.gain.fill_(self.settings.directions**0.5 / float(lengths.mean().clamp_min(1e-6)))

    def freeze(self) -> "ExpressionEncoder":
        """Store V, compute no QR any more, and learn nothing any more; returns itself.

        Raises:
            ValueError: the encoding has no basis.
        """
        directions = self.basis().detach().clone()
        if not self.is_frozen:
            del self.weight
            self.register_buffer("directions", directions)
        self.requires_grad_(False)
        return self

    def _standardised(self, inputs: Float[Tensor, "B inputs"]) -> Float[Tensor, "B inputs"]:
        return (inputs.float() - self.mean) / self.deviation

    def _check_basis(self) -> None:
        if self.settings.encoding == "direct":
            raise ValueError("the encoding direct has no basis, and so no coefficients")


def _perceptron(inputs: int, outputs: int, settings: ExpressionSettings) -> nn.Sequential:
    """Layers with leaky rectifiers, and a plain last one."""
    layers: list[nn.Module] = []
    width = inputs
    for _ in range(settings.layers):
        layers += [nn.Linear(width, settings.hidden), nn.LeakyReLU(SLOPE)]
        width = settings.hidden
    return nn.Sequential(*layers, nn.Linear(width, outputs))
