"""The 3D flow condition of FG-Portrait: for each pixel of the target, where the points on its ray lie on the source."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped

from likeness.errors import InputError
from likeness.flow.depth import SeenSurface, seen_surface, visible_points
from likeness.flow.encoding import (
    TargetView,
    picture_flow,
    ray_points,
    source_positions,
    surface_slopes,
    surface_values,
    view_target,
    write_stack,
)
from likeness.flow.extras import depth_channel, gaze_channels, normal_channels
from likeness.flow.posed import PosedHead
from likeness.flow.settings import FlowSettings
from likeness.flow.surface_field import SurfaceField, surface_field
from likeness.geometry.closest import SurfaceIndex, build_surface_index, refit

__all__ = ["FlowCondition", "FlowSettings", "PosedHead", "flip_condition", "flow_condition"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowCondition:
    """What a network is told about the motion from a source to a target."""

    channels: Float32[np.ndarray, "C H W"]  # encoded as the settings say
    names: tuple[str, ...]  # of the channels
    source_pixels: Float32[np.ndarray, "H W 2"]  # x, y in the source picture, 0 to 1 across it; may lie outside
    visibility: Float32[np.ndarray, "H W"]  # 1 where the source picture shows that surface, else 0
    mask: Float32[np.ndarray, "H W"]  # 1 where the target shows the head, else 0


def flow_condition(
    target: PosedHead,
    source: PosedHead,
    settings: FlowSettings,
    *,
    index: SurfaceIndex | None = None,
    seen: SeenSurface | None = None,
    threads: int = 2,
) -> FlowCondition:
    """The condition that leads from the source to the target: a backward look-up, source minus target.

    Args:
        index: of any pose of the same faces, built once; saves building it for each target.
        seen: what the source's camera sees, at this resolution; saves drawing it for each target.
        threads: at the same time; the result does not depend on it.

    Raises:
        InputError: the two heads are not of the same mesh.
    """
    _check_pair(target, source)
    index = build_surface_index(target.vertices, target.faces) if index is None else refit(index, target.vertices)
    view = view_target(target, settings, threads=threads)
    field = surface_field(index, target.vertices, source.vertices)
    values = surface_values(field, view)
    mask = view.samples.mask
    points = ray_points(view.camera, view.samples.middle) + values  # on the source, camera frame
    positions = source_positions(points, source.camera)
    visibility = np.zeros(mask.shape, dtype=np.float32)
    if seen is None:
        seen = seen_surface(source, resolution=settings.resolution, threads=threads)
    visibility[mask] = visible_points(seen, view.raster.face[mask], points[:, mask].T)
    channels = np.zeros((settings.channels, *mask.shape), dtype=np.float32)
    count = _write_flow(channels, field, values, view, source)
    for extra in _extras(view, source, visibility, positions):
        channels[count : count + len(extra)] = np.clip(extra, -settings.clip, settings.clip)
        count += len(extra)
    return FlowCondition(
        channels=channels,
        names=settings.names,
        source_pixels=positions,
        visibility=visibility,
        mask=mask.astype(np.float32),
    )


def _check_pair(target: PosedHead, source: PosedHead) -> None:
    if target.faces.shape != source.faces.shape or not np.array_equal(target.faces, source.faces):
        raise InputError(
            f"the target head ({len(target.vertices)} vertices, {len(target.faces)} faces) and the source head "
            f"({len(source.vertices)} vertices, {len(source.faces)} faces) are different meshes: use one head model"
        )


def _write_flow(
    channels: Float32[np.ndarray, "C H W"],
    in_camera: SurfaceField,
    values: Float32[np.ndarray, "3 H W"],
    view: TargetView,
    source: PosedHead,
) -> int:
    """Write the channels of the flow itself, given its field and surface values in the camera frame; returns how many
    there are.
    """
    settings = view.settings
    if settings.encoding == "flow2d":
        return 0  # it comes with the extras
    field = in_camera if settings.flow_frame == "camera" else _field_in_head_frame(in_camera.index, view.head, source)
    if settings.encoding == "stack":
        write_stack(field, view, channels[: 3 * settings.samples])
        return 3 * settings.samples
    if field is not in_camera:
        values = surface_values(field, view)
    channels[:3] = np.clip(values / np.float32(settings.scale), -settings.clip, settings.clip)
    if settings.encoding == "centre3":
        return 3
    channels[3:6] = np.clip(surface_slopes(field, view), -settings.clip, settings.clip)
    return 6


def _field_in_head_frame(index: SurfaceIndex, target: PosedHead, source: PosedHead) -> SurfaceField:
    """The field between the heads as they are in their own frames: the pose of the head is no part of it."""
    in_head_frame = source.T_cam_head.inverse().apply(source.vertices)
    return surface_field(index, target.vertices, in_head_frame, T_source_target=target.T_cam_head.inverse())


def _extras(
    view: TargetView,
    source: PosedHead,
    visibility: Float32[np.ndarray, "H W"],
    positions: Float32[np.ndarray, "H W 2"],
) -> Iterator[Shaped[np.ndarray, "_ H W"]]:
    """The extra channels that are asked for, in their order."""
    settings = view.settings
    if settings.encoding == "flow2d":
        yield picture_flow(positions)
    if "mask" in settings.extras:
        yield view.samples.mask[None]
    if "visibility" in settings.extras:
        yield visibility[None]
    if "normals" in settings.extras:
        yield normal_channels(view.head, view.raster, threads=view.threads)
    if "depth" in settings.extras:
        yield depth_channel(view.head, view.raster)[None]
    if "flow2d" in settings.extras:
        yield picture_flow(positions)
    if "gaze" in settings.extras:
        surface = ray_points(view.camera, view.samples.middle)
        yield gaze_channels(view.head, source, view.raster, surface)


def flip_condition(condition: FlowCondition) -> FlowCondition:
    """The condition of the mirrored pair of pictures, for cameras whose principal point is in the middle."""
    channels = condition.channels[..., ::-1].copy()
    for number, name in enumerate(condition.names):
        if name.endswith(".x"):
            channels[number] *= -1.0
    source_pixels = condition.source_pixels[:, ::-1].copy()
    source_pixels[..., 0] = 1.0 - source_pixels[..., 0]
    return FlowCondition(
        channels=channels,
        names=condition.names,
        source_pixels=source_pixels,
        visibility=condition.visibility[:, ::-1].copy(),
        mask=condition.mask[:, ::-1].copy(),
    )
