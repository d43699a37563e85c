"""What personal vertex offsets change: run `python tools/measure_offsets.py VIDEO [VIDEO ...]` from a checkout.

The first frame of each clip gives the offsets. In four later frames: millimetres between the outline of the posed head
and that of the person, and the PSNR of the first frame carried there by the 3D flow, on the person above the chin
without the face. Both with the fitted head and with the personal one.
"""

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.data.square import motion_in_square, square_of_motion
from likeness.flow.condition import flow_condition
from likeness.flow.settings import FlowSettings
from likeness.geometry.camera import Camera
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.media.crop import extract
from likeness.media.video import read_frames
from likeness.motion.record import Motion, MotionFrame
from likeness.tracking.matte import person_matte
from likeness.tracking.personal import Seen, head_outline, movable_share, personal_head, personal_offsets
from likeness.tracking.posed import posed_head
from likeness.tracking.video import track_video

SIZE = 192  # pixels, side of the squares
FRAMES = 90  # of each clip
SETTINGS = FlowSettings(resolution=SIZE, encoding="centre3")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A frame of a clip in the square."""

    frame: MotionFrame
    picture: UInt8[np.ndarray, "S S 3"]
    matte: Float[np.ndarray, "S S"]


def main(paths: list[Path]) -> None:
    """Print a line for each clip, and the medians."""
    rows = []
    for path in paths:
        rows.append(measured(path))
        print(f"{path.stem}: " + ", ".join(f"{value:.2f}" for value in rows[-1]), flush=True)
    names = ("outline, fitted", "outline, personal", "PSNR, fitted", "PSNR, personal")
    values = np.array(rows)
    print(
        "medians: " + ", ".join(f"{name} {value:.2f}" for name, value in zip(names, np.median(values, 0), strict=True))
    )
    gain = values[:, 3] - values[:, 2]
    print(f"PSNR gain: median {np.median(gain):.2f} dB, above 0 on {100 * (gain > 0).mean():.0f} % of the clips")


def measured(path: Path) -> tuple[float, float, float, float]:
    """Outline distances (mm) and PSNR (dB) of the fitted and the personal head."""
    head = builtin_head()
    frames = [frame.image for frame in islice(read_frames(path), FRAMES)]
    motion = track_video(islice(read_frames(path), FRAMES), head, source=path.name)
    window = square_of_motion(motion, head)
    squared = motion_in_square(motion, window, SIZE)
    camera = Camera(intrinsics=squared.intrinsics, width=SIZE, height=SIZE)

    def moment(index: int) -> Moment:
        levels = (255 * person_matte(frames[index])).astype(np.uint8)
        matte = extract(np.repeat(levels[..., None], 3, axis=2), window, SIZE)[..., 0] / 255.0
        return Moment(frame=squared.frame(index), picture=extract(frames[index], window, SIZE), matte=matte)

    last = len(frames) - 1
    turned = int(np.argmax(np.linalg.norm(squared.rotation - squared.rotation[0], axis=1)))
    first, *later = (moment(index) for index in (0, last // 4, last // 2, 3 * last // 4, turned))
    seen = Seen(shape=squared.shape, frame=first.frame, camera=camera, matte=first.matte)
    personal = personal_head(head, personal_offsets(head, [seen]))
    scores = [compared(each, squared, camera, first, later) for each in (head, personal)]
    return scores[0][0], scores[1][0], scores[0][1], scores[1][1]


def compared(
    head: HeadModel, motion: Motion, camera: Camera, first: Moment, later: list[Moment]
) -> tuple[float, float]:
    """Outline distance and PSNR, means over the later frames."""
    source = posed_head(head, motion.shape, first.frame, camera)
    movable = movable_share(builtin_head(), motion.shape)
    distances, ratios = [], []
    for moment in later:
        target = posed_head(head, motion.shape, moment.frame, camera)
        seen = Seen(shape=motion.shape, frame=moment.frame, camera=camera, matte=moment.matte)
        distances.append(1000.0 * np.abs(head_outline(seen, target.vertices, head.faces, movable).distance).mean())
        places = np.nan_to_num(flow_condition(target, source, SETTINGS).source_pixels, nan=-1.0) * SIZE - 0.5
        carried = cv2.remap(
            first.picture, places.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        squares = np.square(carried.astype(float) - moment.picture)[hair(moment, motion, camera)]
        ratios.append(10.0 * np.log10(255.0**2 / squares.mean()))
    return float(np.mean(distances)), float(np.mean(ratios))


def hair(moment: Moment, motion: Motion, camera: Camera) -> Bool[np.ndarray, "S S"]:
    """The person above the chin without the face: the same pixels for both heads."""
    head, frame = builtin_head(), moment.frame
    vertices = posed_vertices(head, motion.shape, frame.expression, frame.joints)
    points = camera.project(frame.T_cam_head.apply(landmark_points(head, vertices)))
    face = cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.uint8), cv2.convexHull(points.astype(np.int32)), 1)
    rows = np.arange(SIZE)[:, None]
    return (moment.matte > 0.5) & (face == 0) & (rows < points[:, 1].max())


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
