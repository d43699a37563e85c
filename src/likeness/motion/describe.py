"""A motion in a few readable lines: length, head model, ranges of pose and mouth, blinks, most used shapes."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import matrix_from_axis_angle, yaw_pitch_roll_from_matrix
from likeness.motion.pose import frontal_angles
from likeness.motion.record import Motion

BLINK_CLOSED, BLINK_OPEN = (
    0.4,
    0.65,
)  # of the usual opening: below the first, then over the second
NUM_SHAPES = 6


def describe(motion: Motion) -> str:
    """The summary; one fact per line, each with its unit."""
    seconds = float(motion.times[-1] - motion.times[0])
    width, height = motion.image_size
    lines = [
        (
            "source",
            f"{motion.source or '(none)'}, {width} x {height} pixels, by {motion.tracker or '(unknown)'}",
        ),
        ("head model", f"{motion.head_name} {motion.head_version}"),
        ("length", f"{len(motion)} frames, {seconds:.2f} s, {motion.fps:.4g} frames per second"),
        ("face found", f"{100 * motion.valid.mean():.1f} % of the frames, confidence {motion.confidence.mean():.2f}"),
        ("rest frame", f"{motion.reference}"),
    ]
    used = motion.valid if motion.valid.any() else np.ones(len(motion), dtype=bool)
    angles = np.degrees(frontal_angles(motion.rotation[used]))
    lines += [(name, _range(angles[:, axis], "degrees")) for axis, name in enumerate(("yaw", "pitch", "roll"))]
    gaze = np.degrees(gaze_angles(motion)[used])
    lines += [(name, _range(gaze[:, axis], "degrees")) for axis, name in enumerate(("gaze yaw", "gaze pitch"))]
    lines.append(("distance", _range(100 * motion.translation[used, 2], "cm")))
    lines.append(("jaw turned by", _range(np.degrees(np.linalg.norm(motion.jaw[used], axis=1)), "degrees")))
    lines.append(("blinks", f"{count_blinks(motion)}"))
    lines.append(("most used", _most_used(motion, used)))
    return "\n".join(f"{name + ':':<15}{text}" for name, text in lines)


def count_blinks(motion: Motion) -> int:
    """How often both lids close and open again; the opening of each eye is judged by its own usual value."""
    if not motion.valid.any():
        return 0
    usual = np.maximum(np.median(motion.lids[motion.valid], axis=0), 1e-6)
    opening = (motion.lids / usual).mean(axis=1)[motion.valid]
    is_closed, count = False, 0
    for value in opening:
        if not is_closed and value < BLINK_CLOSED:
            is_closed = True
        elif is_closed and value > BLINK_OPEN:
            is_closed, count = False, count + 1
    return count


def gaze_angles(motion: Motion) -> Float[np.ndarray, "T 2"]:
    """Yaw and pitch of the gaze in the head, radians, mean of both eyes."""
    eyes = np.stack([motion.eye_left, motion.eye_right])
    return yaw_pitch_roll_from_matrix(matrix_from_axis_angle(eyes)).mean(axis=0)[:, :2]


def _range(values: Float[np.ndarray, " T"], unit: str) -> str:
    values = np.round(values, 1) + 0.0  # no minus zero
    return f"{values.min():.1f} to {values.max():.1f} {unit} (median {np.median(values):.1f})"


def _most_used(motion: Motion, used: np.ndarray) -> str:
    named = [index for index, name in enumerate(motion.expression_names) if not name.startswith("corrective")]
    spread = np.ptp(np.quantile(motion.expression[used], [0.05, 0.95], axis=0), axis=0)
    order = sorted(named, key=lambda index: -spread[index])[:NUM_SHAPES]
    shown = [f"{motion.expression_names[index]} {spread[index]:.2f}" for index in order if spread[index] > 0.005]
    return (", ".join(shown) + " (5 % to 95 %)") if shown else "nothing moves"
