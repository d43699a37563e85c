"""ARKit captures: round trips through the file and through the head's controls, and hostile CSV."""

import numpy as np
import pytest

from likeness.errors import InputError, OutputError
from likeness.heads.builtin import builtin_head
from likeness.motion.arkit import OPEN_LIDS, arkit_controls, load_arkit_csv, motion_from_arkit, save_arkit_csv
from likeness.motion.file import motion_problem
from likeness.motion.live_link import ANGLE_COLUMNS, ARKIT_NAMES, ArkitCapture, read_live_link, write_live_link
from likeness.motion.pose import frontal_angles
from tests.heads_for_tests import JAW_OPEN_RADIANS, tiny_head

FRAMES = 80


def capture(num_frames=FRAMES, fps=25.0, **columns):
    """A capture at rest but for the named columns."""
    coefficients = np.zeros((num_frames, 52))
    for name, value in columns.items():
        coefficients[:, ARKIT_NAMES.index(name)] = value
    return ArkitCapture(
        times=np.arange(num_frames) / fps,
        coefficients=coefficients,
        angles=np.zeros((num_frames, 3, 3)),
        valid=np.ones(num_frames, bool),
    )


def test_the_52_names():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52


def test_every_name_but_the_tongue_has_a_control_on_the_built_in_head():
    assert [name for name, controls in arkit_controls(builtin_head()).items() if not controls] == ["tongueOut"]


@pytest.mark.parametrize("fps", [25.0, 29.97, 60.0])
def test_file_round_trip(tmp_path, fps):
    generator = np.random.default_rng(0)
    valid = np.ones(FRAMES, bool)
    valid[10:13] = False
    given = ArkitCapture(
        times=np.arange(FRAMES) / fps,
        coefficients=generator.uniform(0, 1, (FRAMES, 52)),
        angles=generator.uniform(-0.4, 0.4, (FRAMES, 3, 3)),
        valid=valid,
    )
    path = tmp_path / "take.csv"
    write_live_link(path, given)
    back = read_live_link(path)
    np.testing.assert_allclose(back.times, given.times, atol=1e-6)
    np.testing.assert_allclose(back.coefficients[valid], given.coefficients[valid], atol=1e-8)
    np.testing.assert_allclose(back.angles[valid], given.angles[valid], atol=1e-8)
    np.testing.assert_array_equal(back.valid, valid)
    np.testing.assert_array_equal(back.coefficients[12], back.coefficients[9])
    with pytest.raises(OutputError, match="exists"):
        write_live_link(path, given)


def test_motion_round_trip_through_the_built_in_head(tmp_path):
    head, generator = builtin_head(), np.random.default_rng(1)
    given = capture()
    given.coefficients[:] = np.where(generator.random((FRAMES, 52)) < 0.3, generator.uniform(0, 1, (FRAMES, 52)), 0.0)
    opposite = [("jawLeft", "jawRight")] + [
        (f"{first}{side}", f"{second}{side}")
        for side in ("Left", "Right")
        for first, second in (("eyeLookUp", "eyeLookDown"), ("eyeLookIn", "eyeLookOut"), ("eyeBlink", "eyeWide"))
    ]
    for _, second in opposite:  # cannot both be on
        given.coefficients[:, ARKIT_NAMES.index(second)] = 0.0
    given.coefficients[0] = 0.0  # a rest frame
    given.coefficients[:, ARKIT_NAMES.index("tongueOut")] = 0.5
    given.angles[:, 0] = generator.uniform(-0.5, 0.5, (FRAMES, 3))
    motion, unused = motion_from_arkit(given, head, source="take.csv")
    assert motion_problem(motion) is None and unused == ("tongueOut",) and motion.reference == 0
    path = tmp_path / "again.csv"
    save_arkit_csv(path, motion, head)
    again, _ = load_arkit_csv(path, head)
    for name in ("rotation", "translation", "jaw", "eye_left", "eye_right", "expression", "lids", "times"):
        np.testing.assert_allclose(getattr(again, name), getattr(motion, name), atol=1e-6, err_msg=name)
    back = read_live_link(path)
    np.testing.assert_allclose(back.coefficients[:, :-1], given.coefficients[:, :-1], atol=1e-6)
    np.testing.assert_allclose(back.angles[:, 0], given.angles[:, 0], atol=1e-6)


def test_what_the_head_cannot_do_is_reported(tmp_path):
    path = tmp_path / "tongue.csv"
    write_live_link(path, capture(tongueOut=0.5))
    assert load_arkit_csv(path, builtin_head())[1] == ("tongueOut",)


def test_meaning_of_columns():
    head = tiny_head()
    given = capture(
        jawOpen=0.5, browInnerUp=0.4, eyeBlinkLeft=0.75, eyeLookOutLeft=0.5, eyeLookInRight=0.5, noseSneerLeft=1
    )
    given.angles[:, 0, 0], given.angles[:, 0, 1] = 0.2, 0.1
    motion, unused = motion_from_arkit(given, head, source="x.csv")
    assert unused == ("noseSneerLeft",)
    np.testing.assert_allclose(motion.jaw[0], [0.5 * JAW_OPEN_RADIANS, 0, 0])
    np.testing.assert_allclose(motion.expression[0], [0, 0, 0.4, 0.4, 0, 0, 0.1])
    np.testing.assert_allclose(motion.lids[0], [OPEN_LIDS * 0.25, OPEN_LIDS])
    np.testing.assert_allclose(motion.eye_left[0], [0, np.radians(15), 0], atol=1e-12)  # to the subject's left
    np.testing.assert_allclose(motion.eye_right[0], motion.eye_left[0])
    yaw, pitch, _ = frontal_angles(motion.rotation[0])
    assert yaw == pytest.approx(0.2, abs=1e-6) and pitch == pytest.approx(-0.1, abs=2e-3)  # chin down


def lines(num_frames=5):
    columns = [name[0].upper() + name[1:] for name in ARKIT_NAMES] + list(ANGLE_COLUMNS)
    rows = [["Timecode", "BlendShapeCount", *columns]]
    rows += [[f"14:03:52:{frame:02d}.207", "61", *["0.1"] * 61] for frame in range(num_frames)]
    return rows


def test_the_apps_own_layout(tmp_path):
    path = tmp_path / "app.csv"
    path.write_text("\r\n".join(",".join(row) for row in lines()) + "\r\n\r\n", encoding="utf-8-sig")
    read = read_live_link(path)
    np.testing.assert_allclose(read.times, np.arange(5) / 60)
    np.testing.assert_allclose(read_live_link(path, fps=30.0).times, np.arange(5) / 30)


@pytest.mark.parametrize(
    ("row", "column", "cell", "words"),
    [
        (0, 5, "EyeRollLeft", "unknown"),
        (0, 5, "EyeBlinkLeft", "missing"),
        (0, 0, "Time", "missing"),
        (2, 7, "abc", "line 3"),
        (2, 7, "nan", "line 3"),
        (2, 7, "1e9", "line 3"),
        (2, 7, "", "line 3"),
        (2, 0, "later", "timecode"),
        (2, 0, "14:03:51:00.0", "increase"),
        (3, None, None, "cells"),
    ],
)
def test_slips_are_named(tmp_path, row, column, cell, words):
    rows = lines()
    if column is None:
        rows[row].pop()
    else:
        rows[row][column] = cell
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(",".join(r) for r in rows))
    with pytest.raises(InputError, match=words) as caught:
        read_live_link(path)
    assert "\n" not in str(caught.value)


def test_not_such_files(tmp_path):
    contents = [b"", b"hello", b"\xff\xfe\x00\x01", b"a,b\n1,2\n", b"x" * 300_000, ",".join(lines()[0]).encode()]
    for index, content in enumerate(contents):
        path = tmp_path / f"{index}.csv"
        path.write_bytes(content)
        with pytest.raises(InputError):
            read_live_link(path)
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(InputError, match="cannot read"):
            read_live_link(path)
