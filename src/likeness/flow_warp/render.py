"""One frame: move the rig, rasterise grid and face into a backward map, sample the photo, draw eyes and mouth,
composite.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.face_rig.eyes import draw_eyes
from likeness.face_rig.lips import with_seen_lips
from likeness.face_rig.moment import Moment
from likeness.face_rig.mouth import draw_mouth
from likeness.face_rig.patch import patch_around
from likeness.face_rig.rig import CENTIMETRE, face_vertices
from likeness.face_rig.warp_raster import FAR, composite, draw_map, fade_beyond, fill_identity, lay_over, mark_tears
from likeness.flow_warp.grid_motion import moved_pixels
from likeness.flow_warp.mirrored import draw_mirrored_half
from likeness.flow_warp.prepare import Prepared, view_cosines
from likeness.flow_warp.texture import sample_texture
from likeness.geometry.transform import RigidTransform
from likeness.heads.landmark_sets import CHIN
from likeness.motion.record import MotionFrame

NECK_BASE = np.array([0.0, -3.5, -4.5]) * CENTIMETRE  # what the shoulders follow
BODY_BEHIND = 8.0 * CENTIMETRE  # depth of body nodes behind the head
_CUT = (1.0 * CENTIMETRE, 2.5 * CENTIMETRE)  # beyond the upper rim and the sides: heads still go on, and no more
TEAR = 6.0  # pixels between the sources of neighbours that count as an occlusion edge


def render(
    prepared: Prepared, frames: Iterable[MotionFrame], *, threads: int = 2
) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """Pictures of the prepared portrait, whole photos in the order of the frames; streams with a few in flight."""
    if threads <= 1:
        for frame in frames:
            yield render_frame(prepared, frame)
        return
    pending: deque[Future[np.ndarray]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for frame in frames:
            pending.append(pool.submit(render_frame, prepared, frame))
            if len(pending) > threads + 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:  # whoever stops early does not wait for frames that nobody will see
        pool.shutdown(wait=True, cancel_futures=True)


def render_frame(prepared: Prepared, frame: MotionFrame) -> UInt8[np.ndarray, "H W 3"]:
    """One picture, the size of the photo."""
    out = prepared.portrait.image.copy()
    out[prepared.window.slices] = render_window(prepared, frame)
    return out


def render_window(prepared: Prepared, frame: MotionFrame) -> UInt8[np.ndarray, "H W 3"]:
    """The part of the photo that moves."""
    import cv2

    rig, camera = prepared.rig, prepared.camera
    T_cam_head, rest_T_cam_head = frame.T_cam_head, rig.rest.T_cam_head
    vertices = face_vertices(rig, frame)
    points = T_cam_head.apply(vertices)
    pixels = with_seen_lips(camera.project(points), prepared.rest_pixels)
    shown = turned_into_view(prepared, vertices, T_cam_head)
    warp, left = backward_map(prepared, frame, points, pixels, shown)
    layered = sample_texture(prepared.layered, warp)
    layered[left, 3] = 0
    begin, end = (reach * prepared.pixels_per_metre for reach in _CUT)
    fade_beyond(layered, warp, prepared.rest_pixels[CHIN, 1], begin, end)
    draw_mirrored_half(
        layered,
        prepared.layered,
        prepared.mirrored,
        points=np.concatenate([pixels, points[:, 2:]], axis=1),
        faces=prepared.faces,
        shown=shown,
    )
    picture = cv2.cvtColor(layered, cv2.COLOR_RGBA2RGB)
    _soften_tears(picture, warp)
    moment = Moment(
        camera=camera,
        rest_camera=camera,
        T_cam_head=T_cam_head,
        rest_T_cam_head=rest_T_cam_head,
        vertices=vertices,
        rest_vertices=rig.rest_vertices,
        pixels=pixels,
        rest_pixels=prepared.rest_pixels,
        pixels_per_metre=prepared.pixels_per_metre,
    )
    draw_eyes(picture, prepared.eyes, moment, rig.rest, frame)
    draw_mouth(picture, prepared.mouth, moment)
    out = np.empty_like(picture)
    composite(picture, layered, prepared.plate, out)
    return out


def backward_map(
    prepared: Prepared,
    frame: MotionFrame,
    points: Float[np.ndarray, "468 3"],
    pixels: Float[np.ndarray, "468 2"],
    shown: Float[np.ndarray, "468"],
) -> tuple[Float[np.ndarray, "H W 2"], Bool[np.ndarray, "H W"]]:
    """For every pixel of the window, the position in the photo's window that it shows; and where the photo's own has
    moved away and nothing has come: near the picture's rim, when a head moves far.

    `points` (camera frame, metres) and `pixels` of the face now; `shown`: how far each vertex has turned into view.
    """
    camera, grid = prepared.camera, prepared.grid
    T_cam_head, rest = frame.T_cam_head, prepared.rig.rest.T_cam_head
    rigid_pixels = camera.project(T_cam_head.apply(prepared.rig.rest_vertices))
    body_shift = camera.project(T_cam_head.apply(NECK_BASE)) - camera.project(rest.apply(NECK_BASE))
    nodes = moved_pixels(
        grid,
        camera,
        T_cam_head=T_cam_head,
        body_shift=body_shift,
        expression_shift=pixels - rigid_pixels,
        face_triangles=prepared.faces,
        body_depth=float(rest.translation[2]) + BODY_BEHIND,
    )
    height, width = camera.height, camera.width
    depth = np.empty((height, width), np.float32)
    around = np.empty((height, width, 2), np.float32)
    fill_identity(around, depth)
    draw_map(nodes, grid.sources, grid.faces, depth, around, around, False, True)
    left = grid.covers & (depth == FAR)
    face = patch_around(pixels, 1, width, height)
    depth[face.slices] = FAR
    face_points = np.concatenate([pixels - face.corner, points[:, 2:]], axis=1).astype(np.float32)
    draw_map(
        face_points,
        _face_sources(prepared, shown),
        prepared.faces,
        depth[face.slices],
        around[face.slices],
        around[face.slices].copy(),
        True,
        False,
    )
    return around, left


def _face_sources(prepared: Prepared, shown: Float[np.ndarray, "468"]) -> Float[np.ndarray, "468 3"]:
    """Photo pixel and rim weight of each vertex; vertices that turn into view take the filled pixels."""
    seen = prepared.visibility
    fill = (seen.hidden * shown)[:, None]
    sources = (1 - fill) * prepared.rest_pixels + fill * seen.filled_pixels
    return np.concatenate([sources, prepared.rim_weight[:, None]], axis=1).astype(np.float32)


def turned_into_view(
    prepared: Prepared, vertices: Float[np.ndarray, "468 3"], T_cam_head: RigidTransform
) -> Float[np.ndarray, "468"]:
    """0 where a vertex faces the camera no more than in the photo, 1 where it has clearly turned toward it."""
    turned = view_cosines(vertices, prepared.faces, T_cam_head) - prepared.visibility.cosine
    return np.clip((turned - 0.03) / 0.12, 0.0, 1.0)


def _soften_tears(picture: UInt8[np.ndarray, "H W 3"], warp: Float[np.ndarray, "H W 2"]) -> None:
    """Blur occlusion edges by about a pixel, in place: a hard switch between two places of the photo looks torn."""
    import cv2

    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    top, bottom, left, right = mark_tears(warp, np.float32(TEAR), mask)
    if bottom < top:
        return
    area = (slice(max(0, top - 6), min(height, bottom + 8)), slice(max(0, left - 6), min(width, right + 8)))
    lay_over(picture[area], cv2.GaussianBlur(picture[area], (0, 0), 1.0), cv2.GaussianBlur(mask[area], (0, 0), 0.8))
