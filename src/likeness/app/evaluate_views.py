"""How renderers show a head from some sides, for the protocol `views`: flow-warp turns it, export3d goes around it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from likeness.app.camera_path import CameraPlace, Stage, camera_at, stage_of, turned_head
from likeness.app.directions import DirectionShifts
from likeness.app.options import Rendering
from likeness.app.renderers import RENDER_THREADS, weights_folder
from likeness.data.square import clip_square, head_box
from likeness.errors import InputError
from likeness.evaluation.protocols.free_view import Turn, Views
from likeness.evaluation.runner import Image
from likeness.export3d.cameras import frame_of_camera
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait


def turned_views(rendering: Rendering) -> Turn:
    """The function that shows a portrait from some sides.

    Raises:
        InputError: the renderer has no free view.
    """
    if rendering.method == "flow-warp":
        return _warped
    if rendering.method != "export3d":
        raise InputError(f"{rendering.method} has no free view: give --method export3d, or leave it out for flow-warp")

    def views(portrait: Portrait, sides: Sequence[tuple[float, float]]) -> Views:
        return _volume(rendering, portrait, sides)

    return views


def _warped(portrait: Portrait, sides: Sequence[tuple[float, float]]) -> Views:
    """The photo with the head turned as those cameras would see it."""
    from likeness.flow_warp import prepare, render

    stage = _stage(portrait)
    frames = tuple(turned_head(portrait, stage, portrait.rest, place) for place in _places(stage, sides))
    pictures = render(prepare(portrait), iter(frames), threads=RENDER_THREADS)
    return Views(pictures=pictures, frames=frames, camera=portrait.camera)


def _volume(rendering: Rendering, portrait: Portrait, sides: Sequence[tuple[float, float]]) -> Views:
    """The model's head from those cameras."""
    from likeness.app.view_export3d import draw_views, open_views

    prepared, shift = open_views(weights_folder(rendering), portrait, DirectionShifts(amounts={}))
    stage = _stage(portrait)
    cameras = [camera_at(stage, place) for place in _places(stage, sides)]
    side = prepared.subject.model.config.image_size
    frames: list[MotionFrame] = []
    for camera in cameras:
        T_cam_head, lens = frame_of_camera(camera.astype("float64"), width=side, height=side)
        rotation = axis_angle_from_matrix(T_cam_head.rotation)
        frames.append(replace(portrait.rest, rotation=rotation, translation=T_cam_head.translation))

    def pictures() -> Iterator[Image]:
        drawn = draw_views(prepared, [portrait.rest] * len(cameras), cameras, shift, side=side)
        return (picture for picture, _ in drawn)

    return Views(pictures=pictures(), frames=tuple(frames), camera=lens)


def _stage(portrait: Portrait) -> Stage:
    window = clip_square([head_box(portrait.head, portrait.shape, portrait.rest, portrait.camera)])
    return stage_of(portrait, portrait.camera.cropped(window.left, window.top, window.size, window.size))


def _places(stage: Stage, sides: Sequence[tuple[float, float]]) -> list[CameraPlace]:
    """Places around the head, from that of the photo's own camera."""
    from math import radians

    source = stage.source
    return [replace(source, yaw=source.yaw + radians(yaw), pitch=source.pitch + radians(pitch)) for yaw, pitch in sides]
