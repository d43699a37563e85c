"""Scores of generated clips: frame by frame against the real clip, or against the motion of another person.

Frames come as streams; only numbers and landmarks are kept. The baseline that copies the first frame goes through the
same code, so a renderer that copies scores exactly the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, UInt8

from likeness.evaluation import face_measures
from likeness.evaluation.details import Details, Truth, detail_places, fit_truth, landmark_details
from likeness.evaluation.foreground import MatteReader
from likeness.evaluation.identity import Embedder, identity_distance
from likeness.evaluation.keepers import Keeper
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.leakage import APPEARANCE_NUMBERS, appearance
from likeness.evaluation.metrics import face_box, flicker_ratio, mean_difference, median, psnr, response
from likeness.evaluation.networks import NO_NETWORKS, Networks
from likeness.evaluation.report import BASELINE_SUFFIX
from likeness.evaluation.results import Row
from likeness.evaluation.structure import Windows, luma_of, mean_ssim, windows_of
from likeness.geometry.rotation import geodesic_angle
from likeness.heads.builtin import builtin_head
from likeness.media.crop import resize

GAZE_DEVIATION = 0.03  # eye widths; a driver whose gaze varies less measures the landmarks' noise (about 0.01 to 0.02)
MOUTH_DEVIATION = 0.01  # of the face's height
EYE_DEVIATION = 0.03  # lid gap over eye width
IDENTITY_FRAMES = 8  # of a clip are embedded
POSE_REFERENCES = 8  # frames of a clip serve as reference for relative rotations

Image = UInt8[np.ndarray, "_ _ 3"]


@dataclass(slots=True)
class _Series:
    """What is kept of one generated sequence while it streams by."""

    reader: LandmarkReader
    details: Details = field(default_factory=Details)
    landmarks: list[np.ndarray] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    last: np.ndarray | None = None
    windows: Windows | None = None  # of `last`, kept while the same picture comes again


def score_against_real(
    generated: Iterable[Image],
    real: Iterable[Image],
    indices: Sequence[int],
    *,
    controls: Mapping[str, Iterable[Image]] = MappingProxyType({}),
    networks: Networks = NO_NETWORKS,
    keepers: Sequence[Keeper] = (),
) -> Row:
    """Measures of a clip whose ground truth is `real`, both at the clip's frames `indices` (the first is the photo).

    Medians over the frames after the first. Pixel measures are taken in the real face's box; a missed face counts 100 %
    landmark error; inter-frame change is taken between neighbouring indices. Regions, background, the fit and networks
    look at some frames alone (`details.py`). A result of another size is resized.

    Args:
        controls: further results, by the suffix that their measures get.
        keepers: see all frames pass by; results go by their suffixes.
    """
    with ExitStack() as stack:
        real_reader = stack.enter_context(LandmarkReader())
        names = ("", *controls, BASELINE_SUFFIX)
        series = {name: _Series(reader=stack.enter_context(LandmarkReader())) for name in names}
        truth_details = Truth(matte_reader=stack.enter_context(MatteReader()), networks=networks)
        places = set(detail_places(indices))
        real_landmarks: list[np.ndarray] = []
        real_changes: list[float] = []
        photo = before = None
        previous_index = -2
        for place, (index, truth, *made) in enumerate(zip(indices, real, generated, *controls.values(), strict=True)):
            photo = truth if photo is None else photo
            landmarks = real_reader.read(truth)
            real_landmarks.append(landmarks)
            neighbour: np.ndarray | None = before if index == previous_index + 1 else None
            if neighbour is not None:
                real_changes.append(mean_difference(truth, neighbour))
            if place in places:
                truth_details.look(place, truth, neighbour, landmarks)
            frames = {name: sized_like(each, truth) for name, each in zip(names, (*made, photo), strict=True)}
            in_face = None if place == 0 else _face_of(truth, landmarks)
            for name, frame in frames.items():
                _add_frame(
                    series[name], frame, truth, in_face, is_neighbour=neighbour is not None,
                    details=truth_details if place in places else None,
                )  # fmt: skip
            for keeper in keepers:
                keeper.keep(index, truth, frames, is_close=place in places)
            before, previous_index = truth, index
    assert photo is not None, "there is at least one frame"
    truth_track = np.array(real_landmarks)
    height, width = photo.shape[:2]
    fitted = fit_truth(truth_track, truth_details.places, builtin_head(), width=width, height=height)
    row: Row = {"frames": len(real_landmarks)}
    for suffix, one in series.items():
        measured = _summary(one, truth_track, np.array(real_changes))
        measured |= one.details.summary(truth_details)
        measured |= landmark_details(np.array(one.landmarks), truth_track, fitted, (width, height))
        row |= {key + suffix: value for key, value in measured.items()}
    return row


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _TrueFace:
    """The face's box of a true frame."""

    box: tuple[slice, slice]
    picture: Image
    windows: Windows


def _face_of(truth: Image, landmarks: Float[np.ndarray, "L 3"]) -> _TrueFace | None:
    """None where no face is found."""
    if np.isnan(landmarks[0, 0]):
        return None
    box = face_box(landmarks, *truth.shape[:2])
    return _TrueFace(box=box, picture=truth[box], windows=windows_of(luma_of(truth[box])))


def _add_frame(
    series: _Series,
    frame: Image,
    truth: Image,
    in_face: _TrueFace | None,
    *,
    is_neighbour: bool,
    details: Truth | None,
) -> None:
    """Adds one generated frame to its series; `details` has looked at the true frame where that is looked at."""
    series.landmarks.append(series.reader.read(frame))
    neighbour = series.last if is_neighbour else None
    if neighbour is not None:
        series.changes.append(mean_difference(frame, neighbour))
    if details is not None:
        series.details.look(details, frame, truth, neighbour, series.landmarks[-1])
    is_again = series.last is frame
    series.last = frame
    if in_face is None:
        return
    series.psnr.append(psnr(frame[in_face.box], in_face.picture))
    if not is_again:
        windows = windows_of(luma_of(frame[in_face.box]))
        series.windows = None
    else:  # of the whole picture, once
        series.windows = windows_of(luma_of(frame)) if series.windows is None else series.windows
        windows = series.windows.cut(in_face.box)
    series.ssim.append(mean_ssim(windows, in_face.windows))


def _summary(series: _Series, real: Float[np.ndarray, "T 478 3"], real_changes: Float[np.ndarray, " N"]) -> Row:
    ours = np.array(series.landmarks)
    errors = [face_measures.landmark_error(mine, theirs) for mine, theirs in zip(ours[1:], real[1:], strict=True)]
    base = np.broadcast_to(real[0], real.shape)
    angles = geodesic_angle(face_measures.head_rotation(base, ours), face_measures.head_rotation(base, real))
    mouth = np.abs(face_measures.mouth_opening(ours) - face_measures.mouth_opening(real))
    eyes = np.abs(face_measures.eye_opening(ours) - face_measures.eye_opening(real))
    return {
        "landmark": median(errors),
        "face_psnr": median(series.psnr),
        "face_ssim": median(series.ssim),
        "pose": median(np.degrees(angles)[1:]),
        "mouth_error": median(mouth[1:]),
        "eye_error": median(eyes[1:]),
        "flicker": flicker_ratio(np.array(series.changes), real_changes),
        "missed": int(np.isnan(ours[:, 0, 0]).sum()),
    }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Performance:
    """Landmarks of a sequence, and what some of its frames say of the person."""

    landmarks: Float[np.ndarray, "T 478 3"]
    embeddings: Float[np.ndarray, "N 128"]
    colours: Float[np.ndarray, "C D"] = field(default_factory=lambda: np.empty((0, APPEARANCE_NUMBERS)))
    size: tuple[int, int] = (0, 0)  # width, height of the pictures

    def at(self, places: Sequence[int]) -> "Performance":
        """The same with some of the frames."""
        return replace(self, landmarks=self.landmarks[list(places)])


def read_performance(frames: Iterable[Image], count: int, embed: Embedder | None) -> Performance:
    """Landmarks of every frame of a sequence of `count` frames; embeddings and colours of evenly spaced ones."""
    landmarks, embeddings, colours, size = [], [], [], (0, 0)
    chosen = set(spread(count, IDENTITY_FRAMES))
    with LandmarkReader() as reader:
        for number, frame in enumerate(frames):
            landmarks.append(reader.read(frame))
            size = (frame.shape[1], frame.shape[0])
            if number not in chosen:
                continue
            colours.append(appearance(frame, landmarks[-1]))
            if embed is not None:
                embeddings.append(embed(frame, landmarks[-1]))
    return Performance(
        landmarks=np.array(landmarks), embeddings=np.array(embeddings).reshape(-1, 128), size=size,
        colours=np.array(colours).reshape(-1, APPEARANCE_NUMBERS),
    )  # fmt: skip


def score_against_driver(
    made: Performance, driver: Performance, source: Float[np.ndarray, "128"] | None, *, references: tuple[int, ...]
) -> Row:
    """Measures of a clip with another person's motion: do head, mouth, lids and gaze move as the driver's?

    Pose: median over frames of the angle between the rotations since the reference frames, degrees. Gains are
    regression slopes on the driver's measure. Identity: median embedding distances to `source` (the photo's) and to
    the driver's mean.
    """
    ours, theirs = made.landmarks, driver.landmarks
    mouth = response(
        face_measures.mouth_opening(theirs), face_measures.mouth_opening(ours), least_deviation=MOUTH_DEVIATION
    )
    eyes = response(face_measures.eye_opening(theirs), face_measures.eye_opening(ours), least_deviation=EYE_DEVIATION)
    look = response(face_measures.gaze(theirs)[:, 0], face_measures.gaze(ours)[:, 0], least_deviation=GAZE_DEVIATION)
    row: Row = {
        "pose": median(face_measures.relative_pose_errors(ours, theirs, references)),
        "mouth_gain": mouth.gain,
        "mouth_correlation": mouth.correlation,
        "eye_gain": eyes.gain,
        "eye_correlation": eyes.correlation,
        "gaze_gain": look.gain,
        "gaze_correlation": look.correlation,
        "missed": int(np.isnan(ours[:, 0, 0]).sum()),
    }
    if source is not None:
        to_source = median(identity_distance(made.embeddings, source))
        to_driver = median(identity_distance(made.embeddings, np.nanmean(driver.embeddings, axis=0)))
        row |= {"identity_source": to_source, "identity_driver": to_driver}
    return row


def still_performance(image: Image, count: int, embed: Embedder | None) -> Performance:
    """The performance of a result that repeats one image."""
    return read_performance((image for _ in range(count)), count, embed)


def as_baseline(row: Row) -> Row:
    """The row's measures as those of the baseline."""
    return {key + BASELINE_SUFFIX: value for key, value in row.items()}


def spread(count: int, most: int) -> tuple[int, ...]:
    """At most `most` indices, evenly spaced from the first to the last of `count`."""
    return tuple(sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()}))


def sized_like(image: Image, other: Image) -> Image:
    """The image at the other's size."""
    if image.shape == other.shape:
        return image
    return resize(image, other.shape[1], other.shape[0])
