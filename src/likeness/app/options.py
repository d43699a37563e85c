"""What a user may ask of `animate` and `edit`: the same records for the command line, the Python functions and the demo."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

Transfer = Literal["relative", "absolute"]
Frame = Literal["full", "crop"]
Method = Literal["flow-warp"]


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How much of the driving motion each region takes over: 0 nothing, 1 as it is, above 1 exaggerated."""

    head: float = 1.0
    mouth: float = 1.0  # with the jaw
    eyes: float = 1.0  # lids
    brows: float = 1.0
    gaze: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Changes on top of the photo or of the motion."""

    yaw: float = 0.0  # degrees, to the subject's left
    pitch: float = 0.0  # degrees, chin up
    roll: float = 0.0  # degrees, to the subject's left shoulder
    gaze_yaw: float = 0.0  # degrees, to the subject's left
    gaze_pitch: float = 0.0  # degrees, up
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """a named control, such as mouthSmile=0.6 (both sides) or eyeBlinkLeft=1; see `likeness head list`"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Which face, and which picture of it comes out."""

    face: Annotated[int | None, tyro.conf.arg(metavar="N")] = None  # number of the face in the photo, from the left; otherwise the largest
    frame: Frame = "full"  # the whole photo, or a square around the head
    size: Annotated[int | None, tyro.conf.arg(metavar="PIXELS")] = None  # longer side of the result in pixels; otherwise that of the photo


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """Everything that `animate` can vary."""

    motion: Transfer = "relative"
    """relative: expression above each person's own neutral face, pose relative to the driver's rest; absolute: as seen"""
    strength: Strength = field(default_factory=Strength)
    edits: Annotated[Edits, tyro.conf.arg(name="")] = field(default_factory=Edits)
    picture: Annotated[Picture, tyro.conf.arg(name="")] = field(default_factory=Picture)
    driving_face: Annotated[int | None, tyro.conf.arg(metavar="N")] = None  # number of the face in the driving video or image, from the left
    audio: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None  # sound for the result; otherwise that of the driving video
    method: Method = "flow-warp"


@dataclass(frozen=True, kw_only=True)
class MotionChanges:
    """What `motion edit` can change, applied in this order: cut, strength, edits, timeline."""

    start: float = 0.0  # seconds; frames before it are left out
    end: Annotated[float | None, tyro.conf.arg(metavar="SECONDS")] = None  # seconds; frames from it on are left out
    strength: Strength = field(default_factory=Strength)  # towards the rest frame
    edits: Annotated[Edits, tyro.conf.arg(name="")] = field(default_factory=Edits)
    timeline: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None  # keyframes (.json) laid over the motion
