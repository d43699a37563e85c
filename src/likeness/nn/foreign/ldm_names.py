"""Names of the original latent-diffusion U-Net and ControlNet to those of diffusers.

The original numbers its blocks in one row down and one row up; diffusers by level and layer.
"""

import re

LAYERS = 2  # residual blocks per level on the way down in Stable Diffusion 1.5; one more on the way up
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_SINGLE = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
    "middle_block_out.0": "controlnet_mid_block",
}
_MIDDLE = {"0": "mid_block.resnets.0", "1": "mid_block.attentions.0", "2": "mid_block.resnets.1"}
_NUMBERED = re.compile(r"(input_blocks|output_blocks)\.(\d+)\.(\d+)\.(.+)")
_ZERO_CONVOLUTION = re.compile(r"zero_convs\.(\d+)\.0\.(.+)")


def diffusers_name(name: str, *, layers: int = LAYERS) -> str | None:
    """The diffusers name of a tensor of the original U-Net or ControlNet; None where there is none."""
    stem, _, kind = name.rpartition(".")
    if stem in _SINGLE:
        return f"{_SINGLE[stem]}.{kind}"
    if zero := _ZERO_CONVOLUTION.fullmatch(name):
        return f"controlnet_down_blocks.{zero[1]}.{zero[2]}"
    if name.startswith("middle_block."):
        _, index, inner = name.split(".", 2)
        return _block(_MIDDLE[index], inner) if index in _MIDDLE else None
    numbered = _NUMBERED.fullmatch(name)
    if numbered is None:
        return None
    side, inner = numbered[1], numbered[4]
    number, place = int(numbered[2]), int(numbered[3])
    if side == "input_blocks":
        level, layer = divmod(number - 1, layers + 1)
        if layer == layers:
            return f"down_blocks.{level}.downsamplers.0.conv.{kind}" if stem.endswith(".0.op") else None
        return _block(f"down_blocks.{level}.{_place(place)}.{layer}", inner)
    level, layer = divmod(number, layers + 1)
    if inner in ("conv.weight", "conv.bias"):  # the up-sampler stands last, after the attention if there is one
        return f"up_blocks.{level}.upsamplers.0.conv.{kind}"
    return _block(f"up_blocks.{level}.{_place(place)}.{layer}", inner)


def _place(index: int) -> str:
    return "resnets" if index == 0 else "attentions"


def _block(prefix: str, inner: str) -> str | None:
    """A tensor inside a residual block or an attention block; the latter has the same inner names on both sides."""
    if ".attentions." in prefix:
        return f"{prefix}.{inner}"
    stem, _, kind = inner.rpartition(".")
    return f"{prefix}.{_RESNET[stem]}.{kind}" if stem in _RESNET else None
