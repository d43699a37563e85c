"""From fitted heads to what the networks see: zero flow at rest, exact source positions, every kind of condition."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.data.region_weights import RegionWeights
from likeness.errors import InputError
from likeness.fg_portrait.batches import make_batch, mirrored_condition
from likeness.fg_portrait.condition import (
    motion_condition,
    picture_tensor,
    posed_head,
    tensor_pictures,
)
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.objective import training_loss
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.flow.settings import FlowSettings
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import landmark_points
from tests.fg_portrait.models import noisy_networks
from tests.fg_portrait.scenes import SIZE, image, rest, sample, settings, source, turned, view


def test_zero_motion_is_zero_flow_and_the_identity() -> None:
    made = motion_condition([source()], view(rest()), settings())
    assert made.picture.shape == (1, 12, 16, 16)
    assert made.picture.abs().max() < 1e-3
    assert made.source_pixels is not None and made.source_valid is not None
    valid = made.source_valid[0, 0] > 0
    assert 20 < int(valid.sum()) < 256
    centres = (torch.arange(16) + 0.5) / 16
    expected = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)
    assert (made.source_pixels[0] - expected)[valid].abs().max() < 1e-3


def test_a_turn_moves_what_it_should() -> None:
    made = motion_condition([source()], view(turned(20.0)), settings())
    assert made.picture.abs().max() > 0.1
    assert torch.isfinite(made.picture).all()


def test_shut_lids_move_the_flow_at_the_eyes_alone() -> None:
    shut = replace(view(rest()), frame=replace(rest(), lids=np.zeros(2)))
    unaware = motion_condition([source()], shut, settings())
    assert unaware.picture.abs().max() < 1e-3  # the openings are no part of the mesh by themselves
    aware = settings(lids=True)
    moved = motion_condition([source(control=aware)], shut, aware).picture[0].abs().amax(dim=0)
    assert moved.max() > 0.02
    rows = torch.nonzero(moved > 0.005)[:, 0].float() / moved.shape[0]
    assert rows.max() - rows.min() < 0.3
    still = motion_condition([source(control=aware)], view(rest()), aware)
    assert still.picture.abs().max() < 1e-3


@pytest.mark.parametrize(("extra", "count"), [("visibility", 1), ("normals", 3), ("mask", 1), ("gaze", 3)])
def test_extras_are_further_channels(extra: str, count: int) -> None:
    flow = FlowSettings(resolution=16, samples=4, extras=(extra,))
    made = motion_condition([source()], view(turned(20.0)), settings(flow=flow))
    assert made.picture.shape[1] == 12 + count
    assert made.picture[:, 12:].any() or extra == "gaze"


def test_landmarks_are_drawn_where_the_head_is() -> None:
    control = settings(condition="landmark", flow=FlowSettings(resolution=64))
    made = motion_condition([source()], view(turned(0.0)), control)
    assert made.picture.shape == (1, 3, 64, 64)
    drawn = made.picture[0].amax(0) > 0
    assert made.source_valid is not None
    on_head = made.source_valid[0, 0] > 0
    assert drawn.any() and (drawn & on_head).sum() > 0.9 * drawn.sum()  # lines on the rim are soft


def test_pictures_as_conditions() -> None:
    driving = replace(view(rest()), image=image(1))
    made = motion_condition([source()], driving, settings(condition="drive_rgb", flow=FlowSettings(resolution=64)))
    torch.testing.assert_close(made.picture, picture_tensor(image(1)))
    made = motion_condition([source()], driving, settings(condition="pred_flow", flow=FlowSettings(resolution=64)))
    assert made.source is not None
    torch.testing.assert_close(made.source, picture_tensor(image(0)))
    with pytest.raises(InputError, match="the driving picture"):
        motion_condition([source()], replace(driving, image=None), settings(condition="drive_rgb"))


def test_drafts_are_part_of_the_condition_where_they_are_asked_for() -> None:
    target = replace(view(turned(8.0)), draft=image(4))
    made = motion_condition([source()], target, settings(draft=True))
    torch.testing.assert_close(made.draft, picture_tensor(image(4)))
    assert motion_condition([source()], target, settings()).draft is None
    mirrored = mirrored_condition(made, replace(tiny(), control=settings(draft=True)))
    torch.testing.assert_close(mirrored.draft, picture_tensor(image(4)[:, ::-1]))
    with pytest.raises(InputError, match="works on drafts, which these clips do not have") as caught:
        motion_condition([source()], view(rest()), settings(draft=True))
    assert "\n" not in str(caught.value)


def test_pictures_and_tensors_are_one() -> None:
    picture = image()
    np.testing.assert_array_equal(tensor_pictures(picture_tensor(picture))[0], picture)


def config() -> FgPortraitConfig:
    return replace(tiny(), control=settings())


def test_batches_hold_what_the_objective_needs() -> None:
    made = make_batch([sample(mirrored=False), sample(mirrored=True)], builtin_head(), config())
    assert made.sources.shape == (2, 1, 3, SIZE, SIZE)
    assert made.targets.shape == (2, 1, 3, SIZE, SIZE)
    assert len(made.condition) == 2
    assert made.weights is not None
    assert not made.weights[0, 0, 0, :, :8].any() and not made.weights[1, 0, 0, :, -8:].any()
    torch.testing.assert_close(made.targets[1], made.targets[0].flip(-1))
    loss = training_loss(noisy_networks(config()), made, torch.Generator().manual_seed(0))
    assert torch.isfinite(loss)


def test_eyes_and_mouth_can_count_more_than_the_head_and_the_head_more_than_the_rest() -> None:
    weighted = replace(config(), diffusion=replace(config().diffusion, regions=RegionWeights(head=2.0, features=4.0)))
    plain = make_batch([sample(mirrored=True)], builtin_head(), config()).weights
    made = make_batch([sample(mirrored=True)], builtin_head(), weighted).weights
    assert plain is not None and made is not None
    assert set(made.unique().tolist()) == {0.0, 1.0, 2.0, 4.0}
    assert torch.equal(made > 0, plain > 0)  # what is not true stays out
    posed = posed_head(builtin_head(), np.zeros(builtin_head().num_shape), view(turned(8.0)))
    points = posed.camera.project(landmark_points(builtin_head(), posed.vertices))
    for landmark, weight in (
        (159, 4.0),
        (386, 4.0),
        (0, 4.0),
        (17, 4.0),
        (1, 2.0),
        (10, 2.0),
    ):  # lids, lips; nose, brow
        column, row = points[landmark].astype(int)
        assert made[0, 0, 0, row, SIZE - 1 - column] == weight
    shares = [(made == weight).float().mean() for weight in (1.0, 2.0, 4.0)]
    assert shares[2] < 0.5 * shares[1] < shares[0]


def test_windows_become_batches_of_the_second_stage() -> None:
    video = second_stage(config())
    made = make_batch([sample(mirrored=False, targets=3)], builtin_head(), video)
    assert made.targets.shape[:2] == (1, 3)
    assert torch.isfinite(training_loss(noisy_networks(video), made, torch.Generator().manual_seed(0)))


def test_mirroring_twice_changes_nothing_and_once_is_the_mirrored_turn() -> None:
    left = motion_condition([source()], view(turned(15.0)), settings())
    twice = mirrored_condition(mirrored_condition(left, config()), config())
    for one, other in ((left.picture, twice.picture), (left.source_pixels, twice.source_pixels)):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    right = motion_condition([source()], view(turned(-15.0)), settings())
    mirrored = mirrored_condition(left, config())
    difference = (mirrored.picture - right.picture).abs().median()
    assert difference < 0.02  # the head is nearly symmetric
    assert (left.picture - right.picture).abs().median() > 5 * difference
