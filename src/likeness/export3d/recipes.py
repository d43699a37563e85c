"""How each preset is trained (Export3D, sections 6 and 10)."""

from dataclasses import dataclass, field, replace

from likeness.data.augment import UNCHANGED, Augmentation
from likeness.data.pairs import PairRule
from likeness.data.region_weights import RegionWeights
from likeness.data.sample import SampleSettings
from likeness.export3d.config import Export3dConfig, ExpressionSettings
from likeness.export3d.losses import LossSettings
from likeness.export3d.presets import PRESETS
from likeness.training.settings import TrainSettings

BETAS = (0.0, 0.99)
PAIRS = PairRule(turned_share=0.5, turned_degrees=10.0)
# An expression has no closed-form mirror, and a rescaled source no camera that the generator would be told.
AUGMENTATION = Augmentation(mirrored_share=0.0, source_scale=1.0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole training: the model, what it sees, what it is asked for, how it learns."""

    model: Export3dConfig
    samples: SampleSettings
    losses: LossSettings = field(default_factory=LossSettings)
    training: TrainSettings


def base_512(expression: ExpressionSettings) -> Recipe:
    """From the weights of `base_256`: 100,000 steps of 16."""
    training = TrainSettings(
        steps=100_000, batch=16, micro_batch=4, rate=1e-4, final_rate=1e-4, warmup_steps=2000, betas=BETAS,
        weight_decay=0.0, average=0.999, precision="bfloat16", log_every=50, validate_every=2500, save_minutes=30.0,
        loaders=8,
    )  # fmt: skip
    return Recipe(model=PRESETS["base_512"](expression), samples=_samples(512), training=training)


def base_256(expression: ExpressionSettings) -> Recipe:
    """200,000 steps of 32."""
    recipe = base_512(expression)
    training = replace(recipe.training, steps=200_000, batch=32, micro_batch=8, average=0.998)
    return replace(recipe, model=PRESETS["base_256"](expression), samples=_samples(256), training=training)


def small(expression: ExpressionSettings) -> Recipe:
    """18 minutes on one large graphics card; everything follows the clock."""
    training = TrainSettings(
        minutes=18.0, batch=32, micro_batch=32, rate=3e-4, final_rate=3e-5, warmup_steps=200, betas=BETAS,
        weight_decay=0.0, average=0.995, precision="bfloat16", loaders=12, ahead=16,
    )  # fmt: skip
    losses = LossSettings(perceptual=0.5, small_perceptual=0.25, adversarial_start=0.4)
    return Recipe(model=PRESETS["small"](expression), samples=_samples(256), losses=losses, training=training)


def laptop(expression: ExpressionSettings) -> Recipe:
    """Two hours on two CPU cores, without a discriminator."""
    training = TrainSettings(
        minutes=120.0, batch=8, micro_batch=8, rate=1e-3, final_rate=5e-5, warmup_steps=100, betas=(0.9, 0.99),
        weight_decay=0.0, average=0.998, validate_every=1000, loaders=1,
    )  # fmt: skip
    losses = LossSettings(adversarial=0.0, perceptual=1.0, regions=RegionWeights(head=2.0, features=4.0))
    return Recipe(model=PRESETS["laptop"](expression), samples=_samples(64), losses=losses, training=training)


def laptop_128(expression: ExpressionSettings) -> Recipe:
    """Two hours more, from weights of `laptop` with lifted features."""
    recipe = laptop(expression)
    training = replace(recipe.training, rate=5e-4, validate_every=500)
    return replace(recipe, model=PRESETS["laptop_128"](expression), samples=_samples(128), training=training)


def tiny(expression: ExpressionSettings) -> Recipe:
    """Seconds on one core; nothing is augmented."""
    samples = SampleSettings(size=64, pairs=PAIRS, augmentation=UNCHANGED)
    training = TrainSettings(
        steps=100, batch=2, micro_batch=2, rate=2e-3, final_rate=2e-4, warmup_steps=5, betas=BETAS, weight_decay=0.0,
        average=0.95, validate_every=100,
    )  # fmt: skip
    losses = LossSettings(penalty_every=2)
    return Recipe(model=PRESETS["tiny"](expression), samples=samples, losses=losses, training=training)


RECIPES = {
    "base_512": base_512,
    "base_256": base_256,
    "small": small,
    "laptop_128": laptop_128,
    "laptop": laptop,
    "tiny": tiny,
}


def _samples(size: int) -> SampleSettings:
    return SampleSettings(size=size, pairs=PAIRS, augmentation=AUGMENTATION)
