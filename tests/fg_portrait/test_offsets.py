"""Personal offsets in the condition: its mask takes the hair in, all photos of a person share one head, the renderer
and the command line follow the switch.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.app.train import TrainFgPortrait
from likeness.app.train_fg_portrait import chosen_recipe
from likeness.data.background_plate import head_mask
from likeness.fg_portrait.batches import make_batch
from likeness.fg_portrait.condition import View, make_sources, motion_condition
from likeness.fg_portrait.presets import tiny
from likeness.fg_portrait.renderer import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.motion.edit import HeadEdit, apply_edit
from tests.fg_portrait.models import noisy_networks
from tests.fg_portrait.scenes import SIZE, rest, sample, settings, turned, view
from tests.flow_warp.portraits import portrait

HEAD = builtin_head()
SHAPE = np.zeros(HEAD.num_shape)
PIXELS_OF_HAIR = 4


def haired(yaw: float = 0.0) -> View:
    """A picture whose person has hair all around the fitted head."""
    import cv2

    seen = view(turned(yaw))
    (plain,) = make_sources([(HEAD, SHAPE, seen)], settings())
    mask = head_mask(plain.posed, SIZE).astype(np.uint8)
    around = 2 * PIXELS_OF_HAIR + 1
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (around, around)))
    return replace(seen, matte=grown.astype(np.float32))


def test_the_outline_takes_the_hair_in_and_the_target_moves_the_same_head() -> None:
    seen, control = haired(), settings(offsets=True)
    (source,) = make_sources([(HEAD, SHAPE, seen)], control)
    above = slice(0, SIZE // 3)
    plain = head_mask(make_sources([(HEAD, SHAPE, seen)], settings())[0].posed, SIZE)[above]
    personal = head_mask(source.posed, SIZE)[above]
    hair = (seen.matte[above] > 0.5) & ~plain
    assert hair.sum() > 50
    assert personal[hair].mean() > 0.7 and not (personal & ~(seen.matte[above] > 0.5))[1:-1].mean() > 0.02
    still = motion_condition([source], View(frame=rest(), camera=seen.camera), control)
    assert still.picture.abs().max() < 1e-3  # the same head in the same pose: nothing moves
    moved = motion_condition([source], View(frame=turned(20.0), camera=seen.camera), control)
    unaware = motion_condition(
        make_sources([(HEAD, SHAPE, seen)], settings()), View(frame=turned(20.0), camera=seen.camera), settings()
    )
    assert moved.picture.shape == unaware.picture.shape
    assert (moved.picture - unaware.picture).abs().max() > 0.01


def test_all_photos_of_a_person_give_one_head() -> None:
    control = settings(offsets=True, sources=2)
    other = SHAPE.copy()
    other[0] = 0.5 * HEAD.shape_deviations[0]
    first, second = make_sources([(HEAD, SHAPE, haired()), (HEAD, other, haired(30.0))], control)
    assert first.head is second.head and not np.array_equal(first.head.template, HEAD.template)
    (alone,) = make_sources([(HEAD, SHAPE, haired())], replace(control, sources=1))
    assert not np.array_equal(alone.head.template, first.head.template)


def test_training_and_rendering_follow_the_switch() -> None:
    config = replace(tiny(), control=settings(offsets=True))
    seen = sample(mirrored=True)
    with_matte = replace(seen, source=replace(seen.source, matte=haired().matte))
    on = make_batch([with_matte], HEAD, config).condition.picture
    off = make_batch([with_matte], HEAD, replace(tiny(), control=settings())).condition.picture
    assert on.shape == off.shape and not np.array_equal(on, off)
    prepared = prepare(portrait(), networks=noisy_networks(config), settings=config.sampling, seed=0)
    assert not np.array_equal(prepared.sources[0].head.template, portrait().head.template)
    (drawn,) = render(prepared, [apply_edit(portrait().rest, HeadEdit(yaw=10.0), portrait().head)])
    assert drawn.shape == portrait().image.shape


@pytest.mark.parametrize("switch", ["offsets", "lids"])
def test_the_option_sets_the_switch(switch: str) -> None:
    for is_on in (False, True):
        command = TrainFgPortrait(preset="tiny", data=(Path("data"),), out=Path("out"), **{switch: is_on})
        assert getattr(chosen_recipe(command).model.control, switch) is is_on
