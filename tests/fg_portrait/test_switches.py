"""Rows of an ablation: what names stand for, what each switch changes, and what is refused in one line."""

from dataclasses import replace

import pytest

from likeness.errors import InputError
from likeness.evaluation.variants import MAIN, Variant, parse_variants, variant_recipe
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.recipes import RECIPES, small, tiny
from likeness.fg_portrait.switches import SWITCHES, TABLE

RECIPE = tiny(1)


def names(text: str) -> list[str]:
    return [variant.name for variant in parse_variants(text, RECIPE, TABLE)]


def test_a_bare_name_stands_for_all_other_values() -> None:
    assert names("cond") == [MAIN, "cond=landmark", "cond=pred_flow", "cond=drive_rgb"]
    assert names("N") == [MAIN, "N=1", "N=2", "N=5", "N=10", "N=20", "N=40"]
    assert names("delta") == [MAIN, "delta=0.0025", "delta=0.005", "delta=0.02", "delta=0.05"]
    assert names("x_mask") == [MAIN, "x_mask=on"]


def test_values_and_joined_changes() -> None:
    assert names("N=7, x_visibility+x_normals+N=2") == [MAIN, "N=7", "x_visibility=on+x_normals=on+N=2"]
    recipe = variant_recipe(parse_variants("x_normals+x_warp_latent+N=2", RECIPE, TABLE)[1], RECIPE, TABLE)
    control = recipe.model.control
    assert (control.flow.samples, control.flow.extras, control.warp_latent) == (2, ("normals",), True)
    assert recipe.training == RECIPE.training


def test_rows_that_change_nothing_or_come_twice_are_run_once() -> None:
    assert names("N=4,cond=flow3d,delta=0.010,N=2,N=2") == [MAIN, "N=2"]


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_does_something_and_says_what(name: str) -> None:
    switch = SWITCHES[name]
    own = switch.read(RECIPE)
    value = next(value for value in switch.values if value != own)
    start = RECIPE if name != "uncond" else SWITCHES["guidance"].change(RECIPE, "2")
    changed = variant_recipe(Variant(changes=((name, value),)), start, TABLE)
    assert switch.read(changed) == value
    assert switch.change(changed, own) == start or name == "cond_res"
    model = replace(changed.model, sampling=start.model.sampling)
    needs_training = (model, changed.samples) != (start.model, start.samples)
    assert switch.is_trained == (needs_training and name != "sampling_test")


@pytest.mark.parametrize("row", ["cond_res=64", "cond_res=32+x_flow2d", "flow_encoding=centre3", "x_gaze+x_depth"])
def test_networks_of_rows_can_be_built(row: str) -> None:
    recipe = variant_recipe(parse_variants(row, RECIPE, TABLE)[1], RECIPE, TABLE)
    networks = build_networks(recipe.model)
    assert networks.control.embedding.conv_in.in_channels == recipe.model.control.channels


def test_rows_that_only_draw_otherwise_share_the_weights() -> None:
    _, row = parse_variants("sampling_test=uniform+N=2+steps=8", RECIPE, TABLE)
    assert TABLE.trained(row).name == "N=2"
    assert TABLE.trained(parse_variants("sampling_test", RECIPE, TABLE)[1]).name == MAIN


def test_other_presets_have_other_values_to_leave_out() -> None:
    assert "N=20" not in [variant.name for variant in parse_variants("N", small(1), TABLE)]
    for recipe in RECIPES.values():
        every = ",".join(name for name in SWITCHES if name not in ("uncond", "cond_res"))
        assert len(parse_variants(every, recipe(1), TABLE)) > 35


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x_mouth", "there is no switch x_mouth; choose from cond, sampling, "),
        ("cond=photo", "photo is none of flow3d, landmark"),
        ("N=many", "the row N=many cannot be made"),
        ("N=0", "give a whole number from 1"),
        ("N,,delta", "empty entry"),
        ("N+x_mask", "does not say which N: write N=1"),
        ("N=2+N=5", "turns a switch twice"),
        ("cond_res=48", "16 pixels or that doubled, not 48"),
        ("uncond=source_only", "changes nothing at guidance 1"),
        ("cond=landmark+init=warped_noised", "no source can be warped"),
        ("flow_encoding=flow2d+x_flow2d", "asked for twice"),
        ("guidance=0.5", "cannot be made"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_variants(rows, RECIPE, TABLE)
    assert "\n" not in str(caught.value)
