import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.coefficients import coefficient_distances, read_coefficients
from likeness.motion.importers.smirk import save_crop_parameters


def deep3d_file(path, angles: np.ndarray, expression: np.ndarray) -> None:
    table = np.zeros((len(angles), 257))
    table[:, 224:227], table[:, 80:144] = angles, expression
    np.savez(path, coefficients=table)


def test_deep3d_of_known_differences(tmp_path):
    deep3d_file(tmp_path / "a.npz", np.zeros((2, 3)), np.zeros((2, 64)))
    deep3d_file(tmp_path / "b.npz", np.array([[0.03, 0.0, -0.03], [0.0] * 3]), np.full((2, 64), 0.25))
    found = coefficient_distances(read_coefficients(tmp_path / "b.npz"), read_coefficients(tmp_path / "a.npz"))
    np.testing.assert_allclose(found.apd, [2.0, 0.0])
    np.testing.assert_allclose(found.aed, 0.25)


def test_deep3d_folders_are_read_in_the_order_of_their_numbers(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    for number in (2, 10, 1):
        content = {"exp": np.full((1, 64), float(number)), "angle": np.zeros((1, 3)), "id": np.zeros((1, 80))}
        savemat(tmp_path / f"frame{number}.mat", content)
    found = read_coefficients(tmp_path)
    assert (found.estimator, found.expression[:, 0].tolist()) == ("deep3d", [1.0, 2.0, 10.0])


def smirk_frames(turn: float, jaw: float) -> list[dict[str, np.ndarray]]:
    shapes = {"pose_params": 3, "cam": 3, "shape_params": 300, "expression_params": 50, "eyelid_params": 2}
    frame = {name: np.zeros(size) for name, size in shapes.items()} | {"jaw_params": np.array([jaw, 0.0, 0.0])}
    frame["pose_params"][1] = turn
    return [frame]


def test_smirk_counts_degrees_and_the_jaw(tmp_path):
    save_crop_parameters(tmp_path / "a.npz", smirk_frames(0.0, 0.0))
    save_crop_parameters(tmp_path / "b.npz", smirk_frames(np.radians(12.0), 0.53))
    found = coefficient_distances(read_coefficients(tmp_path / "b.npz"), read_coefficients(tmp_path / "a.npz"))
    np.testing.assert_allclose(found.apd, [12.0], rtol=1e-4)
    np.testing.assert_allclose(found.aed, [0.53 / 53], rtol=1e-5)


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path):
    deep3d_file(tmp_path / "a.npz", np.zeros((2, 3)), np.zeros((2, 64)))
    deep3d_file(tmp_path / "b.npz", np.zeros((3, 3)), np.zeros((3, 64)))
    with pytest.raises(InputError, match="cannot be compared"):
        coefficient_distances(read_coefficients(tmp_path / "a.npz"), read_coefficients(tmp_path / "b.npz"))
    deep3d_file(tmp_path / "c.npz", np.zeros((2, 3)), np.full((2, 64), np.nan))
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    for name in ("c.npz", "empty", "other.npz", "missing.npz"):
        with pytest.raises(InputError) as error:
            read_coefficients(tmp_path / name)
        assert "\n" not in str(error.value)
