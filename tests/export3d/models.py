"""Small models for the tests of Export3D."""

from dataclasses import replace

import torch

from likeness.export3d.config import Export3dConfig, ExpressionSettings
from likeness.export3d.expression import expression_size
from likeness.export3d.model import Export3dModel
from likeness.export3d.presets import tiny
from likeness.heads.builtin import builtin_head

torch.set_num_threads(1)
HEAD = builtin_head()


def settings(encoding: str = "lebs", **changes: object) -> ExpressionSettings:
    return ExpressionSettings(head=HEAD.name, size=expression_size(HEAD), encoding=encoding, **changes)


def tiny_config(**changes: object) -> Export3dConfig:
    return replace(tiny(settings()), **changes)


def tiny_model(config: Export3dConfig | None = None, seed: int = 0) -> Export3dModel:
    torch.manual_seed(seed)
    return Export3dModel(tiny_config() if config is None else config).eval()


def noisy_model(config: Export3dConfig | None = None, seed: int = 0) -> Export3dModel:
    """As if it had learned something: an untrained model does not look at the expression yet."""
    model = tiny_model(config, seed)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model
