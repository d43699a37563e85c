"""What the generator is asked for, and what the discriminator is (Export3D, section 6.3)."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likeness.data.region_weights import RegionWeights
from likeness.export3d.batches import Batch
from likeness.export3d.blocks import reduced
from likeness.export3d.discriminator import Discriminator
from likeness.export3d.model import Content, Export3dModel, Picture
from likeness.export3d.perceptual import Distance, weighted_mean

DENSITY_POINTS = 1000  # in the cube
DENSITY_STEP = 0.004  # world units, deviation of the way between neighbours
LARGEST_OPACITY_LOG = 1e-4  # keeps the entropy's logarithm finite


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """Weights of the terms."""

    picture: float = 1.0  # mean absolute difference
    small: float = 1.0  # the same of the small rendering
    perceptual: float = 1.0
    small_perceptual: float = 0.5
    adversarial: float = 0.02
    adversarial_start: float = 0.3  # of the training; then it grows
    adversarial_ramp: float = 0.05  # over this share of the training
    identity: float = 0.2  # only with local weights of a face recogniser
    identity_start: float = 0.1
    density: float = 0.25
    matte: float = 0.1  # opacity against where the person is, for a model with a background layer
    entropy: float = 0.01  # of the opacity, likewise
    gradient_penalty: float = 1.0  # R1's gamma
    penalty_every: int = 16  # steps
    regions: RegionWeights = field(default_factory=lambda: RegionWeights(features=1.5))

    def adversarial_now(self, progress: float) -> float:
        """Weight of the adversarial term at that share of the training."""
        if self.adversarial == 0.0 or progress < self.adversarial_start:
            return 0.0
        return self.adversarial * min((progress - self.adversarial_start) / max(self.adversarial_ramp, 1e-9), 1.0)


def reconstruction(
    picture: Picture, batch: Batch, settings: LossSettings, distance: Distance
) -> dict[str, Float[Tensor, ""]]:
    """The terms, weighted, that compare with the truth."""
    side = picture.small.shape[-1]
    small_truth, small_weight = reduced(batch.targets, side), reduced(batch.weights, side)
    small_distance = (
        distance(picture.small, small_truth, small_weight)
        if settings.small_perceptual > 0.0
        else picture.small.new_zeros(())
    )
    return {
        "picture": settings.picture * weighted_mean((picture.image - batch.targets).abs(), batch.weights),
        "small": settings.small * weighted_mean((picture.small - small_truth).abs(), small_weight),
        "perceptual": settings.perceptual * distance(picture.image, batch.targets, batch.weights),
        "small_perceptual": settings.small_perceptual * small_distance,
    }


def layer_terms(picture: Picture, batch: Batch, settings: LossSettings) -> dict[str, Float[Tensor, ""]]:
    """With a background layer: the volume is there where the person is, and nowhere half."""
    known = batch.knows_matte[:, None, None, None]
    matte = reduced(batch.mattes, picture.opacity.shape[-1])
    trusted = known * (reduced(batch.weights, picture.opacity.shape[-1]) > 0.0)
    opacity = picture.opacity.clamp(LARGEST_OPACITY_LOG, 1.0 - LARGEST_OPACITY_LOG)
    entropy = -(opacity * opacity.log() + (1.0 - opacity) * (1.0 - opacity).log())
    return {
        "matte": settings.matte * weighted_mean((picture.opacity - matte).square(), trusted),
        "entropy": settings.entropy * entropy.mean(),
    }


def density_term(model: Export3dModel, content: Content, generator: torch.Generator) -> Float[Tensor, ""]:
    """How much the density changes between near points of the cube."""
    box, planes = model.config.volume.box, content.planes
    shape = (len(planes), DENSITY_POINTS, 3)
    points = (torch.rand(shape, generator=generator) - 0.5) * box
    near = points + DENSITY_STEP * torch.randn(shape, generator=generator)
    both, _ = model.volume.look_up(planes, torch.cat([points, near], dim=1).to(planes.device), content.lift)
    one, other = both.chunk(2, dim=1)
    return (one - other).abs().mean()


def deceived(discriminator: Discriminator, picture: Picture, cameras: Float[Tensor, "B 25"]) -> Float[Tensor, ""]:
    """The generator's side of the game: small where the discriminator takes the pictures for real."""
    return F.softplus(-discriminator(picture.image, picture.small, cameras)).mean()


def judged(
    discriminator: Discriminator, fake: Picture, batch: Batch, *, penalty: float
) -> dict[str, Float[Tensor, ""]]:
    """The discriminator's side: both losses, and with a `penalty` the squared gradients at real pictures (R1)."""
    real = batch.targets.detach().requires_grad_(penalty > 0.0)
    small = reduced(batch.targets, fake.small.shape[-1]).detach().requires_grad_(penalty > 0.0)
    says_real = discriminator(real, small, batch.cameras)
    terms = {
        "fake": F.softplus(discriminator(fake.image.detach(), fake.small.detach(), batch.cameras)).mean(),
        "real": F.softplus(-says_real).mean(),
    }
    if penalty > 0.0:
        gradients = torch.autograd.grad(says_real.sum(), (real, small), create_graph=True)
        squared = torch.stack([gradient.square().sum(dim=(1, 2, 3)) for gradient in gradients]).sum(dim=0)
        terms["penalty"] = 0.5 * penalty * squared.mean()
    return terms


def on_truth(picture: Picture, batch: Batch) -> Picture:
    """The picture with the truth where a target cannot be trusted to be compared: there nothing is to be judged."""
    trusted = (batch.weights > 0.0).to(picture.image.dtype)
    small_trusted = reduced(trusted, picture.small.shape[-1])
    small_truth = reduced(batch.targets, picture.small.shape[-1])
    return Picture(
        image=trusted * picture.image + (1.0 - trusted) * batch.targets,
        small=small_trusted * picture.small + (1.0 - small_trusted) * small_truth,
        depth=picture.depth,
        opacity=picture.opacity,
    )
