"""What surrounds the face: a coarse grid over the photo that carries hair, head, neck and shoulders in 3D.

Every node has a depth, a share in the head's rigid motion and a share in the body's; the face's expression fades out
over the nodes around it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from likeness.face_rig.rig import CENTIMETRE
from likeness.face_rig.warp_raster import FAR, draw_map, fill_identity
from likeness.flow_warp.fields import HarmonicExtension, harmonic_extension, harmonic_fill
from likeness.geometry.camera import Camera
from likeness.geometry.smoothstep import smoothstep
from likeness.geometry.transform import RigidTransform

STEPS_PER_FACE = 27  # grid steps over the height of the face
SMALLEST_STEP = 4.0  # pixels
MARGIN_STEPS = 12  # the grid reaches this far beyond the picture
HEAD_CENTRE = np.array([0.0, 1.5, -2.0]) * CENTIMETRE
SILHOUETTE_RADII = (9.6, 11.5, 11.2)  # cm, of the head with hair: sideways, up, down
SILHOUETTE_BEHIND = 1.0 * CENTIMETRE  # depth of the silhouette behind the head's centre
HEAD_REACH = 1.30  # silhouette radii that move rigidly with the head, above the chin
FACE_REACH = 0.6 * CENTIMETRE
BODY_BELOW_CHIN = 5.0 * CENTIMETRE  # where the head's motion has ended
EXPRESSION_REACH = 9.0 * CENTIMETRE
BODY_FOLLOWS = 0.75  # share of the neck's displacement that the shoulders make
BODY_FADE = 16.0 * CENTIMETRE  # below the chin, where the body has stopped following


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """The grid (row-major nodes N = rows x columns) and its operators."""

    shape: tuple[int, int]  # rows, columns
    pixels: Float[np.ndarray, "N 2"]
    sources: Float32[np.ndarray, "N 3"]  # pixels and 1, as `draw_map` takes them
    points_head: Float[np.ndarray, "N 3"]  # nodes in the photo's head frame, metres
    faces: Int[np.ndarray, "F 3"]
    covers: Bool[np.ndarray, "H W"]  # pixels of the photo that it carries
    head_share: Float[np.ndarray, " N"]
    body_share: Float[np.ndarray, " N"]
    under_face: Bool[np.ndarray, " N"]
    face_triangle: Int[np.ndarray, " K"]  # per node under the face
    face_barycentrics: Float[np.ndarray, "K 3"]
    expression: HarmonicExtension
    step: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceImage:
    """The rest face rasterised in the photo: where it is, how deep, on which triangle."""

    triangle: Int[np.ndarray, "H W"]  # -1 outside
    barycentrics: Float[np.ndarray, "H W 3"]
    depth: Float[np.ndarray, "H W"]
    distance: Float[np.ndarray, "H W"]  # pixels to the face


def build_surroundings(
    camera: Camera,
    T_cam_head: RigidTransform,
    face: FaceImage,
    *,
    pixels_per_metre: float,
    face_height: float,
    chin: Float[np.ndarray, "2"],
) -> Surroundings:
    """The grid around a fitted face; `face_height` and `chin` in pixels of the camera's picture."""
    height, width = face.triangle.shape
    step = max(SMALLEST_STEP, face_height / STEPS_PER_FACE)
    x, y = _nodes(width, height, step)
    shape = (x.shape[0], x.shape[1])
    column, row = np.clip(x, 0, width - 1).astype(int), np.clip(y, 0, height - 1).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    on_face = inside & (face.triangle[row, column] >= 0)
    beyond = np.hypot(x - np.clip(x, 0, width), y - np.clip(y, 0, height))
    distance = (face.distance[row, column] + beyond) / pixels_per_metre

    centre = T_cam_head.apply(HEAD_CENTRE)
    up = _image_up(T_cam_head)
    radius = _silhouette_radius(np.stack([x, y], axis=-1), camera.project(centre), up, pixels_per_metre)
    above_chin = ((x - chin[0]) * up[0] + (y - chin[1]) * up[1]) / pixels_per_metre

    depth = np.where(on_face, face.depth[row, column], centre[2] + SILHOUETTE_BEHIND)
    depth = harmonic_fill(on_face | (radius > 1.12), depth)
    head_share = _head_share(radius, distance, above_chin)
    body_share = BODY_FOLLOWS * _body_share(x, y, above_chin, width, height)
    around_face = ~on_face & (distance < EXPRESSION_REACH)
    moves = (head_share > 0) | (body_share > 0) | on_face | around_face
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2)
    sources = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1).astype(np.float32)
    points = T_cam_head.inverse().apply(camera.unproject(pixels, depth.ravel()))
    faces = _moving(_grid_faces(*shape), moves.ravel())
    return Surroundings(
        shape=shape,
        pixels=pixels,
        sources=sources,
        points_head=points,
        faces=faces,
        covers=_covered(sources, faces, width, height),
        head_share=head_share.ravel(),
        body_share=body_share.ravel(),
        under_face=on_face.ravel(),
        face_triangle=face.triangle[row, column][on_face],
        face_barycentrics=face.barycentrics[row, column][on_face],
        expression=harmonic_extension(on_face, around_face, damped=True),
        step=step,
    )


def _nodes(width: int, height: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Node positions: a regular grid that covers the picture and a margin around it."""
    margin = MARGIN_STEPS * step
    x = np.arange(-margin, width + margin + step, step)
    y = np.arange(-margin, height + margin + step, step)
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def _grid_faces(rows: int, columns: int) -> Int[np.ndarray, "F 3"]:
    """Two triangles per cell, front side toward the camera."""
    number = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    c, d = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])


def _moving(faces: Int[np.ndarray, "F 3"], moves: Bool[np.ndarray, " N"]) -> Int[np.ndarray, "M 3"]:
    """The faces with a node that moves: the others would draw what is there already."""
    return np.ascontiguousarray(faces[moves[faces].any(axis=1)])


def _covered(
    points: Float32[np.ndarray, "N 3"], faces: Int[np.ndarray, "F 3"], width: int, height: int
) -> Bool[np.ndarray, "H W"]:
    """Pixels that faces cover."""
    depth, drawn = np.empty((height, width), np.float32), np.empty((height, width, 2), np.float32)
    fill_identity(drawn, depth)
    draw_map(points, points, faces, depth, drawn, drawn, False, True)
    return np.asarray(depth < FAR)


def _image_up(T_cam_head: RigidTransform) -> Float[np.ndarray, "2"]:
    """Direction of the head's +y in the picture, unit length."""
    direction = T_cam_head.rotation[:2, 1]
    return direction / max(float(np.linalg.norm(direction)), 1e-6)


def _silhouette_radius(
    points: Float[np.ndarray, "H W 2"],
    centre: Float[np.ndarray, "2"],
    up: Float[np.ndarray, "2"],
    pixels_per_metre: float,
) -> Float[np.ndarray, "H W"]:
    """Elliptic distance from the head's centre: 1 on the silhouette of head and hair."""
    right = np.array([-up[1], up[0]])
    sideways = (points - centre) @ right / pixels_per_metre / CENTIMETRE
    upward = (points - centre) @ up / pixels_per_metre / CENTIMETRE
    half_width, half_up, half_down = SILHOUETTE_RADII
    return np.hypot(sideways / half_width, upward / np.where(upward > 0, half_up, half_down))


def _head_share(
    radius: Float[np.ndarray, "H W"], distance: Float[np.ndarray, "H W"], above_chin: Float[np.ndarray, "H W"]
) -> Float[np.ndarray, "H W"]:
    """1 where the picture moves rigidly with the head, 0 well below the chin, smooth between."""
    import cv2

    rigid = ((radius < HEAD_REACH) & (above_chin > 0)) | (distance < FACE_REACH)
    still = above_chin < -BODY_BELOW_CHIN
    share = smoothstep(harmonic_fill(rigid | still, rigid.astype(np.float64)))
    return cv2.GaussianBlur(share, (0, 0), 1.5)


def _body_share(
    x: Float[np.ndarray, "H W"],
    y: Float[np.ndarray, "H W"],
    above_chin: Float[np.ndarray, "H W"],
    width: int,
    height: int,
) -> Float[np.ndarray, "H W"]:
    """How much a node that is not head follows the neck: all of it near the chin, none at the picture's lower rim."""
    falling = 1.0 - smoothstep((-above_chin - BODY_BELOW_CHIN) / BODY_FADE)
    rim = smoothstep((height - y) / (0.12 * height))
    return falling * rim
