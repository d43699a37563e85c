"""The built-in head: symmetric, closed, correctly scaled, and every control moves what its name says."""

import numpy as np
import pytest

from likeness.geometry.mesh import boundary_loops, mirror_map
from likeness.heads.authoring.build import ASSETS, build
from likeness.heads.builtin import JAW_OPEN_ANGLE, builtin_head
from likeness.heads.landmark_sets import LOWER_LID_LEFT, UPPER_LID_LEFT
from likeness.heads.model import EYE_LEFT, JAW, JOINT_PARENTS, NECK, Control
from likeness.heads.skinning import landmark_points, posed_vertices, unposed_vertices

HEAD = builtin_head()
REST = unposed_vertices(HEAD, np.zeros(HEAD.num_shape), np.zeros(HEAD.num_expression))


def with_control(name: str, value: float = 1.0) -> np.ndarray:
    control = HEAD.control(name)
    return posed_vertices(HEAD, np.zeros(HEAD.num_shape), control.expression * value, control.joints * value)


def test_face_is_mirror_symmetric_to_the_last_bit() -> None:
    with np.load(ASSETS / "face_template.npz", allow_pickle=False) as face:
        vertices, mirror = face["vertices"], face["mirror"]
    np.testing.assert_array_equal(mirror[mirror], np.arange(468))
    np.testing.assert_allclose(vertices[mirror] * [-1, 1, 1], vertices, atol=1e-12)


def test_scale_is_an_adults() -> None:
    outer = np.linalg.norm(REST[33] - REST[263])
    assert outer == pytest.approx(0.089, abs=1e-5)
    assert 0.15 < np.linalg.norm(REST[10] - REST[152]) < 0.20


def test_face_has_four_borders_and_joins_the_cranium() -> None:
    assert len(boundary_loops(HEAD.part_faces("skin"))) == 4  # oval, two eyes, mouth
    assert len(boundary_loops(HEAD.part_faces("skin", "cranium"))) == 3  # the oval is closed
    for name in ("eye_left", "eye_right"):
        assert len(boundary_loops(HEAD.part_faces(name))) == 0


def test_skin_weights_are_shares_of_the_five_joints() -> None:
    np.testing.assert_allclose(HEAD.skin_weights.sum(1), 1.0, atol=1e-6)
    assert HEAD.skin_weights.min() >= 0
    assert JOINT_PARENTS[JAW] == JOINT_PARENTS[EYE_LEFT] == NECK
    assert HEAD.skin_weights[152, JAW] > 0.95 and HEAD.skin_weights[10, JAW] < 0.02


def test_landmarks_are_the_first_vertices() -> None:
    np.testing.assert_allclose(landmark_points(HEAD, REST), REST[:468], atol=1e-12)


def test_shipped_head_is_what_the_tables_build() -> None:
    with np.load(ASSETS / "face_template.npz", allow_pickle=False) as face:
        built = build(face["vertices"], face["faces"], face["mirror"], face["identity_deviations"])
    np.testing.assert_allclose(built["template"], HEAD.template, atol=1e-6)
    np.testing.assert_array_equal(built["faces"], HEAD.faces)
    named = len([name for name in HEAD.expression_names if not name.startswith("corrective")])
    difference = built["expression_basis"][:, :, :named].astype(np.float32) - HEAD.expression_basis[:, :, :named]
    assert np.abs(difference).max() < 2e-5  # half floats


def test_there_are_more_than_37_named_controls_in_mirror_pairs() -> None:
    names = {control.name for control in HEAD.controls}
    assert len(names) == len(HEAD.controls) >= 45
    for name in names:
        if name.endswith("Left") and name not in ("mouthLeft", "jawLeft"):
            assert name[:-4] + "Right" in names


@pytest.mark.parametrize("stem", ["eyeBlink", "browInnerUp", "mouthSmile", "noseSneer", "cheekPuff", "mouthPress"])
def test_left_and_right_are_mirror_images(stem: str) -> None:
    with np.load(ASSETS / "face_template.npz", allow_pickle=False) as face:
        mirror = face["mirror"]
    left = (with_control(f"{stem}Left") - REST)[:468]
    right = (with_control(f"{stem}Right") - REST)[:468]
    np.testing.assert_allclose(left[mirror] * [-1, 1, 1], right, atol=6e-4)  # the mesh's edges are not quite symmetric


def test_blink_closes_its_eye_only() -> None:
    closed = with_control("eyeBlinkLeft")
    gap = (closed - REST)[list(UPPER_LID_LEFT), 1].mean() - (closed - REST)[list(LOWER_LID_LEFT), 1].mean()
    opening = (REST[list(UPPER_LID_LEFT), 1] - REST[list(LOWER_LID_LEFT), 1]).mean()
    assert -gap / opening > 0.85
    moved = np.linalg.norm(closed - REST, axis=1)[:468]
    assert moved[REST[:468, 0] < -0.005].max() < 2e-4


def test_jaw_open_lowers_the_chin_and_keeps_the_brow() -> None:
    moved = with_control("jawOpen") - REST
    assert moved[152, 1] < -0.01 and moved[14, 1] < -0.01
    assert np.abs(moved[[10, 9, 33, 263, 168]]).max() < 5e-4
    assert HEAD.control("jawOpen").joints[JAW, 0] == pytest.approx(JAW_OPEN_ANGLE)


def test_smile_raises_and_widens_the_corners() -> None:
    moved = with_control("mouthSmileLeft") - REST
    assert moved[291, 0] > 0.005 and moved[291, 1] > 0.004
    assert np.abs(moved[61]).max() < 1e-4


def test_gaze_left_turns_both_pupils_to_the_subjects_left() -> None:
    pupils = [np.flatnonzero(HEAD.skin_weights[:, joint])[0] for joint in (EYE_LEFT, EYE_LEFT + 1)]
    for name, pupil in (("eyeLookOutLeft", pupils[0]), ("eyeLookInRight", pupils[1])):
        assert (with_control(name) - REST)[pupil, 0] > 0.004


def test_mouth_close_undoes_an_open_jaw_at_the_lips() -> None:
    jaw, close = HEAD.control("jawOpen"), HEAD.control("mouthClose")
    both = posed_vertices(HEAD, np.zeros(HEAD.num_shape), jaw.expression + close.expression, jaw.joints)
    opened = with_control("jawOpen")
    assert abs(both[13, 1] - both[14, 1]) < 0.3 * abs(opened[13, 1] - opened[14, 1])
    assert both[152, 1] < REST[152, 1] - 0.01


def test_mirror_map_of_the_face() -> None:
    with np.load(ASSETS / "face_template.npz", allow_pickle=False) as face:
        separated = face["vertices"] + np.zeros((468, 3))
        expected = face["mirror"]
    separated[[14, 87, 317, 178, 402, 88, 318, 95, 324], 1] -= 0.5  # closed lips coincide
    np.testing.assert_array_equal(mirror_map(separated), expected)


def test_every_shape_has_a_control_that_bounds_it() -> None:
    """Also where the control counters another shape a little; without bounds the tracker would let it run free."""
    head = builtin_head()
    bounded = {control.coefficient for control in head.controls}
    shapes = [number for number, name in enumerate(head.expression_names) if not name.startswith("corrective")]
    assert set(shapes) <= bounded
    lip = next(control for control in head.controls if control.name == "mouthUpperUpLeft")
    assert np.count_nonzero(lip.expression) == 2 and head.expression_names[lip.coefficient] == "mouthUpperUpLeft"
    none = np.zeros(head.num_expression)
    assert Control(name="still", expression=none, joints=lip.joints).coefficient is None
    assert Control(name="several", expression=none + 1.0, joints=lip.joints).coefficient is None
