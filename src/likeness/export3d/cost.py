"""What a picture of Export3D costs in floating-point operations, counted on networks that hold no memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from likeness.export3d.config import CAMERA_NUMBERS, Export3dConfig
from likeness.export3d.discriminator import Discriminator
from likeness.export3d.lift import HINTS, LiftedPoints
from likeness.export3d.model import Export3dModel

GIGA = 1e9
MILLION = 1e6
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """GFLOP (2 per multiply-add, without gradient) of the pieces of one picture, and million parameters."""

    stem: float  # reading the photo: once for all pictures; a background layer included
    planes: float  # the rest of the generator: once per expression
    volume: float  # the decoder at all points: once per camera and expression
    super_resolution: float  # likewise, with the photo's own pixels where features are lifted
    discriminator: float  # in training alone
    points: int  # of the volume that are read
    inference_parameters: float
    trained_parameters: float  # with the discriminator

    @property
    def generator(self) -> float:
        """Photo and expression to tri-plane."""
        return self.stem + self.planes

    @property
    def per_picture(self) -> float:
        """Inference, all of it, for one picture of one photo."""
        return self.generator + self.volume + self.super_resolution

    @property
    def per_frame(self) -> float:
        """Inference of a further frame of the same photo with another expression."""
        return self.planes + self.volume + self.super_resolution

    @property
    def per_view(self) -> float:
        """Inference of a further camera on the same expression."""
        return self.volume + self.super_resolution


@cache
def estimate_cost(config: Export3dConfig) -> Cost:
    """Cost of a model."""
    volume, size = config.volume, config.image_size
    with torch.device("meta"), torch.no_grad():
        model = Export3dModel(config)
        discriminator = Discriminator(config.discriminator, image_size=size)
        image = torch.empty(1, 3, size, size)
        matte = torch.empty(1, 1, size, size)
        expression = torch.empty(1, config.expression.width)
        cameras = torch.empty(1, CAMERA_NUMBERS)
        points = volume.resolution**2 * (volume.coarse + volume.fine)
        features = torch.empty(1, volume.features, volume.resolution, volume.resolution)
        lifted = LiftedPoints(features=torch.empty(1, points, volume.features), hints=torch.empty(1, points, HINTS))
        inputs = (torch.empty(1, points, config.generator.plane_channels), *([lifted] if config.lift else []))
        source, stem = _counted(lambda: model.read(image, matte))
        _, planes = _counted(lambda: model.generator(source.read, expression))
        _, rendering = _counted(lambda: model.volume.decoder(*inputs))
        _, enlarging = _counted(lambda: model.super_resolution(features))
        if (detail := model.detail) is not None:
            enlarging += _counted(lambda: detail.last(detail.first(torch.empty(1, detail.inputs, size, size))))[1]
        _, judging = _counted(lambda: discriminator(image, features[:, :3], cameras))
    parameters = _count(model)
    return Cost(
        stem=stem,
        planes=planes,
        volume=rendering,
        super_resolution=enlarging,
        discriminator=judging,
        points=points,
        inference_parameters=parameters,
        trained_parameters=parameters + _count(discriminator),
    )


def cost_lines(configs: Iterable[tuple[str, Export3dConfig]]) -> list[str]:
    """A table of named models: million parameters and GFLOP."""
    columns = ("stem", "planes", "volume", "super-res", "picture", "frame", "view", "discr.")
    head = f"{'':10}{'M param.':>10}{'with D':>8}" + "".join(f"{name:>10}" for name in columns) + f"{'points':>10}"
    lines = [head]
    for name, config in configs:
        cost = estimate_cost(config)
        numbers = (
            cost.stem,
            cost.planes,
            cost.volume,
            cost.super_resolution,
            cost.per_picture,
            cost.per_frame,
            cost.per_view,
            cost.discriminator,
        )
        sizes = f"{cost.inference_parameters:10.3g}{cost.trained_parameters:8.3g}"
        lines.append(f"{name:10}{sizes}" + "".join(f"{number:10.3g}" for number in numbers) + f"{cost.points:10d}")
    return lines


def _count(module: nn.Module) -> float:
    """Million numbers that training changes."""
    tensors: Iterable[Tensor] = module.parameters()
    return sum(tensor.numel() for tensor in tensors) / MILLION


def _counted(work: Callable[[], Result]) -> tuple[Result, float]:
    """What a function gives, and its GFLOP."""
    with FlopCounterMode(display=False) as counter:
        result = work()
    return result, counter.get_total_flops() / GIGA
