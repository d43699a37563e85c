"""The guard against the one mistake that ruins CLeBS unseen: negatives of other videos, which bring the person back."""

import numpy as np
import pytest
import torch

from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.clebs_battery import identity_probe, principal_axes, retrieval, standard_of, variance_ratio
from likeness.export3d.config import ExpressionSettings
from likeness.export3d.contrast import ContrastSettings, contrastive_loss
from likeness.export3d.image_encoder import ImageEncoder, ImageEncoderSettings
from tests.export3d.drawn_people import NUMBERS, World, videos, world

torch.set_num_threads(1)
BATCH, FRAMES, PERSONS = 8, 12, 400
STEPS, MIXED_STEPS = 100, 60
TEST_PERSONS, TEST_FRAMES, SCORED = 60, 40, 16  # of the frames of each test person
SETTINGS = ExpressionSettings(head="drawn", size=NUMBERS, width=64, basis=6, hidden=64)
IMAGES = ImageEncoderSettings(channels=(16, 32, 32, 64), width=64)


def trained(made: World, *, steps: int, mixed: bool = False) -> tuple[ExpressionEncoder, ImageEncoder]:
    torch.manual_seed(0)
    generator = np.random.default_rng(1)
    encoder, images = ExpressionEncoder(SETTINGS), ImageEncoder(IMAGES)
    start = videos(made, list(range(PERSONS)), 1, generator).numbers[:, 0]
    encoder.set_statistics(start.mean(0), start.std(0))
    optimiser = torch.optim.AdamW([*encoder.parameters(), *images.parameters()], weight_decay=1e-4, betas=(0.9, 0.95))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 3e-3 * min(1.0, (step + 1) / 10) * (1.0 - 0.9 * step / steps)
        drawn = videos(made, generator.choice(PERSONS, BATCH, replace=False).tolist(), FRAMES, generator)
        codes = encoder(drawn.numbers.flatten(0, 1)).unflatten(0, (BATCH, FRAMES))
        seen = images(drawn.pictures.flatten(0, 1)).unflatten(0, (BATCH, FRAMES))
        loss = contrastive_loss(seen, codes, ContrastSettings(mixed=mixed))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return encoder.freeze(), images.eval()


@pytest.fixture(scope="module")
def held():
    """Sixty people that no training has seen."""
    made = world()
    persons = list(range(PERSONS, PERSONS + TEST_PERSONS))
    return made, videos(made, persons, TEST_FRAMES, np.random.default_rng(2))


def probe(features: np.ndarray) -> float:
    """Of features [B K D]: the first frames of each person are known, the last ones asked."""
    persons = np.repeat(np.arange(TEST_PERSONS)[:, None], TEST_FRAMES, axis=1)
    cut = TEST_FRAMES - SCORED
    first, last = features[:, :cut].reshape(-1, features.shape[-1]), features[:, cut:].reshape(-1, features.shape[-1])
    return identity_probe(first, persons[:, :cut].ravel(), last, persons[:, cut:].ravel())


def encoded(encoder: ExpressionEncoder, numbers: torch.Tensor) -> np.ndarray:
    return encoder(numbers.flatten(0, 1)).unflatten(0, numbers.shape[:2]).double().numpy()


def test_negatives_within_the_video_take_the_person_out_and_mixed_ones_do_not(held):
    made, test = held
    numbers = test.numbers.double().numpy()
    flat = numbers.reshape(-1, NUMBERS)
    standard = standard_of(flat)
    persons = np.repeat(np.arange(TEST_PERSONS), TEST_FRAMES)
    assert probe(numbers) > 0.95  # the numbers tell the person
    assert probe(standard(flat).reshape(numbers.shape) @ principal_axes(standard(flat), 6)) > 0.7  # so do 6 of them

    encoder, images = trained(made, steps=STEPS)
    codes = encoded(encoder, test.numbers)
    assert probe(codes) < 0.2
    assert variance_ratio(codes.reshape(-1, 64), persons) < 0.2 < variance_ratio(standard(flat), persons)
    with torch.no_grad():
        seen = [images(pictures).double().numpy() for pictures in test.pictures]
    found = [retrieval(own, code) for own, code in zip(seen, codes, strict=True)]
    assert np.mean([entry.top1 for entry in found]) > 0.25 > 8 * found[0].chance

    leaking, _ = trained(made, steps=MIXED_STEPS, mixed=True)
    assert probe(encoded(leaking, test.numbers)) > 0.8
