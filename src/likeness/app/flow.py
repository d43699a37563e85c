"""The command `likeness flow`: looks at the 3D flow that conditions FG-Portrait."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from likeness.app.console import say, watch
from likeness.app.options import FaceNumber, Seconds, Transfer
from likeness.flow.settings import FlowSettings


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Draw the 3D flow from a photo to one moment of a driving file, with the checks that it passes."""

    action: Positional[Literal["show"]]
    photo: Annotated[Positional[Path], arg(metavar="PHOTO")]  # picture with a visible face
    driving: Annotated[Positional[Path], arg(metavar="DRIVING")]  # video, motion file, ARKit recording or picture
    out: Annotated[Path, arg(metavar="OUT")]  # picture to write
    moment: Seconds = None  # of the driving file; otherwise the moment that differs most from the photo
    motion: Transfer = "relative"  # as in `likeness animate`
    face: FaceNumber = None  # number of the face in the photo, from the left; otherwise the largest
    driving_face: FaceNumber = None  # the same in the driving video or picture
    flow: FlowSettings = field(default_factory=FlowSettings)
    overwrite: FlagCreatePairsOff[bool] = False  # replace OUT if it exists

    def run(self) -> None:
        from likeness.app.flow_pictures import write_flow

        for line in write_flow(
            self.photo,
            self.driving,
            out=self.out,
            moment=self.moment,
            motion=self.motion,
            faces=(self.face, self.driving_face),
            settings=self.flow,
            overwrite=self.overwrite,
            watch=watch,
        ):
            say(line)
