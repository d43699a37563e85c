"""CLIP's image encoder (Radford et al. 2021), from a folder in the layout of transformers: pictures to vectors."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from likeness.errors import InputError
from likeness.nn.foreign.stable_diffusion import TEXT_WEIGHT_NAMES, model_tensors
from likeness.nn.load_report import LoadReport, load_tensors, tensors_of
from likeness.nn.tensor_files import read_json

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of the pictures that CLIP was trained on, RGB, 0 to 1
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
VISION_MODEL, WHOLE_MODEL = "clip_vision_model", "clip"  # model types of config.json
LIMITS = {
    "hidden_size": 4096,
    "intermediate_size": 16384,
    "num_attention_heads": 64,
    "num_hidden_layers": 64,
    "image_size": 1024,
    "patch_size": 64,
    "projection_dim": 4096,
}  # beyond them a configuration is damaged or hostile
_FREE = ("hidden_act", "layer_norm_eps")


class ImageEncoder(nn.Module):
    """Pictures in [-1, 1], of any size, to CLIP's embedding of them; never trained."""

    mean: Float[Tensor, "3 1 1"]
    deviation: Float[Tensor, "3 1 1"]

    def __init__(self, model: nn.Module, *, size: int, width: int) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.size = size  # pixels, side of what the model sees
        self.width = width  # of the embedding
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    @torch.no_grad()
    def forward(self, pictures: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N E"]:
        """The embedding of each picture, as it comes out of the projection."""
        shown = pictures
        if shown.shape[-2:] != (self.size, self.size):
            shown = F.interpolate(
                shown, (self.size, self.size), mode="bicubic", antialias=True, align_corners=False
            ).clamp(-1.0, 1.0)
        return self.model(pixel_values=((shown + 1.0) / 2.0 - self.mean) / self.deviation).image_embeds


def load_image_encoder(folder: Path) -> tuple[ImageEncoder, LoadReport]:
    """The image encoder of a folder with `config.json` and weights; the text half of a whole CLIP model is left out.

    Raises:
        InputError: a file is missing or damaged, or belongs to something else.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one of CLIP's image encoder, with config.json and its weights")
    sizes = _sizes(folder)
    try:
        model = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes))
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{folder / 'config.json'} cannot be used: {error}") from error
    own = tensors_of(model)
    stored = model_tensors(folder, TEXT_WEIGHT_NAMES)
    report = load_tensors(
        own,
        stored,
        part=f"image encoder ({folder})",
        may_miss=(r".*position_ids",),
        may_exceed=(r".*position_ids", r"text_model\.", r"text_projection\.", r"logit_scale"),
    )
    return ImageEncoder(model, size=sizes["image_size"], width=sizes["projection_dim"]), report


def _sizes(folder: Path) -> dict[str, Any]:
    """What `config.json` says about the image encoder, within sane bounds."""
    path = folder / "config.json"
    config = read_json(path)
    kind = config.get("model_type")
    if kind == WHOLE_MODEL and isinstance(config.get("vision_config"), dict):
        config = {**config["vision_config"], "projection_dim": config.get("projection_dim", 512)}
    elif kind != VISION_MODEL:
        raise InputError(f"{path} describes a {kind}, but a {VISION_MODEL} is needed there")
    for name, largest in LIMITS.items():
        value = config.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= largest:
            raise InputError(f"{path} has no usable {name}: copy it again")
    if config["hidden_size"] % config["num_attention_heads"] or config["image_size"] % config["patch_size"]:
        raise InputError(f"{path} has sizes that do not divide: copy it again")
    return {name: config[name] for name in (*LIMITS, *_FREE) if name in config}
