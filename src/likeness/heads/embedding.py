"""The 468 face-mesh landmarks on the surface of any head, from the few whose places are known.

The built-in head's landmarks are moved onto the known ones (a similarity, then a smooth warp of what is left), and each
takes the surface point that is nearest in place and normal. Known landmarks keep their places exactly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from likeness.errors import InputError
from likeness.geometry.mesh import vertex_normals
from likeness.heads.builtin import NUM_LANDMARKS, builtin_head

NORMAL_REACH = 0.012  # m: a normal that points away counts as so far away
WARP_SMOOTHING = 1e-6  # of the thin plate's residuals (m)
SUBDIVISION = 4  # samples along an edge of each triangle
FACE_HEIGHTS = (0.08, 0.35)  # m, of the known landmarks together: anything else is in other units
FEWEST = 12
_CONTOUR_68 = (
    127, 234, 93, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 323, 454, 356,
)  # fmt: skip
# The 68 landmarks of Multi-PIE / iBUG in their order, as face-mesh landmarks: contour, brows, nose, eyes, lips.
FACE_MESH_OF_68 = (
    *_CONTOUR_68,
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(78, 81, 13, 311, 308, 402, 14, 178),
)
NUM_CONTOUR = len(_CONTOUR_68)  # the first ones: they slide along the jaw, so they guide and are not kept


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownLandmarks:
    """Face-mesh landmarks whose place on a head is given."""

    landmarks: Int[np.ndarray, " N"]  # of the 468
    faces: Int[np.ndarray, " N"]
    barycentrics: Float[np.ndarray, "N 3"]
    is_exact: Bool[np.ndarray, " N"]  # False: a guide for the others only

    def points(self, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "N 3"]:
        """Where they are on a mesh."""
        return np.einsum("nc,ncx->nx", self.barycentrics, vertices[faces[self.faces]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity:
    """Points of the built-in head moved towards another head: scale x rotation @ point + translation (metres)."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def apply(self, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        return self.scale * points @ self.rotation.T + self.translation


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """All 468 landmarks on a head."""

    faces: Int[np.ndarray, " 468"]
    barycentrics: Float[np.ndarray, "468 3"]
    from_builtin: Similarity
    residual: float  # m, median distance of the derived landmarks from where the warp expects them


def known_from_68(faces: Int[np.ndarray, " 68"], barycentrics: Float[np.ndarray, "68 3"]) -> KnownLandmarks:
    """Landmarks given as the 68 of Multi-PIE / iBUG."""
    return KnownLandmarks(
        landmarks=np.array(FACE_MESH_OF_68),
        faces=faces.astype(np.int64),
        barycentrics=barycentrics.astype(np.float64),
        is_exact=np.arange(len(FACE_MESH_OF_68)) >= NUM_CONTOUR,
    )


def vertex_landmarks(faces: Int[np.ndarray, "F 3"], vertices: Int[np.ndarray, " N"]) -> tuple[np.ndarray, np.ndarray]:
    """A face that touches each vertex, and the barycentric corner where it does.

    Raises:
        InputError: a vertex does not exist or belongs to no face.
    """
    flat = faces.ravel()
    order = np.argsort(flat, kind="stable")
    place = np.minimum(np.searchsorted(flat[order], vertices), len(flat) - 1)
    corners = order[place]
    if (flat[corners] != vertices).any():
        raise InputError("a landmark lies on a vertex that no triangle uses: check that the files belong together")
    return (corners // 3).astype(np.int64), np.eye(3)[corners % 3]


def align(source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"]) -> Similarity:
    """The similarity that carries `source` onto `target` with the least squares (Umeyama 1991)."""
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    centred = source - from_centre
    left, sizes, right = np.linalg.svd((target - to_centre).T @ centred)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * signs) @ right
    scale = float((sizes * signs).sum() / (centred**2).sum())
    return Similarity(scale=scale, rotation=rotation, translation=to_centre - scale * rotation @ from_centre)


def embed_landmarks(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    known: KnownLandmarks,
    *,
    surface: Bool[np.ndarray, " F"],
) -> Embedding:
    """All landmarks on a head (metres) at rest; `surface` says which triangles may carry them (the skin).

    Raises:
        InputError: too few landmarks are known, or their distances are not those of a face in metres.
    """
    if len(known.landmarks) < FEWEST:
        raise InputError(f"only {len(known.landmarks)} landmarks are given: at least {FEWEST} are needed")
    places = known.points(vertices, faces)
    height = float(np.linalg.norm(np.ptp(places, axis=0)))
    if not FACE_HEIGHTS[0] < height < FACE_HEIGHTS[1]:
        raise InputError(f"the head's landmarks span {height:.3g} m: the files do not belong together, or other units")
    reference = builtin_head()
    skin = reference.part_faces("skin")
    points, normals = reference.template, vertex_normals(reference.template, skin)
    similarity = align(points[known.landmarks], places)
    moved = similarity.apply(points[:NUM_LANDMARKS])
    rest = places - moved[known.landmarks]
    warp = RBFInterpolator(moved[known.landmarks], rest, kernel="linear", smoothing=WARP_SMOOTHING, degree=0)
    wanted = moved + warp(moved)
    directions = normals[:NUM_LANDMARKS] @ similarity.rotation.T
    chosen, shares, found = _nearest_like(vertices, faces, surface, wanted, directions)
    exact = known.is_exact
    chosen[known.landmarks[exact]] = known.faces[exact]
    shares[known.landmarks[exact]] = known.barycentrics[exact]
    derived = np.setdiff1d(np.arange(NUM_LANDMARKS), known.landmarks[exact])
    gaps = np.linalg.norm(found - wanted, axis=1)[derived]
    return Embedding(
        faces=chosen,
        barycentrics=shares,
        from_builtin=similarity,
        residual=float(np.median(gaps)) if len(gaps) else 0.0,
    )


def outward(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "F 3"]:
    """The triangles, turned round if most of them are seen from inside."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = corners.mean(axis=1) - vertices.mean(axis=0)
    return faces if (normals * away).sum() >= 0.0 else faces[:, ::-1].copy()


def origin_of(embedding: Embedding) -> Float[np.ndarray, "3"]:
    """Where the origin of the built-in head lies in the frame of an embedded one."""
    return embedding.from_builtin.translation


def joint_places(embedding: Embedding) -> Float[np.ndarray, "5 3"]:
    """The built-in head's joints, moved onto an embedded head whose origin is at `origin_of`."""
    return embedding.from_builtin.apply(builtin_head().joint_positions) - origin_of(embedding)


def _nearest_like(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    surface: Bool[np.ndarray, " F"],
    points: Float[np.ndarray, "N 3"],
    directions: Float[np.ndarray, "N 3"],
) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
    """Triangle, barycentrics and place of the surface sample nearest in place and normal; then the point's own foot
    in that triangle's plane where it lies inside.
    """
    allowed = np.flatnonzero(surface)
    corners = vertices[faces[allowed]]  # [F 3 3]
    grid = np.array(
        [(i, j, SUBDIVISION - i - j) for i in range(SUBDIVISION + 1) for j in range(SUBDIVISION + 1 - i)], dtype=float
    )
    shares = (grid + 1e-3) / (grid + 1e-3).sum(axis=1, keepdims=True)  # [G 3] just inside, so that feet stay inside
    samples = np.einsum("gc,fcx->fgx", shares, corners)
    normals = np.einsum("gc,fcx->fgx", shares, vertex_normals(vertices, faces[allowed])[faces[allowed]])
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    tree = cKDTree(np.concatenate([samples, 0.5 * NORMAL_REACH * normals], axis=2).reshape(-1, 6))
    _, nearest = tree.query(np.concatenate([points, 0.5 * NORMAL_REACH * unit], axis=1))
    triangle, sample = np.divmod(nearest, len(grid))
    result = shares[sample]
    first, second = corners[triangle, 1] - corners[triangle, 0], corners[triangle, 2] - corners[triangle, 0]
    gram = np.stack(
        [
            np.stack([(first * first).sum(1), (first * second).sum(1)], axis=1),
            np.stack([(first * second).sum(1), (second * second).sum(1)], axis=1),
        ],
        axis=1,
    )
    arm = points - corners[triangle, 0]
    right = np.stack([(first * arm).sum(1), (second * arm).sum(1)], axis=1)
    solvable = np.linalg.det(gram) > 1e-30
    feet = np.zeros((len(points), 2))
    feet[solvable] = np.linalg.solve(gram[solvable], right[solvable][..., None])[..., 0]
    foot = np.stack([1.0 - feet.sum(axis=1), feet[:, 0], feet[:, 1]], axis=1)
    inside = solvable & (foot >= 0.0).all(axis=1)
    result[inside] = foot[inside]
    return allowed[triangle], result, np.einsum("nc,ncx->nx", result, corners[triangle])
