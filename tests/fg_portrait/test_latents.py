"""The latent space of pixels is exact both ways; differences from drafts are undone by adding them."""

import torch

from likeness.fg_portrait.latents import PixelUnshuffleSpace, difference_from, draft_with
from tests.fg_portrait.models import random


def test_pixels_in_channels_are_exact_both_ways() -> None:
    pictures = random(2, 3, 8, 12).clamp(-1, 1)
    space = PixelUnshuffleSpace(4)
    latents = space.encode(pictures)
    assert latents.shape == (2, 48, 2, 3)
    torch.testing.assert_close(space.decode(latents), pictures)


def test_a_draft_with_its_difference_is_the_picture() -> None:
    draft, latents = random(2, 48, 2, 3), random(2, 48, 2, 3, seed=1)
    torch.testing.assert_close(draft_with(draft, difference_from(draft, latents)), latents)
    assert not difference_from(draft, draft).any()
