"""Heads that leave a square: flow-warp's picture takes the place of what the square would cut."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from likeness.app.beyond_square import share_beyond, with_flow_warp_beyond
from likeness.data.square import head_box
from likeness.flow_warp import prepare, render
from likeness.media.crop import CropWindow
from likeness.motion.record import MotionFrame
from tests.flow_warp.portraits import portrait


def moved(columns: float) -> MotionFrame:
    """The head that many of its own widths to the right."""
    rest, made = portrait().rest, portrait()
    left, _, right, _ = head_box(made.head, made.shape, rest, made.camera)
    way = columns * (right - left) / made.camera.focal_pixels[0] * rest.translation[2]
    return replace(rest, translation=rest.translation + np.array([way, 0.0, 0.0]))


def window(scale: float = 1.5) -> CropWindow:
    made = portrait()
    box = head_box(made.head, made.shape, made.rest, made.camera)
    size = round(scale * float((box[2:] - box[:2]).max()))
    left, top = np.round(0.5 * (box[:2] + box[2:]) - size / 2.0).astype(int)
    return CropWindow(left=int(left), top=int(top), size=size)


def grey(frames: Iterable[MotionFrame]) -> Iterator[np.ndarray]:
    return (np.full_like(portrait().image, 128) for _ in frames)


def test_a_head_counts_as_beyond_as_far_as_it_reaches_the_rim() -> None:
    shares = [share_beyond(portrait(), window(), moved(columns)) for columns in (0.0, 0.2, 0.3, 0.35, 0.4, 0.6)]
    assert shares[0] == 0.0 and shares[-1] == 1.0
    assert shares == sorted(shares) and any(0.0 < share < 1.0 for share in shares)
    assert share_beyond(portrait(), window(), moved(-0.6)) == 1.0


def test_a_square_that_reaches_beyond_the_photo_cuts_nothing_there() -> None:
    width = portrait().camera.width
    wide = CropWindow(left=-width, top=-width, size=3 * width)
    assert share_beyond(portrait(), wide, moved(2.0)) == 0.0


@pytest.mark.parametrize("columns", [0.0, 0.6])
def test_inside_the_given_picture_and_beyond_flow_warps(columns: float) -> None:
    frames = [moved(columns), moved(0.0)]
    drawn = list(with_flow_warp_beyond(portrait(), window(), grey, iter(frames)))
    assert len(drawn) == 2 and (drawn[1] == 128).all()
    wanted = next(grey([frames[0]])) if columns == 0.0 else next(render(prepare(portrait()), [frames[0]], threads=1))
    np.testing.assert_array_equal(drawn[0], wanted)


def test_lost_pictures_are_an_error() -> None:
    def loses_one(frames: Iterable[MotionFrame]) -> Iterator[np.ndarray]:
        frames = iter(frames)
        yield from grey([next(frames)])

    drawn = with_flow_warp_beyond(portrait(), window(), loses_one, [moved(0.0), moved(0.0)])
    next(drawn)
    with pytest.raises(ValueError, match="zip"):
        next(drawn)


def test_frames_are_taken_one_at_a_time() -> None:
    taken = []

    def frames() -> Iterator[MotionFrame]:
        for number in range(5):
            taken.append(number)
            yield moved(0.0)

    drawn = with_flow_warp_beyond(portrait(), window(), grey, frames())
    next(drawn)
    assert taken == [0]
