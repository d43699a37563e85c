"""The contrastive loss: its closed forms, and that no video reaches into another one unless it is asked to."""

import math

import pytest
import torch

from likeness.export3d.contrast import ContrastSettings, contrastive_loss, contrastive_terms, frame_similarity

PLAIN = ContrastSettings()


def vectors(videos: int = 4, frames: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(videos, frames, 8, generator=generator), torch.randn(videos, frames, 8, generator=generator)


def test_equal_candidates_give_the_logarithm_of_their_number():
    same = torch.ones(2, 5, 8)
    assert contrastive_loss(same, same, PLAIN).item() == pytest.approx(math.log(4.0), abs=1e-6)
    with_own = ContrastSettings(include_positive=True)
    assert contrastive_loss(same, same, with_own).item() == pytest.approx(math.log(5.0), abs=1e-6)
    assert contrastive_loss(same, same, ContrastSettings(mixed=True)).item() == pytest.approx(math.log(9.0), abs=1e-6)


def test_a_perfect_match_is_negative_without_the_positive_below():
    """Orthogonal frames, each expression equal to its picture: -1 / tau + log(K - 1)."""
    perfect = torch.eye(4)[None]
    assert contrastive_loss(perfect, perfect, PLAIN).item() == pytest.approx(-10.0 + math.log(3.0), abs=1e-5)
    with_own = contrastive_loss(perfect, perfect, ContrastSettings(include_positive=True)).item()
    assert with_own == pytest.approx(math.log(1.0 + 3.0 * math.exp(-10.0)), abs=1e-6)


def test_lengths_do_not_count():
    pictures, codes = vectors()
    scaled = contrastive_loss(3.0 * pictures, codes * torch.rand(4, 5, 1).add(0.5), PLAIN)
    torch.testing.assert_close(scaled, contrastive_loss(pictures, codes, PLAIN), rtol=1e-5, atol=1e-6)


def test_videos_do_not_see_each_other():
    pictures, codes = vectors()
    terms = contrastive_terms(pictures, codes, PLAIN)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(contrastive_terms(pictures[order], codes[order], PLAIN), terms[order])
    changed_pictures, changed_codes = pictures.clone(), codes.clone()
    changed_pictures[1], changed_codes[1] = vectors(seed=9)[0][0], vectors(seed=9)[1][0]
    changed = contrastive_terms(changed_pictures, changed_codes, PLAIN)
    same = [0, 2, 3]
    torch.testing.assert_close(changed[same], terms[same])
    assert not torch.allclose(changed[1], terms[1])
    mixed = ContrastSettings(mixed=True)
    before, after = (contrastive_terms(*pair, mixed) for pair in ((pictures, codes), (changed_pictures, changed_codes)))
    assert (before[same] != after[same]).all()


def test_symmetric_is_the_mean_of_both_searches():
    pictures, codes = vectors()
    both = contrastive_loss(pictures, codes, ContrastSettings(symmetric=True))
    ways = contrastive_loss(pictures, codes, PLAIN), contrastive_loss(codes, pictures, PLAIN)
    torch.testing.assert_close(both, 0.5 * (ways[0] + ways[1]))


def test_rows_are_expressions_and_columns_pictures():
    pictures, codes = torch.eye(3)[None], torch.eye(3)[None][:, [1, 2, 0]]
    assert torch.equal(frame_similarity(pictures, codes)[0].argmax(dim=1), torch.tensor([1, 2, 0]))


def test_what_cannot_be():
    with pytest.raises(ValueError, match="2 frames"):
        contrastive_loss(torch.ones(3, 1, 8), torch.ones(3, 1, 8), PLAIN)
    with pytest.raises(ValueError, match="temperature"):
        ContrastSettings(temperature=0.0)
