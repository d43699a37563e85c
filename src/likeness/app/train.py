"""The commands `likeness train METHOD`: models trained on prepared clips; the same command goes on where it stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from likeness.app.console import watch
from likeness.app.options import Draft, File

Flag = FlagCreatePairsOff[bool]
Head = Annotated[str, arg(metavar="HEAD")]
Optionally = Annotated[Path | None, arg(metavar="FOLDER")]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What all trainings have in common."""

    data: Annotated[tuple[Path, ...], arg(metavar="FOLDER [FOLDER ...]")]  # folders of clips, from `likeness data`
    out: Annotated[Path, arg(metavar="RUN")]  # folder of this run; made if missing, continued if not
    validation: Optionally = None  # clips for the pictures and numbers on the way; otherwise those of the training
    steps: int | None = None  # length of the run; each preset has its own
    minutes: float | None = None  # the same by the clock, over all continuations; the learning rate follows it
    batch: int | None = None  # samples per step, of all processes together
    micro_batch: int | None = None  # samples at a time; smaller ones need less memory
    rate: float | None = None  # learning rate after the warm-up
    precision: Literal["float32", "bfloat16"] | None = None  # of forward passes; bfloat16 is for graphics cards
    saves_memory: Flag = False  # compute activations twice instead of keeping them
    validate_every: int | None = None  # steps between pictures
    seed: int = 0  # the same seed, clips and machine give the same weights
    cpu: Flag = False  # even if there is a graphics card


@dataclass(frozen=True, kw_only=True)
class TrainFgPortrait(TrainingOptions):
    """Train FG-Portrait on clips made by `likeness data`; the same command goes on where it stopped.

    Several graphics cards: torchrun --standalone --nproc-per-node N --no-python likeness train ...
    """

    preset: Positional[Literal["tiny", "laptop", "small", "full"]]
    size: int | None = None  # width and height of the pictures, pixels; each preset has its own
    stage: Literal[1, 2] = 1  # 1: pairs of frames; 2: temporal layers on windows of video
    start: Optionally = None  # weights to begin with: those of stage 1 for stage 2
    base: Optionally = None  # Stable Diffusion 1.5 in the layout of diffusers; the preset full needs it
    x_portrait: File = None  # model_state-415001.th, for the start of the appearance network
    animatediff: File = None  # motion modules, for the start of the temporal layers
    background: Flag = False  # the networks see the person's matte, and behind the person the photo stands still
    lids: Flag = False  # the lids of the target's mesh open as measured, against those of the source's
    offsets: Flag = False  # the head's outline is brought onto the person's, hair included
    sources: Literal[1, 2, 3, 4] = 1  # photos of the person that the networks read
    image_encoder: Optionally = None  # CLIP's, as transformers lays it out; the photo's embedding is a token
    draft: Draft = "flow-warp"  # the renderer whose drafts the clips hold, and that the weights will build on
    repair: Flag = False  # learn to repair the default renderer's picture where it is weak, and only there
    face_loss: Flag = False  # eyes and mouth count more, and landmarks of decoded pictures shall lie where they are
    recogniser: File = None  # backbone.pth of arcface_torch; with --face-loss, a recogniser shall know them again

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness train")
        from likeness.app.train_fg_portrait import train_fg_portrait

        train_fg_portrait(self, watch=watch)


@dataclass(frozen=True, kw_only=True)
class TrainExport3d(TrainingOptions):
    """Train Export3D on clips made by `likeness data`; the same command goes on where it stopped.

    Several graphics cards: torchrun --standalone --nproc-per-node N --no-python likeness train ...
    """

    preset: Positional[Literal["tiny", "laptop", "laptop_128", "small", "base_256", "base_512"]]
    head: Head = "builtin"  # head model of the clips: builtin, or the file that they were tracked with
    clebs: Optionally = None  # weights of an expression encoder from `likeness train clebs`; kept as they are
    encoding: Literal["clebs", "lebs", "direct"] = "clebs"  # lebs, direct: the encoder is trained with the rest
    basis: int = 10  # directions of the expression, where the encoder is trained with the rest
    gaze: Flag = False  # tell the directions of the eyes too, where the encoder is trained with the rest
    conditioning: Literal["eadaln", "cross_attention"] = "eadaln"  # how the expression reaches the generator
    background: Flag = False  # a layer of its own behind the head; needs clips with mattes
    lift: Flag = False  # points of the volume read the photo where the 3D flow carries them; needs clips with mattes
    mirror: Flag = False  # and where it hides them, what it shows on the other half of the head
    start: Optionally = None  # weights to begin with; their sizes may be those of another resolution
    lpips_backbone: File = None  # vgg16-397923af.pth, for the perceptual loss; otherwise a plain one
    lpips_linear: File = None  # vgg.pth of LPIPS 0.1, likewise
    recogniser: File = None  # backbone.pth of arcface_torch, for the identity loss; otherwise there is none

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness train")
        from likeness.app.train_export3d import train_export3d

        train_export3d(self, watch=watch)


@dataclass(frozen=True, kw_only=True)
class TrainClebs(TrainingOptions):
    """Train the expression encoder of Export3D by contrast within videos; the same command goes on where it stopped.

    Without --validation, somebody in eight is kept for it. Its weights folder is what `likeness train export3d --clebs`
    takes, and `likeness evaluate clebs` tests.
    """

    preset: Positional[Literal["tiny", "laptop", "small", "base"]]
    head: Head = "builtin"  # head model of the clips: builtin, or the file that they were tracked with
    basis: int | None = None  # directions of the expression; each preset has its own
    gaze: Flag = False  # further directions for the gaze, learned from crops of the eyes
    temperature: float | None = None  # of the contrast, otherwise 0.1
    include_positive: Flag = False  # the denominator holds the pair itself too
    symmetric: Flag = False  # pictures look for their expressions as well
    mixed: Flag = False  # candidates come from all videos of a batch: an ablation, which lets the person in

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness train")
        from likeness.app.clebs import train_clebs

        train_clebs(self, watch=watch)


TrainCommand = Annotated[
    Annotated[TrainFgPortrait, subcommand("fg-portrait")]
    | Annotated[TrainExport3d, subcommand("export3d")]
    | Annotated[TrainClebs, subcommand("clebs")],
    subcommand("train", description="Train a model on clips."),
]
