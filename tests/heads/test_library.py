"""Foreign head models, written in miniature, come out as heads: equations, landmarks, files, and wrong input."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

from likeness.errors import InputError, OutputError
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.ict import FULL_SIZE, PART_NAMES, _triangles_and_parts
from likeness.heads.library import convert_head, open_head
from likeness.heads.model import EYE_LEFT, JAW, JOINT_PARENTS, ROOT
from likeness.heads.skinning import landmark_points, posed_vertices, unposed_vertices
from likeness.heads.stored import load_head, save_head
from tests.heads.standins import (
    ICT_SHAPES,
    KNOWN,
    NUM_EXPRESSION,
    NUM_SHAPE,
    flame_folder,
    landmark_places,
    standin,
    write_bfm,
    write_flame,
    write_ict,
    write_landmarks_68,
    write_mediapipe_landmarks,
    write_obj,
)

STANDIN = standin()


@pytest.fixture(scope="module")
def flame(tmp_path_factory):
    return convert_head(flame_folder(tmp_path_factory.mktemp("flame"), STANDIN))


def reference_vertices(shape, expression, joints):
    """FLAME's equations with 4 x 4 matrices, joint by joint; nothing of it is shared with the package."""
    coefficients = np.concatenate([shape, expression])
    shaped = STANDIN.v_template + STANDIN.shapedirs @ coefficients
    places = STANDIN.regressor @ shaped
    local = matrix_from_axis_angle(joints)
    feature = np.concatenate([(local[j] - np.eye(3)).ravel() for j in range(1, 5)])
    posed = shaped + STANDIN.posedirs @ feature
    world = []
    for joint, parent in enumerate(JOINT_PARENTS):
        step = np.eye(4)
        step[:3, :3] = local[joint]
        step[:3, 3] = places[joint] - (places[parent] if parent >= 0 else 0.0)
        world.append(step if parent < 0 else world[parent] @ step)
    moved = np.zeros_like(posed)
    for joint in range(5):
        rest = world[joint].copy()
        rest[:3, 3] -= rest[:3, :3] @ places[joint]
        moved += STANDIN.weights[:, joint : joint + 1] * (posed @ rest[:3, :3].T + rest[:3, 3])
    return moved


def test_flame_follows_its_equations(flame):
    generator = np.random.default_rng(0)
    for _ in range(5):
        shape, expression = generator.normal(size=NUM_SHAPE), generator.normal(size=NUM_EXPRESSION)
        joints = 0.3 * generator.normal(size=(5, 3))
        own = posed_vertices(flame, shape, np.append(expression, [0.0, 0.0]), joints)
        np.testing.assert_allclose(own, reference_vertices(shape, expression, joints), atol=1e-6)


def test_zero_parameters_are_the_template(flame):
    zeros = np.zeros(flame.num_shape), np.zeros(flame.num_expression), np.zeros((5, 3))
    np.testing.assert_allclose(posed_vertices(flame, *zeros), STANDIN.v_template, atol=1e-12)


def test_a_root_rotation_is_a_rigid_turn_about_its_joint(flame):
    generator = np.random.default_rng(1)
    shape, expression = generator.normal(size=flame.num_shape), generator.normal(size=flame.num_expression)
    joints = np.zeros((5, 3))
    joints[JAW] = [0.2, 0.0, 0.0]
    still = posed_vertices(flame, shape, expression, joints)
    joints[ROOT] = [0.2, -0.4, 0.1]
    turn, pivot = matrix_from_axis_angle(joints[ROOT]), flame.joints_of(shape, expression)[ROOT]
    expected = (still - pivot) @ turn.T + pivot
    np.testing.assert_allclose(posed_vertices(flame, shape, expression, joints), expected, atol=1e-6)


def test_eyelids_are_shapes_and_controls(flame):
    assert flame.expression_names[-2:] == ("eyeBlinkLeft", "eyeBlinkRight")
    control = flame.control("eyeBlinkLeft")
    zeros = np.zeros(flame.num_shape)
    moved = unposed_vertices(flame, zeros, control.expression) - flame.template
    assert moved[moved[:, 1].argmin(), 1] < -0.004 and flame.template[moved[:, 1].argmin(), 0] > 0.01
    assert {"jawOpen", "eyeLookUpLeft"} <= {control.name for control in flame.controls}


def test_known_landmarks_are_kept_and_the_others_lie_nearby(flame):
    faces, shares = landmark_places(STANDIN, KNOWN)
    np.testing.assert_array_equal(flame.landmark_faces[list(KNOWN)], faces)
    np.testing.assert_allclose(flame.landmark_barycentrics[list(KNOWN)], shares)
    points = landmark_points(flame, flame.template)
    all_faces, all_shares = landmark_places(STANDIN, tuple(range(468)))
    wanted = np.einsum("lc,lcx->lx", all_shares, STANDIN.v_template[STANDIN.faces[all_faces]])
    distance = np.linalg.norm(points - wanted, axis=1)
    assert np.median(distance) < 0.006 and np.quantile(distance, 0.9) < 0.02
    assert (flame.landmark_barycentrics >= 0.0).all()


def test_68_landmarks_do_as_well(tmp_path):
    write_landmarks_68(tmp_path, STANDIN)
    head = convert_head(write_flame(tmp_path, STANDIN, with_chumpy=False))
    outer = landmark_points(head, head.template)[[33, 263]]
    assert 0.08 < outer[1, 0] - outer[0, 0] < 0.11
    assert head.expression_names[-1] == f"expression{NUM_EXPRESSION - 1:03d}"


def test_masks_tell_the_parts(tmp_path):
    upper = np.flatnonzero(STANDIN.v_template[:, 1] > 0.06)
    masks = dict.fromkeys(("neck", "boundary", "left_ear", "right_ear"), np.zeros(0, dtype=np.int64))
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps(masks | {"scalp": upper}, protocol=2))
    head = convert_head(flame_folder(tmp_path, STANDIN))
    scalp = head.part_faces("cranium")
    assert len(scalp) > 50 and np.isin(scalp, upper).all()
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps({"scalp": upper}))
    with pytest.raises(InputError, match="has no mask neck"):
        convert_head(tmp_path / "generic_model.pkl")


def test_parts_of_the_full_ict_model():
    """The published ranges of polygons; what lies on the eyes is left out."""
    starts = np.minimum(np.arange(FULL_SIZE[1]), FULL_SIZE[0] - 4)
    faces, parts, kept = _triangles_and_parts([np.arange(start, start + 4) for start in starts], FULL_SIZE[0])
    assert len(faces) == 2 * 24692 and kept == 24591
    counts = {name: int((parts == index).sum()) // 2 for index, name in enumerate(PART_NAMES)}
    assert counts["skin"] == 9230 and counts["cranium"] == 1914 and counts["eye_left"] == counts["eye_right"] == 1598
    assert counts["teeth_upper"] + counts["teeth_lower"] == 4490 and counts["mouth"] == 2082 + 2972


def test_bfm_is_decimetres_from_one(tmp_path):
    head = convert_head(write_bfm(tmp_path, STANDIN))
    shift = head.template - STANDIN.v_template
    np.testing.assert_allclose(shift - shift[0], 0.0, atol=1e-9)
    assert np.linalg.norm(shift[0]) < 0.02  # the built-in head's origin
    np.testing.assert_allclose(head.expression_basis, STANDIN.shapedirs[..., NUM_SHAPE:], atol=1e-7)
    assert head.num_shape == 80 and (head.skin_weights[:, JAW] == 0.0).all()
    corners = head.template[head.faces]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (((corners.mean(axis=1) - head.template.mean(axis=0)) * outward).sum(axis=1) > 0).mean() > 0.99
    assert head.joint_positions[EYE_LEFT, 0] > 0.02 > -0.02 > head.joint_positions[EYE_LEFT + 1, 0]


def test_ict_has_arkit_names_and_its_own_units(tmp_path):
    head = convert_head(write_ict(tmp_path, STANDIN))
    assert head.expression_names[:3] == ("browDownLeft", "browDownRight", "eyeBlinkLeft")
    assert head.num_shape == 3 and head.num_expression == len(ICT_SHAPES)
    zeros = np.zeros(3)
    moved = unposed_vertices(head, zeros, head.control("mouthSmileLeft").expression) - head.template
    np.testing.assert_allclose(moved, STANDIN.shapedirs[..., NUM_SHAPE + 6], atol=1e-7)
    assert np.abs(head.template.mean(axis=0)).max() < 0.03
    assert head.control("eyeLookUpLeft").joints[EYE_LEFT, 0] < 0.0


def test_a_head_file_gives_the_head_again(flame, tmp_path):
    save_head(tmp_path / "flame.npz", flame)
    again = open_head(tmp_path / "flame.npz")
    for name in ("template", "shape_basis", "faces", "joint_expression_basis", "pose_basis", "landmark_barycentrics"):
        np.testing.assert_array_equal(getattr(again, name), getattr(flame, name))
    assert again.controls[0].name == flame.controls[0].name and again.version == flame.version
    np.testing.assert_array_equal(again.controls[3].expression, flame.controls[3].expression)
    with pytest.raises(OutputError, match="exists already"):
        save_head(tmp_path / "flame.npz", flame)
    assert open_head("builtin") is builtin_head()
    with pytest.raises(ValueError, match="not finite"):
        save_head(tmp_path / "nan.npz", replace(flame, template=flame.template * np.nan))


def test_the_version_follows_the_content(flame, tmp_path):
    changed = replace(STANDIN, v_template=STANDIN.v_template * 1.01)
    assert convert_head(flame_folder(tmp_path, changed)).version != flame.version


# Wrong files.


def test_a_malicious_flame_file_writes_nothing(tmp_path):
    class Writes:
        def __reduce__(self):
            return open, (str(tmp_path / "written"), "w")

    write_mediapipe_landmarks(tmp_path, STANDIN)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps({"v_template": STANDIN.v_template, "f": Writes()}, protocol=2))
    with pytest.raises(InputError, match="refused"):
        convert_head(path)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"posedirs": STANDIN.posedirs[..., :9]}, "posedirs has the shape"),
        ({"shapedirs": STANDIN.shapedirs[..., :300]}, "shapedirs has the shape"),
        ({"weights": STANDIN.weights * 2.0}, "weights do not sum to 1"),
        ({"f": STANDIN.faces + 10}, "triangles name vertices beyond"),
        ({"v_template": STANDIN.v_template * np.nan}, "not finite"),
        ({"v_template": STANDIN.v_template * 1000.0}, "other units"),
        ({"kintree_table": np.zeros((2, 5), dtype=np.uint32)}, "joints hang together otherwise"),
        ({"weights": "none"}, "chumpy formula"),
    ],
)
def test_wrong_flame_files(tmp_path, replaced, message):
    write_mediapipe_landmarks(tmp_path, STANDIN)
    with pytest.raises(InputError, match=message):
        convert_head(write_flame(tmp_path, STANDIN, with_chumpy=False, **replaced))


def test_flame_without_landmarks_says_which_file_is_missing(tmp_path):
    with pytest.raises(InputError, match="mediapipe_landmark_embedding.npz"):
        convert_head(write_flame(tmp_path, STANDIN))


def test_landmarks_of_another_mesh(tmp_path):
    np.savez(
        tmp_path / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=np.full(105, 9000),
        lmk_b_coords=np.full((105, 3), 1 / 3),
        landmark_indices=np.arange(105),
    )
    with pytest.raises(InputError, match="another mesh"):
        convert_head(write_flame(tmp_path, STANDIN))


def test_wrong_bfm_files(tmp_path):
    path = tmp_path / "BFM_model_front.mat"
    savemat(path, {"meanshape": np.zeros((1, 9))})
    with pytest.raises(InputError, match="it has no idBase"):
        convert_head(path)
    path.write_bytes(b"no mat file at all" * 20)
    with pytest.raises(InputError, match="damaged or no Basel Face Model"):
        convert_head(path)
    with pytest.raises(InputError, match="keypoints"):
        convert_head(write_bfm(tmp_path, STANDIN, keypoints=np.ones((1, 60))))
    with pytest.raises(InputError, match="beyond"):
        convert_head(write_bfm(tmp_path, STANDIN, tri=np.full((10, 3), 700.0)))


def test_a_bfm_file_of_another_format_says_what_to_do(tmp_path):
    path = tmp_path / "BFM_model_front.mat"
    version = (0x0200).to_bytes(2, "little") + b"IM"  # HDF5 inside
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(116) + b" " * 8 + version + bytes(400))
    with pytest.raises(InputError, match="is a MATLAB 7.3 file: save it again as version 7"):
        convert_head(path)


def test_damaged_bfm_files_are_one_line(tmp_path):
    arrays = {"shapedirs": STANDIN.shapedirs[..., : NUM_SHAPE + 1]}
    content = write_bfm(tmp_path, replace(STANDIN, **arrays)).read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.integers(200, len(content), 12):
        flipped = bytearray(content)
        flipped[place] ^= 0x55
        (tmp_path / "flipped.mat").write_bytes(flipped)
        with pytest.raises(InputError, match="damaged"):
            convert_head(tmp_path / "flipped.mat")


def test_wrong_ict_folders(tmp_path):
    with pytest.raises(InputError, match="holds no generic_neutral_mesh.obj"):
        convert_head(tmp_path)
    folder = write_ict(tmp_path, STANDIN)
    write_obj(folder / "jawOpen.obj", np.zeros((5, 3)), STANDIN.faces[:0])
    with pytest.raises(InputError, match="5 vertices"):
        convert_head(folder)
    (folder / "jawOpen.obj").unlink()
    with pytest.raises(InputError, match="cannot read .*jawOpen.obj"):
        convert_head(folder)
    (folder / "vertex_indices.json").write_text('{"expressions": ["../../etc/passwd"], "idx_to_landmark_verts": []}')
    with pytest.raises(InputError, match="no list of names"):
        convert_head(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "cannot read"),
        ("text.npz", b"no zip", "damaged or no head model"),
        ("model.pkl", b"", "not converted yet"),
    ],
)
def test_wrong_head_files(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_head(tmp_path / name)


def test_other_archives_are_no_heads(flame, tmp_path):
    np.savez(tmp_path / "other.npz", template=np.zeros((3, 3)))
    with pytest.raises(InputError, match="no converted head"):
        load_head(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", header=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="damaged"):
        load_head(tmp_path / "objects.npz")
    save_head(tmp_path / "head.npz", flame)
    with np.load(tmp_path / "head.npz") as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["landmark_faces"] = changed["landmark_faces"] + 5000
    np.savez(tmp_path / "head.npz", **changed)
    with pytest.raises(InputError, match="landmark_faces leave"):
        load_head(tmp_path / "head.npz")


def test_what_cannot_be_converted(tmp_path):
    (tmp_path / "head.obj").write_text("v 0 0 0")
    with pytest.raises(InputError, match="no head model that can be converted"):
        convert_head(tmp_path / "head.obj")
    with pytest.raises(InputError, match="check the name"):
        convert_head(tmp_path / "missing.pkl")
    with pytest.raises(InputError, match="cannot be called"):
        convert_head(tmp_path / "head.obj", name="a head")
