"""Measures on MediaPipe face landmarks: landmark error, head rotation, mouth, lids, gaze, displacement by region.

Landmarks are `[... 478 3]` in pixels (x right, y down, z away from the camera); NaN means that no face was found.
"""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import geodesic_angle
from likeness.heads.landmark_sets import CHIN, FOREHEAD, OUTER_EYE_CORNERS, RIGID

FACE_LANDMARKS = 468  # the iris points after them are noisier and count for gaze alone
MISSED_PERCENT = 100.0  # landmark error of a frame in which no face is found

_STEADY = (168, 6, 197, 195, 193, 417, 122, 351, 33, 133, 362, 263, 127, 356, 162, 389)
_ROBUST_ROUNDS = 12
_ROBUST_FLOOR = 0.002  # outer-eye distances; landmarks nearer than this all count the same

_UPPER_LIP, _LOWER_LIP = 13, 14  # inner edges, in the middle
_MOUTH_CORNERS = (61, 291)
_LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))  # upper, lower, outer corner, inner corner; right, left
_IRISES = ((468, 33, 133), (473, 362, 263))  # centre, corners from the subject's right to left


def landmark_error(generated: Float[np.ndarray, "L 3"], real: Float[np.ndarray, "L 3"]) -> float:
    """Root mean square distance in the image, in percent of the real face's outer-eye distance.

    A missed face in the result counts `MISSED_PERCENT`; in the real frame it gives NaN.
    """
    if np.isnan(real[0, 0]):
        return float("nan")
    if np.isnan(generated[0, 0]):
        return MISSED_PERCENT
    gap = (generated - real)[:FACE_LANDMARKS, :2]
    return float(100 * np.sqrt((gap**2).sum(axis=1).mean()) / eye_distance(real))


def eye_distance(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch"]:
    """Distance of the outer eye corners in the image, pixels."""
    right, left = OUTER_EYE_CORNERS
    return _distance(landmarks, right, left)


def head_rotation(
    start: Float[np.ndarray, "*batch L 3"], end: Float[np.ndarray, "*batch L 3"]
) -> Float[np.ndarray, "*batch 3 3"]:
    """Camera-frame rotation from the head of `start` to that of `end`: least squares on the rigid landmarks."""
    rigid = list(RIGID)
    before = start[..., rigid, :] - start[..., rigid, :].mean(axis=-2, keepdims=True)
    after = end[..., rigid, :] - end[..., rigid, :].mean(axis=-2, keepdims=True)
    seen = np.isfinite(before).all(axis=(-2, -1)) & np.isfinite(after).all(axis=(-2, -1))
    product = np.swapaxes(after, -1, -2) @ before
    u, _, vt = np.linalg.svd(np.where(seen[..., None, None], product, np.eye(3)))
    u = u.copy()
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]  # no mirror image
    return np.where(seen[..., None, None], u @ vt, np.nan)


def relative_pose_errors(
    generated: Float[np.ndarray, "T L 3"], driving: Float[np.ndarray, "T L 3"], references: tuple[int, ...]
) -> Float[np.ndarray, " T"]:
    """Angle in degrees between the two heads' rotations since a reference frame, averaged over the reference frames.

    References and frames in which either face is missed are left out (NaN); a frame is not compared with itself.
    """
    totals, counts = np.zeros(len(driving)), np.zeros(len(driving))
    for reference in references:
        ours = head_rotation(np.broadcast_to(generated[reference], generated.shape), generated)
        theirs = head_rotation(np.broadcast_to(driving[reference], driving.shape), driving)
        angle = np.degrees(geodesic_angle(ours, theirs))
        counted = np.isfinite(angle)
        counted[reference] = False
        totals += np.where(counted, angle, 0.0)
        counts += counted
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def rotation_angles(landmarks: Float[np.ndarray, "T L 3"], references: tuple[int, ...]) -> Float[np.ndarray, " T"]:
    """Degrees by which each head is turned since a reference frame, averaged over the reference frames."""
    still = np.broadcast_to(landmarks[references[0]], landmarks.shape)
    return relative_pose_errors(still, landmarks, references)


def mouth_opening(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch"]:
    """Gap between the inner lips over the height of the face, both in the image (so that a nod shortens both)."""
    return np.asarray(_distance(landmarks, _UPPER_LIP, _LOWER_LIP) / _distance(landmarks, FOREHEAD, CHIN))


def mouth_width(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch"]:
    """Distance of the mouth corners over that of the outer eye corners, both in the image."""
    return np.asarray(_distance(landmarks, *_MOUTH_CORNERS) / eye_distance(landmarks))


def eye_apertures(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch 2"]:
    """Lid gap over eye width of the right and the left eye."""
    return np.stack(
        [_distance(landmarks, up, low) / _distance(landmarks, outer, inner) for up, low, outer, inner in _LIDS], axis=-1
    )


def eye_opening(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch"]:
    """Mean aperture of both eyes."""
    return np.asarray(eye_apertures(landmarks).mean(axis=-1))


def gaze(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch 2"]:
    """Where the irises stand between the eye corners, mean of both eyes: toward the subject's left, and up.

    In units of the eye's width, along and across the line of its corners; 0 is the middle of that line.
    """
    return eye_gazes(landmarks).mean(axis=-2)


def eye_gazes(landmarks: Float[np.ndarray, "*batch L 3"]) -> Float[np.ndarray, "*batch 2 2"]:
    """The same for the right and the left eye."""
    places = []
    for iris, right_corner, left_corner in _IRISES:
        right, left = landmarks[..., right_corner, :2], landmarks[..., left_corner, :2]
        line = left - right
        offset = landmarks[..., iris, :2] - (left + right) / 2
        along = (offset * line).sum(axis=-1)
        up = offset[..., 0] * line[..., 1] - offset[..., 1] * line[..., 0]  # y points down in the image
        places.append(np.stack([along, up], axis=-1) / (line**2).sum(axis=-1)[..., None])
    return np.stack(places, axis=-2)


def displacement(rest: Float[np.ndarray, "L 3"], edited: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, "L 3"]:
    """How the face moved within the head, in percent of the outer-eye distance (in space).

    Pose and scale go first: a similarity fit of temples, nose bridge and eye corners (the forehead moves with the
    brows), in which landmarks that moved on their own lose their weight. Axes: subject's left, up, out of the face.
    """
    right, left = OUTER_EYE_CORNERS
    unit = np.linalg.norm(rest[left] - rest[right])
    steady = list(_STEADY)
    weights = np.ones(len(steady))
    for _ in range(_ROBUST_ROUNDS):
        aligned = _aligned(edited, rest, steady, weights)
        gap = np.linalg.norm(aligned[steady] - rest[steady], axis=1) / unit
        weights = 1.0 / np.maximum(gap, _ROBUST_FLOOR)
    return 100 * (aligned - rest) @ head_axes(rest).T / unit


def _aligned(
    points: Float[np.ndarray, "L 3"],
    target: Float[np.ndarray, "L 3"],
    chosen: list[int],
    weights: Float[np.ndarray, " N"],
) -> Float[np.ndarray, "L 3"]:
    """All points under the similarity that best carries the chosen ones to their targets (weighted least squares)."""
    share = (weights / weights.sum())[:, None]
    centre, target_centre = (share * points[chosen]).sum(axis=0), (share * target[chosen]).sum(axis=0)
    before, after = points[chosen] - centre, target[chosen] - target_centre
    u, _, vt = np.linalg.svd((share * after).T @ before)
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))  # no mirror image
    rotation = u @ vt
    turned = before @ rotation.T
    scale = (share * turned * after).sum() / (share * turned**2).sum()
    return scale * (points - centre) @ rotation.T + target_centre


def head_axes(landmarks: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, "3 3"]:
    """Unit vectors of the head as rows, in camera axes: subject's left, up, out of the face."""
    right, left = OUTER_EYE_CORNERS
    across = landmarks[left] - landmarks[right]
    across = across / np.linalg.norm(across)
    upward = landmarks[FOREHEAD] - landmarks[CHIN]
    outward = np.cross(across, upward)
    outward = outward / np.linalg.norm(outward)
    return np.stack([across, np.cross(outward, across), outward])


def _distance(landmarks: np.ndarray, first: int, second: int) -> np.ndarray:
    return np.asarray(np.linalg.norm(landmarks[..., first, :2] - landmarks[..., second, :2], axis=-1))
