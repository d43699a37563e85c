"""The commands `likeness ablate METHOD`: named changes of a preset, trained and scored on the same data and seeds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from likeness.app.console import watch
from likeness.app.options import File

Optionally = Annotated[Path | None, arg(metavar="FOLDER")]
NEEDS = "likeness ablate"


@dataclass(frozen=True, kw_only=True)
class AblationOptions:
    """What the ablations of all methods have in common."""

    data: Annotated[tuple[Path, ...], arg(metavar="FOLDER [FOLDER ...]")]  # folders of clips, from `likeness data`
    out: Annotated[Path, arg(metavar="FOLDER")]  # for weights, rows and tables; made if missing, continued if not
    test: Optionally = None  # clips to score on, of people that the training data does not show
    seeds: int = 3  # trainings of each row
    steps: int | None = None  # of each training; the preset has its own length
    minutes: float | None = None  # the same by the clock
    batch: int | None = None  # samples per step
    scenes: int = 48  # test pictures, half with the person's own motion, half with another's
    cpu: FlagCreatePairsOff[bool] = False  # even if there is a graphics card


@dataclass(frozen=True, kw_only=True)
class AblateFgPortrait(AblationOptions):
    """Train and score named changes of a preset on the same data and seeds; a stopped run goes on row by row.

    The preset as it is comes first. Copying the source, flow-warp and flow-warp blurred stand in the same tables, the
    paper's numbers beside ours. Somebody in eight is kept for the test unless --test names other clips.
    """

    preset: Positional[Literal["tiny", "laptop", "small", "full"]]
    rows: str = "cond,sampling,sampling_test,N,delta"
    """switches, separated by commas: N for all its values, N=10 for one, x_visibility+x_normals for both at once"""
    size: int | None = None  # width and height of the pictures, pixels; each preset has its own
    base: Optionally = None  # Stable Diffusion 1.5 in the layout of diffusers; the preset full needs it
    x_portrait: File = None  # model_state-415001.th, for the start of the appearance network
    image_encoder: Optionally = None  # CLIP's, as transformers lays it out; rows with image_token need it
    recogniser: File = None  # backbone.pth of arcface_torch, for the identity term in rows with x_face_loss

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models(NEEDS)
        from likeness.app.ablate_fg_portrait import ablate_fg_portrait

        ablate_fg_portrait(self, watch=watch)


@dataclass(frozen=True, kw_only=True)
class AblateExport3d(AblationOptions):
    """Train and score named changes of a preset on the same data and seeds; a stopped run goes on row by row.

    The preset as it is comes first, with an expression encoder that is trained by contrast before it; rows that need
    another one train it first. Copying the source, flow-warp and flow-warp blurred stand in the same tables, the
    paper's numbers beside ours. Somebody in eight is kept for the test unless --test names other clips.
    """

    preset: Positional[Literal["tiny", "laptop", "laptop_128", "small", "base_256", "base_512"]]
    rows: str = "expr,cond,clebs_negatives,x_tema,x_low_pass"
    """switches, separated by commas: expr for all its values, expr=lebs_5 for one, x_tema+x_low_pass for both"""
    clebs_steps: int | None = None  # of each expression encoder; the preset has its own length
    clebs_minutes: float | None = None  # the same by the clock
    lpips_backbone: File = None  # vgg16-397923af.pth, for the perceptual loss; otherwise a plain one
    lpips_linear: File = None  # vgg.pth of LPIPS 0.1, likewise

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models(NEEDS)
        from likeness.app.ablate_export3d import ablate_export3d

        ablate_export3d(self, watch=watch)


AblateCommand = Annotated[
    Annotated[AblateFgPortrait, subcommand("fg-portrait")] | Annotated[AblateExport3d, subcommand("export3d")],
    subcommand("ablate", description="Train and score named changes of a model on the same data and seeds."),
]
