"""A motion made with one head model carried onto another: its landmarks, seen by its own camera, are fitted anew."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import Camera
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, HeadModel
from likeness.heads.skinning import joint_transforms, landmark_points, posed_vertices
from likeness.motion.record import Motion, MotionFrame
from likeness.tracking.assemble import motion_from_readings
from likeness.tracking.eyes import EYEBALL_RADIUS, turn_to
from likeness.tracking.fit import FitState
from likeness.tracking.person import estimate_person, fit_frame, reading
from likeness.tracking.video import SHAPE_FRAMES, Progress, in_silence

NUM_IRIS = 5  # landmarks of each iris, after the 468 of the face: right, then left
FORWARD = np.array([0.0, 0.0, 1.0])  # an eye that looks straight ahead, head frame


def motion_on_head(motion: Motion, source: HeadModel, target: HeadModel, *, progress: Progress = in_silence) -> Motion:
    """The motion with coefficients of `target`; pose, lips and gaze are kept in the picture, lids as they are.

    Identity is estimated from frames spread over the clip. What the target cannot express is lost.
    """
    camera = Camera(intrinsics=motion.intrinsics, width=motion.image_size[0], height=motion.image_size[1])
    usable = np.flatnonzero(motion.valid) if motion.valid.any() else np.arange(len(motion))
    chosen = usable[np.linspace(0, len(usable) - 1, min(SHAPE_FRAMES, len(usable))).round().astype(int)]
    frames = list(motion.frames())
    person = estimate_person(
        target, camera, [motion_landmarks(source, motion.shape, frames[index], camera) for index in chosen]
    )
    readings = []
    state: FitState | None = None
    for frame in progress(frames, "fitting", len(frames)):
        points = motion_landmarks(source, motion.shape, frame, camera)
        state = fit_frame(person, points, state)
        result = reading(person, points, state)
        readings.append(replace(result, frame=_with_eyes_of(result.frame, frame)))
    carried = motion_from_readings(person, readings, motion.times, source=motion.source, tracker=motion.tracker)
    return replace(
        carried,
        fps=motion.fps,
        times=motion.times,
        confidence=motion.confidence,
        valid=motion.valid,
        reference=motion.reference,
    )


def motion_landmarks(
    head: HeadModel, shape: Float[np.ndarray, " S"], frame: MotionFrame, camera: Camera
) -> Float[np.ndarray, "478 3"]:
    """What an exact detector would see of a moment: 468 landmarks and 10 of the irises, x and y in pixels, z relative.

    All points of an iris lie at its middle.
    """
    face = landmark_points(head, posed_vertices(head, shape, frame.expression, frame.joints))
    rotations, translations = joint_transforms(head, shape, frame.joints, frame.expression)
    centres = head.joints_of(shape, frame.expression)
    irises = [
        rotations[joint] @ (centres[joint] + EYEBALL_RADIUS * FORWARD) + translations[joint]
        for joint in (EYE_RIGHT, EYE_LEFT)
    ]
    points = frame.T_cam_head.apply(np.concatenate([face, np.repeat(irises, NUM_IRIS, axis=0)]))
    depth = frame.translation[2]
    relative = (points[:, 2] - depth) * camera.focal_pixels[0] / depth
    return np.column_stack([camera.project(points), relative])


def _with_eyes_of(fitted: MotionFrame, original: MotionFrame) -> MotionFrame:
    """The fitted moment with the lids of the original, and eyes that look where those of the original look."""
    to_head = matrix_from_axis_angle(fitted.rotation).T @ matrix_from_axis_angle(original.rotation)
    neck = matrix_from_axis_angle(original.neck)
    looks = {
        name: turn_to(to_head @ neck @ matrix_from_axis_angle(getattr(original, name)) @ FORWARD)
        for name in ("eye_left", "eye_right")
    }
    return replace(fitted, lids=original.lids, **looks)
