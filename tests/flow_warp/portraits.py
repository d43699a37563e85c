"""One real portrait for the renderer's tests: the astronaut photo that ships with the package."""

from functools import cache
from pathlib import Path

import likeness
from likeness.flow_warp import Prepared, prepare
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait

PHOTO = Path(likeness.__file__).parent / "assets" / "astronaut.jpg"


@cache
def portrait() -> Portrait:
    return portrait_from_image(read_image(PHOTO), builtin_head())


@cache
def prepared() -> Prepared:
    return prepare(portrait())
