"""What a user may ask for: the same records for the command line and the Python functions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

Transfer = Literal["relative", "absolute"]
PoseReference = Literal["median", "frontal", "first"]
Frame = Literal["full", "crop"]
Method = Literal["flow-warp", "fg-portrait", "export3d"]
ViewMethod = Literal["flow-warp", "export3d"]
Sampler = Literal["ddim", "lcm"]
Draft = Literal["flow-warp", "export3d"]
Repair = Literal["gated", "whole"]
FaceNumber = Annotated[int | None, tyro.conf.arg(metavar="N")]
Pixels = Annotated[int | None, tyro.conf.arg(metavar="PIXELS")]
Seconds = Annotated[float | None, tyro.conf.arg(metavar="SECONDS")]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]
HeadFile = Annotated[str | None, tyro.conf.arg(metavar="HEAD")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")]
Count = Annotated[int | None, tyro.conf.arg(metavar="N")]
Degrees = Annotated[float | None, tyro.conf.arg(metavar="DEGREES")]
Metres = Annotated[float | None, tyro.conf.arg(metavar="METRES")]
Factor = Annotated[float | None, tyro.conf.arg(metavar="FACTOR")]


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
    """a named control, such as mouthSmile=0.6 (both sides) or eyeBlinkLeft=1, see `likeness head list`; with
    --method export3d also a direction of its expressions, such as v3=1.5 (in deviations)"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Which face, in which photos, and which picture of it comes out."""

    face: FaceNumber = None  # number of the face in the photo, from the left; otherwise the largest
    frame: Frame = "full"  # the whole photo, or a square around the head
    size: Pixels = None  # longer side of the result in pixels; otherwise that of the photo
    more_photos: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE [FILE ...]")] = ()
    """further photos of the same person, for weights of fg-portrait that read several"""


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """Which renderer draws, and with what: weights for all but flow-warp, what follows them for fg-portrait."""

    method: Method = "flow-warp"  # flow-warp needs nothing; fg-portrait is a diffusion model, export3d a tri-plane
    weights: Folder = None  # folder of the method's weights
    head: HeadFile = None  # head that weights of export3d were trained on, from `likeness head convert`, if not builtin
    seed: int = 0  # the same seed, inputs and machine give the same frames
    steps: Count = None  # denoising steps; otherwise those that the weights were made for
    guidance: Factor = None  # how much source and motion are exaggerated, 1 or more; otherwise that of the weights
    sampler: Annotated[Sampler | None, tyro.conf.arg(metavar="ddim|lcm")] = None  # otherwise that of the weights
    repair: Annotated[Repair | None, tyro.conf.arg(metavar="gated|whole")] = None
    """of weights that work on another renderer's picture: change it only where flow-warp is weak, or all of the
    person; otherwise as they were made for"""
    draft: Annotated[Draft | None, tyro.conf.arg(metavar="flow-warp|export3d")] = None
    """whose picture such weights of fg-portrait work on; otherwise as they were made for"""


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """Everything that `animate` can vary."""

    motion: Transfer = "relative"
    """relative: expression above each person's own neutral face, pose from the driver's rest; absolute: as it is"""
    pose_reference: PoseReference = "median"
    """the driver's rest pose in relative motion: the median of the clip, a look into the camera, or the first frame"""
    strength: Strength = field(default_factory=Strength)
    edits: Annotated[Edits, tyro.conf.arg(name="")] = field(default_factory=Edits)
    picture: Annotated[Picture, tyro.conf.arg(name="")] = field(default_factory=Picture)
    driving_face: FaceNumber = None  # number of the face in the driving video or image, from the left
    audio: File = None  # sound for the result; otherwise that of the driving video
    rendering: Annotated[Rendering, tyro.conf.arg(name="")] = field(default_factory=Rendering)


@dataclass(frozen=True, kw_only=True)
class Orbit:
    """Where the camera goes around the head: on a closed curve, or along keyframes."""

    yaw: Degrees = None
    """degrees to both sides of the face, of a single picture to the subject's left; otherwise 20, or with flow-warp
    what the photo's own view leaves of it"""
    pitch: Degrees = None  # degrees up and down, of a single picture up; otherwise 14, or with flow-warp likewise
    radius: Metres = None  # from the middle of the head; otherwise that of the photo's camera
    frames: Count = None  # of the orbit, otherwise 120; of a picture: how many views stand on a sheet, otherwise one
    path: File = None  # keyframes (.json) in place of the orbit: [{"time": 0, "yaw": -20, "pitch": 0}, ...]


@dataclass(frozen=True, kw_only=True)
class Face:
    """The expression that is looked at."""

    driving: File = None  # video, motion file (.npz) or picture whose expressions the face takes over
    gaze_yaw: float = 0.0  # degrees, to the subject's left
    gaze_pitch: float = 0.0  # degrees, up
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """a named control, such as mouthSmile=0.6, or a direction of the model's expressions, such as v3=1.5"""


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """Everything that `view` can vary."""

    method: ViewMethod = "export3d"  # export3d has a volume to go around; flow-warp turns the head a little
    weights: Folder = None  # folder of the method's weights
    head: HeadFile = None  # head that the weights were trained on, from `likeness head convert`, if not builtin
    orbit: Annotated[Orbit, tyro.conf.arg(name="")] = field(default_factory=Orbit)
    expression: Annotated[Face, tyro.conf.arg(name="")] = field(default_factory=Face)
    face: FaceNumber = None  # number of the face in the photo, from the left; otherwise the largest
    size: Pixels = None  # side of the result in pixels; otherwise that of the model
    depth: Annotated[Path | None, tyro.conf.arg(metavar="DEPTH")] = None  # the same views as depth, near is bright
    mesh: Annotated[Path | None, tyro.conf.arg(metavar="OUT.ply")] = None  # the surface with its colours, metres
    mesh_level: float | None = None  # density at which the surface of the mesh lies; otherwise 10
    directions: Annotated[Path | None, tyro.conf.arg(metavar="SHEET.png")] = None
    """a picture of moves along the model's expression directions, up to two deviations to each side"""


@dataclass(frozen=True, kw_only=True)
class MotionChanges:
    """What `motion edit` can change, applied in this order: cut, strength, edits, timeline."""

    start: float = 0.0  # seconds; frames before it are left out
    end: Seconds = None  # seconds; frames from it on are left out
    strength: Strength = field(default_factory=Strength)  # towards the rest frame
    edits: Annotated[Edits, tyro.conf.arg(name="")] = field(default_factory=Edits)
    timeline: File = None  # keyframes (.json) laid over the motion
