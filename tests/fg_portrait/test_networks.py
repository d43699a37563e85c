"""The networks: source and control reach the result, dropped ones do not, silent temporal layers change nothing."""

from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from likeness.fg_portrait.control import Embedded, MotionCondition
from likeness.fg_portrait.feature_warp import FeatureWarp
from likeness.fg_portrait.latents import PixelUnshuffleSpace
from likeness.fg_portrait.networks import Networks, build_networks, with_temporal_layers
from likeness.fg_portrait.objective import training_loss
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.warping import warp_latents, warp_source
from likeness.nn.attention_bank import TokenRecorder, bank_names
from tests.fg_portrait.models import batch, condition, draft_model, image_model, noisy_networks, random, video_model

LATENT = (48, 16, 16)


def predict(networks: Networks, *, frames: int = 1, samples: int = 2, keep: Tensor | None = None, source: int = 1):
    """A prediction for random inputs; `source` is the seed of the source picture."""
    latents = random(samples, *LATENT, seed=source)
    times = torch.tensor([700, 20])[:samples]
    bank = networks.read_source(latents, times, keep=keep)
    motion = condition(networks.config, samples * frames)
    embedded = networks.embed(motion, latents.repeat_interleave(frames, dim=0))
    noisy = random(samples, frames, *LATENT, seed=9)
    return networks.predict(noisy, times, bank=bank, embedded=embedded, keep_control=keep)


def test_source_and_control_reach_the_prediction() -> None:
    networks = image_model()
    base = predict(networks)
    assert not torch.allclose(base, predict(networks, source=2))
    noisy, times = random(2, 1, *LATENT, seed=9), torch.tensor([700, 20])
    assert not torch.allclose(base, networks.predict(noisy, times, bank=None, embedded=None))


def test_a_draft_reaches_the_embedding_where_it_is_asked_for() -> None:
    for networks, reaches in ((image_model(), False), (draft_model(), True)):
        motion, latents = condition(networks.config, 1), random(1, *LATENT)
        other = replace(motion, draft=motion.draft.flip(-1))
        one, two = (networks.embed(each, latents).control for each in (motion, other))
        assert torch.equal(one, two) != reaches
    with pytest.raises(ValueError, match="needs them in the condition"):
        draft_model().embed(replace(motion, draft=None), latents)


WARPING = replace(tiny().control, warp_features=True)


def test_warped_features_are_silent_before_training_and_follow_the_flow_afterwards() -> None:
    fresh = build_networks(replace(tiny(), control=WARPING))
    silent = predict(fresh)
    fresh.control.feature_warp = None
    assert torch.equal(silent, predict(fresh))
    networks = image_model(control=WARPING)
    latents, times = random(1, *LATENT, seed=1), torch.tensor([300])
    bank, noisy = networks.read_source(latents, times), random(1, 1, *LATENT, seed=9)
    motion = condition(networks.config, 1)
    moved = replace(motion, source_pixels=motion.source_pixels.flip(1))
    embedded = [networks.embed(each, latents) for each in (motion, moved)]
    embedded.append(Embedded(control=embedded[0].control))
    one, two, without = (networks.predict(noisy, times, bank=bank, embedded=each) for each in embedded)
    assert not torch.allclose(one, two)
    assert not torch.allclose(one, without)
    with pytest.raises(ValueError, match="warped features need"):
        networks.embed(MotionCondition(picture=motion.picture), latents)


def test_dropped_samples_get_no_warped_features() -> None:
    networks = image_model(control=WARPING)
    free = networks.predict(random(2, 1, *LATENT, seed=9), torch.tensor([700, 20]), bank=None, embedded=None)
    mixed = predict(networks, keep=torch.tensor([True, False]))
    torch.testing.assert_close(mixed[1], free[1])
    torch.testing.assert_close(mixed[0], predict(networks)[0])


def test_features_are_warped_like_pictures() -> None:
    warp = FeatureWarp(image_model().denoiser)
    name = bank_names(image_model().denoiser)[0]
    projection = warp.projections[name.replace(".", "/")]
    width, side = projection.out_features, 16
    with torch.no_grad():
        projection.weight[:, :width] = torch.eye(width)
    tokens = {name: random(2, side * side, width)}
    centres = (torch.arange(side) + 0.5) / side
    same = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1).expand(4, -1, -1, -1)
    added = warp(tokens, same, torch.ones(4, 1, side, side))[name]
    torch.testing.assert_close(added, tokens[name].repeat_interleave(2, dim=0), atol=1e-5, rtol=1e-5)
    right = warp(tokens, same + torch.tensor([1.0 / side, 0.0]), torch.ones(4, 1, side, side))[name]
    expected = tokens[name].unflatten(1, (side, side))[:, :, 1:].repeat_interleave(2, dim=0)
    torch.testing.assert_close(right.unflatten(1, (side, side))[:, :, :-1], expected, atol=1e-5, rtol=1e-5)


def test_networks_that_predict_clean_latents_begin_with_the_draft() -> None:
    config = tiny()
    config = replace(
        config,
        control=replace(config.control, draft=True),
        diffusion=replace(config.diffusion, prediction="sample"),
        sampling=replace(config.sampling, steps=2),
    )
    networks = build_networks(config)
    motion, latents = condition(config, 1), random(1, *LATENT)
    sampler = Sampler(networks, latents, settings=config.sampling, seed=0)
    (drawn,) = [item for item in sampler.sample([motion]) if item is not None]
    torch.testing.assert_close(drawn, networks.encode_draft(motion), atol=1e-5, rtol=1e-5)
    assert build_networks(tiny()).denoiser.conv_out.weight.any()


def test_dropped_samples_see_neither_source_nor_control() -> None:
    networks = image_model()
    noisy, times = random(2, 1, *LATENT, seed=9), torch.tensor([700, 20])
    free = networks.predict(noisy, times, bank=None, embedded=None)
    mixed = predict(networks, keep=torch.tensor([True, False]))
    torch.testing.assert_close(mixed[1], free[1])
    torch.testing.assert_close(mixed[0], predict(networks)[0])


def test_one_source_given_twice_is_that_source() -> None:
    """Doubling every key leaves softmax attention to the source's share; with itself alone nothing changes."""
    networks = image_model()
    latents, times = random(1, *LATENT, seed=1), torch.tensor([300])
    noisy = random(1, 1, *LATENT, seed=9)
    two = networks.read_source(torch.cat([latents, latents]), times.repeat(2), sources=2)
    one = networks.read_source(latents, times)
    name = bank_names(networks.denoiser)[0]
    assert two.keys[name].shape[1] == 2 * one.keys[name].shape[1]
    torch.testing.assert_close(two.keys[name], torch.cat([one.keys[name]] * 2, dim=1))
    other = networks.read_source(torch.cat([latents, random(1, *LATENT, seed=5)]), times.repeat(2), sources=2)
    assert not torch.allclose(
        networks.predict(noisy, times, bank=two, embedded=None),
        networks.predict(noisy, times, bank=other, embedded=None),
    )


def test_the_bank_is_plain_attention_over_joined_tokens() -> None:
    """Against diffusers' own attention, which is given the joined tokens as its context."""
    networks = image_model()
    latents, times = random(1, *LATENT, seed=1), torch.tensor([300])
    recorder = TokenRecorder()
    networks.appearance(
        latents,
        times,
        encoder_hidden_states=networks.context,
        cross_attention_kwargs={"bank": recorder},
    )
    name = bank_names(networks.denoiser)[0]
    layer = networks.denoiser.get_submodule(name.removesuffix(".processor"))
    own = random(3, 64, 32, seed=4)
    bank = networks.read_source(latents, times)
    joined = torch.cat([own, recorder.tokens[name].expand(3, -1, -1)], dim=1)
    torch.testing.assert_close(layer(own, bank=bank), layer(own, encoder_hidden_states=joined))


def test_silent_temporal_layers_equal_the_image_model_frame_by_frame() -> None:
    image, video = image_model(), video_model()
    shared = {name: value for name, value in image.state_dict().items()}
    missing = video.load_state_dict(shared, strict=False)
    assert all("motion_modules" in name for name in missing.missing_keys)
    frames = 3
    as_video = predict(video, frames=frames)
    latents, times = random(2, *LATENT, seed=1), torch.tensor([700, 20])
    bank = image.read_source(latents, times)
    embedded = image.embed(condition(image.config, 6), latents.repeat_interleave(frames, dim=0))
    as_images = image.predict(random(2, frames, *LATENT, seed=9), times, bank=bank, embedded=embedded)
    torch.testing.assert_close(as_video, as_images, atol=1e-5, rtol=1e-4)


def test_temporal_layers_join_frames_once_they_speak() -> None:
    video = video_model()
    for name, value in video.part("motion").items():
        if "proj_out" in name:
            torch.nn.init.normal_(value)
    noisy, times = random(1, 4, *LATENT), torch.tensor([300])
    base = video.predict(noisy, times, bank=None, embedded=None)
    noisy[:, 3] += 1.0
    assert not torch.allclose(base[:, 0], video.predict(noisy, times, bank=None, embedded=None)[:, 0])


@pytest.mark.parametrize("make", [image_model, video_model])
def test_exactly_the_trained_parameters_get_gradients(make) -> None:
    networks = make()
    frames = 1 if networks.config.temporal is None else 3
    loss = training_loss(networks, batch(networks.config, frames=frames), torch.Generator().manual_seed(0))
    loss.backward()
    trained = {id(value) for value in networks.trained().values()}
    for name, value in networks.named_parameters():
        assert (value.grad is not None) == (id(value) in trained), name


def test_gradient_checkpointing_changes_nothing() -> None:
    networks = image_model()
    generator = torch.Generator()
    training_loss(networks, batch(networks.config), generator.manual_seed(0)).backward()
    plain = {name: value.grad.clone() for name, value in networks.trained().items()}
    networks.zero_grad()
    networks.train()
    networks.denoiser.enable_gradient_checkpointing()
    networks.appearance.enable_gradient_checkpointing()
    training_loss(networks, batch(networks.config), generator.manual_seed(0)).backward()
    for name, value in networks.trained().items():
        torch.testing.assert_close(value.grad, plain[name], atol=1e-6, rtol=1e-4)


def test_reading_the_source_at_time_zero_ignores_the_timestep() -> None:
    networks = image_model(reference_time="zero")
    latents = random(1, *LATENT)
    one = networks.read_source(latents, torch.tensor([900]))
    other = networks.read_source(latents, torch.tensor([3]))
    assert all(torch.equal(one.keys[name], other.keys[name]) for name in one.keys)
    same = image_model(reference_time="same")
    again = same.read_source(latents, torch.tensor([900]))
    name = bank_names(networks.denoiser)[-1]
    assert not torch.allclose(one.keys[name], again.keys[name])


def test_warped_latents_follow_the_map_exactly() -> None:
    size = 8
    centres = (torch.arange(size) + 0.5) / size
    grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)[None]
    latents = random(1, 5, size, size)
    valid = torch.ones(1, 1, size, size)
    same = warp_latents(latents, grid, valid)
    torch.testing.assert_close(same[:, :5], latents)
    torch.testing.assert_close(same[:, 5:], valid)
    right = warp_latents(latents, grid + torch.tensor([2.0 / size, 0.0]), valid)
    torch.testing.assert_close(right[..., :-2][:, :5], latents[..., 2:])
    assert not right[..., -2:].any()  # outside the source: not valid, and zero
    finer = torch.nn.functional.interpolate(grid.permute(0, 3, 1, 2), scale_factor=2, mode="nearest")
    torch.testing.assert_close(
        warp_latents(latents, finer.permute(0, 2, 3, 1), torch.ones(1, 1, 16, 16)), same, atol=1e-5, rtol=1e-5
    )
    nothing = warp_latents(latents, torch.full_like(grid, torch.nan), torch.zeros_like(valid))
    assert not nothing.any()


def test_rearranged_pixels_are_warped_as_pixels() -> None:
    """A shift by one pixel, which is a quarter of a latent, moves every pixel by one."""
    size, factor = 8, 4
    centres = (torch.arange(size) + 0.5) / size
    grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)[None]
    image = random(1, 3, size * factor, size * factor)
    latents = torch.nn.functional.pixel_unshuffle(image, factor)
    shift = torch.tensor([1.0 / (size * factor), 0.0])
    warped = warp_source(latents, grid + shift, torch.ones(1, 1, size, size), unshuffle=factor)
    moved = torch.nn.functional.pixel_shuffle(warped[:, :-1], factor)
    inner = (..., slice(4, -4), slice(4, -4))  # the coarse map ends half a latent inside
    torch.testing.assert_close(moved[inner], image.roll(-1, -1)[inner], atol=1e-4, rtol=0)
    assert (warped[:, -1] == 1.0).all()


def test_the_warped_latent_reaches_the_prediction() -> None:
    networks = image_model(control=replace(tiny().control, warp_latent=True))
    latents = random(2, *LATENT)
    motion = condition(networks.config, 2)
    embedded = networks.embed(motion, latents)
    moved = MotionCondition(
        picture=motion.picture, source_pixels=motion.source_pixels.flip(1), source_valid=motion.source_valid
    )
    assert not torch.allclose(embedded.control, networks.embed(moved, latents).control)
    with pytest.raises(ValueError, match="warped latent needs"):
        networks.embed(MotionCondition(picture=motion.picture), latents)


@pytest.mark.parametrize("kind", ["landmark", "drive_rgb", "pred_flow"])
def test_every_condition_reaches_the_prediction(kind: str) -> None:
    networks = image_model(control=replace(tiny().control, condition=kind))
    assert networks.config.control.channels == 3
    loss = training_loss(networks, batch(networks.config), torch.Generator().manual_seed(0))
    loss.backward()
    gradient = networks.control.embedding.conv_in.weight.grad
    assert gradient is not None and gradient.any()
    if kind == "pred_flow":
        assert networks.control.keypoints is not None
        assert all(value.grad is not None for value in networks.control.keypoints.parameters())


def test_pixel_unshuffle_is_exact() -> None:
    space = PixelUnshuffleSpace(4)
    image = random(2, 3, 16, 16).clamp(-1, 1)
    latents = space.encode(image)
    assert latents.shape == (2, 48, 4, 4)
    torch.testing.assert_close(space.decode(latents), image)


def test_the_motion_part_is_the_denoisers_own() -> None:
    networks = video_model()
    shared = {id(value) for value in networks.motion.parameters()}
    assert shared == {id(value) for value in networks.part("motion").values()}
    assert len(image_model().motion) == 0


def test_image_weights_become_a_video_model() -> None:
    networks = noisy_networks(tiny())
    assert isinstance(networks.denoiser, UNet2DConditionModel)
    video = with_temporal_layers(networks.denoiser, second_stage(tiny()))
    stored = video.state_dict()
    assert all(torch.equal(stored[name], value) for name, value in networks.denoiser.state_dict().items())
