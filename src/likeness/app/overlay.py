"""The fitted head drawn as a wire mesh over the video it was tracked in."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.app.results import Watch
from likeness.geometry.camera import Camera
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.media.video import VideoWriter, read_frames
from likeness.motion.record import Motion

PARTS = ("skin", "eye_left", "eye_right")
COLOUR, LOST_COLOUR = (90, 230, 150), (240, 120, 90)  # RGB; the second where no face was found and numbers are held
OPACITY = 0.55


def write_overlay(video: Path, motion: Motion, out: Path, *, head: HeadModel, overwrite: bool, watch: Watch) -> None:
    """Write the video with the fitted head of each frame over it.

    Raises:
        OutputError: it cannot be written.
    """
    with VideoWriter(out, fps=motion.fps, overwrite=overwrite, inputs=[video]) as writer:
        for index, frame in enumerate(watch(read_frames(video), "overlay", len(motion))):
            writer.write(draw_fit(frame.image, motion, index, head), frame.time_seconds)


def draw_fit(
    image: UInt8[np.ndarray, "H W 3"], motion: Motion, index: int, head: HeadModel
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with the triangles that face the camera."""
    import cv2

    frame = motion.frame(index)
    vertices = frame.T_cam_head.apply(posed_vertices(head, motion.shape, frame.expression, frame.joints))
    camera = Camera(intrinsics=motion.intrinsics, width=image.shape[1], height=image.shape[0])
    corners = camera.project(vertices)[head.part_faces(*(name for name in PARTS if name in head.part_names))]  # [F 3 2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    is_front = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0.0  # the image's y axis points down
    fixed_point = np.round((corners[is_front] - 0.5) * 16.0).astype(np.int32)  # cv2 counts pixel centres as integers
    drawn = image.copy()
    colour = COLOUR if motion.valid[index] else LOST_COLOUR
    cv2.polylines(drawn, list(fixed_point), True, colour, 1, cv2.LINE_AA, 4)
    return cv2.addWeighted(drawn, OPACITY, image, 1.0 - OPACITY, 0.0)
