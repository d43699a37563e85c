"""Counted costs against closed forms and against the specification's own count."""

from dataclasses import replace

import pytest

from likeness.export3d.config import ExpressionSettings
from likeness.export3d.cost import cost_lines, estimate_cost
from likeness.export3d.lift import HINTS
from likeness.export3d.presets import PRESETS

EXPRESSION = ExpressionSettings(head="basel", size=64)


@pytest.mark.parametrize(
    ("preset", "picture", "super_resolution", "discriminator", "parameters"),
    [
        ("base_512", 353.0, 137.0, 123.0, 126.0),
        ("base_256", 90.0, 34.0, 93.0, 101.0),
        ("small", 31.0, 7.4, 7.7, 25.3),
        ("tiny", 0.14, 0.06, 0.03, 0.57),
    ],
)
def test_presets_cost_what_the_method_is_known_to_cost(
    preset: str, picture: float, super_resolution: float, discriminator: float, parameters: float
) -> None:
    cost = estimate_cost(PRESETS[preset](EXPRESSION))
    assert cost.per_picture == pytest.approx(picture, rel=0.04)
    assert cost.super_resolution == pytest.approx(super_resolution, rel=0.06)
    assert cost.discriminator == pytest.approx(discriminator, rel=0.04)
    assert cost.trained_parameters == pytest.approx(parameters, rel=0.03)


def test_the_volume_costs_two_products_per_point() -> None:
    config = PRESETS["small"](EXPRESSION)
    cost = estimate_cost(config)
    settings = config.volume
    assert cost.points == 64 * 64 * 48
    per_point = 2 * settings.hidden * (config.generator.plane_channels + 1 + settings.features)
    assert cost.volume * 1e9 == pytest.approx(cost.points * per_point, rel=0.001)
    lifted = estimate_cost(replace(config, lift=True))
    more = 2 * settings.hidden * (settings.features + HINTS + 1)
    assert lifted.volume * 1e9 == pytest.approx(cost.points * (per_point + more), rel=0.001)


def test_what_is_kept_need_not_be_paid_again() -> None:
    cost = estimate_cost(PRESETS["laptop"](EXPRESSION))
    assert cost.per_picture - cost.per_frame == pytest.approx(cost.stem)
    assert cost.per_frame - cost.per_view == pytest.approx(cost.planes)
    assert cost.trained_parameters > cost.inference_parameters


def test_table_has_a_line_per_model() -> None:
    head, line = cost_lines([("tiny", PRESETS["tiny"](EXPRESSION))])
    assert len(head) == len(line) and line.startswith("tiny") and line.endswith("4096")
