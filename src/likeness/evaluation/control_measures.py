"""What every named control should move: quantities on the face landmarks, and the one that each control names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.heads.landmark_sets import CHIN

_LEFTWARD, _UP, OUT = range(3)  # axes of a displacement in the head


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """Mean displacement of some landmarks along one axis, less that of others: percent of the outer-eye distance."""

    name: str
    region: str  # what a control of one region moves in another one is a leak
    axis: int
    of: tuple[int, ...]
    less: tuple[int, ...] = ()

    def value(self, displacement: Float[np.ndarray, "L 3"]) -> float:
        """Of a displacement as from `face_measures.displacement`."""
        return _mean(displacement, self.of, self.axis) - _mean(displacement, self.less, self.axis)


def _mean(displacement: np.ndarray, landmarks: tuple[int, ...], axis: int) -> float:
    return float(displacement[list(landmarks), axis].mean()) if landmarks else 0.0


def _quantity(name: str, region: str, axis: int, of: tuple[int, ...], less: tuple[int, ...] = ()) -> Quantity:
    return Quantity(name=name, region=region, axis=axis, of=of, less=less)


# Regions end in Left or Right where a control of the other side should not move them.
QUANTITIES = (
    _quantity("inner brow height, right", "browRight", _UP, (107, 66, 55, 65)),
    _quantity("inner brow height, left", "browLeft", _UP, (336, 296, 285, 295)),
    _quantity("outer brow height, right", "browRight", _UP, (70, 63, 46, 53)),
    _quantity("outer brow height, left", "browLeft", _UP, (300, 293, 276, 283)),
    _quantity("lid aperture, right", "lidsRight", _UP, (158, 159, 160), (153, 145, 144)),
    _quantity("lid aperture, left", "lidsLeft", _UP, (385, 386, 387), (380, 374, 373)),
    _quantity("lower lid height, right", "lidsRight", _UP, (153, 145, 144)),
    _quantity("lower lid height, left", "lidsLeft", _UP, (380, 374, 373)),
    _quantity("gaze leftward, right", "gazeRight", _LEFTWARD, (468,), (33, 133)),
    _quantity("gaze leftward, left", "gazeLeft", _LEFTWARD, (473,), (263, 362)),
    _quantity("gaze height, right", "gazeRight", _UP, (468,), (33, 133)),
    _quantity("gaze height, left", "gazeLeft", _UP, (473,), (263, 362)),
    _quantity("nose wing height, right", "noseRight", _UP, (98, 64)),
    _quantity("nose wing height, left", "noseLeft", _UP, (327, 294)),
    _quantity("cheek fullness, right", "cheekRight", _LEFTWARD, (), (187, 147, 213, 192)),
    _quantity("cheek fullness, left", "cheekLeft", _LEFTWARD, (411, 376, 433, 416)),
    _quantity("mouth corner height, right", "cornerRight", _UP, (61,)),
    _quantity("mouth corner height, left", "cornerLeft", _UP, (291,)),
    _quantity("mouth corner outward, right", "cornerRight", _LEFTWARD, (), (61,)),
    _quantity("mouth corner outward, left", "cornerLeft", _LEFTWARD, (291,)),
    _quantity("mouth width", "mouth", _LEFTWARD, (291,), (61,)),
    _quantity("mouth leftward", "mouth", _LEFTWARD, (61, 291, 0, 17)),
    _quantity("mouth opening", "mouth", _UP, (13, 82, 312), (14, 87, 317)),
    _quantity("upper lip height", "mouth", _UP, (0, 37, 267)),
    _quantity("upper lip height, right", "lipRight", _UP, (40, 39)),
    _quantity("upper lip height, left", "lipLeft", _UP, (270, 269)),
    _quantity("lower lip height", "mouth", _UP, (17, 84, 314)),
    _quantity("lower lip height, right", "lipRight", _UP, (181, 91)),
    _quantity("lower lip height, left", "lipLeft", _UP, (405, 321)),
    _quantity("upper lip thickness", "mouth", _UP, (0, 37, 267), (13, 82, 312)),
    _quantity("lower lip thickness", "mouth", _UP, (14, 87, 317), (17, 84, 314)),
    _quantity("lip height", "mouth", _UP, (0, 37, 267), (17, 84, 314)),
    _quantity("chin height", "jaw", _UP, (CHIN, 148, 377)),
    _quantity("chin leftward", "jaw", _LEFTWARD, (CHIN, 148, 377)),
    _quantity("chin forward", "jaw", OUT, (CHIN, 148, 377, 199)),
)
_BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}

_MOUTH = ("mouth", "jaw", "cornerSIDE", "lipSIDE", "cheekSIDE", "noseSIDE")
_WHOLE_MOUTH = (
    "mouth",
    "jaw",
    *(part + side for part in ("corner", "lip", "cheek", "nose") for side in ("Left", "Right")),
)

# Control (without Left / Right) -> quantity that it names, its direction, and the regions that it may move. SIDE and
# side stand for the control's own side; what lies in one region of the flesh (lips, jaw, cheek, nose) moves together.
_NAMED: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "eyeBlink": ("lid aperture, side", -1, ("lidsSIDE", "gazeSIDE")),  # a lid hides the iris
    "eyeWide": ("lid aperture, side", 1, ("lidsSIDE", "gazeSIDE")),
    "eyeSquint": ("lid aperture, side", -1, ("lidsSIDE", "gazeSIDE", "cheekSIDE")),
    "eyeLookUp": ("gaze height, side", 1, ("gazeSIDE", "lidsSIDE")),  # the lids follow a vertical gaze
    "eyeLookDown": ("gaze height, side", -1, ("gazeSIDE", "lidsSIDE")),
    "browInnerUp": ("inner brow height, side", 1, ("browSIDE",)),
    "browOuterUp": ("outer brow height, side", 1, ("browSIDE",)),
    "browDown": ("inner brow height, side", -1, ("browSIDE",)),
    "cheekPuff": ("cheek fullness, side", 1, _MOUTH),
    "cheekSquint": ("lower lid height, side", 1, ("lidsSIDE", "gazeSIDE", "cheekSIDE")),
    "noseSneer": ("nose wing height, side", 1, _MOUTH),
    "mouthSmile": ("mouth corner height, side", 1, _MOUTH),
    "mouthFrown": ("mouth corner height, side", -1, _MOUTH),
    "mouthStretch": ("mouth corner outward, side", 1, _MOUTH),
    "mouthDimple": ("mouth corner outward, side", 1, _MOUTH),
    "mouthPress": ("lip height", -1, _MOUTH),
    "mouthUpperUp": ("upper lip height, side", 1, _MOUTH),
    "mouthLowerDown": ("lower lip height, side", -1, _MOUTH),
}
_NAMED_WHOLE: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "eyeLookOutLeft": ("gaze leftward, left", 1, ("gazeLeft",)),
    "eyeLookInLeft": ("gaze leftward, left", -1, ("gazeLeft",)),
    "eyeLookOutRight": ("gaze leftward, right", -1, ("gazeRight",)),
    "eyeLookInRight": ("gaze leftward, right", 1, ("gazeRight",)),
    "mouthPucker": ("mouth width", -1, _WHOLE_MOUTH),
    "mouthFunnel": ("mouth width", -1, _WHOLE_MOUTH),
    "mouthRollUpper": ("upper lip thickness", -1, _WHOLE_MOUTH),
    "mouthRollLower": ("lower lip thickness", -1, _WHOLE_MOUTH),
    "mouthShrugUpper": ("upper lip height", 1, _WHOLE_MOUTH),
    "mouthShrugLower": ("lower lip height", 1, _WHOLE_MOUTH),
    "mouthLeft": ("mouth leftward", 1, _WHOLE_MOUTH),
    "mouthRight": ("mouth leftward", -1, _WHOLE_MOUTH),
    "mouthClose": ("mouth opening", -1, _WHOLE_MOUTH),
    "jawOpen": ("chin height", -1, _WHOLE_MOUTH),
    "jawLeft": ("chin leftward", 1, _WHOLE_MOUTH),
    "jawRight": ("chin leftward", -1, _WHOLE_MOUTH),
    "jawForward": ("chin forward", 1, _WHOLE_MOUTH),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What a control names: the quantity, whether it grows (1) or shrinks (-1), and the regions that it may move."""

    quantity: Quantity
    direction: int
    regions: tuple[str, ...]


def naming_of(control: str) -> Naming | None:
    """What the control names; None if it is not known here."""
    if control in _NAMED_WHOLE:
        name, direction, regions = _NAMED_WHOLE[control]
        return Naming(quantity=_BY_NAME[name], direction=direction, regions=regions)
    side = next((side for side in ("Left", "Right") if control.endswith(side)), "")
    stem = control.removesuffix(side)
    if not side or stem not in _NAMED:
        return None
    name, direction, regions = _NAMED[stem]
    sided = tuple(region.replace("SIDE", side) for region in regions)
    return Naming(quantity=_BY_NAME[name.replace("side", side.lower())], direction=direction, regions=sided)


def quantities_of(displacement: Float[np.ndarray, "L 3"]) -> dict[str, float]:
    """All quantities of a displacement by name."""
    return {quantity.name: quantity.value(displacement) for quantity in QUANTITIES}


def leak(naming: Naming, values: Mapping[str, float]) -> tuple[float, str]:
    """The largest movement of a quantity outside the control's regions, and which it was."""
    others = {q.name: abs(values[q.name]) for q in QUANTITIES if q.region not in naming.regions}
    worst = max(others, key=lambda name: others[name])
    return others[worst], worst
