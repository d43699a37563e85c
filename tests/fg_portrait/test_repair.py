"""The gate of repairs: shut at rest, open where the head says that the default renderer is weak, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.sample import Sample, Shot
from likeness.errors import InputError
from likeness.fg_portrait.batches import make_batch
from likeness.fg_portrait.config import RepairShares
from likeness.fg_portrait.recipes import laptop, tiny, with_repair
from likeness.fg_portrait.repair import (
    ALL_PARTS,
    but_gaping_mouths,
    changed_share,
    gate_parts,
    repair_gate,
    resized_gate,
    with_gated_difference,
)
from likeness.heads.builtin import builtin_head
from likeness.motion.edit import HeadEdit, apply_edit
from tests.fg_portrait.scenes import SIZE, image, rest, source, turned, view

PARTS = ["mouth", "eyes", "hidden", "shrunk", "uncovered"]


def edited(**edit) -> dict[str, np.ndarray]:
    return gate_parts(source(), view(apply_edit(rest(), HeadEdit(**edit), builtin_head())))


def test_at_rest_it_is_shut() -> None:
    parts = gate_parts(source(), view(rest()))
    assert list(parts) == PARTS
    assert all(part.shape == (128, 128) and part.dtype == np.float32 and not part.any() for part in parts.values())


def test_a_mouth_that_opens_opens_its_part_alone() -> None:
    parts = edited(controls={"jawOpen": 0.35})
    rows, columns = np.nonzero(parts["mouth"] > 0.9)
    assert len(rows) and 40 < columns.mean() < 88 and not parts["eyes"].any()
    assert parts["mouth"].max() <= 1.0 and (parts["mouth"] > 0.0).mean() < 0.15


def test_lips_that_gape_are_left_alone() -> None:
    assert not edited(controls={"jawOpen": 1.0})["mouth"].any()


def test_whole_pictures_change_everywhere_but_in_gaping_mouths() -> None:
    def gate(jaw: float) -> np.ndarray:
        return but_gaping_mouths(
            source(), view(apply_edit(rest(), HeadEdit(controls={"jawOpen": jaw}), builtin_head()))
        )

    assert (gate(0.0) == 1.0).all()
    shut = gate(1.0)
    rows, columns = np.nonzero(shut < 0.1)
    assert len(rows) and 40 < columns.mean() < 88 and rows.mean() > 64
    assert (shut == 1.0).mean() > 0.8
    assert 0.1 < gate(0.45).min() < 0.9


def test_only_what_differs_from_the_photo_is_changed_and_what_is_around_it() -> None:
    photo = np.full((128, 128, 3), 100, np.uint8)
    assert not changed_share(photo, photo).any() and not changed_share(photo + np.uint8(1), photo).any()
    eye = photo.copy()
    eye[50:56, 40:52] = 60  # as a lid that has shut, in a face that stands still
    found = changed_share(eye, photo)
    assert found[53, 46] > 0.9 and found[53, 56] > 0.3 and not found[:, 80:].any()


def test_lids_that_shut_open_the_part_of_their_eye() -> None:
    shut = replace(rest(), lids=np.array([0.0, 0.3]))  # the left one, which is on the right of the picture
    parts = gate_parts(source(), view(shut))
    _, columns = np.nonzero(parts["eyes"] > 0.5)
    assert len(columns) and columns.min() > 64 and not parts["mouth"].any()


@pytest.mark.parametrize("yaw", [-38.0, 38.0])
def test_a_turned_head_shows_hidden_skin_on_one_side_and_uncovers_the_other(yaw: float) -> None:
    parts = edited(yaw=yaw)
    middles = {name: np.nonzero(parts[name] > 0.3)[1].mean() for name in ("hidden", "shrunk", "uncovered")}
    assert middles["hidden"] != pytest.approx(64.0, abs=8.0)
    assert (middles["hidden"] < 64.0) == (middles["shrunk"] < 64.0)
    assert not parts["mouth"].any() and not parts["eyes"].any()


def test_a_head_that_comes_closer_has_not_shrunk() -> None:
    closer = replace(rest(), translation=np.array([0.0, 0.0, 0.6]))
    assert gate_parts(source(), view(closer))["shrunk"].max() < 0.05


def test_mirrored_turns_have_mirrored_gates() -> None:
    left, right = edited(yaw=35.0), edited(yaw=-35.0)
    for name in ("hidden", "shrunk", "uncovered"):
        gap = np.abs(left[name] - right[name][:, ::-1])
        assert gap.mean() < 0.2 * left[name].mean()


def test_shares_weigh_the_parts() -> None:
    target = view(turned(30.0))
    parts = gate_parts(source(), target)
    none = RepairShares(mouth=0.0, eyes=0.0, hidden=0.0, shrunk=0.0, uncovered=0.0)
    assert not repair_gate(source(), target, none).any()
    half = repair_gate(source(), target, replace(none, hidden=0.5))
    np.testing.assert_allclose(half, 0.5 * parts["hidden"])
    np.testing.assert_allclose(repair_gate(source(), target, ALL_PARTS), np.max(list(parts.values()), axis=0))
    with pytest.raises(ValueError, match="mouth is 1.5"):
        RepairShares(mouth=1.5)


def test_the_difference_enters_where_the_gate_is_open() -> None:
    rng = np.random.default_rng(0)
    square = rng.integers(60, 180, (96, 96, 3), dtype=np.uint8)
    small = np.full((24, 24, 3), 100, dtype=np.uint8)
    gate = np.zeros((128, 128), np.float32)
    gate[:, 64:] = 1.0
    result = with_gated_difference(square, small + np.uint8(30), small, gate)
    np.testing.assert_array_equal(result[:, :46], square[:, :46])
    np.testing.assert_array_equal(result[:, 50:], square[:, 50:] + np.uint8(30))
    np.testing.assert_array_equal(with_gated_difference(square, small, small, gate), square)
    assert resized_gate(gate, 32).shape == (32, 32)


def test_errors_count_where_the_gate_is_open_and_a_tenth_elsewhere() -> None:
    def shot(frame) -> Shot:
        seen = view(frame)
        trust = np.ones((SIZE, SIZE), bool)
        return Shot(image=image(), trust=trust, frame=frame, camera=seen.camera, draft=image(1))

    model = with_repair(laptop(1)).model
    head = builtin_head()
    sample = Sample(
        clip="", shape=np.zeros(head.num_shape), source=shot(rest()), targets=(shot(turned(30.0)),), is_mirrored=False
    )
    weights = make_batch([sample], head, model).weights
    assert weights is not None
    expected = 0.1 + 0.9 * resized_gate(repair_gate(source(), view(turned(30.0)), ALL_PARTS), SIZE)
    np.testing.assert_allclose(weights[0, 0, 0].numpy(), expected, atol=1e-5)


def test_only_presets_that_repair_in_one_step_learn_to() -> None:
    recipe = with_repair(laptop(1))
    assert recipe.model.sampling.repair == RepairShares() and recipe.model.diffusion.start_share == 1.0
    with pytest.raises(InputError, match="train laptop"):
        with_repair(tiny(1))
