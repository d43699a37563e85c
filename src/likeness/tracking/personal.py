"""Personal vertex offsets: cranium and ears of a fitted head are moved until its outline is that of the person, hair
included, in one or more pictures. The face, which landmarks fit already, and the neck keep their places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Bool, Float, Int
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from likeness.geometry.camera import Camera
from likeness.geometry.mesh import graph_laplacian, vertex_normals
from likeness.geometry.raster import rasterise
from likeness.geometry.smoothstep import smoothstep
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.record import MotionFrame

MARGIN = 0.035  # metres from the landmarks of the face over which offsets are allowed more and more
BELOW = 0.02  # metres above the lowest landmark under which nothing moves: there the person goes on as neck and clothes
INWARD, OUTWARD = 0.025, 0.07  # metres that an outline is looked for along its normal: hair may stand off
STEP = 0.002  # metres between the places looked at
RESOLUTION = 192  # pixels of the longer side of the drawn outline at most
ROUNDS = 3
BENDING, STRETCHING = 1e-3, 3e-3  # weights of uneven offsets, against outline points that weigh one each
RESTRAINT = 0.02  # weight of the size of offsets, per vertex
SIDEWAYS = 0.5  # cosine to the outline's direction above which a point's normal tells about it
MISFIT = 0.01  # metres of disagreement from which a point counts less
IS_PERSON = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A picture of the person: what was fitted to it, the camera of the picture, and what is the person in it."""

    shape: Float[np.ndarray, " S"]  # identity coefficients; several photos, fitted one by one, have their own
    frame: MotionFrame
    camera: Camera  # of the matte
    matte: Float[np.ndarray, "H W"]  # share of each pixel that is the person


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """Points of the drawn head's outline with how far from each the person's own outline is found."""

    corners: Int[np.ndarray, "N 3"]  # vertices of the triangle
    weights: Float[np.ndarray, "N 3"]  # barycentric
    direction: Float[np.ndarray, "N 3"]  # out of the outline, camera frame
    distance: Float[np.ndarray, " N"]  # metres along it


def personal_head(head: HeadModel, offsets: Float[np.ndarray, "V 3"]) -> HeadModel:
    """The head of one person: its template moved by `offsets` (metres); coefficients and joints mean the same."""
    return replace(head, template=head.template + offsets)


def personal_offsets(head: HeadModel, seen: Sequence[Seen]) -> Float[np.ndarray, "V 3"]:
    """Offsets of the head's vertices (metres, head frame before joints rotate), along their normals and smooth.

    Where hair ends more than 7 cm beyond the head, or the person goes on, the outline says nothing and the offsets
    follow their neighbours. Pictures that show the head from several sides are fitted together.

    Raises:
        ValueError: there is no picture.
    """
    if not seen:
        raise ValueError("expected at least one picture, got none")
    shape = seen[0].shape
    movable = movable_share(head, shape)
    normals = vertex_normals(head.template + head.shape_basis @ shape, head.faces)
    laplacian = graph_laplacian(head.template, head.faces)
    inverse = np.divide(1.0, laplacian.degree, out=np.zeros_like(laplacian.degree), where=laplacian.degree > 0.0)
    bending = laplacian.matrix.T @ sparse.diags(inverse) @ laplacian.matrix
    held = sparse.diags(RESTRAINT / np.maximum(movable, 1e-3) ** 2)
    even = BENDING * bending + STRETCHING * laplacian.matrix
    size = np.zeros(len(head.template))
    for _ in range(ROUNDS):
        rows, wanted = _equations(personal_head(head, size[:, None] * normals), seen, size, movable)
        if not len(wanted):
            break
        share = 1.0 / (1.0 + ((rows @ size - wanted) / MISFIT) ** 2)
        weighted = rows.T @ sparse.diags(share)
        size = spsolve((weighted @ rows + even + held).tocsc(), weighted @ wanted)
    return size[:, None] * normals


def movable_share(head: HeadModel, shape: Float[np.ndarray, " S"]) -> Float[np.ndarray, " V"]:
    """How freely each vertex may leave its place: 0 on the face and below the chin, 1 on the cranium."""
    vertices = head.template + head.shape_basis @ shape
    landmarks = landmark_points(head, vertices)
    away, _ = cKDTree(landmarks).query(vertices)
    lowest = landmarks[:, 1].min()
    is_solid = np.ones(len(vertices), dtype=bool)
    for part in ("eye_left", "eye_right", "mouth", "teeth_upper", "teeth_lower"):
        if part in head.part_names:
            is_solid[head.part_faces(part).ravel()] = False
    above = smoothstep((vertices[:, 1] - lowest - BELOW) / MARGIN)
    return smoothstep(away / MARGIN) * above * is_solid


def _equations(
    head: HeadModel,
    seen: Sequence[Seen],
    size: Float[np.ndarray, " V"],
    movable: Float[np.ndarray, " V"],
) -> tuple[sparse.csr_matrix, Float[np.ndarray, " N"]]:
    """Rows and right-hand side for the offsets along the normals, from the outlines of the head as it is now."""
    matrices, wanted = [], []
    for view in seen:
        frame = view.frame
        vertices = frame.T_cam_head.apply(posed_vertices(head, view.shape, frame.expression, frame.joints))
        outline = head_outline(view, vertices, head.faces, movable)
        normals = vertex_normals(vertices, head.faces)
        along = np.einsum("nkx,nx->nk", normals[outline.corners], outline.direction) * outline.weights
        count = len(outline.distance)
        entries = (along.ravel(), (np.repeat(np.arange(count), 3), outline.corners.ravel()))
        tells = along.sum(axis=1) > SIDEWAYS
        rows = sparse.csr_matrix(entries, shape=(count, len(vertices)))[tells]
        matrices.append(rows)
        wanted.append(outline.distance[tells] + rows @ size)
    return sparse.vstack(matrices).tocsr(), np.concatenate(wanted)


def head_outline(
    view: Seen,
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    movable: Float[np.ndarray, " V"],
) -> Outline:
    """Where the head's outline lies in a picture, as far as it may move and the person's is found near it."""
    import cv2

    scale = min(RESOLUTION / max(view.camera.width, view.camera.height), 1.0)
    width, height = (max(round(scale * side), 8) for side in (view.camera.width, view.camera.height))
    camera = view.camera.resized(width, height)
    matte = cv2.resize(np.asarray(view.matte, dtype=np.float32), (width, height), interpolation=cv2.INTER_AREA)
    raster = rasterise(camera.project(vertices), vertices[:, 2], faces, width=width, height=height)
    mask = raster.face >= 0
    outward = -np.stack(np.gradient(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0))[::-1], axis=-1)
    rim = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    rim[[0, -1]] = rim[:, [0, -1]] = False  # where the picture ends, the head does not
    corners, weights = faces[raster.face[rim]], raster.barycentrics[rim].astype(np.float64)
    normal = outward[rim].astype(np.float64)
    length = np.linalg.norm(normal, axis=-1)
    pixel = np.argwhere(rim)[:, ::-1] + 0.5
    per_metre = camera.focal_pixels[0] / raster.depth[rim].astype(np.float64)
    free = (length > 1e-3) & (np.einsum("nk,nk->n", movable[corners], weights) > 0.2)
    corners, weights, pixel, per_metre = corners[free], weights[free], pixel[free], per_metre[free]
    normal = normal[free] / length[free, None]
    distance, is_found = _crossings(matte, pixel, normal, per_metre)
    direction = np.concatenate([normal, np.zeros((len(normal), 1))], axis=1)
    return Outline(
        corners=corners[is_found],
        weights=weights[is_found],
        direction=direction[is_found],
        distance=distance[is_found],
    )


def _crossings(
    matte: Float[np.ndarray, "H W"],
    pixel: Float[np.ndarray, "N 2"],
    normal: Float[np.ndarray, "N 2"],
    per_metre: Float[np.ndarray, " N"],
) -> tuple[Float[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Metres along the normals to where the person ends, and where that is found inside the picture."""
    import cv2

    places = np.arange(-INWARD, OUTWARD + STEP, STEP)
    at = pixel[:, None] + (places * per_metre[:, None])[..., None] * normal[:, None]  # [N K 2]
    values = cv2.remap(
        matte, (at - 0.5).astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0
    )
    is_inside = (at > 0.5).all(axis=-1) & (at < np.array(matte.shape[::-1]) - 0.5).all(axis=-1)
    ends = (values[:, :-1] >= IS_PERSON) & (values[:, 1:] < IS_PERSON) & is_inside[:, :-1] & is_inside[:, 1:]
    away = np.where(ends, np.abs(places[:-1]), np.inf)
    nearest = away.argmin(axis=1)
    rows = np.arange(len(pixel))
    first, second = values[rows, nearest], values[rows, nearest + 1]
    part = np.divide(first - IS_PERSON, first - second, out=np.zeros_like(first), where=first > second)
    metres = places[nearest] + STEP * part.astype(np.float64)
    return metres - 0.5 / per_metre, np.isfinite(away.min(axis=1))  # centres lie half a pixel within the outline
