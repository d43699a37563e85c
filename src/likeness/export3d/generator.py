"""The hybrid generator: convolutions read the photo, transformer blocks put the expression into it, doublings with a
low-pass filter after each make a tri-plane, and a running average of all tri-planes is added (Export3D, section 3).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.attention import CrossAttentionBlock, ExpressionBlock, as_map
from likeness.export3d.blocks import LowPass, ResidualBlock, activation, convolution, coordinate_channels
from likeness.export3d.config import GeneratorSettings

EARLY_STEPS = 500  # of a training, in which the average follows faster
_SINGLE_LOW_PASS = 4.0  # pixels, of the one shuffle by eight, for each pixel of `low_pass`


@dataclass(frozen=True, kw_only=True)
class ReadSource:
    """What the generator has seen in a photo; it does not depend on the expression."""

    tokens: Float[Tensor, "B N h"]
    skips: dict[int, Tensor]  # by pixels per side: [B C side side]; empty without high-resolution skips


class Stem(nn.Module):
    """Photo to tokens by residual blocks that halve it."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        widths, groups = settings.stem, settings.norm_groups
        self.keeps_skips = settings.high_resolution_skip
        self.first = nn.Sequential(convolution(5, widths[0]), activation())
        self.halvings = nn.ModuleList(
            ResidualBlock(one, other, stride=2, groups=groups)
            for one, other in zip(widths[:-1], widths[1:], strict=True)
        )
        self.merge = convolution(widths[-1], settings.width, stride=2)
        self.norm = nn.LayerNorm(settings.width)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> ReadSource:
        """Args:
        image: -1 to 1.
        """
        x = self.first(torch.cat([image, coordinate_channels(image)], dim=1))
        skips: dict[int, Tensor] = {}
        for halving in self.halvings:
            x = halving(x)
            if self.keeps_skips and len(skips) < 2:
                skips[x.shape[-1]] = x
        return ReadSource(tokens=self.norm(self.merge(x).flatten(2).transpose(1, 2)), skips=skips)


class Doubling(nn.Module):
    """Twice as many pixels per side: 1 x 1 convolution, pixel shuffle, low-pass, residual block."""

    def __init__(self, inputs: int, outputs: int, *, low_pass: float, groups: int, skip: int | None) -> None:
        super().__init__()
        self.spread = nn.Conv2d(inputs, 4 * outputs, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.low_pass = LowPass(low_pass) if low_pass > 0.0 else nn.Identity()
        self.skip = None if skip is None else nn.Conv2d(skip, outputs, 1)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)
        self.block = ResidualBlock(outputs, outputs, groups=groups)

    def forward(self, x: Float[Tensor, "B inputs H W"], skips: dict[int, Tensor]) -> Float[Tensor, "B outputs h w"]:
        """Args:
        skips: features of the stem by pixels per side.
        """
        x = self.low_pass(self.shuffle(self.spread(x)))
        if self.skip is not None:
            x = x + self.skip(skips[x.shape[-1]])
        return self.block(x)


class SingleShuffle(nn.Module):
    """All doublings in one pixel shuffle: cheap, and prone to a grid."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        factor = 2 ** len(settings.up)
        self.spread = nn.Conv2d(settings.width, 3 * settings.plane_channels * factor**2, 1)
        self.shuffle = nn.PixelShuffle(factor)
        deviation = _SINGLE_LOW_PASS * settings.low_pass * factor / 8.0
        self.low_pass = LowPass(deviation) if deviation > 0.0 else nn.Identity()

    def forward(self, x: Float[Tensor, "B h side side"], skips: dict[int, Tensor]) -> Float[Tensor, "B C size size"]:
        """All planes, one after the other."""
        return self.low_pass(self.shuffle(self.spread(x)))


class Doublings(nn.Module):
    """All doublings one by one, then the planes."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        widths = (settings.width, *settings.up)
        halvings = len(settings.stem)  # of the picture, to the tokens
        self.steps = nn.ModuleList()
        for number, (one, other) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            level = halvings - 1 - number  # halvings of the picture that are left after this step
            skip = settings.stem[level] if settings.high_resolution_skip and level in (1, 2) else None
            self.steps.append(Doubling(one, other, low_pass=settings.low_pass, groups=settings.norm_groups, skip=skip))
        self.head = convolution(settings.up[-1], 3 * settings.plane_channels)

    def forward(self, x: Float[Tensor, "B h side side"], skips: dict[int, Tensor]) -> Float[Tensor, "B C size size"]:
        """All planes, one after the other."""
        for step in self.steps:
            x = step(x, skips)
        return self.head(x)


class Generator(nn.Module):
    """Photo and expression vector to tri-plane."""

    average: Tensor

    def __init__(self, settings: GeneratorSettings, *, expression_width: int, plane_size: int) -> None:
        super().__init__()
        self.settings = settings
        self.stem = Stem(settings)
        block = ExpressionBlock if settings.conditioning == "eadaln" else CrossAttentionBlock
        self.blocks = nn.ModuleList(block(settings, expression_width) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.width)
        self.up = Doublings(settings) if settings.up_mode == "steps" else SingleShuffle(settings)
        self.register_buffer("average", torch.zeros(3, settings.plane_channels, plane_size, plane_size))

    def read(self, image: Float[Tensor, "B 3 H W"]) -> ReadSource:
        """What is seen in photos (-1 to 1), once for all expressions."""
        source: ReadSource = self.stem(image)
        return source

    def difference(self, source: ReadSource, expression: Float[Tensor, "B d"]) -> Float[Tensor, "B 3 C size size"]:
        """The tri-plane without the running average."""
        tokens = source.tokens
        side = round(tokens.shape[1] ** 0.5)
        for block in self.blocks:
            tokens = block(tokens, expression, side)
        planes = self.up(as_map(self.norm(tokens), side), source.skips)
        return planes.unflatten(1, (3, self.settings.plane_channels))

    def forward(self, source: ReadSource, expression: Float[Tensor, "B d"]) -> Float[Tensor, "B 3 C size size"]:
        """The tri-plane: planes xy, yz, zx."""
        return self.difference(source, expression) + self.average

    @torch.no_grad()
    def follow(self, difference: Float[Tensor, "B 3 C size size"], step: int) -> None:
        """Move the running average towards the mean of a batch's tri-planes, which must not contain it."""
        settings = self.settings
        if settings.average == 0.0:
            return
        kept = settings.early_average if step < EARLY_STEPS else settings.average
        self.average.lerp_(difference.detach().mean(dim=0).to(self.average.dtype), 1.0 - kept)
