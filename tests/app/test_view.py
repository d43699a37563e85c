"""The command `view`: paths of the camera, the same view by turning a head, every file that it writes, bad input."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.app.camera_path import (
    TRAINED,
    CameraPlace,
    camera_at,
    default_angles,
    load_path,
    orbit_path,
    range_warning,
    stage_of,
    still_place,
    turned_head,
)
from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.data.square import SIDE, clip_square, head_box
from likeness.export3d.cameras import SCALE, project_world, split_numbers, world_from_head
from likeness.export3d.weights import save_model
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import posed_vertices
from likeness.media.images import read_image
from likeness.media.video import probe_video, read_frames
from likeness.nn import shipped
from tests.export3d.models import noisy_model
from tests.flow_warp.portraits import portrait


def square():
    window = clip_square([head_box(portrait().head, portrait().shape, portrait().rest, portrait().camera)])
    return portrait().camera.cropped(window.left, window.top, window.size, window.size)


def head_points() -> np.ndarray:
    head, rest = portrait().head, portrait().rest
    above = np.unique(head.part_faces(*(name for name in head.part_names if name != "neck")))
    return posed_vertices(head, portrait().shape, rest.expression, rest.joints)[above].astype(np.float64)


def test_an_orbit_is_the_closed_curve_of_the_paper() -> None:
    path = orbit_path(still_place(yaw=20.0, pitch=14.0, radius=1.5))
    for part in (0.0, 0.1, 0.25, 0.8):
        place = path.at(part)
        assert place.yaw == pytest.approx(math.radians(20.0) * math.sin(2.0 * math.pi * part))
        assert place.pitch == pytest.approx(math.radians(14.0) * math.cos(2.0 * math.pi * part))
        assert place.radius == 1.5
    assert path.at(1.0).yaw == pytest.approx(path.at(0.0).yaw, abs=1e-9)


def test_cameras_stand_where_the_place_says_and_look_at_the_middle_of_the_head() -> None:
    stage = stage_of(portrait(), square())
    place = CameraPlace(yaw=0.3, pitch=-0.2, radius=1.1)
    camera = camera_at(stage, place).astype(np.float64)
    away = split_numbers(camera)[0][:3, 3] - stage.pivot
    assert np.linalg.norm(away) / SCALE == pytest.approx(1.1, abs=1e-5)
    assert away[0] > 0.0 > away[1]  # to the subject's left, and below
    np.testing.assert_allclose(project_world(camera, stage.pivot[None]), [[0.5, 0.5]], atol=1e-5)
    box = project_world(camera_at(stage, stage.source).astype(np.float64), world_from_head(head_points()))
    sides = box.max(axis=0) - box.min(axis=0)
    assert sides.max() == pytest.approx(1.0 / SIDE, abs=0.04)  # as large as in the photo's square
    np.testing.assert_allclose(0.5 * (box.max(axis=0) + box.min(axis=0)), 0.5, atol=0.04)


def test_a_turned_head_is_seen_as_the_camera_sees_it() -> None:
    """Up to where the head stands in the photo: directions from the camera, relative to that of its middle."""
    stage, points = stage_of(portrait(), square()), head_points()[::23]
    for place in (stage.source, CameraPlace(yaw=0.4, pitch=0.2, radius=stage.source.radius)):
        pose = split_numbers(camera_at(stage, place).astype(np.float64))[0]
        by_camera = (world_from_head(points) - pose[:3, 3]) @ pose[:3, :3] / SCALE
        frame = turned_head(portrait(), stage, portrait().rest, place)
        by_turn = frame.T_cam_head.apply(points)
        np.testing.assert_allclose(
            np.linalg.norm(by_camera, axis=1), np.linalg.norm(by_turn, axis=1), atol=1e-5
        )  # the same distances from the camera
        np.testing.assert_allclose(
            by_camera @ by_camera.T, by_turn @ by_turn.T, atol=1e-4
        )  # and the same angles between the rays
    turned = turned_head(portrait(), stage, portrait().rest, CameraPlace(yaw=0.4, pitch=0.0, radius=2.0))
    nose = np.array([0.0, 0.0, 1.0]) @ turned.T_cam_head.rotation.T
    assert nose[0] < -0.2  # a camera to the subject's left sees the face turned to the picture's left


def test_keyframes_are_met_and_held_between_them(tmp_path: Path) -> None:
    file = tmp_path / "path.json"
    keys = [{"time": 0, "yaw": -20, "pitch": 5}, {"time": 2, "yaw": 10, "pitch": 5, "radius": 1.0}]
    file.write_text(json.dumps(keys))
    path = load_path(file, radius=2.0)
    assert path.seconds == 2.0
    first, middle, last = path.at(0.0), path.at(0.5), path.at(1.0)
    assert (math.degrees(first.yaw), first.radius) == pytest.approx((-20.0, 2.0))
    assert (math.degrees(middle.yaw), math.degrees(middle.pitch), middle.radius) == pytest.approx((-5.0, 5.0, 1.5))
    assert (math.degrees(last.yaw), last.radius) == pytest.approx((10.0, 1.0))


def test_views_beyond_the_range_are_noted_with_it() -> None:
    stage = stage_of(portrait(), square())
    inside = [CameraPlace(yaw=TRAINED.yaw, pitch=-TRAINED.pitch, radius=1.0)]
    assert range_warning(inside, stage, is_warped=False) is None
    beyond = range_warning([CameraPlace(yaw=-1.0, pitch=0.0, radius=1.0)], stage, is_warped=False)
    assert beyond is not None and "yaw 57" in beyond and "up to yaw 40 and pitch 25" in beyond
    warped = range_warning(inside, stage, is_warped=True)
    assert warped is not None and "from the photo" in warped and "up to yaw 25 and pitch 15" in warped


def test_an_orbit_for_which_nothing_is_asked_stays_in_the_range() -> None:
    stage = stage_of(portrait(), square())
    assert default_angles(stage, is_warped=False) == (20.0, 14.0)
    yaw, pitch = default_angles(stage, is_warped=True)
    assert 15.0 < yaw <= 20.0 and 5.0 < pitch <= 14.0
    path = orbit_path(still_place(yaw=yaw, pitch=pitch, radius=1.0))
    places = [path.at(part) for part in np.linspace(0.0, 1.0, 41)]
    assert range_warning(places, stage, is_warped=True) is None
    turned = replace(stage, source=CameraPlace(yaw=0.7, pitch=-0.4, radius=1.0))
    assert default_angles(turned, is_warped=True) == (0.0, 0.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_model(folder, noisy_model(), head=builtin_head(), trained="not at all")
    return folder


def test_a_video_its_depth_a_mesh_and_the_directions_are_written(weights: Path, tmp_path, capsys) -> None:
    files = {name: tmp_path / name for name in ("a.mp4", "d.mp4", "m.ply", "v.png")}
    arguments = ["view", str(PHOTO), "--weights", str(weights), "--out", str(files["a.mp4"]), "--frames", "4"]
    arguments += ["--depth", str(files["d.mp4"]), "--mesh", str(files["m.ply"]), "--mesh-level", "0.5"]
    assert main([*arguments, "--directions", str(files["v.png"]), "--yaw", "60", "--size", "96"]) == 0
    captured = capsys.readouterr()
    assert [line.split(":")[0] for line in captured.out.splitlines()] == [
        str(files[name]) for name in ("a.mp4", "d.mp4", "m.ply", "v.png")
    ]
    assert "up to yaw 40 and pitch 25" in captured.err
    for name in ("a.mp4", "d.mp4"):
        info = probe_video(files[name])
        assert (info.num_frames, info.width, info.height) == (4, 96, 96)
    pictures = [frame.image for frame in read_frames(files["a.mp4"])]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 1.0
    assert files["m.ply"].read_bytes().startswith(b"ply")
    sheet = read_image(files["v.png"])
    assert sheet.shape[0] > 6 * 160 and sheet.shape[1] > 5 * 160  # a row per direction of the tiny model
    assert set(tmp_path.iterdir()) == set(files.values())


def test_stills_sheets_and_moving_expressions(weights: Path, tmp_path) -> None:
    common = ["view", str(PHOTO), "--weights", str(weights)]
    assert main([*common, "--out", str(tmp_path / "one.png"), "--yaw", "15"]) == 0
    assert read_image(tmp_path / "one.png").shape == (64, 64, 3)
    assert main([*common, "--out", str(tmp_path / "open.png"), "--yaw", "15", "--set", "jawOpen=1"]) == 0
    assert not np.array_equal(read_image(tmp_path / "one.png"), read_image(tmp_path / "open.png"))
    assert main([*common, "--out", str(tmp_path / "six.png"), "--frames", "6"]) == 0
    assert read_image(tmp_path / "six.png").shape[1] > 5 * 64
    assert main(["track", str(PHOTO), "--out", str(tmp_path / "one.motion.npz")]) == 0
    moving = [*common, "--driving", str(tmp_path / "one.motion.npz"), "--out", str(tmp_path / "moving.mp4")]
    assert main(moving) == 0
    assert probe_video(tmp_path / "moving.mp4").num_frames == 1


def test_the_default_renderer_turns_the_head_instead(tmp_path) -> None:
    common = ["view", str(PHOTO), "--method", "flow-warp", "--size", "128"]
    for name, yaw in (("left", "20"), ("right", "-20")):
        assert main([*common, "--out", str(tmp_path / f"{name}.png"), "--yaw", yaw, "--pitch", "0"]) == 0
    left, right = read_image(tmp_path / "left.png"), read_image(tmp_path / "right.png")
    assert left.shape == (128, 128, 3) and np.abs(left.astype(int) - right).mean() > 4.0


KEYS = '[{"time": 0, "yaw": 0, "pitch": 0}, {"time": 1, "yaw": %s, "pitch": 0}]'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "none are installed: add --weights FOLDER"),
        (["--weights", "nowhere"], "is no folder"),
        (["--weights", "WEIGHTS", "--radius", "0.1"], "--radius is 0.1"),
        (["--weights", "WEIGHTS", "--yaw", "nan"], "--yaw is nan"),
        (["--weights", "WEIGHTS", "--pitch", "90"], "--pitch is 90"),
        (["--weights", "WEIGHTS", "--frames", "1"], "--frames is 1"),
        (["--weights", "WEIGHTS", "--path", "PATH"], "add --frames N"),
        (["--weights", "WEIGHTS", "--frames", "2", "--path", "BAD"], "the yaw of key 1 is 999"),
        (["--weights", "WEIGHTS", "--frames", "2", "--path", "nowhere"], "cannot read the camera path nowhere"),
        (["--weights", "WEIGHTS", "--depth", "d.mp4"], "must both be videos or both be pictures"),
        (["--weights", "WEIGHTS", "--mesh", "m.obj"], "'.obj'"),
        (["--weights", "WEIGHTS", "--mesh", "m.ply", "--mesh-level", "99"], "no surface at density 99"),
        (["--weights", "WEIGHTS", "--set", "v50=1"], "no direction v50"),
        (["--method", "flow-warp", "--mesh", "m.ply"], "--mesh needs a model with a volume"),
        (["--method", "flow-warp", "--weights", "WEIGHTS"], "--weights needs a model with a volume"),
    ],
)
def test_what_cannot_work_is_one_line(options, message: str, weights: Path, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "none")
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    for name, yaw in (("PATH", "20"), ("BAD", "999")):
        (tmp_path / "in" / name).write_text(KEYS % yaw)
    stands = {"WEIGHTS": str(weights), "PATH": str(tmp_path / "in" / "PATH"), "BAD": str(tmp_path / "in" / "BAD")}
    assert main(["view", str(PHOTO), "--out", "a.png", *(stands.get(option, option) for option in options)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []
