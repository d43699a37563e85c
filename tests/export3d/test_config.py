"""Configurations from files that somebody else wrote: every number has bounds."""

import pytest

from likeness.errors import InputError
from likeness.export3d.config import Export3dConfig
from likeness.export3d.presets import PRESETS
from likeness.nn.checkpoint import read_config
from tests.export3d.models import settings, tiny_config
from tests.fg_portrait.test_config import INF, NAN, stored


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_their_file(tmp_path, name):
    config = PRESETS[name](settings())
    assert read_config(stored(tmp_path, config), Export3dConfig) == config


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image_size", 0),
        ("image_size", 2**20),
        ("read_size", -64),
        ("background_channels", 0),
        ("expression__size", 10**12),
        ("expression__width", 10**9),
        ("expression__layers", 10**6),
        ("generator__stem", [8] * 30),
        ("generator__stem", [0, 16, 32, 48]),
        ("generator__up", [1048576]),
        ("generator__width", 0),
        ("generator__width", 10**9),
        ("generator__heads", 0),
        ("generator__blocks", 10**6),
        ("generator__reduction", 0),
        ("generator__feed_forward", 10**9),
        ("generator__plane_channels", 0),
        ("generator__norm_groups", 0),
        ("generator__low_pass", NAN),
        ("generator__low_pass", 1e9),
        ("generator__average", NAN),
        ("volume__resolution", 10**9),
        ("volume__coarse", 10**9),
        ("volume__fine", -1),
        ("volume__box", NAN),
        ("volume__box", INF),
        ("volume__hidden", 10**9),
        ("super_resolution__first", 0),
        ("super_resolution__blocks", 10**9),
        ("super_resolution__doublings", [10**9, 16]),
        ("super_resolution__doublings", [16] * 40),
        ("discriminator__base", 0),
        ("discriminator__embedding", 10**12),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(tmp_path, path, value):
    folder = stored(tmp_path, tiny_config(), **{path: value})
    with pytest.raises(InputError, match=r"weights\.json cannot be used: ") as caught:
        read_config(folder, Export3dConfig)
    assert "\n" not in str(caught.value)
