"""The ring of cameras: a head drawn as asked scores well, the copied photo by its turn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.drawn_photo import draw_moment
from likeness.evaluation.protocols import free_view
from likeness.evaluation.runner import Setup
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.media.images import write_image
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.tracking.photo import portrait_from_image
from tests.evaluation.copying import copying_pieces, shipped_face


def drawn_views(portrait, sides):
    """The textured mesh, turned against the camera's way."""
    frames = tuple(apply_edit(portrait.rest, HeadEdit(yaw=-yaw, pitch=-pitch), portrait.head) for yaw, pitch in sides)
    pictures = (draw_moment(portrait, frame) for frame in frames)
    return free_view.Views(pictures=pictures, frames=frames, camera=portrait.camera)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    (tmp_path / "portraits").mkdir()
    for name in free_view.PORTRAITS[:1]:
        write_image(tmp_path / "portraits" / f"{name}.jpg", shipped_face())
    pieces = replace(copying_pieces(), portrait_from_image=lambda image: portrait_from_image(image, builtin_head()))
    return Setup(pieces=pieces, data=tmp_path, limit=1)


def test_a_turned_head_scores_better_than_the_copied_photo(setup: Setup, tmp_path: Path):
    photo = tmp_path / "portraits" / f"{free_view.PORTRAITS[0]}.jpg"
    row = free_view.measure_photo(setup, drawn_views, photo, tmp_path)
    assert row["landmark"] < 0.6 * row["landmark_copy"]
    assert row["rotation"] < 0.6 * row["rotation_copy"]
    assert row["yaw_gain"] > 0.6 > 0.1 > abs(row["yaw_gain_copy"])
    assert row["rotation_floor"] == pytest.approx(row["rotation"], abs=1.0)  # what was drawn is what the floor draws
    assert row["rotation_read"] < 1.0
    assert row["aed_copy"] == 0.0 and row["missed"] <= 1
    assert np.isnan(row["csim"])  # no embedding in this setup
    assert (tmp_path / f"{photo.stem}.jpg").stat().st_size > 1000
    report = free_view.report([{"item": "p"} | {k: v for k, v in row.items() if np.isfinite(v)}], setup)
    assert len(report.tables[1].rows) == len(free_view.RING)


def test_renderers_without_a_free_view_are_refused():
    from likeness.app.evaluate_views import turned_views
    from likeness.app.options import Rendering

    with pytest.raises(InputError, match="no free view"):
        turned_views(Rendering(method="fg-portrait"))


def test_flow_warp_turns_as_the_camera_goes():
    from likeness.app.evaluate_views import turned_views
    from likeness.app.options import Rendering

    portrait = portrait_from_image(shipped_face(), builtin_head())
    views = turned_views(Rendering())(portrait, [(0.0, 0.0), (10.0, 0.0)])
    turns = [matrix_from_axis_angle(frame.rotation) for frame in views.frames]
    np.testing.assert_allclose(turns[0], matrix_from_axis_angle(portrait.rest.rotation), atol=0.05)  # upright
    angle = np.degrees(np.linalg.norm(axis_angle_from_matrix(turns[0].T @ turns[1])))
    assert angle == pytest.approx(10.0, abs=0.5)
    assert len(list(views.pictures)) == 2
