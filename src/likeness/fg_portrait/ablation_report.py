"""What an ablation has found, as tables: all rows beside the baselines, then the paper's tables."""

from collections.abc import Mapping, Sequence

from likeness.evaluation.report import Measure, Report, Table, format_number
from likeness.evaluation.results import Row, numbers
from likeness.fg_portrait.published import (
    C_AED,
    C_APD,
    S_AED,
    S_APD,
    RowsByVariant,
    paper_tables,
    spread_text,
)
from likeness.fg_portrait.recipes import Recipe
from likeness.fg_portrait.switches import MAIN, SWITCHES, Variant

LOSS = Measure(key="loss", title="test loss", digits=4)
SAME_PERSON = (
    LOSS,
    S_APD,
    S_AED,
    Measure(key="self_landmark", title="landmark, %", digits=2),
    Measure(key="self_psnr", title="face PSNR, dB", digits=2),
    Measure(key="self_ssim", title="face SSIM", digits=3),
    Measure(key="self_identity_source", title="identity to source", digits=3),
    Measure(key="self_missed", title="missed", digits=2),
)
OTHER_PERSON = (
    C_APD,
    C_AED,
    Measure(key="cross_identity_source", title="identity to source", digits=3),
    Measure(key="cross_identity_driver", title="identity to driver", digits=3),
    Measure(key="cross_missed", title="missed", digits=2),
)
LEGEND = (
    "Mean over test scenes, then mean ± standard deviation over seeds. Lower is better, but for PSNR and SSIM.",
    "APD: yaw, pitch, roll, radians x 100; AED: expression coefficients; both by our own fit on the drawn picture, for"
    " faces that are found. Landmarks: percent of the outer-eye distance, a missed face counts 100.",
    "Test loss: the training objective on the test scenes, the same noise for every row; it tells rows apart before"
    " their pictures do.",
    "Identity: distance of dlib embeddings; missed: share of pictures without a detected face.",
    "(x 1.20): ratio to the main row; *: every seed lies on one side of every seed of the main row.",
    "Published: VFHQ at 512 pixels with another estimator. Only ratios compare.",
)


def ablation_report(
    *,
    title: str,
    notes: Sequence[str],
    main: Recipe,
    variants: Sequence[Variant],
    rows: RowsByVariant,
    baselines: Mapping[str, Sequence[Row]],
) -> Report:
    """The report on finished rows; rows that failed are named with their message."""
    names = [variant.name for variant in variants]
    everything = [row for group in (*rows.values(), *baselines.values()) for row in group]
    failures = tuple(f"{row['item']}: {row['error']}" for row in everything if "error" in row)
    tables = (
        _trained(names, rows),
        _scores("Same person", SAME_PERSON, names, rows, baselines),
        _scores("Another person's motion", OTHER_PERSON, names, rows, baselines),
        *paper_tables(rows, main=MAIN, main_values={name: switch.read(main) for name, switch in SWITCHES.items()}),
    )
    return Report(title=title, notes=(*notes, *LEGEND, *failures), tables=tables, rows=tuple(everything))


def _trained(names: Sequence[str], rows: RowsByVariant) -> Table:
    """How much each row has learned: rows that end by the clock differ."""
    cells = []
    for name in names:
        found = [row for row in rows[name] if "error" not in row]
        cells.append(
            (name, str(len(found)), *(_range(found, key, digits) for key, digits in (("steps", 0), ("minutes", 1))))
        )
    return Table(title="Rows", header=("row", "seeds", "steps", "minutes"), rows=tuple(cells))


def _range(rows: Sequence[Row], key: str, digits: int) -> str:
    values = numbers(rows, key)
    if not values:
        return "-"
    low, high = format_number(min(values), digits), format_number(max(values), digits)
    return low if low == high else f"{low} to {high}"


def _scores(
    title: str,
    measures: Sequence[Measure],
    names: Sequence[str],
    rows: RowsByVariant,
    baselines: Mapping[str, Sequence[Row]],
) -> Table:
    groups = (*rows.values(), *baselines.values())
    shown = [measure for measure in measures if any(numbers(group, measure.key) for group in groups)]
    cells = [(name, *(spread_text(group, measure) for measure in shown)) for name, group in baselines.items()]
    for name in names:
        beside = () if name == MAIN else rows[MAIN]
        cells.append((name, *(spread_text(rows[name], measure, _ratio(measure, beside)) for measure in shown)))
    return Table(title=title, header=("row", *(measure.title for measure in shown)), rows=tuple(cells))


def _ratio(measure: Measure, beside: Sequence[Row]) -> Sequence[Row]:
    """Ratios are given where they are usual."""
    return beside if measure in (LOSS, S_APD, S_AED, C_APD, C_AED) else ()
