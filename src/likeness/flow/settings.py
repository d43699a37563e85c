"""What a 3D flow condition consists of: resolution, samples on the rays, surface field, encoding, extra channels."""

from dataclasses import dataclass
from typing import Literal, get_args

from likeness.errors import InputError

Sampling = Literal["depth", "uniform"]
SurfaceField = Literal["plane", "frame", "local"]
OffHead = Literal["sf", "decay", "zero"]
Encoding = Literal["stack", "slope6", "centre3", "flow2d"]
FlowFrame = Literal["camera", "head"]
Extra = Literal["mask", "visibility", "normals", "depth", "flow2d", "gaze"]

EXTRA_NAMES: dict[str, tuple[str, ...]] = {
    "mask": ("mask",),
    "visibility": ("visibility",),
    "normals": ("normal.x", "normal.y", "normal.z"),
    "depth": ("depth",),
    "flow2d": ("flow2d.x", "flow2d.y"),
    "gaze": ("gaze.target", "gaze.source", "gaze.lid"),
}
CHOICES: dict[str, object] = {
    "sampling": Sampling,
    "surface_field": SurfaceField,
    "offhead": OffHead,
    "encoding": Encoding,
    "flow_frame": FlowFrame,
}
LIMITS = {"resolution": (1, 4096), "samples": (1, 1024), "offhead_step": (1, 64)}


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowSettings:
    """Everything that decides what the channels of a condition mean; two networks agree only if these agree.

    Raises:
        InputError: a number is out of range, a name is unknown, or an extra channel is asked for twice.
    """

    resolution: int = 128  # pixels per side
    sampling: Sampling = "depth"  # depth: a thin shell around the rendered depth; uniform: the whole range everywhere
    samples: int = 20  # points per pixel
    delta: float = 0.01  # half thickness of the shell, metres
    surface_field: SurfaceField = "plane"  # rule on the head's pixels; beside the head it is always `frame`
    offhead: OffHead = "sf"  # beside the head: the field as it is, fading with the distance, or nothing
    offhead_step: int = 4  # pixels between the rays beside the head that are looked up, bilinear in between; 1: all
    encoding: Encoding = "stack"  # all samples, value and slope on the surface, value alone, or the flow of the picture
    flow_frame: FlowFrame = "camera"  # camera: the pose is part of the flow; head: each head in its own frame
    extras: tuple[Extra, ...] = ()  # channels after those of the flow; the order is fixed
    scale: float = 0.1  # metres of flow that become 1
    clip: float = 4.0  # largest absolute value of a channel

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InputError(f"flow setting {name} is {value}: give a whole number from {low} to {high}")
        for name in ("delta", "scale", "clip"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < 1e6:
                raise InputError(f"flow setting {name} is {value}: give a number above 0")
        for name, choices in CHOICES.items():
            value, names = getattr(self, name), get_args(choices)
            if value not in names:
                raise InputError(f"flow setting {name} is {value}: choose one of {', '.join(names)}")
        for extra in self.extras:
            if extra not in EXTRA_NAMES:
                raise InputError(f"there is no extra flow channel {extra}: choose from {', '.join(EXTRA_NAMES)}")
        asked = [*self.extras, *(("flow2d",) if self.encoding == "flow2d" else ())]
        if len(set(asked)) != len(asked):
            raise InputError(f"an extra flow channel is asked for twice: {', '.join(asked)}")

    @property
    def names(self) -> tuple[str, ...]:
        """One name per channel; those that end in .x change their sign in a mirror."""
        points: dict[Encoding, tuple[str, ...]] = {
            "stack": tuple(f"flow{number:02d}" for number in range(self.samples)),
            "slope6": ("value", "slope"),
            "centre3": ("value",),
            "flow2d": (),
        }
        flow = tuple(f"{point}.{axis}" for point in points[self.encoding] for axis in "xyz")
        pixel = EXTRA_NAMES["flow2d"] if self.encoding == "flow2d" else ()
        extras = (name for extra, names in EXTRA_NAMES.items() if extra in self.extras for name in names)
        return (*flow, *pixel, *extras)

    @property
    def channels(self) -> int:
        """How many channels a condition has."""
        return len(self.names)
