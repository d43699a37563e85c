"""Converted heads are tracked by the same solver: the built-in head in the layout of FLAME must come out as it does;
motions are carried between heads without moving in the picture.
"""

from dataclasses import replace

import numpy as np
import pytest

from likeness.geometry.camera import Camera
from likeness.geometry.rotation import axis_angle_from_matrix, geodesic_angle, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.library import convert_head
from likeness.heads.model import JAW
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.face_points import face_points
from likeness.tracking.basis import free_basis
from likeness.tracking.fit import _rows as fit_rows
from likeness.tracking.fit import fit, similarity_start, target_from_landmarks
from likeness.tracking.person import SHAPE_PRIORS
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.rows import JAW as JAW_COLUMNS
from likeness.tracking.transfer import motion_landmarks, motion_on_head
from tests.heads.standins import face_standin, flame_folder, write_bfm, write_ict
from tests.heads_for_tests import still_motion
from tests.tracking.faces import angle_degrees, astronaut, landmarks, truth

BUILTIN = builtin_head()
COUNT = 6


@pytest.fixture(scope="module")
def flame(tmp_path_factory):
    return convert_head(flame_folder(tmp_path_factory.mktemp("flame"), face_standin()))


def moving(head):
    """A turning head that opens its mouth, smiles and looks aside, 1 m away."""
    motion = still_motion(head, COUNT)
    part = np.linspace(0.0, 1.0, COUNT)[:, None]
    smile = head.control("mouthSmileLeft").expression + head.control("browInnerUpRight").expression
    turns = matrix_from_axis_angle(part * np.array([0.1, 0.4, 0.05]))
    return motion.with_frames(
        expression=0.6 * part * smile,
        jaw=part * np.array([0.2, 0.0, 0.0]),
        rotation=axis_angle_from_matrix(matrix_from_axis_angle(motion.rotation) @ turns),
        translation=motion.translation + np.array([0.0, 0.0, 0.4]),
        eye_left=part * np.array([0.1, -0.3, 0.0]),
        eye_right=part * np.array([0.1, -0.3, 0.0]),
        lids=0.3 - 0.2 * np.repeat(part, 2, axis=1),
    )


def test_basis_and_lips_follow_pose_correctives(flame):
    """To the second order in the jaw's angle: what the jaw turns of the corrective itself is left out."""
    generator = np.random.default_rng(2)
    shape = np.zeros(flame.num_shape)
    shape[:5] = generator.normal(size=5)
    expression = 0.3 * generator.normal(size=flame.num_expression)
    joints = np.zeros((5, 3))
    joints[JAW] = [0.15, 0.02, -0.01]
    expected = landmark_points(flame, posed_vertices(flame, shape, expression, joints))
    fitted = free_basis(flame).positions(np.concatenate([shape, expression]), joints[JAW])
    chosen = face_points(flame, shape, range(468)).positions(expression, joints[JAW])
    without = free_basis(replace(flame, pose_basis=None)).positions(np.concatenate([shape, expression]), joints[JAW])
    left_out = np.abs(without - expected).max()
    assert left_out > 3e-4
    assert np.abs(fitted - expected).max() < 0.15 * left_out
    np.testing.assert_allclose(chosen, fitted, atol=1e-6)


def test_rows_follow_pose_correctives(flame):
    """The slopes of the residuals over the jaw, against finite differences."""
    basis = free_basis(replace(flame, pose_basis=20.0 * flame.pose_basis))
    true = truth(yaw=15.0, pitch=-8.0)
    target = target_from_landmarks(landmarks(true), true.camera, basis)
    state = replace(similarity_start(basis, target), jaw=np.array([0.2, 0.05, -0.03]))
    rows, _ = fit_rows(basis, target, state, huber=1e9)
    for axis in range(3):
        ends = [replace(state, jaw=state.jaw + side * np.eye(3)[axis]) for side in (-1e-3, 1e-3)]
        low, high = (fit_rows(basis, target, end, huber=1e9)[1].astype(np.float64) for end in ends)
        slope = (high - low) / 2e-3
        error = np.abs(rows[:, JAW_COLUMNS.start + axis] - slope).max()
        assert error < 0.03 * np.abs(slope).max()
    plain = fit_rows(free_basis(replace(flame, pose_basis=None)), target, state, huber=1e9)[0]
    assert np.abs(plain[:, JAW_COLUMNS] - rows[:, JAW_COLUMNS]).max() > 0.1 * np.abs(rows[:, JAW_COLUMNS]).max()


def test_a_photo_is_fitted_as_by_the_builtin_head(flame):
    own, other = portrait_from_image(astronaut(), BUILTIN), portrait_from_image(astronaut(), flame)
    assert other.confidence == pytest.approx(own.confidence, abs=0.03)
    turn = geodesic_angle(
        matrix_from_axis_angle(own.rest.rotation)[None], matrix_from_axis_angle(other.rest.rotation)[None]
    )
    assert np.degrees(turn[0]) < 1.0
    np.testing.assert_allclose(other.rest.translation, own.rest.translation, rtol=0.02)
    np.testing.assert_allclose(other.rest.lids, own.rest.lids, atol=0.02)


@pytest.mark.parametrize("kind", ["bfm", "ict"])
def test_heads_without_a_jaw_find_the_pose(kind, tmp_path):
    standin = face_standin()
    head = convert_head(write_bfm(tmp_path, standin) if kind == "bfm" else write_ict(tmp_path, standin))
    true = truth(yaw=20.0, pitch=-8.0, roll=5.0)
    basis = free_basis(head)
    target = target_from_landmarks(landmarks(true), true.camera, basis)
    state = fit(basis, target, similarity_start(basis, target), iterations=8, priors=SHAPE_PRIORS)
    assert angle_degrees(state.rotation, true.rotation) < 2.0
    assert abs(state.translation[2] / true.translation[2] - 1.0) < 0.05


@pytest.mark.parametrize("way", ["to flame", "from flame"])
def test_a_motion_is_carried_to_another_head(flame, way):
    source, target = (BUILTIN, flame) if way == "to flame" else (flame, BUILTIN)
    motion = moving(source)
    carried = motion_on_head(motion, source, target)
    assert (carried.head_name, carried.expression_names) == (target.name, target.expression_names)
    np.testing.assert_array_equal(carried.times, motion.times)
    np.testing.assert_array_equal(carried.lids, motion.lids)
    camera = Camera(intrinsics=motion.intrinsics, width=512, height=512)
    for before, after in zip(motion.frames(), carried.frames(), strict=True):
        wanted = motion_landmarks(source, motion.shape, before, camera)
        found = motion_landmarks(target, carried.shape, after, camera)
        width = np.linalg.norm(wanted[33, :2] - wanted[263, :2])
        assert np.linalg.norm((found - wanted)[:468, :2], axis=1).mean() < 0.015 * width
        looks = [frame.T_cam_head.rotation @ matrix_from_axis_angle(frame.eye_left)[:, 2] for frame in (before, after)]
        assert np.degrees(np.arccos(np.clip(looks[0] @ looks[1], -1.0, 1.0))) < 0.1
