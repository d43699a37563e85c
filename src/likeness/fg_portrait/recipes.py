"""How each preset is trained: numbers of section 7 for `full`, of section 11 for `small` and `tiny`."""

from dataclasses import dataclass, replace
from typing import Literal

from likeness.data.augment import UNCHANGED
from likeness.data.region_weights import RegionWeights
from likeness.data.sample import SampleSettings
from likeness.errors import InputError
from likeness.fg_portrait.config import FgPortraitConfig, RepairShares
from likeness.fg_portrait.presets import PRESETS, second_stage
from likeness.training.settings import TrainSettings

Stage = Literal[1, 2]
ELSEWHERE = 0.1  # what an error counts where the repair gate is shut
FULL_WINDOW, SMALL_WINDOW, TINY_WINDOW = 16, 8, 4  # frames


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole training: the model, what it sees, how it learns."""

    model: FgPortraitConfig
    samples: SampleSettings
    training: TrainSettings


def tiny(stage: Stage) -> Recipe:
    """Seconds on one core; nothing is augmented, so that a few pairs can be learned by heart."""
    samples = SampleSettings(size=64, window=None if stage == 1 else TINY_WINDOW, augmentation=UNCHANGED)
    training = TrainSettings(
        steps=200, batch=2, micro_batch=2, rate=6e-3, final_rate=6e-4, warmup_steps=5, betas=(0.9, 0.95), average=0.95,
        validate_every=100,
    )  # fmt: skip
    return Recipe(model=_model("tiny", stage), samples=samples, training=training)


def laptop(stage: Stage) -> Recipe:
    """Two hours on two CPU cores; the rate falls by the clock."""
    samples = SampleSettings(size=128, window=None if stage == 1 else TINY_WINDOW)
    training = TrainSettings(
        minutes=120.0, batch=8, micro_batch=8, rate=1e-3, final_rate=5e-5, warmup_steps=100, betas=(0.9, 0.95),
        average=0.998, validate_every=1000, loaders=1,
    )  # fmt: skip
    return Recipe(model=_model("laptop", stage), samples=samples, training=training)


def small(stage: Stage) -> Recipe:
    """About 25 minutes on one large graphics card; the rate falls by the clock."""
    model = _model("small", stage)
    if stage == 1:
        training = TrainSettings(
            minutes=20.0, batch=64, micro_batch=64, rate=2e-4, final_rate=2e-5, warmup_steps=300,
            precision="bfloat16", loaders=8, ahead=16,
        )  # fmt: skip
        return Recipe(model=model, samples=SampleSettings(size=256), training=training)
    training = TrainSettings(
        minutes=4.0, batch=8, micro_batch=8, rate=2e-4, final_rate=2e-5, warmup_steps=50, precision="bfloat16",
        validate_every=250, loaders=8, ahead=8,
    )  # fmt: skip
    return Recipe(model=model, samples=SampleSettings(size=256, window=SMALL_WINDOW), training=training)


def full(stage: Stage) -> Recipe:
    """The paper's sizes: 30,000 steps of 32 pairs, then 15,000 of 4 windows; rate 1e-5 throughout."""
    plain = TrainSettings(
        steps=30_000, batch=32, micro_batch=4, rate=1e-5, final_rate=1e-5, warmup_steps=500, average=0.9999,
        precision="bfloat16", saves_memory=True, log_every=50, validate_every=2500, save_minutes=30.0, loaders=8,
    )  # fmt: skip
    model = _model("full", stage)
    if stage == 1:
        return Recipe(model=model, samples=SampleSettings(size=512), training=plain)
    training = replace(plain, steps=15_000, batch=4, micro_batch=1)
    return Recipe(model=model, samples=SampleSettings(size=512, window=FULL_WINDOW), training=training)


RECIPES = {"tiny": tiny, "laptop": laptop, "small": small, "full": full}


def with_repair(recipe: Recipe) -> Recipe:
    """The recipe for networks that repair the default renderer's picture where it is weak, and only there.

    Elsewhere errors count a tenth, and what is drawn there is not used. All samples are at the noisiest timestep, since
    one step draws the picture; absolute errors, so that of two likely mouths one is drawn and not their mean.

    Raises:
        InputError: the preset draws whole pictures.
    """
    model = recipe.model
    if not model.control.draft or model.diffusion.prediction != "sample" or model.sampling.steps != 1:
        raise InputError("--repair is for a preset that repairs drafts in one step: train laptop")
    diffusion = replace(
        model.diffusion, error="absolute", elsewhere=ELSEWHERE, start_share=1.0, regions=RegionWeights()
    )
    sampling = replace(model.sampling, kept_difference=1.0, repair=RepairShares())
    return replace(recipe, model=replace(model, diffusion=diffusion, sampling=sampling))


def with_image_size(recipe: Recipe, size: int) -> Recipe:
    """The recipe for pictures of another size; latents and condition shrink or grow with them.

    Raises:
        InputError: the networks cannot halve it as often as they need to.
    """
    model = recipe.model
    try:
        flow = replace(model.control.flow, resolution=model.control.flow.resolution * size // model.image_size)
        changed = replace(model, image_size=size, control=replace(model.control, flow=flow))
    except ValueError as error:
        raise InputError(f"pictures of {size} pixels cannot be used: {error}") from error
    return replace(recipe, model=changed, samples=replace(recipe.samples, size=size))


def _model(name: str, stage: Stage) -> FgPortraitConfig:
    model = PRESETS[name]()
    return model if stage == 1 else second_stage(model)
