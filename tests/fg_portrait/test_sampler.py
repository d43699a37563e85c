"""Sampling: windows cover and blend, guidance 1 is the conditional branch, seeds decide, memory stays constant."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from likeness.fg_portrait.config import SamplingSettings
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.sampler import Sampler, frame_noise
from likeness.fg_portrait.schedule import add_noise, ddim_step, make_schedule, prediction_target
from likeness.fg_portrait.warping import warp_source
from likeness.fg_portrait.windows import blend_windows, frame_windows, mirrored
from tests.fg_portrait.models import condition, draft_model, image_model, random, video_model

LATENT = (48, 16, 16)
SETTINGS = SamplingSettings(steps=2, guidance=1.0, window=4, overlap=2, section=8, batch=4)
ONE_STEP = replace(SETTINGS, steps=1)


def draw(
    networks: Networks, settings: SamplingSettings, *, frames: int = 1, seed: int = 0, same: bool = False
) -> Tensor:
    """Latents of a clip of random conditions, all alike if asked for."""
    sampler = Sampler(networks, random(1, *LATENT, seed=1), settings=settings, seed=seed)
    parts = (condition(networks.config, 1, seed=0 if same else number) for number in range(frames))
    return torch.cat([item for item in sampler.sample(parts) if item is not None])


@pytest.mark.parametrize("count", [1, 2, 5, 16, 23])
@pytest.mark.parametrize(("length", "overlap"), [(4, 0), (4, 3), (16, 4)])
def test_windows_cover_every_frame_at_every_offset(count: int, length: int, overlap: int) -> None:
    for offset in range(length - overlap):
        windows = frame_windows(count, length=length, overlap=overlap, offset=offset)
        assert all(len(window) == length for window in windows)
        assert {frame for window in windows for frame in window} == set(range(count))


def test_windows_in_full() -> None:
    assert frame_windows(6, length=4, overlap=2, offset=0) == [[0, 1, 2, 3], [2, 3, 4, 5]]
    assert frame_windows(5, length=4, overlap=1, offset=2) == [[2, 1, 0, 1], [1, 2, 3, 4]]
    assert frame_windows(6, length=4, overlap=1, offset=1) == [[1, 0, 1, 2], [2, 3, 4, 5]]
    assert [mirrored(place, 3) for place in range(-3, 6)] == [1, 2, 1, 0, 1, 2, 1, 0, 1]


def test_blending_a_constant_sequence_gives_the_constant() -> None:
    constant = random(1, 3, 4, 4).expand(11, -1, -1, -1)
    for offset in range(3):
        windows = frame_windows(11, length=5, overlap=2, offset=offset)
        blended = blend_windows(windows, lambda frames: constant[frames], constant)
        torch.testing.assert_close(blended, constant)


def test_blending_weighs_by_visits() -> None:
    windows = [[0, 1], [1, 2]]
    answers = iter([torch.tensor([1.0, 2.0]), torch.tensor([4.0, 5.0])])
    blended = blend_windows(windows, lambda _: next(answers)[:, None, None, None], torch.zeros(3, 1, 1, 1))
    assert blended.flatten().tolist() == [1.0, 3.0, 5.0]


def test_a_constant_clip_of_a_video_model_stays_constant() -> None:
    """Silent temporal layers, equal noise: then frames differ only if windows or sections spoil something."""
    networks = video_model()
    sampler = Sampler(networks, random(1, *LATENT, seed=1), settings=SETTINGS, seed=0)
    sampler._noise = lambda first, count, *, stream: random(1, *LATENT, seed=2).expand(count, -1, -1, -1)
    one = condition(networks.config, 1)
    latents = torch.cat([item for item in sampler.sample(one for _ in range(13)) if item is not None])
    assert len(latents) == 13
    torch.testing.assert_close(latents, latents[:1].expand_as(latents), atol=1e-4, rtol=1e-4)


def test_guidance_one_is_the_conditional_branch_alone() -> None:
    networks = image_model()
    calls = []
    original = networks.predict

    def spy(*args, **options):
        calls.append(options)
        return original(*args, **options)

    networks.predict = spy
    alone = draw(networks, SETTINGS)
    assert all(call["bank"] is not None and call["embedded"] is not None for call in calls)
    assert len(calls) == SETTINGS.steps
    nearly = draw(networks, replace(SETTINGS, guidance=1.0 + 1e-6))
    torch.testing.assert_close(nearly, alone, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(draw(networks, replace(SETTINGS, guidance=3.0)), alone)


@pytest.mark.parametrize(
    ("kind", "bank", "control"), [("none_none", 0, 0), ("source_only", 1, 0), ("control_only", 0, 1)]
)
def test_the_other_branch_sees_what_it_shall(kind: str, bank: int, control: int) -> None:
    networks = image_model()
    calls = []
    original = networks.predict

    def spy(*args, **options):
        calls.append((options["bank"] is not None, options["embedded"] is not None))
        return original(*args, **options)

    networks.predict = spy
    draw(networks, replace(SETTINGS, guidance=2.0, unconditional=kind))
    assert calls == [(True, True), (bool(bank), bool(control))] * SETTINGS.steps


def test_one_step_is_ddim_of_the_prediction() -> None:
    networks = image_model()
    settings = replace(SETTINGS, steps=1)
    source, motion = random(1, *LATENT, seed=1), condition(networks.config, 1)
    schedule = make_schedule(networks.config.diffusion)
    times = torch.tensor([999])
    noise = frame_noise(5, 0, 0, LATENT)[None]
    noisy = add_noise(schedule, source, noise, times)
    predicted = networks.predict(
        noisy[:, None], times, bank=networks.read_source(source, times), embedded=networks.embed(motion, source)
    )
    expected = ddim_step(schedule, predicted[:, 0], noisy, timestep=999, following=-1)
    torch.testing.assert_close(draw(networks, settings, seed=5), expected)


def test_networks_that_find_no_difference_give_the_drafts_back() -> None:
    networks = draft_model()
    schedule = make_schedule(networks.config.diffusion)

    def no_difference(noisy, timesteps, **_):
        """What is to be said of noise without any signal."""
        noise = noisy / schedule.noise[timesteps].view(-1, 1, 1, 1, 1)
        return prediction_target(schedule, torch.zeros_like(noisy), noise, timesteps[:, None])

    networks.predict = no_difference
    motions = [condition(networks.config, 1, seed=number) for number in range(9)]
    for steps in (1, 3):
        sampler = Sampler(networks, random(1, *LATENT), settings=replace(SETTINGS, steps=steps), seed=0)
        drawn = torch.cat([item for item in sampler.sample(motions) if item is not None])
        drafts = torch.cat([networks.encode_draft(motion) for motion in motions])
        torch.testing.assert_close(drawn, drafts, atol=1e-4, rtol=1e-4)


def test_a_share_of_the_difference_can_be_kept() -> None:
    networks = draft_model()
    whole, half, none = (draw(networks, replace(SETTINGS, kept_difference=share)) for share in (1.0, 0.5, 0.0))
    torch.testing.assert_close(none, networks.encode_draft(condition(networks.config, 1)))
    torch.testing.assert_close(half, 0.5 * (whole + none), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(whole, none)


def test_the_same_seed_gives_the_same_frames_and_another_does_not() -> None:
    networks = video_model()
    first = draw(networks, ONE_STEP, frames=9, seed=3)  # two sections
    assert torch.equal(first, draw(networks, ONE_STEP, frames=9, seed=3))
    assert not torch.allclose(first, draw(networks, ONE_STEP, frames=9, seed=4))


@pytest.mark.parametrize("sampler", ["ddim", "lcm"])
@pytest.mark.parametrize("warps", [False, True])
def test_an_image_model_does_not_care_about_batches_and_sections(sampler: str, warps: bool) -> None:
    networks = image_model(control=replace(tiny().control, warp_features=warps))
    settings = replace(SETTINGS, sampler=sampler)
    whole = draw(networks, replace(settings, section=50, batch=50), frames=9)
    torch.testing.assert_close(draw(networks, settings, frames=9), whole, atol=1e-4, rtol=1e-4)


def test_frames_can_share_their_noise() -> None:
    networks = image_model()
    alike = draw(networks, replace(SETTINGS, noise="clip"), frames=11, same=True)
    torch.testing.assert_close(alike, alike[:1].expand_as(alike), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alike[:1], draw(networks, SETTINGS, same=True), atol=1e-5, rtol=1e-5)
    apart = draw(networks, SETTINGS, frames=2, same=True)
    assert not torch.allclose(apart[0], apart[1])


def test_long_clips_hold_one_section_at_a_time() -> None:
    networks = video_model()
    sampler = Sampler(networks, random(1, *LATENT), settings=ONE_STEP, seed=0)
    taken = []

    def endless():
        while True:
            taken.append(0)
            yield condition(networks.config, 1)

    items = sampler.sample(endless())
    shown = 0
    while shown < 15:
        latents = next(items)
        shown += 0 if latents is None else len(latents)
        assert len(taken) - shown <= SETTINGS.section
    assert sampler.sections(8) == 1
    assert sampler.sections(9) == sampler.sections(14) == 2
    assert sampler.sections(15) == 3


def test_steps_can_be_counted_ahead() -> None:
    networks = video_model()
    sampler = Sampler(networks, random(1, *LATENT), settings=SETTINGS, seed=0)
    items = list(sampler.sample(condition(networks.config, 1) for _ in range(9)))
    assert len(items) == sampler.sections(9) * SETTINGS.steps


def test_sections_are_joined_by_what_temporal_layers_saw() -> None:
    """The first frames of a section depend on the section before, once temporal layers speak."""
    networks = video_model()
    for name, value in networks.part("motion").items():
        if "proj_out" in name:
            torch.nn.init.normal_(value, std=0.2)

    def clip(change: float) -> Tensor:
        sampler = Sampler(networks, random(1, *LATENT, seed=1), settings=SETTINGS, seed=0)
        parts = [condition(networks.config, 1, seed=number) for number in range(9)]
        parts[7] = MotionCondition(picture=parts[7].picture + change)
        parts = [MotionCondition(picture=part.picture) for part in parts]
        return torch.cat([item for item in sampler.sample(parts) if item is not None])

    assert not torch.allclose(clip(0.0)[8], clip(2.0)[8])


def test_the_source_is_read_once_per_step_or_once_for_all() -> None:
    for reference, reads in (("same", SETTINGS.steps), ("zero", 1)):
        networks = image_model(reference_time=reference)
        calls = []
        original = networks.read_source
        networks.read_source = lambda *args, **options: (calls.append(0), original(*args, **options))[1]  # noqa: B023
        draw(networks, SETTINGS, frames=6)
        assert len(calls) == reads


def test_every_start_is_what_it_says() -> None:
    networks = image_model()
    settings = replace(SETTINGS, steps=1)
    source = random(1, *LATENT, seed=1)
    motion = condition(networks.config, 1)
    noise = frame_noise(0, 0, 0, LATENT)[None]
    schedule = replace_last_signal(networks)
    assert motion.source_pixels is not None and motion.source_valid is not None
    warped = warp_source(source, motion.source_pixels, motion.source_valid, unshuffle=4)[:, :-1]
    for init, clean in (("gauss", None), ("source_noised", source), ("warped_noised", warped)):
        sampler = Sampler(networks, source, settings=replace(settings, init=init), seed=0)
        sampler.schedule = schedule
        _, start = sampler._prepare(motion, 0)
        expected = noise if clean is None else add_noise(schedule, clean, noise, torch.tensor([999]))
        torch.testing.assert_close(start, expected)


def replace_last_signal(networks: Networks):
    """A schedule that leaves some signal at its end, so that starts differ."""
    return make_schedule(replace(networks.config.diffusion, zero_terminal_snr=False, betas="scaled_linear"))


def test_frame_noise_is_standard_and_independent() -> None:
    one, other = frame_noise(0, 1, 0, (4, 64, 64)), frame_noise(0, 2, 0, (4, 64, 64))
    assert torch.equal(one, frame_noise(0, 1, 0, (4, 64, 64)))
    assert abs(float(one.mean())) < 0.03 and abs(float(one.std()) - 1.0) < 0.03
    assert abs(float((one * other).mean())) < 0.03


def test_presets_can_be_sampled() -> None:
    for config in (tiny(), second_stage(tiny())):
        networks = image_model() if config.temporal is None else video_model()
        assert draw(networks, config.sampling, frames=2).shape == (2, *LATENT)
