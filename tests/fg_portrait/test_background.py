"""The still background: mattes that follow the flow, a plate without the person, pixels that never change behind it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.data.background_plate import background_plate, head_mask
from likeness.errors import InputError
from likeness.fg_portrait.background import (
    drawn_matte,
    matte_at,
    over_background,
    person_channels,
    still_pixels,
)
from likeness.fg_portrait.batches import mirrored_condition
from likeness.fg_portrait.condition import motion_condition
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.presets import tiny
from likeness.fg_portrait.renderer import Prepared, prepare, render
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.weights import load_networks, load_training_weights, save_networks
from likeness.media.crop import extract
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.tracking.matte import person_matte
from tests.fg_portrait.models import condition, image_model, noisy_networks, random
from tests.fg_portrait.scenes import rest, settings, source, turned, view
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head


def places(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    return np.stack([columns / width, rows / height], axis=-1).astype(np.float32)


def test_a_matte_is_carried_where_the_flow_says() -> None:
    matte = np.zeros((8, 8), np.float32)
    matte[:, 5] = 1.0
    nowhere = np.zeros((8, 8), dtype=bool)
    still, carried = person_channels(matte, places(8, 8), nowhere)
    np.testing.assert_array_equal(still, matte)
    np.testing.assert_allclose(carried, matte, atol=1e-6)
    moved = places(8, 8) + np.float32([2 / 8, 0.0])  # each pixel shows what lies two to its right
    _, carried = person_channels(matte, moved, nowhere)
    np.testing.assert_allclose(carried[:, 3], 1.0, atol=1e-6)
    assert carried[:, [1, 2, 5, 6]].max() < 1e-6
    moved[0, 3] = np.nan
    head = nowhere.copy()
    head[7, 0] = True
    _, carried = person_channels(matte, moved, head)
    assert carried[0, 3] == 0.0 and carried[7, 0] == 1.0


def test_pixels_of_no_person_stay_where_they_are() -> None:
    person = np.zeros((2, 4, 4), np.float32)
    person[0, 0, 0] = person[1, 1, 1] = 0.9
    head = np.zeros((4, 4), dtype=bool)
    head[2, 2] = True
    is_still, where = still_pixels(person, head)
    expected = np.ones((4, 4), dtype=bool)
    expected[[0, 1, 2], [0, 1, 2]] = False
    np.testing.assert_array_equal(is_still, expected)
    np.testing.assert_allclose(where, places(4, 4))


def test_the_person_stands_before_the_plate_and_nothing_else_changes() -> None:
    rng = np.random.default_rng(0)
    drawn, plate = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    matte = np.zeros((8, 8), np.float32)
    matte[2:4], matte[4] = 1.0, 0.5
    composed = over_background(drawn, matte, plate)
    np.testing.assert_array_equal(composed[2:4], drawn[2:4])
    np.testing.assert_array_equal(composed[5:], plate[5:])
    assert np.abs(composed[4] - 0.5 * (drawn[4].astype(float) + plate[4])).max() <= 0.5
    small = np.zeros((4, 4), np.float32)
    np.testing.assert_array_equal(over_background(drawn, small, plate), plate)
    np.testing.assert_allclose(matte_at(matte, 4)[:, 0], [0.0, 1.0, 0.25, 0.0], atol=0.005)


def with_background(**changes: object) -> FgPortraitConfig:
    return replace(tiny(), control=replace(tiny().control, background=True, **changes))


def test_conditions_hold_the_matte_and_background_does_not_move() -> None:
    control = settings(background=True)
    matte = np.zeros((64, 64), np.float32)
    matte[8:, 16:48] = 1.0
    seen = replace(view(rest()), matte=matte)
    made = motion_condition([source(seen, control)], view(turned(20.0)), control)
    plain = motion_condition([source(seen, settings())], view(turned(20.0)), settings())
    assert plain.person is None and made.person is not None
    torch.testing.assert_close(made.person[0, 0], torch.from_numpy(matte_at(matte, 16)))
    background = made.person[0].amax(0) == 0
    assert background.any() and not made.picture[0][:, background].any()
    assert plain.picture[0][:, background].any()
    assert made.source_valid[0, 0][background].all() and not plain.source_valid[0, 0][background].any()
    centres = torch.from_numpy(places(16, 16))
    torch.testing.assert_close(made.source_pixels[0][background], centres[background])
    on_head = plain.source_valid[0, 0] > 0
    torch.testing.assert_close(made.picture[0][:, on_head], plain.picture[0][:, on_head])
    config = replace(tiny(), control=control)
    torch.testing.assert_close(mirrored_condition(made, config).person, made.person.flip(-1))
    landmarks = replace(settings(background=True, condition="landmark"), warp_latent=False)
    drawn = motion_condition([source(seen, landmarks)], view(turned(20.0)), landmarks)
    assert drawn.person is not None and drawn.source_pixels is None


def test_the_matte_reaches_the_embedding_and_is_silent_at_first() -> None:
    fresh, networks = build_networks(with_background()), noisy_networks(with_background())
    motion, latents = condition(tiny(), 1), random(1, 48, 16, 16)
    one, other = (replace(motion, person=random(1, 2, 16, 16, seed=seed)) for seed in (1, 2))
    assert torch.equal(fresh.embed(one, latents).control, fresh.embed(other, latents).control)
    assert not torch.equal(networks.embed(one, latents).control, networks.embed(other, latents).control)
    with pytest.raises(ValueError, match="needs the person's matte"):
        networks.embed(motion, latents)


def test_weights_without_the_switch_load_and_are_a_start_for_it(tmp_path) -> None:
    plain = image_model()
    save_networks(tmp_path / "plain", plain, head=tiny_head(), trained="")
    grown = build_networks(with_background())
    load_training_weights(tmp_path / "plain", grown, head=tiny_head())
    part = grown.part("control")
    assert all(torch.equal(value, part[name]) for name, value in plain.part("control").items())
    assert not part["person_embedding.weight"].any()
    save_networks(tmp_path / "grown", grown, head=tiny_head(), trained="")
    networks, _ = load_networks(tmp_path / "grown", head=tiny_head())
    assert networks.config.control.background
    with pytest.raises(InputError, match="was trained with background = True, but False is asked for"):
        load_training_weights(tmp_path / "grown", build_networks(tiny()), head=tiny_head())


def ready(config: FgPortraitConfig) -> Prepared:
    return prepare(portrait(), networks=noisy_networks(config), settings=config.sampling, seed=0)


def test_nothing_of_the_person_is_left_in_the_plate_and_all_of_the_rest() -> None:
    prepared = ready(with_background())
    window = prepared.square.window
    whole = extract(portrait().image, window, window.size)
    unchanged = (prepared.plate == whole).all(axis=-1)
    assert unchanged.mean() > 0.2
    face = head_mask(prepared.sources[0].posed, window.size)
    assert np.abs(prepared.plate[face].astype(int) - whole[face]).mean() > 20.0
    plate = background_plate(whole, np.zeros((window.size, window.size), np.float32), prepared.sources[0].posed)
    assert not np.array_equal(plate[face], whole[face])  # the fitted head is the person even where no matte says so


def test_the_background_of_a_clip_stands_still(monkeypatch) -> None:
    """Networks that paint the background anew in every frame change none of its pixels."""
    prepared = ready(with_background())

    def restless(self, frames):
        for number, _ in enumerate(frames):
            yield self.sources + 0.2 * (number - 1) * torch.ones_like(self.sources)

    monkeypatch.setattr(Sampler, "sample", restless)
    drawn = list(render(prepared, [turned_portrait(yaw) for yaw in (-10.0, 0.0, 10.0)]))
    photo = portrait().image
    matte = person_matte(photo)
    rows, columns = np.mgrid[0 : len(photo), 0 : photo.shape[1]]
    left, right = prepared.square.window.left, prepared.square.window.left + prepared.square.window.size
    beside = (matte < 0.02) & (columns > left + 8) & (columns < right - 8) & (rows < 150)
    beside &= np.abs(columns - (left + right) / 2) > 0.4 * prepared.square.window.size
    assert beside.sum() > 500
    for picture in drawn:
        np.testing.assert_array_equal(picture[beside], photo[beside])
    head = head_mask(prepared.sources[0].posed, 64).mean()
    assert 0.1 < head < 0.6
    assert all(not np.array_equal(one, other) for one, other in zip(drawn, drawn[1:], strict=False))


def test_the_drawn_matte_holds_the_posed_head() -> None:
    posed = ready(with_background()).sources[0].posed
    nothing = np.zeros((64, 64, 3), np.uint8)
    matte = drawn_matte(nothing, posed)
    inner = head_mask(posed, 64)
    assert matte[inner].mean() > 0.9 and matte.min() >= 0.0 and matte.max() <= 1.0


def turned_portrait(yaw: float):
    return apply_edit(portrait().rest, HeadEdit(yaw=yaw), portrait().head)
