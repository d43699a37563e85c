"""What an ablation has found, as tables: all rows beside the baselines, then a paper's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from likeness.evaluation.published import (
    PublishedMethods,
    PublishedTable,
    RowsByVariant,
    methods_table,
    paper_tables,
    range_table,
    score_table,
)
from likeness.evaluation.report import Measure, Report
from likeness.evaluation.scene_measures import OTHER_PERSON, SAME_PERSON, WITH_RATIO
from likeness.evaluation.variants import MAIN

PROGRESS = (Measure(key="steps", title="steps", digits=0), Measure(key="minutes", title="minutes", digits=1))
LEGEND = (
    "Mean over test scenes, then mean ± standard deviation over seeds. Lower is better, but for PSNR and SSIM.",
    "APD: yaw, pitch, roll, radians x 100; AED: expression coefficients; both by our own fit on the drawn picture, for"
    " faces that are found. Landmarks: percent of the outer-eye distance, a missed face counts 100.",
    "Test loss: what training compares with the truth, on the test scenes and alike for every row; it tells rows apart"
    " before their pictures do.",
    "Identity: distance of dlib embeddings; missed: share of pictures without a detected face.",
    "(x 1.20): ratio to the main row; *: every seed lies on one side of every seed of the main row.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What a paper has published, and how that compares."""

    note: str  # one line: on what, and what may be compared
    ablations: tuple[PublishedTable, ...]
    methods: PublishedMethods | None = None


def ablation_report(
    *,
    title: str,
    notes: Sequence[str],
    published: Published,
    main_values: Mapping[str, str],
    rows: RowsByVariant,
    baselines: RowsByVariant,
    progress: Sequence[Measure] = PROGRESS,
) -> Report:
    """The report on finished rows; rows that failed are named with their message.

    Args:
        main_values: the preset's value of each switch.
        rows: in the order in which they are shown; the main row is among them.
        progress: what tells how long a row was trained.
    """
    everything = [row for group in (*rows.values(), *baselines.values()) for row in group]
    failures = tuple(f"{row['item']}: {row['error']}" for row in everything if "error" in row)
    tables = [
        range_table("Rows", progress, rows),
        score_table("Same person", SAME_PERSON, rows, baselines, with_ratio=WITH_RATIO),
        score_table("Another person's motion", OTHER_PERSON, rows, baselines, with_ratio=WITH_RATIO),
        *paper_tables(published.ablations, rows, main_values=main_values),
    ]
    if published.methods is not None:
        tables.append(methods_table(published.methods, rows[MAIN], baselines))
    return Report(
        title=title, notes=(*notes, *LEGEND, published.note, *failures), tables=tuple(tables), rows=tuple(everything)
    )
