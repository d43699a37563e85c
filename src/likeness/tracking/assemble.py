"""Readings of single frames become one `Motion`: gaps are held, then faded, and the rest frame is chosen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.tracking.person import Person, Reading

HOLD_SECONDS = 0.4  # a lost face keeps its pose and expression this long,
FADE_SECONDS = 0.8  # then its expression, jaw and gaze fade to rest over this time; the pose stays where it was
NOMINAL_FPS = 25.0  # of a single frame
_FADED = ("jaw", "neck", "eye_left", "eye_right", "expression")


def motion_from_readings(
    person: Person, readings: Sequence[Reading | None], times: Float[np.ndarray, " T"], *, source: str, tracker: str
) -> Motion:
    """The motion of a clip; at least one frame was read. Frames before the first face take its numbers.

    `times` are seconds, increasing; they are counted from the first frame.
    """
    valid = np.array([reading is not None for reading in readings])
    frames = _without_gaps(readings, times, valid)
    arrays = {name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS}
    spacing = np.median(np.diff(times)) if len(times) > 1 else 1.0 / NOMINAL_FPS
    motion = Motion(
        head_name=person.head.name,
        head_version=person.head.version,
        expression_names=person.head.expression_names,
        source=source,
        tracker=tracker,
        fps=float(1.0 / max(spacing, 1e-6)),
        times=times - times[0],
        confidence=np.array([0.0 if reading is None else reading.confidence for reading in readings]),
        valid=valid,
        shape=person.shape,
        intrinsics=person.camera.intrinsics,
        image_size=(person.camera.width, person.camera.height),
        reference=0,
        **arrays,
    )
    return replace(motion, reference=rest_frame_index(motion, person))


def faded(frame: MotionFrame, seconds: float) -> MotionFrame:
    """What a face that was last seen some seconds ago is taken to do: hold, then fade to rest."""
    kept = 1.0 - float(np.clip((seconds - HOLD_SECONDS) / FADE_SECONDS, 0.0, 1.0))
    return replace(frame, **{name: kept * getattr(frame, name) for name in _FADED})


def rest_frame_index(motion: Motion, person: Person) -> int:
    """The frame with the least expression among those seen well: relaxed face, usual lids, head near its usual pose."""
    usual = np.median(motion.lids[motion.valid], axis=0)
    expression = np.sqrt(((motion.expression / person.basis.deviations) ** 2).mean(axis=1))
    jaw = np.linalg.norm(motion.jaw, axis=1) / np.radians(6.0)
    lids = np.abs(motion.lids - usual).mean(axis=1) / 0.05
    pose = np.linalg.norm(motion.rotation - np.median(motion.rotation[motion.valid], axis=0), axis=1) / np.radians(20.0)
    effort = expression + jaw + lids + np.minimum(pose, 2.0) + 3.0 * (1.0 - motion.confidence)
    return int(np.argmin(np.where(motion.valid, effort, np.inf)))


def _without_gaps(
    readings: Sequence[Reading | None], times: Float[np.ndarray, " T"], valid: Bool[np.ndarray, " T"]
) -> list[MotionFrame]:
    first = readings[int(np.argmax(valid))]
    assert first is not None, "motion_from_readings needs a frame with a face"
    last, seen = first.frame, times[0]
    frames = []
    for reading, time in zip(readings, times, strict=True):
        if reading is not None:
            last, seen = reading.frame, time
            frames.append(last)
        else:
            is_before_first = not valid[: len(frames)].any()
            frames.append(last if is_before_first else faded(last, float(time - seen)))
    return frames
