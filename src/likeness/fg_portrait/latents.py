"""The space in which diffusion runs: pictures to latents and back, by an autoencoder or pixels moved to channels."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

UNSHUFFLE_SCALE = 0.5  # of pixel values: shifts the noise schedule toward more noise, as pixel space needs
VAE_SCALE = 0.18215  # of Stable Diffusion 1.5: latents get unit variance
SATURATION = 1.0  # of a picture's values
DIFFERENCE_SCALE = 4.0  # of differences from drafts: brings them to about the deviation of whole pictures


class PixelUnshuffleSpace(nn.Module):
    """Blocks of `factor` x `factor` pixels become channels; exact both ways, nothing to learn."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def encode(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Latents of pictures in [-1, 1]."""
        return F.pixel_unshuffle(images, self.factor) * UNSHUFFLE_SCALE

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pictures of latents, in [-1, 1]."""
        return F.pixel_shuffle(latents / UNSHUFFLE_SCALE, self.factor).clamp(-SATURATION, SATURATION)


class VaeSpace(nn.Module):
    """A frozen `AutoencoderKL`; latents are the mean, not a sample, so that a source is encoded the same each time."""

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder.requires_grad_(False)

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Latents of pictures in [-1, 1]."""
        posterior = self.autoencoder.encode(images).latent_dist  # type: ignore[operator]
        return posterior.mode() * VAE_SCALE

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pictures of latents, in [-1, 1]."""
        pictures = self.autoencoder.decode(latents / VAE_SCALE).sample  # type: ignore[operator]
        return pictures.clamp(-SATURATION, SATURATION)


class TinyVaeSpace(nn.Module):
    """A frozen `AutoencoderTiny`, which is trained on already scaled latents."""

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder.requires_grad_(False)

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Latents of pictures in [-1, 1]."""
        return self.autoencoder.encode(images).latents  # type: ignore[operator]

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pictures of latents, in [-1, 1]."""
        return self.autoencoder.decode(latents).sample.clamp(-SATURATION, SATURATION)  # type: ignore[operator]


def difference_from(draft: Float[Tensor, "*N C h w"], latents: Float[Tensor, "*N C h w"]) -> Float[Tensor, "*N C h w"]:
    """What is diffused where a draft is given."""
    return (latents - draft) * DIFFERENCE_SCALE


def draft_with(draft: Float[Tensor, "*N C h w"], difference: Float[Tensor, "*N C h w"]) -> Float[Tensor, "*N C h w"]:
    """Latents of the picture, from its difference."""
    return draft + difference / DIFFERENCE_SCALE


LatentSpace = PixelUnshuffleSpace | VaeSpace | TinyVaeSpace
