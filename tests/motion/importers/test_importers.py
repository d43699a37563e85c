"""Parameters of foreign trackers, written in each tracker's own format: landmarks projected by the tracker's own camera
equations (written out here) are where the imported motion puts them.
"""

import io
import pickle
import zipfile

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.geometry.camera import Camera
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.library import convert_head
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, NECK, ROOT
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.file import load_motion, save_motion
from likeness.motion.importers.detect import is_parameters, load_parameters
from likeness.motion.importers.smirk import save_crop_parameters
from likeness.motion.record import Motion
from tests.heads.standins import NUM_EXPRESSION, NUM_SHAPE, flame_folder, standin

COUNT = 4
OPENGL = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return convert_head(flame_folder(tmp_path_factory.mktemp("flame"), standin()))


def random(*shape: int, size: float = 0.1, seed: int = 0) -> np.ndarray:
    return size * np.random.default_rng(seed + 100 * len(shape) + shape[-1]).normal(size=shape)


def seen(motion: Motion, head) -> np.ndarray:
    """Landmarks of each frame of a motion in pixels, and their depths."""
    camera = Camera(intrinsics=motion.intrinsics, width=motion.image_size[0], height=motion.image_size[1])
    result = []
    for frame in motion.frames():
        vertices = posed_vertices(head, motion.shape, frame.expression, frame.joints)
        points = frame.T_cam_head.apply(landmark_points(head, vertices))
        result.append(np.column_stack([camera.project(points), points[:, 2]]))
    return np.array(result)


def model_landmarks(head, shape, expression, *, root=None, neck=None, jaw=None, eyes=None, lids=(0.0, 0.0)):
    """What the tracker's own FLAME layer gives: root rotation inside the model."""
    joints = np.zeros((5, 3))
    for joint, turn in ((ROOT, root), (NECK, neck), (JAW, jaw)):
        joints[joint] = 0.0 if turn is None else turn
    if eyes is not None:
        joints[EYE_LEFT], joints[EYE_RIGHT] = eyes[:3], eyes[3:]
    padded = np.zeros(head.num_expression)
    padded[: len(expression)] = expression
    padded[-2:] = lids
    return landmark_points(head, posed_vertices(head, shape, padded, joints))


def vhap_arrays(**replaced: np.ndarray) -> dict[str, np.ndarray]:
    arrays = {
        "rotation": random(COUNT, 3, size=0.3),
        "translation": random(COUNT, 3, size=0.02, seed=1),
        "neck_pose": random(COUNT, 3, seed=2),
        "jaw_pose": random(COUNT, 3, seed=3),
        "eyes_pose": random(COUNT, 6, seed=4),
        "shape": random(NUM_SHAPE, size=1.0),
        "expr": random(COUNT, NUM_EXPRESSION, size=1.0),
        "focal_length": np.array([1.7]),
        "image_size": np.array([360, 640]),
        "timestep_id": np.array([0, 1, 2, 4]),
        "tex_extra": np.zeros((3, 8, 8)),
    }
    return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in arrays.items()} | (
        replaced
    )


def test_vhap(head, tmp_path):
    arrays = vhap_arrays()
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **arrays)
    motion = load_parameters(path, head, fps=20.0)
    found = seen(motion, head)
    for index in range(COUNT):
        points = model_landmarks(
            head,
            arrays["shape"],
            arrays["expr"][index],
            root=arrays["rotation"][index],
            neck=arrays["neck_pose"][index],
            jaw=arrays["jaw_pose"][index],
            eyes=arrays["eyes_pose"][index],
        )
        x, y, z = (points + arrays["translation"][index] - [0.0, 0.0, 1.0]).T  # OpenGL camera: -z is forward
        focal = 1.7 * 640
        pixels = np.stack([320 + focal * x / -z, 180 - focal * y / -z], axis=1)
        np.testing.assert_allclose(found[index, :, :2], pixels, atol=1e-3)
    assert motion.tracker == "VHAP" and motion.image_size == (640, 360)
    np.testing.assert_allclose(motion.times, [0.0, 0.05, 0.1, 0.2])
    save_motion(tmp_path / "clip.motion.npz", motion)
    assert len(load_motion(tmp_path / "clip.motion.npz", head)) == COUNT


def six_of(matrices: np.ndarray) -> np.ndarray:
    """First two rows, as pixel3dmm optimises them: neither of unit length nor quite orthogonal."""
    first, second = matrices[:, 0], matrices[:, 1]
    return np.concatenate([1.3 * first, 0.7 * second + 0.4 * first], axis=1)


def pixel3dmm_frames() -> list[dict]:
    """One dictionary per frame, as the tracker's checkpoint has it."""
    turns = {name: matrix_from_axis_angle(random(COUNT, 3, size=0.2, seed=i)) for i, name in enumerate("RJNLE")}
    base = matrix_from_axis_angle(np.array([[0.02, -0.01, 0.03]]))
    eyes = np.concatenate([six_of(turns["L"]), six_of(turns["E"])], axis=1)
    shape, expression = random(1, NUM_SHAPE, size=1.0), random(COUNT, NUM_EXPRESSION, size=1.0)
    place, lids = random(COUNT, 3, size=0.02), np.abs(random(COUNT, 2, size=0.4))
    return [
        {
            "flame": {
                "exp": expression[i : i + 1],
                "shape": shape,
                "eyes": eyes[i : i + 1],
                "eyelids": lids[i : i + 1],
                "jaw": six_of(turns["J"])[i : i + 1],
                "neck": six_of(turns["N"])[i : i + 1],
                "R": six_of(turns["R"])[i : i + 1],
                "R_rotation_matrix": turns["R"][i : i + 1],
                "t": place[i : i + 1],
            },
            "camera": {
                "R_base_0": base,
                "t_base_0": np.array([[0.01, 0.02, -1.1]]),
                "fl": np.array([[3.9]]),
                "pp": np.array([[0.03, -0.05]]),
            },
            "img_size": np.array([256, 256]),
            "frame_id": i,
            "joint_transforms": np.zeros((1, 5, 4, 4)),
        }
        for i in range(COUNT)
    ]


def save_like_torch(path, value) -> None:
    """The zip that torch.save writes for a dictionary of arrays."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", pickle.dumps(value, protocol=2))
        archive.writestr(f"{path.stem}/version", "3\n")


def test_pixel3dmm(head, tmp_path):
    frames = pixel3dmm_frames()
    for index, frame in enumerate(frames):
        save_like_torch(tmp_path / f"{index:05d}.frame", frame)
    assert is_parameters(tmp_path)
    motion = load_parameters(tmp_path, head)
    found = seen(motion, head)
    from scipy.spatial.transform import Rotation

    def turn(six: np.ndarray) -> np.ndarray:
        rows = np.linalg.qr(six.reshape(2, 3).T)[0].T
        rows *= np.sign((rows * six.reshape(2, 3)).sum(axis=1, keepdims=True))
        return np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])

    for index, frame in enumerate(frames):
        flame, camera = frame["flame"], frame["camera"]
        eyes = [Rotation.from_matrix(turn(flame["eyes"][0, k : k + 6])).as_rotvec() for k in (0, 6)]
        points = model_landmarks(
            head,
            flame["shape"][0],
            flame["exp"][0],
            neck=Rotation.from_matrix(turn(flame["neck"][0])).as_rotvec(),
            jaw=Rotation.from_matrix(turn(flame["jaw"][0])).as_rotvec(),
            eyes=np.concatenate(eyes),
            lids=flame["eyelids"][0],
        )
        world = points @ flame["R_rotation_matrix"][0].T + flame["t"][0]
        x, y, z = (world @ camera["R_base_0"][0].T + camera["t_base_0"][0]).T
        focal, half = 3.9 * 256, 128.5
        pixels = np.stack([half + 0.03 * half + focal * x / -z, half - 0.05 * half - focal * y / -z], axis=1)
        np.testing.assert_allclose(found[index, :, :2], pixels, atol=1e-3)
    np.testing.assert_allclose(motion.expression[:, -2:], [frame["flame"]["eyelids"][0] for frame in frames])


def test_pixel3dmm_checkpoints_with_tensors(head, tmp_path):
    """Checkpoints may hold tensors instead of arrays; torch writes them here, and is not needed to read them."""
    torch = pytest.importorskip("torch")
    frames = pixel3dmm_frames()
    (tmp_path / "arrays").mkdir()
    for index, frame in enumerate(frames):
        save_like_torch(tmp_path / "arrays" / f"{index:05d}.frame", frame)
        tensors = {name: torch.from_numpy(array) for name, array in frame["flame"].items()}
        torch.save(frame | {"flame": tensors}, tmp_path / f"{index:05d}.frame")
    first, second = load_parameters(tmp_path / "arrays", head), load_parameters(tmp_path, head)
    np.testing.assert_array_equal(first.rotation, second.rotation)
    np.testing.assert_array_equal(first.expression, second.expression)


def smirk_frames() -> list[dict]:
    camera = np.array([8.5, 0.01, 0.03]) + random(COUNT, 3, size=0.01)
    shape = random(NUM_SHAPE, size=1.0)
    return [
        {
            "pose_params": random(1, 3, size=0.3, seed=i),
            "cam": camera[i : i + 1],
            "shape_params": shape[None],
            "expression_params": random(1, NUM_EXPRESSION - 2, size=1.0, seed=i),
            "eyelid_params": np.abs(random(1, 2, size=0.4, seed=i)),
            "jaw_params": random(1, 3, size=0.1, seed=i + 9),
        }
        for i in range(COUNT)
    ]


@pytest.mark.parametrize("in_picture", [False, True])
def test_smirk(head, tmp_path, in_picture):
    """Under weak perspective a landmark at the mean depth keeps its pixels; the others move by their depth alone."""
    frames = smirk_frames()
    angles, scales = random(COUNT, 1, size=0.1)[:, 0], np.linspace(1.9, 2.1, COUNT)
    linear = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles]) * scales[:, None, None]
    crops = np.concatenate([linear, np.array([200.0, 90.0])[None, :, None] + random(COUNT, 2, 1, size=9.0)], axis=2)
    path = tmp_path / "clip.npz"
    if in_picture:
        save_crop_parameters(path, frames, crop_to_image=crops, image_size=(1280, 720), fps=30.0)
    else:
        save_crop_parameters(path, frames)
    assert is_parameters(path)
    motion = load_parameters(path, head)
    found = seen(motion, head)
    middle = np.array(motion.image_size) / 2.0
    for index, frame in enumerate(frames):
        values = {name: array.astype(np.float32)[0] for name, array in frame.items()}
        points = model_landmarks(
            head,
            values["shape_params"],
            values["expression_params"],
            root=values["pose_params"],
            jaw=values["jaw_params"],
            lids=values["eyelid_params"],
        )
        scale, shift = values["cam"][0], values["cam"][1:]
        crop = 112.0 + 112.0 * scale * (points[:, :2] + shift) * [1.0, -1.0]
        weak = crop @ crops[index, :, :2].T + crops[index, :, 2] if in_picture else crop
        focal = motion.intrinsics[0, 0] * motion.image_size[0]
        distance = focal / (112.0 * scale * (scales[index] if in_picture else 1.0))
        depth = found[index, :, 2:]
        # With depth undone about the crop's middle, what is left is how far that middle lies off the picture's.
        expected = middle + (weak - middle) * distance / depth
        np.testing.assert_allclose(found[index, :, :2], expected, atol=2e-3)
        assert abs(depth.mean() - distance) < 0.12
    assert motion.fps == (30.0 if in_picture else 25.0) and motion.tracker == "SMIRK"
    assert np.degrees(2 * np.arctan(0.5 * 224 / 912.17)) == pytest.approx(14.0, abs=0.01)


def test_lids_close_the_apertures(head, tmp_path):
    frames = smirk_frames()
    for index, frame in enumerate(frames):
        frame["eyelid_params"] = np.array([[index / COUNT, 0.0]])
    save_crop_parameters(tmp_path / "clip.npz", frames)
    motion = load_parameters(tmp_path / "clip.npz", head)
    np.testing.assert_allclose(motion.expression[:, -2], np.arange(COUNT) / COUNT, atol=1e-6)
    assert (motion.lids >= 0.0).all()


def test_deca(head, tmp_path):
    frames = [
        {
            "shape": random(1, 100, size=1.0),
            "exp": random(1, NUM_EXPRESSION, size=1.0, seed=i),
            "pose": random(1, 6, size=0.2, seed=i),
            "cam": np.array([[9.0, 0.01, 0.02]]),
            "tex": np.zeros((1, 50)),
        }
        for i in range(COUNT)
    ]
    save_crop_parameters(tmp_path / "codes.npz", frames)
    motion = load_parameters(tmp_path / "codes.npz", head)
    assert motion.tracker == "DECA" and not motion.neck.any() and not motion.eye_left.any()
    points = model_landmarks(
        head, np.pad(frames[0]["shape"][0], (0, 200)), frames[0]["exp"][0], root=frames[0]["pose"][0, :3],
        jaw=frames[0]["pose"][0, 3:],
    )  # fmt: skip
    weak = 112.0 + 112.0 * 9.0 * (points[:, :2] + [0.01, 0.02]) * [1.0, -1.0]
    depth = seen(motion, head)[0][:, 2:]
    distance = motion.intrinsics[0, 0] * 224 / (112.0 * 9.0)
    np.testing.assert_allclose(seen(motion, head)[0][:, :2], 112.0 + (weak - 112.0) * distance / depth, atol=2e-3)


# Wrong files.


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"expr": np.zeros((COUNT, 100)) + 1.0}, "uses 100 modes"),
        ({"jaw_pose": np.zeros((COUNT, 6))}, "jaw_pose has the shape"),
        ({"rotation": np.full((COUNT, 3), np.nan)}, "not finite"),
        ({"image_size": np.array([0, 0])}, "a picture of 0 x 0"),
        ({"neck_pose": np.array(["a"] * COUNT)}, "no numbers called neck_pose"),
        ({"rotation": np.array([{}] * COUNT, dtype=object)}, "damaged"),
    ],
)
def test_wrong_vhap_files(head, tmp_path, replaced, message):
    path = tmp_path / "params.npz"
    np.savez(path, **vhap_arrays(**replaced))
    with pytest.raises(InputError, match=message) as caught:
        load_parameters(path, head)
    assert "\n" not in str(caught.value)


def test_several_cameras_of_vhap_are_told(head, tmp_path):
    arrays = vhap_arrays()
    del arrays["focal_length"]
    np.savez(tmp_path / "params.npz", **arrays)
    with pytest.raises(InputError, match="only monocular clips"):
        load_parameters(tmp_path / "params.npz", head)


def test_parameters_need_a_flame_head(tmp_path):
    np.savez(tmp_path / "params.npz", **vhap_arrays())
    with pytest.raises(InputError, match="need a FLAME head, not builtin"):
        load_parameters(tmp_path / "params.npz", builtin_head())


def test_unknown_files(head, tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="no parameter file"):
        load_parameters(tmp_path / "other.npz", head)
    with pytest.raises(InputError, match="no checkpoints"):
        load_parameters(tmp_path, head)


def test_wrong_checkpoints(head, tmp_path):
    class Writes:
        def __reduce__(self):
            return open, (str(tmp_path / "written"), "w")

    path = tmp_path / "00000.frame"
    save_like_torch(path, {"flame": Writes()})
    with pytest.raises(InputError, match="refused"):
        load_parameters(tmp_path, head)
    assert not (tmp_path / "written").exists()
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="damaged or no checkpoint"):
        load_parameters(tmp_path, head)
    save_like_torch(path, {"flame": {}})
    with pytest.raises(InputError, match="no numbers called exp"):
        load_parameters(tmp_path, head)
    frames = pixel3dmm_frames()
    frames[1]["camera"]["fl"] = np.array([[4.5]])
    for index, frame in enumerate(frames):
        save_like_torch(tmp_path / f"{index:05d}.frame", frame)
    with pytest.raises(InputError, match="fl changes between frames"):
        load_parameters(tmp_path, head)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="damaged"):
        load_parameters(tmp_path, head)
