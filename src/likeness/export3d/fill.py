"""Holes of pictures on any device, filled from around them."""

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from likeness.media.fill import push_pull


def filled_from_around(
    pictures: Float[Tensor, "B C H W"], weight: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, "B C H W"]:
    """Every pixel as far as its weight, the rest from its neighbours and theirs; nothing is learned through it."""
    told = rearrange(torch.cat([pictures, weight], dim=1), "B C H W -> B H W C").detach().cpu().numpy()
    filled = np.stack([push_pull(each[..., :-1], each[..., -1]) for each in told])
    return rearrange(torch.from_numpy(filled).to(pictures), "B H W C -> B C H W")
