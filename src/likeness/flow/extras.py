"""What a network may be told about each pixel besides the flow: normals, depth, gaze."""

import numpy as np
from jaxtyping import Float, Float32

from likeness.flow.posed import PosedHead
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import Raster, interpolate

DEPTH_SCALE = 0.1  # metres that become 1 in the depth channel


def normal_channels(target: PosedHead, raster: Raster, *, threads: int) -> Float32[np.ndarray, "3 H W"]:
    """Outward unit normals of the target, camera frame; zero beside the head."""
    normals = interpolate(raster, target.faces, vertex_normals(target.vertices, target.faces), threads=threads)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.moveaxis(normals / np.maximum(length, 1e-9), -1, 0).astype(np.float32)


def depth_channel(target: PosedHead, raster: Raster) -> Float32[np.ndarray, "H W"]:
    """Depth from the mean depth of the mesh, in units of 0.1 m; zero beside the head."""
    centre = np.float32(target.vertices[:, 2].mean())
    return np.where(raster.face >= 0, (raster.depth - centre) / np.float32(DEPTH_SCALE), np.float32(0.0))


def gaze_channels(
    target: PosedHead, source: PosedHead, raster: Raster, surface: Float[np.ndarray, "3 H W"]
) -> Float32[np.ndarray, "3 H W"]:
    """On the eyeballs: nearness to the target's gaze axis, to the source's, and the target's lid opening; else zero.

    Nearness is 1 - angle / 90 degrees, between the direction from the eye's centre to the surface and the axis: 1 in
    the middle of the pupil. The source's axis is carried along with the head, so it says where the iris would be if
    only the head had moved. `surface` is the point that each pixel shows, camera frame.
    """
    eye = np.where(raster.face >= 0, target.eye_of_face[np.maximum(raster.face, 0)], -1)
    channels = np.zeros((3, *eye.shape), dtype=np.float32)
    shown = eye >= 0
    number = eye[shown]
    outward = surface[:, shown].T - target.eye_centres[number]
    outward = outward / np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-9)
    carried = source.gaze_axes @ source.T_cam_head.rotation @ target.T_cam_head.rotation.T
    for channel, axes in enumerate((target.gaze_axes, carried)):
        cosine = np.einsum("nx,nx->n", outward, axes[number])
        channels[channel][shown] = np.maximum(1.0 - np.arccos(np.clip(cosine, -1.0, 1.0)) / (np.pi / 2.0), 0.0)
    channels[2][shown] = target.lids[number]
    return channels
