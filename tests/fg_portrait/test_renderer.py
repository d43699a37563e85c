"""The renderer on a real photo, with small untrained networks: geometry, streaming, seeds, colours, lack of memory."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.app.fg_portrait import draft_frames
from likeness.app.options import Rendering
from likeness.app.renderers import open_renderer
from likeness.app.results import unwatched
from likeness.data.head_square import match_background
from likeness.errors import InputError
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.presets import tiny
from likeness.fg_portrait.renderer import DrawDrafts, Prepared, prepare, render
from likeness.fg_portrait.repair import ALL_PARTS
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.weights import save_networks
from likeness.heads.builtin import builtin_head
from likeness.heads.landmark_sets import CHIN
from likeness.media.images import read_image
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from likeness.nn import shipped
from tests.fg_portrait.models import draft_model, noisy_networks
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head


def networks() -> Networks:
    return noisy_networks(replace(tiny(), control=replace(tiny().control, warp_latent=True)))


def ready(seed: int = 0) -> Prepared:
    made = networks()
    return prepare(portrait(), networks=made, settings=made.config.sampling, seed=seed)


def turned(yaw: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(yaw=yaw), portrait().head)


def test_source_latents_in_the_place_of_drawn_ones_give_the_photo_back(monkeypatch) -> None:
    """Cut, encode, decode and paste are inverse to each other but for the model's 64 pixels."""
    prepared = ready()
    monkeypatch.setattr(Sampler, "sample", lambda self, frames: (self.sources for _ in frames))
    (picture,) = render(prepared, [portrait().rest])
    photo = portrait().image
    assert picture.shape == photo.shape and picture.dtype == np.uint8
    window = prepared.square.window
    inside = (
        slice(max(window.top, 0), window.top + window.size),
        slice(max(window.left, 0), window.left + window.size),
    )
    outside = np.ones(photo.shape[:2], dtype=bool)
    outside[inside] = False
    assert outside.any()
    np.testing.assert_array_equal(picture[outside], photo[outside])
    assert np.abs(picture[inside].astype(int) - photo[inside]).mean() < 12.0
    shifted = np.roll(picture, 8, axis=1)
    assert np.abs(shifted[inside].astype(int) - photo[inside]).mean() > 16.0


def drafts_by_flow_warp() -> DrawDrafts:
    return draft_frames(open_renderer(Rendering(), watch=unwatched, count=0), portrait())


def ready_with_drafts() -> Prepared:
    made = draft_model()
    drafts = drafts_by_flow_warp()
    return prepare(portrait(), networks=made, settings=made.config.sampling, seed=0, draw_drafts=drafts)


def drafts_and(difference: float):
    """A sampler whose networks change the drafts by that, in [-1, 1]."""

    def sample(self, frames):
        for frame in frames:
            yield self.networks.space.encode((frame.draft + difference).clamp(-1, 1))

    return sample


def test_what_networks_leave_alone_is_the_default_renderers_picture(monkeypatch) -> None:
    monkeypatch.setattr(Sampler, "sample", drafts_and(0.0))
    frames = [turned(-8.0), turned(8.0)]
    expected = list(drafts_by_flow_warp()(frames))
    drawn = list(render(ready_with_drafts(), frames))
    assert len(drawn) == 2
    for one, other in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_networks_change_is_added_to_the_default_renderers_picture(monkeypatch) -> None:
    monkeypatch.setattr(Sampler, "sample", drafts_and(20 / 127.5))
    prepared = ready_with_drafts()
    still, expected = drafts_by_flow_warp()([portrait().rest, turned(8.0)])
    unmoved, drawn = render(prepared, [portrait().rest, turned(8.0)])
    np.testing.assert_array_equal(unmoved, still)  # the photo as it is has no faults to repair
    change = drawn.astype(int) - expected
    window = prepared.square.window
    third = window.size // 3
    middle = change[window.top + third : window.top + 2 * third, window.left + third : window.left + 2 * third]
    assert np.median(middle) == 20
    beside = change[max(window.top, 0) : window.top + third, max(window.left, 0) : window.left + third // 2]
    assert (beside == 0).mean() > 0.9  # background beside the person, inside the soft border of the square
    outside = np.ones(change.shape[:2], dtype=bool)
    outside[max(window.top, 0) : window.top + window.size, max(window.left, 0) : window.left + window.size] = False
    assert not change[outside].any()


def test_shut_eyes_of_a_still_head_are_changed_and_the_chin_is_not(monkeypatch) -> None:
    monkeypatch.setattr(Sampler, "sample", drafts_and(20 / 127.5))
    prepared, made = ready_with_drafts(), portrait()
    shut = apply_edit(made.rest, HeadEdit(controls={"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}), made.head)
    (expected,), (drawn,) = drafts_by_flow_warp()([shut]), render(prepared, [shut])
    change = (drawn.astype(int) - expected).mean(axis=-1)
    for landmark, wanted in ((159, True), (386, True), (CHIN, False)):  # upper lids
        column, row = made.landmarks[landmark, :2].astype(int)
        assert (change[row, column] > 10.0) == wanted


def test_gated_changes_stay_where_the_head_opens_the_gate(monkeypatch) -> None:
    monkeypatch.setattr(Sampler, "sample", drafts_and(40 / 127.5))
    prepared = ready_with_drafts()
    gated = replace(prepared, settings=replace(prepared.settings, repair=ALL_PARTS))
    frames = [portrait().rest, turned(30.0)]
    expected = list(drafts_by_flow_warp()(frames))
    drawn = list(render(gated, frames))
    np.testing.assert_array_equal(drawn[0], expected[0])
    change = np.abs(drawn[1].astype(int) - expected[1]).max(axis=-1) > 10
    assert 0.0 < change.mean() < 0.1


def test_networks_on_drafts_draw_whole_clips() -> None:
    drawn = list(render(ready_with_drafts(), [turned(yaw) for yaw in (-5.0, 0.0, 5.0)]))
    assert len(drawn) == 3 and drawn[0].shape == portrait().image.shape
    made = draft_model()
    with pytest.raises(ValueError, match="need something that draws them"):
        prepare(portrait(), networks=made, settings=made.config.sampling, seed=0)


def test_the_same_seed_gives_the_same_pictures() -> None:
    frames = [turned(-8.0), turned(8.0)]
    first = list(render(ready(1), frames))
    again = list(render(ready(1), frames))
    other = list(render(ready(2), frames))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1])


def test_rendering_streams_and_its_steps_are_watched(caplog) -> None:
    taken, seen = [], []

    def endless() -> Iterator[MotionFrame]:
        while True:
            taken.append(0)
            yield portrait().rest

    prepared = ready()
    assert len(list(islice(render(prepared, endless()), 9))) == 9
    assert len(taken) <= 2 * prepared.settings.section

    def watch(items, label, total):
        for item in items:
            seen.append((label, total))
            yield item

    with caplog.at_level("WARNING", logger="likeness"):
        assert len(list(render(prepared, [portrait().rest] * 9, watch=watch, count=9))) == 9
    assert seen == [("denoising", 2 * prepared.settings.steps)] * (2 * prepared.settings.steps)
    assert "TFLOP" in caplog.text and "s per frame" in caplog.text


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 9 TB")]
)
def test_lack_of_memory_is_one_line_of_advice(error: Exception, monkeypatch) -> None:
    prepared = ready()

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(prepared.networks, "predict", fails)
    with pytest.raises(InputError, match="smaller model"):
        list(render(prepared, [portrait().rest]))


def test_other_errors_stay_what_they_are(monkeypatch) -> None:
    prepared = ready()

    def fails(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(prepared.networks, "predict", fails)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        list(render(prepared, [portrait().rest]))


def test_colours_move_back_by_what_the_background_drifted() -> None:
    rng = np.random.default_rng(0)
    source = rng.integers(40, 200, (20, 20, 3), dtype=np.uint8)
    background = np.zeros((20, 20), dtype=bool)
    background[:, :12] = True
    drifted = (source.astype(int) + [6, -5, 0]).astype(np.uint8)
    drifted[:, 9:12] = 255  # a head that moved over some of the background
    matched = match_background(drifted, source, background)
    np.testing.assert_array_equal(matched[:, :9], source[:, :9])
    slightly = (source.astype(int) + 2).astype(np.uint8)
    assert match_background(slightly, source, background) is slightly
    assert match_background(drifted, source, np.zeros_like(background)) is drifted


def test_a_head_over_most_of_the_background_leaves_the_colours_alone() -> None:
    source = np.full((32, 32, 3), 40, np.uint8)
    near = source.copy()
    near[:24] = 200  # three quarters of what was background
    background = np.ones((32, 32), dtype=bool)
    assert match_background(near, source, background) is near
    near[24:] += 6
    np.testing.assert_array_equal(match_background(near, source, background)[24:], source[24:])


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_networks(folder, networks(), head=builtin_head(), trained="not at all")
    return folder


def test_the_command_line_draws_with_weights(weights: Path, tmp_path, capsys) -> None:
    common = ["edit", str(PHOTO), "--yaw", "10", "--method", "fg-portrait", "--weights", str(weights), "--steps", "2"]
    for seed in ("3", "4"):
        assert main([*common, "--seed", seed, "--out", str(tmp_path / f"{seed}.png")]) == 0
    assert not np.array_equal(read_image(tmp_path / "3.png"), read_image(tmp_path / "4.png"))
    assert "TFLOP" in capsys.readouterr().err


def test_the_command_line_draws_with_weights_that_work_on_drafts(tmp_path) -> None:
    save_networks(tmp_path / "weights", draft_model(), head=builtin_head(), trained="not at all")
    common = ["edit", str(PHOTO), "--yaw", "10", "--method", "fg-portrait", "--weights", str(tmp_path / "weights")]
    assert main([*common, "--steps", "1", "--out", str(tmp_path / "a.png")]) == 0
    assert read_image(tmp_path / "a.png").shape == read_image(PHOTO).shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "fg-portrait"], "none are installed: add --weights FOLDER"),
        (["--method", "fg-portrait", "--weights", "nowhere"], "is no folder"),
        (["--weights", "nowhere"], "add --method fg-portrait"),
        (["--seed", "-1"], "--seed is -1"),
    ],
)
def test_options_that_cannot_work_are_one_line(options: list[str], message: str, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "none")
    assert main(["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "2000"], "steps is 2000: only 1 to 1000"),
        (["--guidance", "0.5"], "guidance is 0.5: only 1 to 1000"),
        (["--guidance", "nan"], "guidance is nan"),
    ],
)
def test_numbers_out_of_range_are_one_line(weights: Path, options, message: str, tmp_path, capsys) -> None:
    common = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "fg-portrait"]
    assert main([*common, "--weights", str(weights), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_head_are_one_line(tmp_path, capsys) -> None:
    save_networks(tmp_path / "weights", networks(), head=tiny_head(), trained="")
    common = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "fg-portrait"]
    assert main([*common, "--weights", str(tmp_path / "weights")]) == 2
    assert "was trained on the head" in capsys.readouterr().err
