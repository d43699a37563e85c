"""Configurations from files that somebody else wrote: every number has bounds."""

import json

import pytest

from likeness.errors import InputError
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.presets import PRESETS, second_stage, tiny
from likeness.nn.checkpoint import HEADER, read_config
from likeness.nn.json_record import record_to_json

NAN, INF = float("nan"), float("inf")


def stored(folder, config, **changes):
    """A folder with a configuration; `a__b` is the entry b of a."""
    content = record_to_json(config)
    for path, value in changes.items():
        place = content
        *outer, last = path.split("__")
        for name in outer:
            place = place[name]
        assert last in place
        place[last] = value
    (folder / HEADER).write_text(json.dumps({"config": content}))
    return folder


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_their_file(tmp_path, name):
    for config in (PRESETS[name](), second_stage(PRESETS[name]())):
        assert read_config(stored(tmp_path, config), FgPortraitConfig) == config


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unshuffle", 0),
        ("unshuffle", 10**6),
        ("image_size", 0),
        ("image_size", -64),
        ("image_size", 2**20),
        ("image_token", 10**12),
        ("distilled_guidance", NAN),
        ("distilled_guidance", 0.0),
        ("unet__heads", [0, 0]),
        ("unet__heads", [-2, 4]),
        ("unet__norm_groups", 0),
        ("unet__widths", [1048576, 1048576]),
        ("unet__widths", [8192, 8192]),
        ("unet__layers", 0),
        ("unet__layers", 100_000),
        ("unet__context_tokens", 10**12),
        ("unet__context_width", 0),
        ("autoencoder__layers", 100_000),
        ("autoencoder__widths", []),
        ("autoencoder__norm_groups", 0),
        ("control__embedding_widths", [0]),
        ("control__embedding_widths", []),
        ("control__flow__resolution", 10**9),
        ("temporal__heads", [0, 0]),
        ("temporal__heads", [3, 4]),
        ("temporal__max_length", 10**12),
        ("diffusion__min_snr_gamma", NAN),
        ("diffusion__noise_offset", INF),
        ("diffusion__start_share", NAN),
        ("diffusion__drop_both", NAN),
        ("diffusion__regions__head", INF),
        ("diffusion__face__landmarks", NAN),
        ("sampling__guidance", NAN),
        ("sampling__guidance", INF),
        ("sampling__steps", 10**9),
        ("sampling__batch", 10**9),
        ("sampling__section", 10**9),
        ("sampling__kept_difference", NAN),
        ("sampling__repair", {"mouth": NAN}),
        ("diffusion__elsewhere", -1.0),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(tmp_path, path, value):
    folder = stored(tmp_path, second_stage(tiny()), **{path: value})
    with pytest.raises(InputError, match=r"weights\.json cannot be used: ") as caught:
        read_config(folder, FgPortraitConfig)
    assert "\n" not in str(caught.value)
