"""CLIP's image encoder from a tiny folder as transformers lays it out: equal numbers, one line for what is wrong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from likeness.errors import InputError
from likeness.nn.foreign.clip_image import DEVIATION, MEAN, load_image_encoder
from tests.nn.foreign.image_encoder_files import SIZE, WIDTH, write_image_encoder


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_image_encoder(tmp_path / "clip")


def test_it_gives_the_numbers_of_transformers(folder) -> None:
    encoder, report = load_image_encoder(folder)
    assert (encoder.size, encoder.width) == (SIZE, WIDTH)
    assert report.missing == report.unexpected == ()
    pictures = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
    expected = CLIPVisionModelWithProjection.from_pretrained(folder).eval()
    plain = ((pictures + 1.0) / 2.0 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(encoder(pictures), expected(pixel_values=plain).image_embeds)
    assert encoder(torch.zeros(1, 3, 64, 64)).shape == (1, WIDTH)
    assert not any(value.requires_grad for value in encoder.parameters())


def test_the_text_half_of_a_whole_model_is_left_out(folder) -> None:
    vision = json.loads((folder / "config.json").read_text())
    whole = {"model_type": "clip", "vision_config": vision, "projection_dim": WIDTH, "text_config": {}}
    (folder / "config.json").write_text(json.dumps(whole))
    tensors = load_file(folder / "model.safetensors")
    extra = {"logit_scale": torch.ones(()), "text_model.final_layer_norm.weight": torch.ones(4)}
    save_file({**tensors, **extra}, folder / "model.safetensors")
    encoder, report = load_image_encoder(folder)
    assert encoder.width == WIDTH and len(report.unexpected) == 2


def _config(**changes: object):
    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **changes}))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights: model.safetensors is missing"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"none"), "damaged"),
        (_config(model_type="bert"), "describes a bert"),
        (_config(hidden_size=10**6), "no usable hidden_size"),
        (_config(patch_size="8"), "no usable patch_size"),
        (_config(num_attention_heads=3), "do not divide"),
        (_config(projection_dim=WIDTH + 1), "other sizes"),
        (_config(hidden_act="nothing"), "cannot be used"),
    ],
)
def test_other_folders_are_one_line(folder, damage, message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_image_encoder(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        load_image_encoder(tmp_path / "nowhere")
    assert CLIPVisionConfig().model_type == "clip_vision_model"
