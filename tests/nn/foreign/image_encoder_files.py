"""A tiny CLIP image encoder in the layout of transformers."""

import json
from pathlib import Path

from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.nn.foreign.foreign_files import noisy

SIZE, WIDTH = 32, 12  # pixels that it sees, numbers that it gives


def write_image_encoder(folder: Path, width: int = WIDTH) -> Path:
    """The folder: `config.json` and `model.safetensors`."""
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=8,
        projection_dim=width,
    )
    model = noisy(CLIPVisionModelWithProjection(config), 3)
    folder.mkdir(parents=True)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items() if "position_ids" not in name}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**config.to_dict(), "model_type": "clip_vision_model"}))
    return folder
