"""Named models: `full` (the paper, on Stable Diffusion 1.5); `small`, `laptop` and `tiny` (trained from nothing)."""

from dataclasses import replace

from likeness.data.region_weights import RegionWeights
from likeness.fg_portrait.config import (
    ControlSettings,
    DiffusionSettings,
    FgPortraitConfig,
    SamplingSettings,
    TemporalSettings,
    UnetSettings,
)
from likeness.flow.settings import FlowSettings

STABLE_DIFFUSION_UNET = UnetSettings(
    widths=(320, 640, 1280, 1280),
    layers=2,
    attention=(True, True, True, False),
    heads=(8, 8, 8, 8),
    norm_groups=32,
    context_tokens=77,
    context_width=768,
)
FROM_NOTHING = DiffusionSettings(
    prediction="v",
    betas="squared_cosine",
    zero_terminal_snr=True,
    min_snr_gamma=5.0,
    drop_both=0.1,
    drop_control=0.05,
)


def full() -> FgPortraitConfig:
    """The paper's model: 512 pixels, frozen Stable Diffusion 1.5, 60 flow channels; 860 + 860 + 362 million."""
    return FgPortraitConfig(
        image_size=512,
        space="vae",
        pretrained=True,
        unet=STABLE_DIFFUSION_UNET,
        control=ControlSettings(flow=FlowSettings(resolution=512), embedding_widths=(64, 96, 128, 256)),
        diffusion=DiffusionSettings(drop_control=0.05),
        sampling=SamplingSettings(),
        trained=("appearance", "control"),
    )


def small() -> FgPortraitConfig:
    """256 pixels, no downloaded weights: 38.3 million parameters."""
    return FgPortraitConfig(
        image_size=256,
        space="pixel_unshuffle",
        unet=UnetSettings(
            widths=(96, 160, 224),
            layers=1,
            attention=(False, True, True),
            heads=(3, 5, 7),
            norm_groups=32,
            context_tokens=1,
            context_width=32,
        ),
        control=ControlSettings(flow=FlowSettings(resolution=64), embedding_widths=(64,)),
        diffusion=FROM_NOTHING,
        sampling=SamplingSettings(steps=20, guidance=1.5, window=8, overlap=2, section=24),
        trained=("denoiser", "appearance", "control"),
    )


def tiny() -> FgPortraitConfig:
    """64 pixels and 0.65 million parameters: trains a few steps in seconds on one CPU core; for tests."""
    return FgPortraitConfig(
        image_size=64,
        space="pixel_unshuffle",
        unet=UnetSettings(
            widths=(16, 32),
            layers=1,
            attention=(False, True),
            heads=(2, 4),
            norm_groups=8,
            context_tokens=1,
            context_width=8,
        ),
        control=ControlSettings(flow=FlowSettings(resolution=16, samples=4), embedding_widths=(16,)),
        diffusion=replace(FROM_NOTHING, drop_both=0.0, drop_control=0.0),
        sampling=SamplingSettings(steps=4, guidance=1.0, window=4, overlap=2, section=8, batch=4),
        trained=("denoiser", "appearance", "control"),
    )


def laptop() -> FgPortraitConfig:
    """128 pixels and 3.7 million parameters, 3.3 of them trained: two hours on two CPU cores.

    It repairs the default renderer's picture; the warped source is part of the condition. It predicts clean latents:
    with v as its prediction it left noise in the picture. All noise levels weigh the same, and half of the samples are
    at the highest one, where sampling begins. Half of what it changes is kept: on real clips that scored better than
    all of it.
    """
    return FgPortraitConfig(
        image_size=128,
        space="pixel_unshuffle",
        unet=UnetSettings(
            widths=(64, 64),
            layers=1,
            attention=(False, True),
            heads=(2, 2),
            norm_groups=8,
            context_tokens=1,
            context_width=8,
        ),
        control=ControlSettings(
            flow=FlowSettings(resolution=32, samples=8, extras=("mask", "visibility")),
            embedding_widths=(64,),
            warp_latent=True,
            draft=True,
        ),
        diffusion=replace(
            FROM_NOTHING,
            prediction="sample",
            min_snr_gamma=None,
            drop_both=0.0,
            drop_control=0.0,
            start_share=0.5,
            regions=RegionWeights(head=2.0, features=4.0),
        ),
        sampling=SamplingSettings(
            steps=1, guidance=1.0, noise="clip", kept_difference=0.5, window=8, overlap=2, section=8, batch=8
        ),
        trained=("denoiser", "appearance", "control"),
    )


PRESETS = {"tiny": tiny, "laptop": laptop, "small": small, "full": full}


def second_stage(config: FgPortraitConfig) -> FgPortraitConfig:
    """The same model with temporal layers, which alone are trained; both conditions drop more often."""
    return replace(
        config,
        temporal=TemporalSettings(heads=config.unet.heads),
        diffusion=replace(config.diffusion, drop_both=max(config.diffusion.drop_both, 0.1)),
        trained=("motion",),
    )
