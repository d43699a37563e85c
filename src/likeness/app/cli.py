"""The command `likeness`: each subcommand is a frozen record; its fields are the options, the work is elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from likeness.app.ablate import AblateCommand
from likeness.app.console import run_guarded, say, watch
from likeness.app.data import DataCommand
from likeness.app.evaluate import Evaluate
from likeness.app.flow import Flow
from likeness.app.machine import prepare_libraries
from likeness.app.options import AnimateOptions, Edits, FaceNumber, File, MotionChanges, Picture, Rendering, ViewOptions
from likeness.app.report import ReportCommand
from likeness.app.train import TrainCommand
from likeness.app.weights import WeightsCommand

DESCRIPTION = "One photo in, a moving, editable, turnable person out."
Overwrite = FlagCreatePairsOff[bool]
Photo = Annotated[Positional[Path], arg(metavar="PHOTO")]
Driving = Annotated[Positional[Path], arg(metavar="DRIVING")]
Video = Annotated[Positional[Path], arg(metavar="VIDEO")]
MotionFile = Annotated[Positional[Path], arg(metavar="MOTION")]
Out = Annotated[Path, arg(metavar="OUT")]
Head = Annotated[str, arg(metavar="HEAD")]
OtherHead = Annotated[str | None, arg(metavar="HEAD")]
FramesPerSecond = Annotated[float | None, arg(metavar="FPS")]
NAME = "builtin"  # `heads/builtin.py` says it too; reading that here would slow --help
OutVideo = Annotated[Path | None, arg(metavar="OUT.mp4")]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Animate a shipped photo with an authored motion; writes a video and a sheet of its frames."""

    out: Annotated[Path, arg(metavar="FOLDER")] = Path("demo")  # folder; made if missing
    overwrite: Overwrite = False  # replace the files of an earlier run

    def run(self) -> None:
        from likeness.app.demo import write_demo

        for line in write_demo(self.out, overwrite=self.overwrite, watch=watch):
            say(line)


@dataclass(frozen=True, kw_only=True)
class Animate:
    """Animate the face of a photo with the motion of another one."""

    photo: Photo  # picture with a visible face
    driving: Driving  # video, motion file (.npz), ARKit / Live Link Face recording (.csv) or picture
    out: Out  # video to write, OUT.mp4
    options: Annotated[AnimateOptions, arg(name="")] = field(default_factory=AnimateOptions)
    report: FlagCreatePairsOff[bool] = False
    """track the result again and write OUT.report.html beside it: what it shows of the motion that was asked"""
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        if self.report:
            from likeness.app.report import animate_with_report

            lines = animate_with_report(
                self.photo, self.driving, out=self.out, options=self.options, overwrite=self.overwrite, watch=watch
            )
            for line in lines:
                say(line)
            return
        from likeness.app.pipeline import animate

        result = animate(
            self.photo, self.driving, out=self.out, options=self.options, overwrite=self.overwrite, watch=watch
        )
        say(result.line)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Turn the head, move the eyes and set named controls in a photo."""

    photo: Photo  # picture with a visible face
    out: Out  # picture; or a video (.mp4), which sweeps from the photo to the edit and back
    edits: Annotated[Edits, arg(name="")] = field(default_factory=Edits)
    timeline: File = None  # keyframes (.json) that a video follows instead of the sweep
    picture: Annotated[Picture, arg(name="")] = field(default_factory=Picture)
    rendering: Annotated[Rendering, arg(name="")] = field(default_factory=Rendering)
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.pipeline import edit

        result = edit(
            self.photo,
            out=self.out,
            edits=self.edits,
            timeline=self.timeline,
            picture=self.picture,
            rendering=self.rendering,
            overwrite=self.overwrite,
            watch=watch,
        )
        say(result.line)


@dataclass(frozen=True, kw_only=True)
class View:
    """Look at the head of a photo from other sides."""

    photo: Photo  # picture with a visible face
    out: Out  # video (.mp4) of an orbit; or a picture, from one side or as a sheet of several
    options: Annotated[ViewOptions, arg(name="")] = field(default_factory=ViewOptions)
    overwrite: Overwrite = False  # replace the files if they exist

    def run(self) -> None:
        from likeness.app.view import view

        for line in view(self.photo, out=self.out, options=self.options, overwrite=self.overwrite, watch=watch):
            say(line)


@dataclass(frozen=True, kw_only=True)
class Track:
    """Track the face of a video into a motion file."""

    video: Video  # video, or a picture for a motion of one frame
    out: Out  # NAME.motion.npz
    face: FaceNumber = None  # number of the face, from the left; otherwise the largest
    head: Head = NAME  # head model to fit: builtin, or a file from `likeness head convert`
    overlay: OutVideo = None  # video to write that shows the fitted head over the face
    overwrite: Overwrite = False  # replace the files if they exist

    def run(self) -> None:
        from likeness.app.pipeline import track
        from likeness.motion.describe import describe

        motion = track(
            self.video,
            out=self.out,
            face=self.face,
            head=self.head,
            overlay=self.overlay,
            overwrite=self.overwrite,
            watch=watch,
        )
        say(describe(motion))


@dataclass(frozen=True, kw_only=True)
class MotionShow:
    """Say what a motion file holds."""

    file: MotionFile  # NAME.motion.npz, or an ARKit recording (.csv)

    def run(self) -> None:
        from likeness.app.motions import describe_file

        say(describe_file(self.file))


@dataclass(frozen=True, kw_only=True)
class MotionConvert:
    """Convert motion files (.npz), ARKit recordings (.csv), and FLAME parameters of VHAP, pixel3dmm, SMIRK or DECA."""

    file: MotionFile  # what to read; for pixel3dmm the folder of its checkpoints
    out: Out  # NAME.motion.npz, NAME.csv, or NAME.glb: an animated glTF model
    head: Head = NAME  # head model of FILE; parameters need the head they were made on, from `likeness head convert`
    onto: OtherHead = None  # carry the motion to this head model: builtin, or a file
    fps: FramesPerSecond = None  # of parameters, whose files tell none; otherwise 25
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.motions import convert_file

        line = convert_file(
            self.file,
            self.out,
            head=self.head,
            onto=self.onto,
            fps=self.fps,
            overwrite=self.overwrite,
            watch=watch,
        )
        say(line)


@dataclass(frozen=True, kw_only=True)
class MotionEdit:
    """Change a motion: strengths per region, head and gaze offsets, named controls, keyframes, a cut in time."""

    file: MotionFile  # NAME.motion.npz, or an ARKit recording (.csv)
    out: Out  # NAME.motion.npz or NAME.csv
    changes: Annotated[MotionChanges, arg(name="")] = field(default_factory=MotionChanges)
    head: Head = NAME  # head model of the motion: builtin, or a file from `likeness head convert`
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.motions import edit_file

        say(edit_file(self.file, self.out, changes=self.changes, head=self.head, overwrite=self.overwrite))


@dataclass(frozen=True, kw_only=True)
class HeadShow:
    """Draw a head from several sides and under each of its named controls."""

    out: Out  # picture to write, such as controls.png
    head: Head = NAME  # head model: builtin, or a file from `likeness head convert`
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.heads import write_sheet

        say(write_sheet(self.out, head=self.head, overwrite=self.overwrite))


@dataclass(frozen=True, kw_only=True)
class HeadList:
    """Print the names that --set takes."""

    head: Head = NAME  # head model: builtin, or a file from `likeness head convert`

    def run(self) -> None:
        from likeness.app.heads import list_controls

        say(list_controls(self.head))


@dataclass(frozen=True, kw_only=True)
class HeadConvert:
    """Turn a foreign head model into a head file: FLAME (.pkl), BFM_model_front.mat, or ICT's folder FaceXModel."""

    source: Annotated[Positional[Path], arg(metavar="MODEL")]  # the model's file or folder
    out: Out  # NAME.npz
    landmarks: File = None  # landmark embedding of FLAME; otherwise one beside the model
    name: Annotated[str | None, arg(metavar="NAME")] = None  # how motion files call it; otherwise flame, bfm or ict
    overwrite: Overwrite = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.heads import convert

        say(convert(self.source, self.out, landmarks=self.landmarks, name=self.name, overwrite=self.overwrite))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure start-up, preparation, tracking, rendering, encoding and memory on this machine."""

    size: int = 512  # pixels, of the square photo and of the result
    frames: int = 250  # of the clip that is tracked and rendered
    repeats: int = 3  # the table shows medians
    photo: File = None  # otherwise the shipped one
    method: Literal["flow-warp", "export3d"] = "flow-warp"  # export3d: the pieces of each preset, with random weights

    def run(self) -> None:
        if self.method == "export3d":
            from likeness.nn.require import require_models

            require_models("likeness bench --method export3d")
            from likeness.app.bench_export3d import bench_export3d

            say(bench_export3d(repeats=self.repeats, threads=2, watch=watch))
            return
        from likeness.app.bench import bench_table

        say(bench_table(size=self.size, frames=self.frames, repeats=self.repeats, photo=self.photo, watch=watch))


MotionCommand = Annotated[
    Annotated[MotionShow, subcommand("show")]
    | Annotated[MotionConvert, subcommand("convert")]
    | Annotated[MotionEdit, subcommand("edit")],
    subcommand("motion", description="Look at, convert and edit motion files."),
]
HeadCommand = Annotated[
    Annotated[HeadShow, subcommand("show")]
    | Annotated[HeadList, subcommand("list")]
    | Annotated[HeadConvert, subcommand("convert")],
    subcommand("head", description="Look at and convert head models."),
]
Command = (
    Demo
    | Animate
    | Edit
    | View
    | Track
    | MotionCommand
    | HeadCommand
    | Flow
    | DataCommand
    | TrainCommand
    | AblateCommand
    | WeightsCommand
    | Bench
    | Evaluate
    | Annotated[ReportCommand, subcommand("report")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 when it went well, 2 for what the user can fix, 130 after Ctrl-C."""
    prepare_libraries()
    return run_guarded(lambda: tyro.cli(Command, args=arguments, prog="likeness", description=DESCRIPTION).run())
