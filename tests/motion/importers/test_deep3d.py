"""Coefficients of Deep3DFaceRecon: landmarks drawn by the fit's own equations are where the motion puts them, and the
expression that a model is conditioned on is the 64 coefficients as they are.
"""

import numpy as np
import pytest
from scipy.io import savemat

from likeness.errors import InputError
from likeness.export3d.cameras import camera_of_fit, camera_of_frame, head_from_world, split_numbers, world_from_fit
from likeness.export3d.expression import expression_of_motion, expression_size
from likeness.geometry.camera import Camera
from likeness.heads.builtin import builtin_head
from likeness.heads.library import convert_head
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.heads.stored import load_head, save_head
from likeness.motion.file import load_motion, save_motion
from likeness.motion.importers.deep3d import fit_points, load_deep3d
from likeness.motion.importers.detect import is_parameters, load_parameters
from tests.heads.standins import standin, write_bfm

COUNT = 12
STANDIN = standin(num_expression=64)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A miniature Basel Face Model, converted, written and read again."""
    folder = tmp_path_factory.mktemp("bfm")
    save_head(folder / "bfm.npz", convert_head(write_bfm(folder, STANDIN)))
    return load_head(folder / "bfm.npz")


def coefficients() -> np.ndarray:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(COUNT, 257))
    rows[:, :80] = rows[0, :80]
    rows[:, 224:227] *= 0.4
    rows[:, 254:257] *= 0.3
    return rows.astype(np.float32).astype(np.float64)


def drawn(head, row: np.ndarray) -> np.ndarray:
    """Landmarks in the crop, pixels, with everything as the fit has it: decimetres, the mean face on its own mean."""
    mean = 10.0 * STANDIN.v_template
    offsets = 10.0 * (STANDIN.shapedirs[..., :80] @ row[:80] + STANDIN.shapedirs[..., 300:364] @ row[80:144])
    return 224.0 * fit_points(landmark_points(head, mean - mean.mean(axis=0) + offsets), row[224:227], row[254:257])


def seen(head, motion) -> np.ndarray:
    camera = Camera(intrinsics=motion.intrinsics, width=motion.image_size[0], height=motion.image_size[1])
    return np.array(
        [
            camera.project(
                frame.T_cam_head.apply(
                    landmark_points(head, posed_vertices(head, motion.shape, frame.expression, frame.joints))
                )
            )
            for frame in motion.frames()
        ]
    )


def write_folder(folder, rows: np.ndarray, **replaced: object):
    """As the tool saves them: a dictionary per frame, arrays of one row; names without leading zeros."""
    folder.mkdir(exist_ok=True)
    for index, row in enumerate(rows.astype(np.float32)):
        parts = {"id": row[:80], "exp": row[80:144], "tex": row[144:224], "angle": row[224:227]}
        parts |= {"gamma": row[227:254], "trans": row[254:], "lm68": np.zeros((68, 2))}
        savemat(folder / f"{index + 1}.mat", {name: part[None] for name, part in parts.items()} | replaced)
    return folder


def test_landmarks_fall_where_the_fit_draws_them(head, tmp_path):
    rows = coefficients()
    folder = write_folder(tmp_path / "epoch_20", rows)
    assert is_parameters(folder)
    motion = load_parameters(folder, head, fps=30.0)
    assert (motion.tracker, motion.image_size, motion.fps, len(motion)) == ("Deep3DFaceRecon", (224, 224), 30.0, COUNT)
    np.testing.assert_allclose(seen(head, motion), [drawn(head, row) for row in rows], atol=1e-4)
    assert motion.reference == np.argmin((rows[:, 80:144] ** 2).sum(axis=1))
    save_motion(tmp_path / "clip.motion.npz", motion)
    assert len(load_motion(tmp_path / "clip.motion.npz", head)) == COUNT


def test_the_square_places_the_crop_in_the_whole_picture(head, tmp_path):
    rows = coefficients()
    path = tmp_path / "clip.npz"
    np.savez(path, coefficients=rows, square=[100.5, -20.0, 448.0], image_size=[640, 360], fps=50.0)
    assert is_parameters(path)
    motion = load_parameters(path, head)
    assert motion.image_size == (640, 360) and motion.times[1] == pytest.approx(0.02)
    expected = np.array([2.0 * drawn(head, row) + [100.5, -20.0] for row in rows])
    np.testing.assert_allclose(seen(head, motion), expected, atol=2e-4)
    np.savez(path, coefficients=rows)
    np.testing.assert_allclose(seen(head, load_deep3d(path, head)), [drawn(head, row) for row in rows], atol=1e-4)


def test_the_expression_is_the_64_coefficients(head, tmp_path):
    rows = coefficients()
    motion = load_deep3d(write_folder(tmp_path / "fits", rows), head)
    assert expression_size(head) == 64
    np.testing.assert_array_equal(expression_of_motion(head, motion), rows[:, 80:144].astype(np.float32))


def test_its_camera_stands_as_that_of_the_fit_around_the_same_points(head, tmp_path):
    """Both ways into Export3D's world differ by a shift alone: the fit's origin against that of the head."""
    rows = coefficients()
    motion = load_deep3d(write_folder(tmp_path / "fits", rows), head)
    camera = Camera(intrinsics=motion.intrinsics, width=224, height=224)
    for row, frame in zip(rows, motion.frames(), strict=True):
        ours, numbers_ours = split_numbers(camera_of_frame(frame, camera))
        theirs, numbers_theirs = split_numbers(camera_of_fit(row[224:227], row[254:257], crop_scale=1.0))
        np.testing.assert_allclose(ours[:3, :3], theirs[:3, :3], atol=1e-6)
        np.testing.assert_allclose(numbers_ours, numbers_theirs, atol=1e-6)
        from_head = head_from_world(ours[:3, 3]) - head.template.mean(axis=0)
        from_fit = (theirs[:3, 3] - world_from_fit(np.zeros((1, 3)))[0]) / 2.7
        np.testing.assert_allclose(from_head, from_fit, atol=1e-6)


def refused(path, head, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_parameters(path, head)
    assert "\n" not in str(caught.value)


def test_what_is_refused(head, tmp_path):
    rows = coefficients()
    folder = write_folder(tmp_path / "fits", rows[:2])
    refused(folder, builtin_head(), "need its Basel Face Model, not builtin")
    content = (folder / "2.mat").read_bytes()
    (folder / "2.mat").write_bytes(content[: len(content) // 2])
    refused(folder, head, r"2\.mat is (damaged|no file)")
    (folder / "2.mat").write_bytes(bytes(1 << 17))
    refused(folder, head, "larger than any")
    for name, wrong, match in (
        ("exp", np.zeros((1, 32)), "exp has the shape"),
        ("exp", np.full((1, 64), np.nan), "exp holds no numbers"),
        ("exp", np.array([{"a": 1}], dtype=object), "exp holds no numbers"),
        ("id", np.zeros((40, 40)), "promises more numbers"),
        ("trans", np.array([[0.0, 0.0, 10.5]]), "behind its camera"),
    ):
        refused(write_folder(folder, rows[:2], **{name: wrong}), head, match)
    savemat(folder / "1.mat", {"meanshape": np.zeros((1, 3))})
    refused(folder, head, "it has no id")
    path = tmp_path / "clip.npz"
    for entries, match in (
        ({"coefficients": rows[:, :200]}, "coefficients has the shape"),
        ({"coefficients": rows[:0]}, "no frame"),
        ({"coefficients": rows * np.inf}, "not finite"),
        ({"coefficients": rows, "square": [0.0, 0.0, 10.0]}, "image_size"),
        ({"coefficients": rows, "square": [0.0, 0.0, -1.0], "image_size": [9, 9]}, "square must be"),
        ({"coefficients": rows, "fps": 0.0}, "frames per second"),
    ):
        np.savez(path, **entries)
        refused(path, head, match)
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(empty, head, "no coefficients of Deep3DFaceRecon")
