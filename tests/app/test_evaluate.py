"""`likeness evaluate` with any renderer: options that cannot work, resolution, and what tells rows apart."""

from pathlib import Path

import numpy as np
import pytest

from likeness.app import evaluate as app_evaluate
from likeness.app.cli import main
from likeness.app.evaluate_plan import reduced, renderer_pieces, renderer_settings
from likeness.app.options import Rendering
from likeness.data.square import clip_square, head_box
from likeness.evaluation.controls import BLUR_SUFFIX, WARP_SUFFIX
from likeness.evaluation.protocols import self_reenactment
from likeness.evaluation.report import to_markdown
from likeness.evaluation.runner import Setup, open_subject, render_rest
from likeness.nn import shipped
from tests.evaluation.copying import CLIP_FRAMES, copying_pieces, shipped_face, sliding_clip, write_clip
from tests.flow_warp.portraits import portrait


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "fg-portrait"], "add --weights FOLDER"),
        (["--method", "fg-portrait", "--weights", "nowhere"], "is no folder"),
        (["--steps", "3"], "add --method fg-portrait"),
        (["--size", "4"], "--size is 4: give 32 pixels or more"),
        (["--absolute"], "--absolute is for cross"),
    ],
)
def test_options_that_cannot_work_are_one_line(
    options: list[str], message: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "none")
    assert main(["evaluate", "self", "--out", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_head_fills_a_square_of_the_asked_size() -> None:
    made = reduced(portrait(), 96)
    square = clip_square([head_box(made.head, made.shape, made.rest, made.camera)])
    assert abs(square.size - 96) <= 2
    assert made.image.shape[:2] == (made.camera.height, made.camera.width)
    scale = made.image.shape[1] / portrait().image.shape[1]
    np.testing.assert_allclose(made.landmarks, portrait().landmarks * scale, rtol=0.02)
    assert reduced(portrait(), None) is portrait()
    assert reduced(portrait(), 10_000).image.shape == portrait().image.shape


def test_the_default_renderer_at_a_resolution_gives_the_reduced_photo_back() -> None:
    pieces = renderer_pieces(Rendering(), size=128, frames=1)
    subject = open_subject(pieces, portrait().image)
    assert subject.image.shape[0] < portrait().image.shape[0]
    difference = np.abs(render_rest(pieces, subject).astype(int) - subject.image).mean()
    assert difference < 1.0


def test_rows_of_other_renderers_and_sizes_are_told_apart(tmp_path: Path) -> None:
    plain = renderer_settings(Rendering(), None)
    assert plain == {"method": "flow-warp", "seed": 0, "size": None}
    weighted = renderer_settings(Rendering(method="fg-portrait", weights=tmp_path, steps=3), 128)
    assert weighted["weights"] == str(tmp_path) and (weighted["steps"], weighted["size"]) == (3, 128)


def test_controls_stand_beside_the_renderer(tmp_path: Path) -> None:
    """A renderer that copies, beside one of its own kind: sharp it scores the same, blurred it does not."""
    write_clip(tmp_path / "videos" / "v001.mp4", sliding_clip(shipped_face()))
    setup = Setup(pieces=copying_pieces(), data=tmp_path, limit=1, frames=CLIP_FRAMES, controls=copying_pieces())
    report = self_reenactment.run(setup, tmp_path)
    (row,) = report.rows
    assert row[f"face_psnr{WARP_SUFFIX}"] == row["face_psnr"] == row["face_psnr_copy"]
    assert row[f"face_psnr{BLUR_SUFFIX}"] > row["face_psnr"]  # a shifted picture gains by any blur
    assert row[f"psnr_gain{BLUR_SUFFIX}"] > 0.0 == row[f"psnr_gain{WARP_SUFFIX}"]
    assert "| flow-warp | flow-warp blurred |" in to_markdown(report)
    same = copying_pieces()
    alone = Setup(pieces=same, data=tmp_path, limit=1, frames=CLIP_FRAMES, controls=same)
    (row,) = self_reenactment.run(alone, tmp_path / "alone").rows
    assert f"face_psnr{WARP_SUFFIX}" not in row and row[f"face_psnr{BLUR_SUFFIX}"] > row["face_psnr"]


def test_an_interrupted_evaluation_says_that_its_rows_are_kept(tmp_path, capsys, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app_evaluate, "evaluate", interrupted)
    assert main(["evaluate", "self", "--out", str(tmp_path / "rows")]) == 130
    error = capsys.readouterr().err
    assert "is kept in" in error and error.count("\n") == 1
