"""The photo's full resolution in a picture, by closed forms and on a drawn photo."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.fine_detail import FinePhoto, PhotoShare, photo_shares, sharpened
from likeness.export3d.lift import ReadPlaces
from likeness.export3d.model import Export3dModel
from likeness.export3d.photo_detail import Detailed
from likeness.export3d.plate import Plate
from likeness.export3d.renderer import prepare, render
from likeness.media.crop import resize
from tests.export3d.models import tiny_config, tiny_model
from tests.flow_warp.portraits import portrait

SMALL, FULL = 16, 64


def photo(seed: int = 0) -> FinePhoto:
    noise = np.random.default_rng(seed).integers(0, 256, (FULL, FULL, 3)).astype(np.uint8)
    smooth = resize(resize(noise, SMALL, SMALL), FULL, FULL)
    full = (smooth.astype(np.uint16) // 2 + noise // 4).astype(np.uint8)
    return FinePhoto(full=full, small=resize(full, SMALL, SMALL))


def own_places() -> np.ndarray:
    at = (np.arange(SMALL, dtype=np.float32) + 0.5) / SMALL
    return np.stack(np.meshgrid(at, at), axis=-1)


def everywhere(value: float = 1.0) -> np.ndarray:
    return np.full((SMALL, SMALL), value, np.float32)


@pytest.mark.parametrize("places", [None, own_places()])
def test_what_stands_in_its_place_is_the_photo_again(places: np.ndarray | None) -> None:
    made = photo()
    found = sharpened(made.small, [PhotoShare(share=everywhere(), places=places)], made)
    inner = slice(2, -2) if places is None else slice(4, -4)  # at the border positions do not go on
    assert np.abs(found.astype(int) - made.full)[inner, inner].max() <= 2


def test_a_moved_photo_is_as_fine_as_where_it_came_from() -> None:
    made = photo()
    moved = own_places() + np.array([2.0 / SMALL, 0.0], np.float32)
    coarse = np.roll(made.small, -2, axis=1)
    found = sharpened(coarse, [PhotoShare(share=everywhere(), places=moved)], made)
    wanted = np.roll(made.full, -2 * FULL // SMALL, axis=1)
    assert np.abs(found.astype(int) - wanted)[4:-4, 4:-16].max() <= 2


def test_what_is_not_the_photos_stays_as_it_was_drawn() -> None:
    made, drawn = photo(), resize(photo(1).full, SMALL, SMALL)
    untouched = resize(drawn, FULL, FULL)
    assert (sharpened(drawn, [], made) == untouched).all()
    assert (sharpened(drawn, [PhotoShare(share=everywhere(0.0), places=None)], made) == untouched).all()
    torn = own_places()
    torn[:, SMALL // 2 :, 0] -= 0.5  # the left half of the photo once more: in the middle its two ends meet
    found = sharpened(drawn, [PhotoShare(share=everywhere(), places=torn)], made)
    middle = slice(FULL // 2 - 4, FULL // 2 + 4)
    assert (found[:, middle] == untouched[:, middle]).all()
    assert (found[:, 8:16] != untouched[:, 8:16]).any()


def test_a_photo_that_is_no_finer_changes_nothing() -> None:
    made = photo()
    small = FinePhoto(full=made.small, small=made.small)
    assert (sharpened(made.small, [PhotoShare(share=everywhere(), places=None)], small) == made.small).all()


def test_shares_of_all_that_a_picture_took() -> None:
    def grid(value: float) -> torch.Tensor:
        return torch.full((1, 1, 2, 2), value)

    rows = torch.rand(1, 4, 2)
    places = ReadPlaces(own=rows, mirrored=1.0 - rows, share=torch.full((1, 4, 1), 0.25))
    detailed = Detailed(
        image=torch.zeros(1, 3, 2, 2), places=places, carried=grid(0.5), still=grid(0.2), plate=grid(0.3)
    )
    plate = Plate(picture=torch.zeros(1, 3, 2, 2), covered=grid(0.0), body=grid(0.6), places=torch.rand(1, 2, 2, 2))
    own, mirrored, body, still = photo_shares(detailed, grid(1.0), plate, grid(0.5))
    shares = [part.share[0, 0] for part in (own, mirrored, body, still)]
    shown = 0.3 * 0.5 + 0.5  # of the plate: half of its own, and what was laid over the other half
    np.testing.assert_allclose(shares, [0.1875, 0.0625, shown * 0.6, 0.1 + shown * 0.4], atol=1e-6)
    np.testing.assert_allclose(own.places.reshape(-1, 2), rows[0])
    np.testing.assert_allclose(mirrored.places.reshape(-1, 2), 1.0 - rows[0])
    inside = photo_shares(detailed, grid(0.0), plate, grid(0.5))[-1]  # behind the person the photo shows no background
    np.testing.assert_allclose(inside.share, 0.1, atol=1e-6)
    assert photo_shares(replace(detailed, places=None), grid(1.0), plate, grid(0.5)) == ()


def test_a_photo_in_its_own_pose_comes_back_finer() -> None:
    plain = tiny_model(tiny_config(lift=True))
    finer = Export3dModel(tiny_config(lift=True, fine_detail=True)).eval()
    finer.load_state_dict(plain.state_dict())
    shown = portrait()
    pictures = [next(iter(render(prepare(shown, model=model), [shown.rest]))) for model in (plain, finer)]
    errors = [np.abs(picture.astype(float) - shown.image).mean() for picture in pictures]
    assert pictures[1].shape == shown.image.shape
    assert errors[1] < 0.95 * errors[0]


def test_it_is_for_lifted_features() -> None:
    with pytest.raises(ValueError, match="lifted features"):
        tiny_config(fine_detail=True)
