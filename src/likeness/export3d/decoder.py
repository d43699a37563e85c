"""What fills a point of the volume: one hidden layer between its plane features and its density and own features.

Source: EG3D's decoder, as Export3D section 4.3 takes it; no view direction.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

_WIDEN = 0.001  # the sigmoid reaches a little beyond 0 and 1, so that black and white are within reach


class PointDecoder(nn.Module):
    """Plane features to density and features.

    Args:
        channels: of a plane.
        hidden: width of the layer between.
        features: channels that are composited.
    """

    def __init__(self, channels: int, hidden: int, features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(channels, hidden)
        self.outer = nn.Linear(hidden, 1 + features)
        for layer in (self.inner, self.outer):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, sampled: Float[Tensor, "*batch C"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch F"]]:
        """Density before its softplus, and features from 0 to 1 that `widened` has yet to stretch."""
        inner = self.hidden(sampled)
        return self.density(inner), self.features(inner)

    def hidden(self, sampled: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch D"]:
        """The layer between."""
        return softplus(self.inner(sampled))

    def density(self, inner: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
        """Density before its softplus."""
        return linear(inner, self.outer.weight[:1], self.outer.bias[:1])[..., 0]

    def features(self, inner: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch F"]:
        """Features from 0 to 1 that `widened` has yet to stretch."""
        return linear(inner, self.outer.weight[1:], self.outer.bias[1:]).sigmoid()


def widened(features: Float[Tensor, "*batch F"], opacity: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch F"]:
    """Composited features stretched to just below 0 and just above 1, as if each sample had been (EG3D).

    Args:
        opacity: sum of the weights with which they were composited; 1 for the features of single points.
    """
    return features * (1.0 + 2.0 * _WIDEN) - _WIDEN * opacity[..., None]
