"""Draws the figures of docs/training-data.md: synthetic pairs of public-domain photos, made heads, and statistics.

python tools/draw_data_docs.py
"""

import io
import sys
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from likeness.app.data_sets import flow_warp_pictures
from likeness.app.demo import PHOTO
from likeness.data.clip import NewClip, decode_mask, decode_picture
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.random_motion import MotionRange, random_moment
from likeness.data.round_trip import RoundTripSettings, photo_portrait, round_trip
from likeness.data.statistics import hidden_pixels
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.media.crop import extract
from likeness.media.images import read_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.pose import frontal_angles
from likeness.motion.record import MotionFrame
from likeness.tracking.lips import person_seal
from likeness.tracking.portrait import Portrait

sys.path.insert(0, str(Path(__file__).parent))
from draw_docs import hopper, write  # noqa: E402 - a neighbour, no package

Picture3 = UInt8[np.ndarray, "H W 3"]
CELL = 176  # pixels
SEEDS = (2, 11)  # of the pairs that are shown
NUM_MOMENTS = 400  # in the statistics
HIDDEN = (225, 70, 70)


def main() -> None:
    """Write the figures."""
    head = builtin_head()
    settings = RoundTripSettings(size=CELL)
    portraits = [photo_portrait(photo, head, settings) for photo in (read_image(PHOTO), hopper())]
    write("synthetic-pairs", pairs_figure(portraits, settings))
    write("made-heads", made_heads_figure(head))
    write("pair-statistics", statistics_figure(portraits[0]))


def pairs_figure(portraits: list[Portrait], settings: RoundTripSettings) -> Picture3:
    """Source, what it hides, the way back, and the aligned target with its mask."""
    rows = [pair_row(portrait, settings, seed) for portrait in portraits for seed in SEEDS]
    captions = ["photo", "source", "hidden in the source", "way back", "target, aligned", "not trusted"]
    return contact_sheet(rows, column_captions=captions, style=SheetStyle(cell_width=CELL, cell_height=CELL))


def pair_row(portrait: Portrait, settings: RoundTripSettings, seed: int) -> list[Picture3]:
    """One pair. The way back is drawn once more here: a clip does not keep it."""
    seen: list[Picture3] = []

    def render(subject: Portrait, frames: list[MotionFrame]) -> list[Picture3]:
        pictures = list(flow_warp_pictures(subject, frames))
        seen.extend(pictures)
        return pictures

    generator = np.random.default_rng(seed)
    clip = round_trip(portrait, "x", render=render, settings=settings, generator=generator)
    photo = extract(portrait.image, clip.header.window, CELL)
    back = extract(seen[1], clip.header.window, CELL)
    source, target = (decode_picture(content, CELL, "") for content in clip.pictures)
    mask = decode_mask(clip.masks[1], CELL, "")
    return [photo, source, with_hidden(clip, portrait, photo), back, target, dimmed(target, ~mask)]


def with_hidden(clip: NewClip, portrait: Portrait, photo: Picture3) -> Picture3:
    """The photo with what the source hides coloured, widened by a pixel so that thin lines are seen."""
    frames = clip.motion.frame(0), clip.motion.frame(1)
    camera = portrait.camera.cropped(
        clip.header.window.left, clip.header.window.top, clip.header.window.size, clip.header.window.size
    ).resized(CELL, CELL)
    _, hidden = hidden_pixels(portrait.head, clip.motion.shape, *frames, camera)
    return coloured(photo, cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def coloured(picture: Picture3, where: np.ndarray) -> Picture3:
    """Half of it red where asked."""
    result = picture.copy()
    result[where] = (0.4 * result[where] + 0.6 * np.array(HIDDEN)).astype(np.uint8)
    return result


def dimmed(picture: Picture3, where: np.ndarray) -> Picture3:
    """Dark where asked."""
    result = picture.copy()
    result[where] = result[where] // 4
    return result


def made_heads_figure(head: HeadModel) -> Picture3:
    """Three people, six poses each."""
    settings = MadeHeadSettings(size=CELL, poses=6)
    rows = []
    for seed in (1, 4, 6):
        clip = made_head("x", head, settings=settings, generator=np.random.default_rng(seed))
        rows.append([decode_picture(content, CELL, "") for content in clip.pictures])
    return contact_sheet(rows, style=SheetStyle(cell_width=CELL, cell_height=CELL))


def statistics_figure(portrait: Portrait) -> Picture3:
    """Pose ranges of sources, the turn between source and target, and how much of the target's head is hidden."""
    from matplotlib.figure import Figure

    seal = person_seal(portrait.head, portrait.shape)
    generator = np.random.default_rng(0)
    camera = portrait.camera.resized(round(0.5 * portrait.camera.width), round(0.5 * portrait.camera.height))
    angles, turns, shares = [], [], []
    rest = matrix_from_axis_angle(portrait.rest.rotation)
    for _ in range(NUM_MOMENTS):
        moment = random_moment(portrait.rest, portrait.head, seal, MotionRange(), generator)
        angles.append(np.degrees(frontal_angles(moment.rotation)))
        turns.append(float(np.degrees(geodesic_angle(rest, matrix_from_axis_angle(moment.rotation)))))
        on_head, hidden = hidden_pixels(portrait.head, portrait.shape, moment, portrait.rest, camera)
        shares.append(100.0 * hidden.sum() / on_head.sum())
    figure = Figure(figsize=(11.0, 3.2), dpi=100, layout="constrained")
    poses, gaps, occlusion = figure.subplots(1, 3)
    yaw, pitch, _ = np.array(angles).T
    poses.scatter(yaw, pitch, s=7, color="#3465a4")
    poses.set(xlabel="yaw of the source, degrees", ylabel="pitch, degrees")
    gaps.hist(turns, bins=24, color="#3465a4")
    gaps.set(xlabel="turn between source and target, degrees", ylabel="pairs")
    occlusion.scatter(turns, shares, s=7, color="#cc3333")
    occlusion.set(xlabel="turn, degrees", ylabel="of the head hidden in the source, %")
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return np.array(Image.open(stream).convert("RGB"))


if __name__ == "__main__":
    main()
