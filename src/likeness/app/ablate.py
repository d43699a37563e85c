"""The command `likeness ablate`: named changes of a preset, trained and scored on the same data and seeds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from likeness.app.console import watch
from likeness.app.options import File

Optionally = Annotated[Path | None, arg(metavar="FOLDER")]


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Train and score named changes of a preset on the same data and seeds; a stopped run goes on row by row.

    The preset as it is comes first. Copying the source, flow-warp and flow-warp blurred stand in the same tables, the
    paper's numbers beside ours. Somebody in eight is kept for the test unless --test names other clips.
    """

    method: Positional[Literal["fg-portrait"]]
    preset: Positional[Literal["tiny", "laptop", "small", "full"]]
    data: Annotated[tuple[Path, ...], arg(metavar="FOLDER [FOLDER ...]")]  # folders of clips, from `likeness data`
    out: Annotated[Path, arg(metavar="FOLDER")]  # for weights, rows and tables; made if missing, continued if not
    rows: str = "cond,sampling,sampling_test,N,delta"
    """switches, separated by commas: N for all its values, N=10 for one, x_visibility+x_normals for both at once"""
    test: Optionally = None  # clips to score on, of people that the training data does not show
    seeds: int = 3  # trainings of each row
    steps: int | None = None  # of each training; the preset has its own length
    minutes: float | None = None  # the same by the clock
    batch: int | None = None  # samples per step
    scenes: int = 48  # test pictures, half with the person's own motion, half with another's
    base: Optionally = None  # Stable Diffusion 1.5 in the layout of diffusers; the preset full needs it
    x_portrait: File = None  # model_state-415001.th, for the start of the appearance network
    cpu: FlagCreatePairsOff[bool] = False  # even if there is a graphics card

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness ablate")
        from likeness.app.ablation import run_ablation

        run_ablation(self, watch=watch)
