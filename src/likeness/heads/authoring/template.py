"""Measures the face template: the symmetric mean of pose-free landmarks of frontal portraits with closed, resting
mouths.

Run once by hand; its result ships as `assets/face_template.npz` (see the note beside it).
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from likeness.heads.authoring.bases import build_skull, identity_basis
from likeness.heads.authoring.parts import oriented
from likeness.heads.landmark_sets import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT, OUTER_EYE_CORNERS, RIGID

OUTER_EYE_DISTANCE = 8.9  # cm, fixes the scale of the head
EYE_LINE = (2.66, 3.17)  # cm, height and depth of the outer eye corners in the head frame
NUM_LANDMARKS = 468
MAX_YAW = np.radians(12.0)


def face_triangles() -> Int[np.ndarray, "F 3"]:
    """The 852 triangles of the face mesh, unoriented: all three-cycles of MediaPipe's edge set but the two whose
    every edge already borders two others.
    """
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    neighbours: dict[int, set[int]] = {}
    for first, second in FACEMESH_TESSELATION:
        neighbours.setdefault(first, set()).add(second)
        neighbours.setdefault(second, set()).add(first)
    cycles = {
        tuple(sorted((first, second, third)))
        for first, second in FACEMESH_TESSELATION
        for third in neighbours[first] & neighbours[second]
    }
    uses: dict[tuple[int, int], int] = {}
    for cycle in cycles:
        for edge in combinations(cycle, 2):
            uses[edge] = uses.get(edge, 0) + 1
    kept = [cycle for cycle in cycles if not all(uses[edge] > 2 for edge in combinations(cycle, 2))]
    return np.array(sorted(kept), dtype=np.int32)


def similarity(
    source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"]
) -> tuple[float, Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Scale, rotation, translation with target = scale * rotation @ source + translation in the least-squares sense
    (Umeyama 1991)."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    source_centred, target_centred = source - source_mean, target - target_mean
    left, singular, right = np.linalg.svd(target_centred.T @ source_centred)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ np.diag(sign) @ right
    scale = float((singular * sign).sum() / (source_centred**2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def upright(landmarks: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, "L 3"]:
    """Landmarks with the head frame's axes (+y up, +z to the viewer)."""
    return landmarks[:NUM_LANDMARKS] * np.array([1.0, -1.0, -1.0])


def mirror_map(points: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, " N"]:
    """Index of each point's mirror partner (x -> -x) in the best one-to-one pairing; it is its own inverse.

    Raises:
        ValueError: the best pairing is not mutual.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    _, partner = linear_sum_assignment(cdist(points * np.array([-1.0, 1.0, 1.0]), points))
    if not np.array_equal(partner[partner], np.arange(len(points))):
        raise ValueError("the points are not symmetric enough for a mirror map")
    return partner.astype(np.int32)


def average_face(
    faces: Float[np.ndarray, "K 468 3"], iterations: int = 6
) -> tuple[Float[np.ndarray, "468 3"], Float[np.ndarray, "K 468 3"]]:
    """Mean of the faces after removing pose and scale by the rigid landmarks (generalised Procrustes), and the
    aligned faces; both in the scale of the first face's outer eye distance = OUTER_EYE_DISTANCE."""
    rigid = list(RIGID)
    mean = faces[0]
    aligned = faces
    for _ in range(iterations):
        moved = []
        for face in faces:
            scale, rotation, translation = similarity(face[rigid], mean[rigid])
            moved.append(scale * face @ rotation.T + translation)
        aligned = np.stack(moved)
        mean = np.median(aligned, axis=0)
        size = OUTER_EYE_DISTANCE / np.linalg.norm(mean[OUTER_EYE_CORNERS[0]] - mean[OUTER_EYE_CORNERS[1]])
        mean, aligned = mean * size, aligned * size
    return mean, aligned


def head_frame(mean: Float[np.ndarray, "468 3"]) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Rotation and shift into the head frame: eye line horizontal, forehead above chin, symmetric about x = 0."""
    corners_right, corners_left = mean[list(EYE_CORNERS_RIGHT)], mean[list(EYE_CORNERS_LEFT)]
    axis_x = corners_left.mean(0) - corners_right.mean(0)
    axis_x /= np.linalg.norm(axis_x)
    axis_y = mean[10] - mean[152]
    axis_y -= axis_x * (axis_x @ axis_y)
    axis_y /= np.linalg.norm(axis_y)
    rotation = np.stack([axis_x, axis_y, np.cross(axis_x, axis_y)])
    turned = mean @ rotation.T
    outer = turned[list(OUTER_EYE_CORNERS)]
    centre = 0.5 * (turned[[10, 152, 1, 6]].mean(0)[0] + outer.mean(0)[0])
    return rotation, np.array([-centre, EYE_LINE[0] - outer[:, 1].mean(), EYE_LINE[1] - outer[:, 2].mean()])


def in_head_frame(mean: Float[np.ndarray, "468 3"]) -> Float[np.ndarray, "468 3"]:
    """The mean face, moved into the head frame."""
    rotation, shift = head_frame(mean)
    return mean @ rotation.T + shift


def symmetric_template(mean: Float[np.ndarray, "468 3"], partner: Int[np.ndarray, "468"]) -> Float[np.ndarray, "468 3"]:
    """The mean face in the head frame, exactly mirror symmetric."""
    placed = in_head_frame(mean)
    symmetric = 0.5 * (placed + placed[partner] * np.array([-1.0, 1.0, 1.0]))
    symmetric[partner == np.arange(len(partner)), 0] = 0.0
    return symmetric


def frontal_faces(landmarks: Float[np.ndarray, "K 478 3"]) -> Float[np.ndarray, "K 468 3"]:
    """The faces that look ahead, upright axes."""
    faces = np.stack([upright(points) for points in landmarks])
    across = faces[:, 263] - faces[:, 33]
    yaw = np.arctan2(across[:, 2], across[:, 0])
    return faces[np.abs(yaw) < MAX_YAW]


def resting_faces(faces: Float[np.ndarray, "K 468 3"]) -> Float[np.ndarray, "K 468 3"]:
    """The faces with lips closed and unstretched."""
    size = np.linalg.norm(faces[:, 33] - faces[:, 263], axis=1)
    gap = np.linalg.norm(faces[:, 13] - faces[:, 14], axis=1) / size
    frontal = faces[gap < 0.03]
    size = np.linalg.norm(frontal[:, 33] - frontal[:, 263], axis=1)
    width = np.linalg.norm(frontal[:, 61] - frontal[:, 291], axis=1) / size
    lift = (0.5 * (frontal[:, 61, 1] + frontal[:, 291, 1]) - frontal[:, 13, 1]) / size
    smile = (width - np.median(width)) / width.std() + (lift - np.median(lift)) / lift.std()
    return frontal[smile < np.quantile(smile, 0.6)]


def identity_deviations(
    faces: Float[np.ndarray, "K 468 3"], template: Float[np.ndarray, "468 3"], triangles: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, " S"]:
    """Standard deviation of the identity coefficients over the faces, each aligned to the template by its rigid set."""
    rigid = list(RIGID)
    basis = identity_basis(build_skull(template, triangles))[:NUM_LANDMARKS]
    flat = basis.reshape(3 * NUM_LANDMARKS, -1)
    coefficients = []
    for face in faces:
        scale, rotation, translation = similarity(face[rigid], template[rigid])
        difference = scale * face @ rotation.T + translation - template
        coefficients.append(np.linalg.solve(flat.T @ flat + np.eye(flat.shape[1]), flat.T @ difference.ravel()))
    return np.std(coefficients, axis=0)


def main() -> None:
    """Measure landmarks stored as one npz (name -> 478 x 3 pixels) and write the template."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landmarks", type=Path, nargs="+", help="npz files: one 478 x 3 array per portrait")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    gathered = []
    for path in options.landmarks:
        with np.load(path, allow_pickle=False) as arrays:
            gathered += [arrays[name] for name in arrays.files if arrays[name].shape == (478, 3)]
    frontal = frontal_faces(np.stack(gathered).astype(np.float64))
    # Mouths are open on average over all expressions, so no two landmarks coincide and mirror partners are unique.
    partner = mirror_map(in_head_frame(average_face(frontal)[0]))
    faces = resting_faces(frontal)
    template = symmetric_template(average_face(faces)[0], partner)
    triangles = face_triangles()
    triangles = oriented(template, triangles, template[triangles].mean(1) - np.array([0.0, 0.0, -2.0]))
    np.savez_compressed(
        options.out,
        vertices=template,
        faces=triangles,
        mirror=partner,
        identity_deviations=identity_deviations(frontal, template, triangles),
        num_portraits=len(faces),
    )
    print(f"{len(faces)} portraits, {len(triangles)} triangles -> {options.out}")


if __name__ == "__main__":
    main()
