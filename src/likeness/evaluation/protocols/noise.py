"""The tracker's own noise: heads drawn with known pose, expression and gaze, and found again.

The head fitted to a photo is drawn with the photo's colours in a short performance (`drawn_photo.py`). Its frames are
read as the protocols read theirs (`refit.py`), so what is left is the floor under every re-tracked measure.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import theilslopes

from likeness.data.made_head import exact_lids, exact_motion
from likeness.data.random_motion import MotionRange, random_moment, uncrossed_lips
from likeness.evaluation.agreement import agree
from likeness.evaluation.drawn_photo import draw_moment
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.material import PORTRAITS, portrait_paths, read_photo
from likeness.evaluation.metrics import median
from likeness.evaluation.motion_measures import APD_UNIT
from likeness.evaluation.refit import refit_motion
from likeness.evaluation.report import Measure, Report, Table, format_number, item_table
from likeness.evaluation.results import Item, Row, Value, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Setup
from likeness.heads.builtin import builtin_head
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.tracking.lips import person_seal
from likeness.tracking.person import person_with_shape
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait

NAME = "noise"
TURNED = ("p020", "p030", "p125", "p207", "p248")  # three-quarter views: half of such a head has no colours of its own
SIDE = 512  # pixels of the photo's longer side
KEYS = 4  # random moments that the performance goes through
STEPS = 8  # frames from one to the next
MOTION = MotionRange(
    yaw=15.0, pitch=10.0, roll=10.0, gaze_yaw=12.0, gaze_pitch=6.0, small_share=0.0, closing_share=0.0, blink_share=0.1,
    expressions=2,
)  # fmt: skip
WANTED_NOISE = 0.7  # degrees
GAUSSIAN_QUARTILE = 0.6745  # median of |x| of a standard normal
LEAST_MOVED = 1e-3  # degrees or apertures, root mean square: what moves less has no gain
AXES = ("yaw", "pitch", "roll")
_TITLES = {
    "rotation": ("rotation, degrees", 2),
    "expression": ("expression, deviations", 3),
    "gaze": ("gaze, degrees", 2),
    "lids": ("lids, aperture", 3),
    "jaw": ("jaw, degrees", 2),
}
NOISE = (
    *(Measure(key=f"noise_{axis}", title=f"noise of {axis}, degrees", most=WANTED_NOISE) for axis in AXES),
    Measure(key="noise_rotation", title="noise of all three"),
    Measure(key="noise_apd", title="noise of APD, radians x 100"),
    Measure(key="noise_gaze", title="noise of gaze, degrees"),
    Measure(key="noise_jaw", title="noise of jaw, degrees"),
    Measure(key="noise_lids", title="noise of lids, aperture", digits=3),
    Measure(key="noise_jitter", title="jitter above 6 Hz, degrees"),
)
GAINS = tuple(Measure(key=f"gain_{axis}", title=f"gain of {axis}") for axis in (*AXES, "gaze yaw", "gaze pitch"))
ERRORS = tuple(
    Measure(key=f"{name}{end}", title=f"{title}{words}", digits=digits)
    for name, (title, digits) in _TITLES.items()
    for end, words in (("", ", as it stands"), ("_moving", ", without the constant difference"))
)
MISSED = Measure(key="missed", title="frames without a detected face", digits=0)


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Draws and measures the chosen portraits that look ahead (the first `limit`), keeping their rows in `folder`."""
    settings: dict[str, Value] = {"side": SIDE, "keys": KEYS, "steps": STEPS}
    return report(run_items(items(setup), folder / f"{NAME}.jsonl", settings, watch, setup.measure_items))


def items(setup: Setup) -> list[Item]:
    """What `run` measures: the portraits."""
    photos = portrait_paths(setup.data, [name for name in PORTRAITS if name not in TURNED])[: setup.limit]
    return [Item(name=photo.stem, measure=partial(measure_photo, photo, number)) for number, photo in enumerate(photos)]


def measure_photo(photo: Path, seed: int) -> Row:
    """The row of one photo: medians over the frames of how far the fit is off.

    Raises:
        InputError: it cannot be read, or shows no face.
    """
    head = builtin_head()
    portrait = portrait_from_image(read_photo(photo, SIDE), head)
    truth = performance(portrait, np.random.default_rng((seed, 20_260)))
    with LandmarkReader() as reader:
        landmarks = np.array([reader.read(draw_moment(portrait, frame)) for frame in truth.frames()])
    person = person_with_shape(head, portrait.camera, portrait.shape)
    return errors_of(refit_motion(landmarks, person, truth.times), truth)


def errors_of(found: Motion, truth: Motion) -> Row:
    """Medians over the frames in which the face was found.

    Noise is the deviation from a line through found over true angles: what is neither offset nor gain.
    """
    compared = agree(truth, found, builtin_head(), rest=None, ignores_offsets=False)
    row: Row = {"missed": float((~compared.seen).sum())}
    for entry in compared.quantities:
        row |= {entry.name: entry.median, f"{entry.name}_moving": median(entry.moving)}
    left: dict[str, np.ndarray] = {}
    for name, (true, seen) in compared.curves.items():
        known = np.isfinite(seen)
        row[f"gain_{name}"], left[name] = robust_line(true[known], seen[known])
    row |= {f"noise_{name}": deviation(left[name]) for name in (*AXES, "jaw", "lids")}
    row["noise_rotation"] = float(np.sqrt(sum(deviation(left[axis]) ** 2 for axis in AXES)))
    row["noise_apd"] = float(APD_UNIT * np.radians(np.median(np.abs([left[axis] for axis in AXES]).mean(axis=0))))
    row["noise_gaze"] = float(np.hypot(deviation(left["gaze yaw"]), deviation(left["gaze pitch"])))
    return row | {"noise_jitter": compared.excess_jitter}


def robust_line(true: Float[np.ndarray, " N"], seen: Float[np.ndarray, " N"]) -> tuple[float, Float[np.ndarray, " N"]]:
    """Slope of found over true values (Theil and Sen), and the distances from the line; NaN where nothing moved.

    Single frames in which a landmark network loses the face do not tilt it.
    """
    slope = float(theilslopes(seen, true)[0]) if np.std(true) > LEAST_MOVED else float("nan")
    left = seen - (0.0 if np.isnan(slope) else slope) * true
    return slope, left - np.median(left)


def deviation(values: Float[np.ndarray, " N"]) -> float:
    """Standard deviation of the bulk of some values, from their median distance to zero."""
    return float(np.median(np.abs(values)) / GAUSSIAN_QUARTILE)


def performance(portrait: Portrait, generator: np.random.Generator) -> Motion:
    """The photo's person moving softly through random moments, beginning at the photo's own."""
    head, rest = portrait.head, portrait.rest
    seal = person_seal(head, portrait.shape)
    keys = [uncrossed_lips(random_moment(rest, head, seal, MOTION, generator), seal) for _ in range(KEYS)]
    frames = [exact_lids(frame, rest, head, portrait.shape) for frame in between([rest, *keys])]
    return exact_motion(head, portrait.shape, portrait.camera, frames)


def between(keys: Sequence[MotionFrame]) -> list[MotionFrame]:
    """From each moment to the next in soft steps; axis-angles of near rotations blend well enough."""
    frames = []
    for first, second in pairwise(keys):
        for step in range(STEPS):
            share = 0.5 - 0.5 * np.cos(np.pi * step / STEPS)
            frames.append(blend(first, second, float(share)))
    return [*frames, keys[-1]]


def blend(first: MotionFrame, second: MotionFrame, share: float) -> MotionFrame:
    """A moment on the way."""
    return MotionFrame(
        **{name: (1.0 - share) * getattr(first, name) + share * getattr(second, name) for name in FRAME_FIELDS}
    )


def report(rows: Sequence[Row]) -> Report:
    """Tables of the rows."""
    notes = (
        f"{len(rows)} photos as textured meshes, {SIDE} pixels, each through {KEYS} random moments"
        f" ({KEYS * STEPS + 1} frames): yaw to {MOTION.yaw:g}, pitch and roll to {MOTION.pitch:g} degrees.",
        "The identity is the drawn one; every frame is fitted by itself, as in the protocols.",
        "Noise: deviation of the bulk of the frames from a line through found over true values. It is the floor where"
        " two fits are compared, whose offsets and gains are alike: truth and result of one clip.",
        "Offsets and gains count where a fit is compared with what was asked: a landmark network sees less than all of"
        " a turn whose light does not turn with it.",
        "Drawn heads move as the fit's head does: on real faces its errors can be larger.",
    )
    groups = (("Noise floor", NOISE), ("Gain: seen over drawn", GAINS), ("Errors", (*ERRORS, MISSED)))
    tables = [_table(title, measures, rows) for title, measures in groups]
    measures = (*NOISE[:5], *ERRORS[:3], MISSED)
    return Report(
        title="Noise of the tracker", notes=notes, rows=tuple(rows),
        tables=(*tables, item_table(rows, measures, title="Photos")),
    )  # fmt: skip


def _table(title: str, measures: Sequence[Measure], rows: Sequence[Row]) -> Table:
    """Median and quantiles over the photos."""
    cells = []
    for measure in measures:
        values = numbers(rows, measure.key)
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9]) if values else (None, None, None)
        reached = "" if not measure.target or middle is None else "yes" if measure.holds(float(middle)) else "no"
        texts = [format_number(value, measure.digits) for value in (middle, low, high)]
        cells.append((measure.title, *texts, measure.target, reached, str(len(values))))
    header = ("measure", "median", "10 %", "90 %", "wanted", "reached", "photos")
    return Table(title=title, header=header, rows=tuple(cells))
