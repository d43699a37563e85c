"""Scores of drawn scenes: pose and expression found again by our own fit, landmarks, pixels, identity.

AED and APD are the mean absolute differences of expression coefficients and of yaw, pitch and roll (radians, times
100). They come from our head model and fit: ratios can be compared with other work, absolute values cannot.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.data.sample import Shot
from likeness.errors import InputError
from likeness.evaluation.face_measures import landmark_error
from likeness.evaluation.identity import Embedder, identity_distance
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.metrics import face_box, psnr, ssim
from likeness.evaluation.motion_measures import average_pose_distance
from likeness.evaluation.results import Row, numbers
from likeness.evaluation.scenes import Scene
from likeness.evaluation.structure import SSIM_WINDOW
from likeness.heads.model import HeadModel
from likeness.media.crop import resize
from likeness.motion.record import MotionFrame
from likeness.tracking.person import fit_frame, person_with_shape, reading
from likeness.tracking.photo import with_touching_lips

READING_SIDE = 256  # pixels: smaller pictures are enlarged before faces are looked for

Image = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is found in one picture; numbers are those of a fit with the person's identity locked."""

    points: Float[np.ndarray, "478 3"]  # pixels of the picture; NaN where no face is found
    frame: MotionFrame | None
    embedding: Float[np.ndarray, "128"] | None

    @property
    def is_missed(self) -> bool:
        """Whether no face was found."""
        return self.frame is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What all methods are compared with in one scene."""

    source: Seen
    reference: Seen  # the truth, or the driver

    @property
    def is_complete(self) -> bool:
        """Whether both faces were found."""
        return not (self.source.is_missed or self.reference.is_missed)


Draw = Callable[[Scene, Known, int], Image]  # the scene, what is seen in its pictures, and its number


class SceneScorer:
    """Reads pictures with one set of networks; open with `with`."""

    def __init__(self, head: HeadModel, embed: Embedder | None) -> None:
        """Args:
        embed: for identity distances; None: they are left out.
        """
        self.head = head
        self.embed = embed
        self._reader = LandmarkReader()

    def __enter__(self) -> "SceneScorer":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    def know(self, scene: Scene) -> Known:
        """Source and reference of a scene, as they are seen at its resolution."""
        sample = scene.sample
        reference = (
            self.see(scene.target.image, sample.shape, scene.target)
            if scene.driver is None
            else self.see(scene.driver.shot.image, scene.driver.shape, scene.driver.shot)
        )
        return Known(source=self.see(sample.source.image, sample.shape, sample.source), reference=reference)

    def see(self, image: Image, shape: Float[np.ndarray, " S"], shot: Shot) -> Seen:
        """What is found in a picture by the camera of `shot`."""
        side = max(READING_SIDE, image.shape[0])
        large = resize(image, side, side)
        points = self._reader.read_still(large)
        if np.isnan(points[0, 0]):
            return Seen(points=points, frame=None, embedding=None)
        person = person_with_shape(self.head, shot.camera.resized(side, side), shape)
        landmarks = with_touching_lips(points)
        frame = reading(person, landmarks, fit_frame(person, landmarks, None)).frame
        embedding = None if self.embed is None else self.embed(large, points)
        return Seen(points=points * (image.shape[0] / side), frame=frame, embedding=embedding)

    def score(self, scene: Scene, known: Known, picture: Image) -> Row:
        """The measures of one drawn picture; those that need a face are missing where none is found."""
        made = self.see(picture, scene.sample.shape, scene.target)
        row: Row = {"missed": float(made.is_missed)}
        if made.frame is not None and known.reference.frame is not None:
            row |= {
                "apd": pose_distance(made.frame, known.reference.frame),
                "aed": expression_distance(made.frame, known.reference.frame),
            }
        if made.embedding is not None and known.source.embedding is not None:
            row["identity_source"] = float(identity_distance(made.embedding, known.source.embedding))
        if scene.driver is None:
            return row | _against_truth(picture, scene.target, made, known.reference)
        if made.embedding is not None and known.reference.embedding is not None:
            row["identity_driver"] = float(identity_distance(made.embedding, known.reference.embedding))
        return row


def usable_scenes(scorer: SceneScorer, scenes: Iterable[Scene]) -> list[tuple[Scene, Known]]:
    """The scenes in which source and reference are found: all methods are scored on the same.

    Raises:
        InputError: there is none.
    """
    pairs = [(scene, scorer.know(scene)) for scene in scenes]
    usable = [(scene, known) for scene, known in pairs if known.is_complete]
    if not usable:
        raise InputError(f"no face is found in {len(pairs)} test scenes: give clips of larger faces with --test")
    return usable


def score_scenes(scorer: SceneScorer, scenes: Sequence[tuple[Scene, Known]], draw: Draw) -> Row:
    """Means over all scenes; `self_` and `cross_` begin the names of the measures."""
    rows: dict[str, list[Row]] = {"self": [], "cross": []}
    for number, (scene, known) in enumerate(scenes):
        rows["self" if scene.driver is None else "cross"].append(scorer.score(scene, known, draw(scene, known, number)))
    means: Row = {}
    for kind, members in rows.items():
        for key in sorted({key for row in members for key in row}):
            values = numbers(members, key)
            means[f"{kind}_{key}"] = float(np.mean(values)) if values else None
    return means


def pose_distance(made: MotionFrame, wanted: MotionFrame) -> float:
    """APD: mean absolute difference of yaw, pitch and roll, radians, times 100."""
    return float(average_pose_distance(made.rotation[None], wanted.rotation[None])[0])


def expression_distance(made: MotionFrame, wanted: MotionFrame) -> float:
    """AED: mean absolute difference of the expression coefficients."""
    return float(np.abs(made.expression - wanted.expression).mean())


def _against_truth(picture: Image, truth: Shot, made: Seen, real: Seen) -> Row:
    """Pixel and landmark measures; pixels that are not true in the truth count as drawn well."""
    filled = np.where(truth.trust[..., None], picture, truth.image)
    row: Row = {"landmark": landmark_error(made.points, real.points)}
    if min(picture.shape[:2]) >= SSIM_WINDOW:
        box = face_box(real.points, *picture.shape[:2])
        row |= {"psnr": psnr(filled[box], truth.image[box]), "ssim": ssim(filled[box], truth.image[box])}
    return row
