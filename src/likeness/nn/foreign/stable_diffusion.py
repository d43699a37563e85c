"""A local folder of Stable Diffusion 1.5 as diffusers lays it out: U-Net, autoencoder, and the empty prompt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from likeness.errors import InputError
from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_json, read_tensors

WEIGHT_NAMES = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
)
TEXT_WEIGHT_NAMES = ("model.safetensors", "model.fp16.safetensors", "pytorch_model.bin")
_OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
_TEXT_SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_hidden_layers",
    "max_position_embeddings",
    "vocab_size",
    "hidden_act",
    "layer_norm_eps",
    "projection_dim",
)
START, END = "<|startoftext|>", "<|endoftext|>"  # CLIP's tokens; the empty prompt is one START and then END


def read_model_config(folder: Path, class_name: str) -> dict[str, Any]:
    """`config.json` of one model of a diffusers folder.

    Raises:
        InputError: it is missing, or belongs to another class.
    """
    config = read_json(folder / "config.json")
    found = config.get("_class_name")
    if found != class_name:
        raise InputError(f"{folder / 'config.json'} describes a {found}, but a {class_name} is needed there")
    return config


def model_tensors(folder: Path, names: tuple[str, ...] = WEIGHT_NAMES) -> dict[str, Tensor]:
    """Weights of one model of a diffusers folder; names that old versions of diffusers gave attention are renewed.

    Raises:
        InputError: none of the files that could hold them is there, or it is damaged.
    """
    for name in names:
        if (folder / name).is_file():
            return {_renewed(key): value for key, value in read_tensors(folder / name).items()}
    raise InputError(f"{folder} holds no weights: {names[0]} is missing")


def _renewed(name: str) -> str:
    if ".attentions." in name and "transformer_blocks" not in name:
        for old, new in _OLD_ATTENTION.items():
            name = name.replace(old, new)
    return name


def check_schedule(folder: Path, prediction: str) -> None:
    """The folder's scheduler, if it has one, is that of Stable Diffusion 1.5.

    Raises:
        InputError: it has another noise schedule or predicts something else.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return
    config = read_json(path)
    expected = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    for name, value in expected.items():
        if config.get(name, value) != value:
            raise InputError(f"{path} has {name} {config[name]}, but {value} is expected: give Stable Diffusion 1.5")
    kinds = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}  # as diffusers calls them
    kind = kinds.get(str(config.get("prediction_type", "epsilon")))
    if kind != prediction:
        raise InputError(f"{path} predicts {config.get('prediction_type')}, but the model needs {prediction}")


@torch.no_grad()
def empty_prompt(folder: Path, *, tokens: int, width: int) -> Float[Tensor, "1 L D"]:
    """The text encoder's embedding of the empty prompt; zeros where the folder has no text encoder.

    Raises:
        InputError: text encoder or tokenizer are not complete, or of another size.
    """
    if not (folder / "text_encoder").is_dir():
        return torch.zeros(1, tokens, width)
    from transformers import CLIPTextConfig, CLIPTextModel

    sizes = read_json(folder / "text_encoder" / "config.json")
    vocabulary = read_json_vocabulary(folder / "tokenizer" / "vocab.json")
    if sizes.get("hidden_size") != width or sizes.get("max_position_embeddings") != tokens:
        raise InputError(
            f"{folder / 'text_encoder'} gives {sizes.get('max_position_embeddings')} x {sizes.get('hidden_size')} "
            f"numbers, but {tokens} x {width} are expected: it belongs to another U-Net"
        )
    start, end = vocabulary[START], vocabulary[END]
    tensors = _text_tensors(folder)
    known = {name: sizes[name] for name in _TEXT_SIZES if name in sizes}
    encoder = CLIPTextModel(CLIPTextConfig(**known, bos_token_id=start, eos_token_id=end, pad_token_id=end)).eval()
    stored = {_text_name(name, encoder): value for name, value in tensors.items()}
    load_tensors(
        tensors_of(encoder), stored, part="text_encoder", may_miss=(r".*position_ids",), may_exceed=(r".*position_ids",)
    )
    ids = torch.full((1, tokens), end)
    ids[0, 0] = start
    return encoder(input_ids=ids).last_hidden_state


def _text_tensors(folder: Path) -> Mapping[str, Tensor]:
    return model_tensors(folder / "text_encoder", TEXT_WEIGHT_NAMES)


def _text_name(name: str, encoder: torch.nn.Module) -> str:
    """The published names start with `text_model.`, which newer versions of transformers leave out."""
    flat = not any(key.startswith("text_model.") for key, _ in encoder.named_parameters())
    return name.removeprefix("text_model.") if flat else name


def read_json_vocabulary(path: Path) -> dict[str, int]:
    """Token numbers of CLIP's start and end.

    Raises:
        InputError: the file is missing or lacks them.
    """
    vocabulary = read_json(path, limit=8 << 20)
    for token in (START, END):
        if not isinstance(vocabulary.get(token), int):
            raise InputError(f"{path} lacks the token {token}: copy the tokenizer of Stable Diffusion 1.5")
    return vocabulary
