"""Pictures of the head: it is there, it turns the right way, controls change what they name, gaze can be seen."""

import numpy as np

from likeness.heads.builtin import builtin_head
from likeness.heads.show import BACKGROUND, EYES_VIEW, draw_control, draw_head, eye_angles

HEAD = builtin_head()


def covered_columns(picture: np.ndarray) -> np.ndarray:
    return np.flatnonzero((picture != BACKGROUND).any(axis=(0, 2)))


def test_frontal_head_is_centred_and_symmetric() -> None:
    picture = draw_head(HEAD, HEAD.template, size=160)
    columns = covered_columns(picture)
    assert picture.shape == (160, 160, 3)
    assert abs(columns.mean() - 79.5) < 1.5


def test_control_changes_only_its_region() -> None:
    rest = draw_control(HEAD, HEAD.control("jawOpen"), 0.0, size=160)
    opened = draw_control(HEAD, HEAD.control("jawOpen"), 1.0, size=160)
    change = np.abs(rest.astype(int) - opened)
    rows = np.flatnonzero((change > 8).any(axis=2).sum(axis=1) > 3)
    assert len(rows) and rows.min() > 60  # from below the nose on


def test_iris_lies_straight_ahead() -> None:
    angles = eye_angles(HEAD)
    ball = np.unique(HEAD.part_faces("eye_left"))
    assert angles[ball].min() < 1e-3
    assert (HEAD.template[ball][angles[ball] < 0.6, 2] > HEAD.joint_positions[3, 2]).all()
    assert (angles[: HEAD.faces[HEAD.landmark_faces].max()] == np.pi).all()


def test_gaze_moves_the_iris_of_one_eye_to_its_side() -> None:
    """The subject's left eye is in the right half of the picture, and looks out to the right."""
    control = HEAD.control("eyeLookOutLeft")
    before, after = (draw_control(HEAD, control, value, size=160, view=EYES_VIEW) for value in (0.0, 1.0))
    assert (before[:, :80] == after[:, :80]).all()
    columns = [np.nonzero(picture[:, 80:, 2].astype(int) - picture[:, 80:, 0] > 20)[1] for picture in (before, after)]
    assert min(map(len, columns)) > 20  # bluish pixels: the iris
    assert columns[1].mean() > columns[0].mean() + 3
