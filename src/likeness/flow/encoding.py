"""From the surface field to the channels of a condition: all samples, value and slope, the value on the surface, the
flow of the picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.flow.sampling import RaySamples, sample_rays
from likeness.flow.settings import FlowSettings
from likeness.flow.surface_field import FieldEncoding, SurfaceField, field_along_rays
from likeness.geometry.camera import Camera
from likeness.geometry.raster import Raster, interpolate

FADE = 0.1  # metres beside the head at which `decay` has brought the flow down to 1/e
NEAREST_SOURCE = 0.01  # metres: what comes closer to the source camera, or behind it, is not in its picture
NOT_IN_PICTURE = -1.0  # source position of such a pixel


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetView:
    """What the target's camera sees, and where its rays are to be looked up."""

    head: PosedHead
    camera: Camera  # at the resolution of the condition
    raster: Raster
    samples: RaySamples
    settings: FlowSettings
    threads: int

    @property
    def fade(self) -> float:
        """Metres beside the head at which the flow has fallen to 1/e."""
        return FADE if self.settings.offhead == "decay" else np.inf


def view_target(head: PosedHead, settings: FlowSettings, *, threads: int) -> TargetView:
    """Render the target's depth and place the samples."""
    camera = head.camera.resized(settings.resolution, settings.resolution)
    raster = render_depth(head, camera, threads=threads)
    return TargetView(
        head=head,
        camera=camera,
        raster=raster,
        samples=sample_rays(raster, head.vertices, settings),
        settings=settings,
        threads=threads,
    )


def write_stack(field: SurfaceField, view: TargetView, out: Float32[np.ndarray, "C H W"]) -> None:
    """All samples of each pixel, nearest first, x, y, z each: the paper's tensor. `out` holds zeros before."""
    settings, samples = view.settings, view.samples
    encoding = FieldEncoding(scale=settings.scale, clip=settings.clip)
    field_along_rays(
        field,
        view.camera,
        samples,
        samples.mask,
        rule="frame" if settings.surface_field == "frame" else "plane",
        out=out,
        encoding=encoding,
        faces=view.raster.face if settings.surface_field == "local" else None,
        threads=view.threads,
    )
    _write_beside(field, view, samples, replace(encoding, fade=view.fade), out)


def surface_values(field: SurfaceField, view: TargetView) -> Float32[np.ndarray, "3 H W"]:
    """Flow (metres) at the surface that each pixel shows; beside the head at the mean depth of the mesh."""
    samples = view.samples
    values = np.zeros((3, *samples.mask.shape), dtype=np.float32)
    middle = replace(samples, first=samples.middle, step=np.zeros_like(samples.step))
    _write_beside(field, view, middle, FieldEncoding(fade=view.fade), values)
    on_head = interpolate(view.raster, view.head.faces, field.flow, threads=view.threads)  # zero beside it
    values += np.moveaxis(on_head, -1, 0)
    return values


def surface_slopes(field: SurfaceField, view: TargetView) -> Float32[np.ndarray, "3 H W"]:
    """Change of the flow along the ray, metres per metre of depth.

    On the head it is that of the triangle the pixel shows (no search); beside it, the quotient of two samples `delta`
    before and behind the mean depth of the mesh.
    """
    samples, half = view.samples, np.float32(view.settings.delta)
    ends = replace(samples, first=samples.middle - half, step=np.full_like(samples.step, 2 * half))
    pair = np.zeros((6, *samples.mask.shape), dtype=np.float32)
    _write_beside(field, view, ends, FieldEncoding(fade=view.fade), pair)
    slopes = (pair[3:] - pair[:3]) / (2 * half)
    rays = ray_points(view.camera, np.ones_like(samples.middle))
    maps = field.plane[view.raster.face[samples.mask]]
    slopes[:, samples.mask] = np.einsum("nxy,yn->xn", maps, rays[:, samples.mask])
    return slopes


def _write_beside(
    field: SurfaceField,
    view: TargetView,
    samples: RaySamples,
    encoding: FieldEncoding,
    out: Float32[np.ndarray, "C H W"],
) -> None:
    """Encoded flow of the samples beside the head, unless it is to stay zero.

    They lie at the same depths everywhere. With an `offhead_step` above 1 the flow is looked up on the rays of a
    coarser picture, one pixel larger on every side, and bilinear in between.
    """
    beside, step = ~samples.mask, view.settings.offhead_step
    if view.settings.offhead == "zero" or not beside.any():
        return
    if step == 1:
        field_along_rays(
            field, view.camera, samples, beside, rule="frame", out=out, encoding=encoding, threads=view.threads
        )
        return
    coarse_view, needed = _coarse_view(view.camera, beside, step)
    rays = RaySamples(
        first=np.full(needed.shape, samples.first[beside][0]),
        step=np.full(needed.shape, samples.step[beside][0]),
        middle=np.full(needed.shape, samples.middle[beside][0]),
        mask=~needed,
    )
    coarse = np.zeros((len(out), *needed.shape), dtype=np.float32)
    field_along_rays(
        field, coarse_view, rays, needed, rule="frame", out=coarse, encoding=encoding, threads=view.threads
    )
    (height, width), (rows, columns) = beside.shape, needed.shape
    for channel, values in zip(out, coarse, strict=True):
        fine = cv2.resize(values, (step * columns, step * rows), interpolation=cv2.INTER_LINEAR)
        np.copyto(channel, fine[step : step + height, step : step + width], where=beside)


def _coarse_view(camera: Camera, beside: Bool[np.ndarray, "H W"], step: int) -> tuple[Camera, Bool[np.ndarray, "h w"]]:
    """The camera of a picture `step` times as coarse with one more pixel on each side, and which of its pixels the
    bilinear values at `beside` need.
    """
    rows, columns = (-(-side // step) for side in beside.shape)
    whole = camera.cropped(0, 0, columns * step, rows * step)
    padded = np.zeros((rows * step, columns * step), dtype=np.bool_)
    padded[: beside.shape[0], : beside.shape[1]] = beside
    blocks = np.pad(padded.reshape(rows, step, columns, step).any(axis=(1, 3)), 1)
    needed = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return whole.resized(columns, rows).cropped(-1, -1, columns + 2, rows + 2), needed


def ray_points(camera: Camera, depth: Float32[np.ndarray, "H W"]) -> Float32[np.ndarray, "3 H W"]:
    """The point at that depth (z, metres) on the ray of each pixel centre, camera frame."""
    x = (np.arange(camera.width) + 0.5 - camera.centre_pixels[0]) / camera.focal_pixels[0]
    y = (np.arange(camera.height) + 0.5 - camera.centre_pixels[1]) / camera.focal_pixels[1]
    return np.stack([x.astype(np.float32) * depth, y.astype(np.float32)[:, None] * depth, depth])


def source_positions(points: Float32[np.ndarray, "3 H W"], source_camera: Camera) -> Float32[np.ndarray, "H W 2"]:
    """Where camera-frame points of the source lie in its picture, 0 to 1 across it; -1 at or behind the camera."""
    ahead = points[2] > NEAREST_SOURCE
    inverse = np.float32(1.0) / np.where(ahead, points[2], np.float32(1.0))
    positions = np.empty((*ahead.shape, 2), dtype=np.float32)
    matrix = source_camera.intrinsics.astype(np.float32)
    for axis in range(2):
        share = points[axis] * inverse * matrix[axis, axis] + matrix[axis, 2]
        positions[..., axis] = np.where(ahead, share, np.float32(NOT_IN_PICTURE))
    return positions


def picture_flow(positions: Float32[np.ndarray, "H W 2"]) -> Float32[np.ndarray, "2 H W"]:
    """From each pixel's own place in the picture to its place in the source, 1 across the picture."""
    height, width = positions.shape[:2]
    own_x, own_y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    shift = [positions[..., 0] - own_x.astype(np.float32), positions[..., 1] - own_y.astype(np.float32)[:, None]]
    return np.stack(shift)
