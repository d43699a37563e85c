"""Rows of an ablation of Export3D: what each switch changes, which rows share an encoder, what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from likeness.app.ablate import AblateExport3d
from likeness.app.ablate_export3d import main_trainings
from likeness.errors import InputError
from likeness.evaluation.ablation_report import ablation_report
from likeness.evaluation.report import to_markdown
from likeness.evaluation.variants import MAIN, Variant, parse_variants, variant_recipe
from likeness.export3d.model import Export3dModel
from likeness.export3d.published import METHODS, PUBLISHED, TABLES
from likeness.export3d.recipes import RECIPES
from likeness.export3d.switches import SWITCHES, TABLE, encoder_part
from tests.export3d.models import HEAD

FOLDER = Path("nowhere")


def trainings(preset: str = "tiny"):
    return main_trainings(AblateExport3d(preset=preset, data=(FOLDER,), out=FOLDER), HEAD)


RECIPE = trainings()


def row(text: str):
    return variant_recipe(parse_variants(text, RECIPE, TABLE)[1], RECIPE, TABLE)


def test_the_papers_rows_are_what_the_names_stand_for() -> None:
    found = [variant.name for variant in parse_variants("expr,clebs_negatives,cond,x_tema,x_low_pass", RECIPE, TABLE)]
    assert found == [
        MAIN, "expr=direct", "expr=lebs_5", "expr=lebs_10", "expr=lebs_25", "expr=clebs_5", "expr=clebs_10",
        "expr=clebs_25", "clebs_negatives=mixed", "cond=cross_attention", "x_tema=off", "x_low_pass=off",
    ]  # fmt: skip
    assert "expr=clebs_10" not in [variant.name for variant in parse_variants("expr", trainings("small"), TABLE)]


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_does_something_and_says_what(name: str) -> None:
    switch = SWITCHES[name]
    own = switch.read(RECIPE)
    value = next(value for value in switch.values if value != own)
    variant = Variant(changes=((name, value),))
    changed = variant_recipe(variant, RECIPE, TABLE)
    assert switch.read(changed) == value
    assert switch.change(changed, own) == RECIPE
    assert (encoder_part(variant) == variant) == (changed.encoder != RECIPE.encoder or not changed.has_encoder)


def test_encoder_and_model_are_of_one_expression() -> None:
    changed = row("expr=clebs_25+x_gaze+clebs_negatives=mixed")
    assert (changed.encoder.expression.basis, changed.encoder.expression.gaze) == (25, True)
    assert changed.model.model.expression == changed.encoder.expression and changed.encoder.contrast.mixed
    assert not row("expr=direct").has_encoder
    for preset in RECIPES:
        chosen = trainings(preset)
        assert chosen.encoder.image.width == chosen.model.model.expression.width
    with pytest.raises(ValueError, match="one expression"):
        replace(RECIPE, model=changed.model)


@pytest.mark.parametrize("text", ["cond=cross_attention", "up_mode=single+x_hires_skip", "x_background+x_gaze"])
def test_models_of_rows_draw(text: str) -> None:
    torch.manual_seed(0)
    config = row(text).model.model
    model = Export3dModel(config).eval()
    pictures, mattes = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    with torch.no_grad():
        source = model.read(pictures, mattes)
        content = model.content(source, model.expression(torch.zeros(1, config.expression.inputs)))
    assert content.planes.shape[-1] == config.plane_size


def test_a_generator_without_average_keeps_none() -> None:
    assert row("x_tema=off").model.model.generator.average == 0.0
    assert row("x_low_pass").model.model.generator.low_pass == 0.0
    assert row("density=0").model.losses.density == 0.0


def test_rows_that_read_photos_with_mattes_say_so() -> None:
    assert row("x_lift=on").model.model.lift and row("x_lift=on").model.model.needs_matte
    assert not row("x_lift=on").model.model.mirror
    assert row("x_lift=mirror").model.model.lift and row("x_lift=mirror").model.model.mirror
    assert row("x_background").model.model.needs_matte and not RECIPE.model.model.needs_matte


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x_teeth", "there is no switch x_teeth; choose from expr, clebs_negatives, "),
        ("expr=lebs", "lebs is none of direct, lebs_N and clebs_N"),
        ("expr=lebs_0", "the row expr=lebs_0 cannot be made"),
        ("expr=clebs_65", "65 directions are not orthogonal in 64 dimensions"),
        ("expr=direct+clebs_negatives=mixed", "has no expression encoder with negatives"),
        ("cond=film", "film is none of eadaln, cross_attention"),
        ("density=-1", "starts at 0"),
        ("density=nan", "starts at 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_variants(rows, RECIPE, TABLE)
    assert "\n" not in str(caught.value)


def test_every_published_row_is_one_that_can_be_run() -> None:
    for table in TABLES:
        for name, numbers in table.values.items():
            switch, _, value = name.partition("=")
            assert value in SWITCHES[switch].values and switch in table.switches
            assert len(numbers) == len(table.columns)
        assert f"{table.switches[0]}={table.main}" in table.values
    assert all(len(numbers) == len(METHODS.columns) for numbers in METHODS.values.values())


def test_published_numbers_stand_beside_ours() -> None:
    main = [{"item": "main seed 0", "self_aed": 0.2, "self_psnr": 20.0, "cross_aed": 0.4, "encoder_steps": 7}]
    report = ablation_report(
        title="Ablation",
        notes=(),
        published=PUBLISHED,
        main_values=TABLE.values(RECIPE),
        rows={MAIN: main, "expr=direct": [{"item": "expr=direct seed 0", "self_aed": 0.3, "cross_aed": 0.2}]},
        baselines={"copying the source": [{"item": "copying the source", "self_psnr": 18.0}]},
    )
    tables = {table.title.split(".")[0]: table for table in report.tables}
    encoding = {line[0]: line[1:] for line in tables["Encoding of the expression"].rows}
    assert list(encoding) == [
        "expr=clebs_6 (main)", "expr=clebs_10", "expr=direct", "expr=lebs_5", "expr=lebs_10", "expr=lebs_25"
    ]  # fmt: skip
    assert encoding["expr=clebs_10"][:6] == ("-", "23.560", "-", "0.811", "-", "0.082")
    assert encoding["expr=direct"][4:6] == ("0.300 (x 1.50)", "0.105 (x 1.28)")
    assert encoding["expr=clebs_6 (main)"][4] == "0.200"
    methods = {line[0]: line[1:] for line in tables["The paper's comparison"].rows}
    assert methods["Export3D (main)"][:2] == ("20.00", "23.560")
    assert methods["copying the source"][:2] == ("18.00", "-")
    assert methods["DPE"][-1] == "0.253"
    assert "How the expression reaches the generator" not in to_markdown(report)
