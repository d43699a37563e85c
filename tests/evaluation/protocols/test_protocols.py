"""The protocols on a tiny made-up material with a renderer that copies the photo: its scores are the baseline's."""

from pathlib import Path

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.html_report import report_page
from likeness.evaluation.material import PORTRAITS
from likeness.evaluation.protocols import cross_reenactment, edits, first_frame, peers, self_reenactment, zero_motion
from likeness.evaluation.report import to_markdown
from likeness.evaluation.runner import Setup
from likeness.media.images import write_image
from tests.evaluation.copying import CLIP_FRAMES, copying_pieces, shipped_face, sliding_clip, write_clip


@pytest.fixture(scope="module")
def setup(tmp_path_factory) -> Setup:
    folder = tmp_path_factory.mktemp("material")
    face = shipped_face()
    clip = sliding_clip(face)
    for name in ("v001", *cross_reenactment.CROSS_CLIPS):
        write_clip(folder / "videos" / f"{name}.mp4", clip)
    (folder / "portraits").mkdir()
    for name in PORTRAITS:
        write_image(folder / "portraits" / f"{name}.jpg", face)
    for pair in ("pair_1a", "pair_2a"):
        write_clip(folder / "peers" / pair / "driving.mp4", clip)
        write_clip(folder / "peers" / pair / "Other.mp4", clip[:-2])
        write_image(folder / "peers" / pair / "source.png", face)
    (folder / "peers" / "notes").mkdir()
    return Setup(pieces=copying_pieces(), data=folder, limit=1, frames=CLIP_FRAMES)


def test_self_equals_the_baseline(setup: Setup, tmp_path: Path):
    report = self_reenactment.run(setup, tmp_path)
    (row,) = report.rows
    for measure in self_reenactment.MEASURES:
        assert row[measure.key] == row[f"{measure.key}_copy"], measure.key
    assert row["psnr_gain"] == 0.0
    assert "| 100 % | 100 % | >= 90 % | yes |" in to_markdown(report)
    assert (tmp_path / "self.jsonl").is_file()
    again = self_reenactment.run(setup, tmp_path / "again")
    assert (again.rows, again.tables) == (report.rows, report.tables)  # the same numbers, measured anew


def test_zero_motion_of_a_copy_is_exact(setup: Setup, tmp_path: Path):
    (row,) = zero_motion.run(setup, tmp_path).rows
    assert row["difference"] == 0.0


def mean_colours(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Stands in for the embedding, which takes its time."""
    return np.resize(image.mean(axis=(0, 1)), 128).astype(np.float64)


def test_cross_equals_the_baseline(setup: Setup, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(cross_reenactment, "load_embedder", lambda: mean_colours)
    report = cross_reenactment.run(setup, tmp_path)
    assert [row["item"] for row in report.rows] == [f"{PORTRAITS[0]}/{clip}" for clip in cross_reenactment.CROSS_CLIPS]
    for row in report.rows:
        for measure in cross_reenactment.MEASURES:
            assert row[measure.key] == row[f"{measure.key}_copy"], measure.key
    assert "copying" in to_markdown(report)


def test_cross_takes_motions_as_they_are_where_asked(setup: Setup, tmp_path: Path):
    from dataclasses import replace

    modes: list[str] = []
    pieces = replace(setup.pieces, retarget=lambda motion, portrait, mode: modes.append(mode) or motion)
    photo, clip = setup.data / "portraits" / f"{PORTRAITS[0]}.jpg", setup.data / "videos" / "v009.mp4"
    both = [replace(setup, pieces=pieces, absolute=absolute) for absolute in (False, True)]
    for asked in both:
        cross_reenactment.CrossScorer(asked, None).measure(photo, clip)
    assert modes == ["default", "absolute"]
    assert both[0].settings != both[1].settings  # rows of the two are never mixed
    notes = [cross_reenactment.report([], asked).notes[0] for asked in both]
    assert "default motion" in notes[0] and "expression of the clip" in notes[1]


def test_cross_scores_what_others_made(setup: Setup, tmp_path: Path):
    """The driver's own clip as somebody's result follows the driver exactly; a lost frame and a lost pair are told."""
    from dataclasses import replace

    from likeness.evaluation.outside import open_outside

    photo, clip = setup.data / "portraits" / f"{PORTRAITS[0]}.jpg", setup.data / "videos" / "v009.mp4"
    folder = tmp_path / "Other"
    write_clip(folder / f"{PORTRAITS[0]}_v009.mp4", sliding_clip(shipped_face())[:-1])
    scorer = cross_reenactment.CrossScorer(replace(setup, outside=open_outside([folder])), mean_colours)
    row = scorer.measure(photo, clip, tmp_path)
    assert row["pose@Other"] < 1.0 and row["missing_frames@Other"] == str(CLIP_FRAMES - 1)
    assert row["fit_rotation@Other"] < 1.5 and row["leak_appearance@Other"] is not None
    assert row["fit_movement@Other"] <= row["fit_aed@Other"] + 1e-9  # without what is constant there is less
    assert (tmp_path / f"{PORTRAITS[0]}_v009.jpg").stat().st_size > 1000
    other = scorer.measure(photo, setup.data / "videos" / "v016.mp4")
    assert other["error@Other"].startswith("Other has nothing for")


def test_first_frame_of_a_copy_changes_nothing(setup: Setup, tmp_path: Path):
    report = first_frame.run(setup, tmp_path)
    (table,) = report.tables
    assert len(report.rows) == len(cross_reenactment.CROSS_CLIPS)
    pose = dict(zip(table.header, table.rows[0], strict=True))
    assert pose["spread"] == "0.0 %"
    assert pose["start 0"] == pose["copying the photo"]


def test_starts_lie_in_the_first_half():
    starts = first_frame.starts(100)
    assert (starts[0], len(starts), len(set(starts))) == (0, 10, 10)
    assert max(starts) < 100


def test_edits_that_do_nothing_are_wholly_off(setup: Setup, tmp_path: Path, monkeypatch):
    from tests.heads_for_tests import tiny_head

    monkeypatch.setattr(edits, "builtin_head", tiny_head)
    report = edits.run(setup, tmp_path)
    pose = report.rows[0]
    assert pose["item"] == f"{PORTRAITS[0]}/pose"
    for name in ("yaw+15", "pitch-10", "roll+10"):
        assert pose[f"{name} error"] == pytest.approx(pose[f"{name} error_copy"], abs=1e-4)
    controls = next(table for table in report.tables if table.title == "Named controls")
    smile = next(row for row in controls.rows if row[0] == "mouthSmileLeft")
    assert smile[1] == "mouth corner height, left"
    assert (smile[2], smile[3], smile[8]) == ("0.00", "0.00", "no")
    outline = edits.outline(report, setup, tmp_path)
    page = report_page(report, outline)
    assert page.count("data:image/jpeg") == 1 and [row["item"] for row in outline.rows] == [f"{PORTRAITS[0]}/pose"]


def test_peers_are_found_and_scored_beside_copying(setup: Setup, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(peers, "is_available", lambda: False)
    both = Setup(pieces=setup.pieces, data=setup.data, frames=setup.frames)
    report = peers.run(both, tmp_path)
    rows = {row["item"]: row for row in report.rows}
    assert set(rows) == {
        f"{pair}/{name}" for pair in ("pair_1a", "pair_2a") for name in ("Other", peers.OURS, peers.COPY)
    }
    assert rows["pair_1a/Other"]["landmark"] < 0.5
    assert rows["pair_1a/Other"]["frames"] == CLIP_FRAMES - 2
    assert rows[f"pair_1a/{peers.COPY}"]["landmark"] > 5.0
    assert "pose_first" in rows["pair_2a/Other"]
    same, cross = report.tables
    assert same.title == "Same person: pair_1a"
    assert [row[0] for row in cross.rows] == [peers.OURS, "Other", peers.COPY]
    outline = peers.outline(report, both, tmp_path)
    pair = next(row for row in outline.rows if row["item"] == "pair_1a")
    assert (
        pair["landmark@Other"] == rows["pair_1a/Other"]["landmark"] < 1.0 < min(pair["landmark"], pair["landmark_copy"])
    )
    page = report_page(report, outline)
    assert page.count("data:image/jpeg") == 4 and page.count("data:image/webp") == 2


def test_peer_sheets_are_drawn(setup: Setup, tmp_path: Path):
    (path,) = peers.write_sheets(setup, tmp_path)
    assert path.name == "pair_1a.png"
    assert path.stat().st_size > 1000


def test_a_folder_without_pairs_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="source.png"):
        peers.find_pairs(tmp_path)


def test_sheets_are_drawn(setup: Setup, tmp_path: Path, monkeypatch):
    from likeness.evaluation.protocols import sheets
    from likeness.media.images import read_image
    from likeness.motion.edit import HeadEdit

    def with_landmarks(image: np.ndarray):
        from dataclasses import replace

        landmarks = np.zeros((478, 3))
        landmarks[0, :2] = 100.0
        return replace(setup.pieces.portrait_from_image(image), landmarks=landmarks)

    from dataclasses import replace

    monkeypatch.setattr(sheets, "EDITS", {"smile": HeadEdit(controls={"mouthSmile": 1.0})})
    monkeypatch.setattr(sheets, "DRIVERS", ("v001",))
    pieces = replace(setup.pieces, portrait_from_image=with_landmarks)
    (path,) = sheets.run(Setup(pieces=pieces, data=setup.data, limit=2, frames=10), tmp_path)
    height, width = read_image(path).shape[:2]
    assert width > 3 * sheets.CELL and height > 2 * sheets.CELL
