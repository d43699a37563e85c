"""Several photos of a person: each pixel from the first that shows it, all of them in the bank, misuse in one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.data.clip import Clip
from likeness.data.sample import SampleSettings, draw_sample
from likeness.errors import InputError
from likeness.fg_portrait.batches import make_batch, mirrored_condition, sources_of
from likeness.fg_portrait.condition import in_all_places, make_sources, motion_condition
from likeness.fg_portrait.config import ControlSettings, FgPortraitConfig
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.feature_warp import FeatureWarp
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.objective import training_loss
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.train import check_further_sources
from likeness.fg_portrait.warping import warp_source
from likeness.fg_portrait.weights import load_training_weights, save_networks
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image, write_image
from likeness.motion.edit import HeadEdit, apply_edit
from tests.data.clips import new_clip, stored
from tests.fg_portrait.models import batch, condition, image_model, noisy_networks, random
from tests.fg_portrait.scenes import SIZE, image, rest, sample, settings, source, turned, view
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head


def centres(size: int) -> torch.Tensor:
    at = (torch.arange(size) + 0.5) / size
    return torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1)


def control(sources: int = 2, **changes: object) -> ControlSettings:
    return replace(settings(), sources=sources, **changes)


def model(sources: int = 2, **changes: object) -> FgPortraitConfig:
    return replace(tiny(), control=control(sources, **changes))


def test_what_is_given_fills_all_places_in_turns() -> None:
    assert in_all_places("ab", 3) == ("a", "b", "a")
    assert in_all_places("abc", 2) == ("a", "b")


@pytest.mark.parametrize("unshuffle", [1, 4])
def test_each_pixel_comes_from_its_own_source(unshuffle: int) -> None:
    latents = torch.cat([torch.full((1, 48, 8, 8), value) for value in (1.0, 5.0)])
    index = torch.zeros(1, 1, 8, 8)
    index[..., 4:] = 1.0
    valid = torch.ones(1, 1, 8, 8)
    valid[..., 0, :] = 0.0
    pixels = centres(8)[None]
    warped = warp_source(latents, pixels, valid, unshuffle=unshuffle, source_index=index)
    assert warped.shape == (1, 49, 8, 8)
    torch.testing.assert_close(warped[0, 0, 1:, :4], torch.full((7, 4), 1.0))
    torch.testing.assert_close(warped[0, 0, 1:, 4:], torch.full((7, 4), 5.0))
    torch.testing.assert_close(warped[0, -1], valid[0, 0])
    assert not warped[0, :48, 0].any()
    alone = warp_source(latents[:1], pixels, valid, unshuffle=unshuffle)
    same = warp_source(latents[:1], pixels, valid, unshuffle=unshuffle, source_index=torch.zeros_like(index))
    torch.testing.assert_close(alone, same)
    with pytest.raises(ValueError, match="which one each pixel lies in"):
        warp_source(latents, pixels, valid, unshuffle=unshuffle)


def test_features_come_from_the_source_that_shows_them() -> None:
    warp = FeatureWarp(image_model().denoiser)
    (name, projection) = next((key.replace("/", "."), value) for key, value in warp.projections.items())
    width, side = projection.out_features, 8
    with torch.no_grad():
        projection.weight[:, :width] = torch.eye(width)
    tokens = random(4, side * side, width)  # two samples of two sources
    index = torch.zeros(4, 1, side, side)
    index[:, :, : side // 2] = 1.0
    pixels, valid = centres(side).expand(4, -1, -1, -1), torch.ones(4, 1, side, side)
    added = warp({name: tokens}, pixels, valid, sources=2, source_index=index)[name].unflatten(1, (side, side))
    stored_tokens = tokens.unflatten(1, (side, side)).unflatten(0, (2, 2)).repeat_interleave(2, dim=0)
    torch.testing.assert_close(added[:, : side // 2], stored_tokens[:, 1, : side // 2], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(added[:, side // 2 :], stored_tokens[:, 0, side // 2 :], atol=1e-5, rtol=1e-5)


def test_pixels_that_the_first_photo_hides_lie_in_the_second() -> None:
    """The second photo shows the very pose that is asked for: what is taken from it lies where it is."""
    flow = replace(settings().flow, resolution=32)
    both = [source(view(turned(yaw)), control(flow=flow)) for yaw in (-35.0, 30.0)]
    made = motion_condition(both, view(turned(30.0)), control(flow=flow))
    first, second = made.source_visibility[0].bool()
    index = made.source_index[0, 0]
    assert torch.equal(index == 1.0, second & ~first)
    assert int((index == 1.0).sum()) > 20
    assert (made.source_pixels[0] - centres(32))[index == 1.0].abs().max() < 2e-3
    alone = motion_condition([both[0]], view(turned(30.0)), settings(flow=flow))
    assert alone.source_index is None and alone.source_visibility is None
    torch.testing.assert_close(made.picture, alone.picture)  # the flow leads to the first
    kept = index == 0.0
    torch.testing.assert_close(made.source_pixels[0][kept], alone.source_pixels[0][kept])
    mirrored = mirrored_condition(made, model())
    torch.testing.assert_close(mirrored.source_index, made.source_index.flip(-1))
    torch.testing.assert_close(mirrored.source_visibility, made.source_visibility.flip(-1))


def test_a_photo_that_comes_again_is_never_the_better_one() -> None:
    shown = [(builtin_head(), np.zeros(builtin_head().num_shape), view(rest()))]
    made = motion_condition(make_sources(shown, control(3)), view(turned(20.0)), control(3))
    assert not made.source_index.any()
    assert made.source_visibility.shape[1] == 3
    assert torch.equal(made.source_visibility[0, 0], made.source_visibility[0, 2])


def test_batches_hold_all_photos_and_fill_up_with_those_there_are() -> None:
    further = replace(sample(mirrored=False).targets[0], image=image(7))
    two = replace(sample(mirrored=True), more_sources=(further,))
    made = make_batch([two, sample(mirrored=False)], builtin_head(), model())
    assert made.sources.shape == (2, 2, 3, SIZE, SIZE)
    assert torch.equal(made.sources[1, 0], made.sources[1, 1])
    assert not torch.equal(made.sources[0, 0], made.sources[0, 1])
    for config in (model(), model(warp_features=True), second_stage(model())):
        assert torch.isfinite(training_loss(noisy_networks(config), made, torch.Generator().manual_seed(0)))
    sources, pictures = sources_of(two, builtin_head(), tiny())
    assert len(sources) == len(pictures) == 1


def test_further_photos_and_their_visibility_reach_the_prediction() -> None:
    config = model(warp_features=True)
    networks = noisy_networks(config)
    given = batch(config, samples=1, sources=2)
    halves = torch.arange(16).expand(1, 1, 16, 16) // 8
    motion = replace(
        given.condition, source_index=halves.float(), source_visibility=random(1, 2, 16, 16).clamp(0, 1).round()
    )

    def loss(sources: torch.Tensor, motion: MotionCondition) -> float:
        changed = replace(given, sources=sources, condition=motion)
        return training_loss(networks, changed, torch.Generator().manual_seed(3)).item()

    base = loss(given.sources, motion)
    assert loss(given.sources, motion) == base
    assert loss(torch.cat([given.sources[:, :1], -given.sources[:, 1:]], dim=1), motion) != base
    assert loss(given.sources, replace(motion, source_visibility=1.0 - motion.source_visibility)) != base
    assert loss(given.sources, replace(motion, source_index=1.0 - motion.source_index)) != base
    with pytest.raises(ValueError, match="needs to know what each of them shows"):
        loss(given.sources, replace(motion, source_visibility=None))


def test_sampling_reads_all_photos() -> None:
    config = replace(model(), sampling=replace(tiny().sampling, steps=1, init="warped_noised"))
    networks = noisy_networks(config)
    index = torch.zeros(1, 1, 16, 16)
    index[..., 8:] = 1.0
    motion = replace(condition(config, 1), source_index=index, source_visibility=torch.ones(1, 2, 16, 16))
    one, two, other = (random(1, 48, 16, 16, seed=seed) for seed in (1, 2, 3))

    def drawn(*sources: torch.Tensor) -> torch.Tensor:
        sampler = Sampler(networks, torch.cat(sources), settings=config.sampling, seed=0)
        return next(item for item in sampler.sample([motion]) if item is not None)

    assert torch.equal(drawn(one, two), drawn(one, two))
    assert not torch.allclose(drawn(one, two), drawn(one, other))


def test_weights_for_one_photo_are_a_start_for_several(tmp_path) -> None:
    save_networks(tmp_path / "one", image_model(), head=tiny_head(), trained="")
    networks = build_networks(replace(tiny(), control=replace(tiny().control, sources=2)))
    load_training_weights(tmp_path / "one", networks, head=tiny_head())
    assert not networks.part("control")["visibility_embedding.weight"].any()
    save_networks(tmp_path / "two", networks, head=tiny_head(), trained="")
    for count in (1, 3):
        other = build_networks(replace(tiny(), control=replace(tiny().control, sources=count)))
        with pytest.raises(InputError, match=f"was trained with sources = 2, but {count} is asked for"):
            load_training_weights(tmp_path / "two", other, head=tiny_head())
    with pytest.raises(ValueError, match="1 to 4 photos"):
        replace(tiny().control, sources=5)


def drawn_numbers(clips: tuple[Clip, ...], sources: int, number: int) -> tuple[list[int], int]:
    """Frames of a sample by the grey level of their pictures: sources, and the target."""
    options = SampleSettings(size=32, sources=sources)
    options = replace(
        options, augmentation=replace(options.augmentation, gain=0.0, channel_gain=0.0, gamma=0.0, source_scale=1.0)
    )
    made = draw_sample(clips, options, seed=0, number=number)
    shots = [made.source, *made.more_sources, made.targets[0]]
    frames = [round(float(shot.image.mean()) / 10.0) for shot in shots]
    return frames[:-1], frames[-1]


def test_further_sources_are_other_frames(tmp_path) -> None:
    clips = stored(tmp_path, new_clip(frames=6))
    for number in range(8):
        sources, target = drawn_numbers(clips, 3, number)
        assert len(set(sources)) == 3 and target not in sources
        assert (sources[:1], target) == drawn_numbers(clips, 1, number)  # the switch changes nothing else
    (tmp_path / "two").mkdir()
    few = stored(tmp_path / "two", new_clip(frames=2))
    assert len(drawn_numbers(few, 3, 0)[0]) == 1
    check_further_sources(clips, 2)
    check_further_sources(few, 1)
    with pytest.raises(InputError, match="further views of a person, which none of the 1 clips has"):
        check_further_sources(few, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Weights for two photos, a second photo of the person, and a picture of nobody."""
    out = tmp_path_factory.mktemp("several")
    save_networks(out / "two", noisy_networks(model()), head=builtin_head(), trained="not at all")
    save_networks(out / "one", image_model(), head=builtin_head(), trained="not at all")
    frame = apply_edit(portrait().rest, HeadEdit(yaw=12.0), portrait().head)
    (second,) = render(prepare(portrait()), [frame], threads=1)
    write_image(out / "second.png", second)
    write_image(out / "nobody.png", np.full((128, 128, 3), 90, np.uint8))
    return out


def test_the_command_line_takes_further_photos(folder: Path, tmp_path, capsys) -> None:
    common = ["edit", str(PHOTO), "--yaw", "10", "--method", "fg-portrait", "--weights", str(folder / "two")]
    common += ["--steps", "1"]
    assert main([*common, "--out", str(tmp_path / "one.png")]) == 0
    assert main([*common, "--more-photos", str(folder / "second.png"), "--out", str(tmp_path / "two.png")]) == 0
    assert not np.array_equal(read_image(tmp_path / "one.png"), read_image(tmp_path / "two.png"))
    assert "TFLOP" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("weights", "photos", "message"),
    [
        ("one", ["second.png"], "was trained to read one photo: leave --more-photos out"),
        ("two", ["second.png", "second.png"], "3 photos are given"),
        ("two", ["nobody.png"], "nobody.png: no face"),
        ("two", ["missing.png"], "missing.png does not exist"),
        (None, ["second.png"], "add --method fg-portrait"),
    ],
)
def test_photos_that_cannot_be_read_are_one_line(
    folder: Path, weights: str | None, photos: list[str], message: str, tmp_path, capsys
) -> None:
    chosen = [] if weights is None else ["--method", "fg-portrait", "--weights", str(folder / weights)]
    given = [str(folder / name) for name in photos]
    assert main(["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), *chosen, "--more-photos", *given]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
