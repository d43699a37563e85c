"""The command line: help, exit codes, one-line answers to bad input, and that nothing is written when it is refused."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.media.video import VideoWriter, probe_video, read_frames
from likeness.motion.file import load_motion, save_motion
from tests.heads_for_tests import tiny_head, wiggled_motion

PROGRAM = (sys.executable, "-c", "import sys; from likeness.app.cli import main; sys.exit(main())")


def refused(arguments: list[str], capsys) -> str:
    """The one line with which a command is refused; its exit code must be 2."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("likeness: ") and error.count("\n") == 1
    return error


def files(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.fixture(scope="module")
def motion(tmp_path_factory) -> Path:
    """A motion file of one second that nods, opens the mouth and blinks; authored on the shipped photo."""
    folder = tmp_path_factory.mktemp("motion")
    keys = {"pitch": 6.0, "jawOpen": 0.6, "eyeBlink": 1.0}
    tracks = {
        name: [{"time": 0, "value": 0}, {"time": 0.5, "value": value}, {"time": 1, "value": 0}]
        for name, value in keys.items()
    }
    (folder / "nod.json").write_text(json.dumps({"version": 1, "fps": 12, "duration": 1, "tracks": tracks}))
    assert main(["track", str(PHOTO), "--out", str(folder / "rest.motion.npz")]) == 0
    rest = load_motion(folder / "rest.motion.npz")
    count = 13
    long = {name: np.repeat(getattr(rest, name), count, axis=0) for name in ("rotation", "translation", "expression")}
    long |= {name: np.repeat(getattr(rest, name), count, axis=0) for name in ("neck", "jaw", "eye_left", "eye_right")}
    long |= {name: np.repeat(getattr(rest, name), count, axis=0) for name in ("lids", "confidence", "valid")}
    save_motion(folder / "still.motion.npz", rest.with_frames(times=np.arange(count) / 12.0, **long))
    arguments = ["motion", "edit", str(folder / "still.motion.npz"), "--out", str(folder / "nod.motion.npz")]
    assert main([*arguments, "--timeline", str(folder / "nod.json")]) == 0
    return folder / "nod.motion.npz"


# What comes before any work.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["demo", "animate", "edit", "track", "motion", "head", "bench"]),
        (["animate", "--help"], ["PHOTO", "DRIVING", "--motion", "--frame", "--size", "--audio", "--strength.gaze"]),
        (["edit", "--help"], ["--yaw", "--gaze-pitch", "--set", "--timeline", "--overwrite"]),
        (["motion", "--help"], ["show", "convert", "edit"]),
    ],
)
def test_help(arguments, words, capsys):
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in words)


def test_help_is_light():
    check = (
        "import sys, likeness, likeness.app.cli; print({'cv2', 'mediapipe', 'numba', 'scipy', 'av'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_unknown_options_are_errors(capsys):
    assert main(["animate", "a.jpg", "b.mp4", "--out", "c.mp4", "--colour", "red"]) == 2
    assert "--colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jpg", None, "does not exist"),
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"no picture at all", "not an image"),
        ("cut.jpg", PHOTO.read_bytes()[:20_000], "damaged or truncated"),
    ],
)
def test_photos_that_are_none(name, content, message, tmp_path, capsys):
    photo = tmp_path / name
    if content is not None:
        photo.write_bytes(content)
    before = files(tmp_path)
    assert message in refused(["edit", str(photo), "--out", str(tmp_path / "out.png"), "--yaw", "5"], capsys)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.mp4", None, "does not exist"),
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all", "no video file"),
        ("text.motion.npz", b"no motion at all", "not a motion file"),
        ("text.csv", b"no,recording\n1,2\n", "not a Live Link Face CSV"),
        ("text.png", b"no picture at all", "not an image"),
    ],
)
def test_driving_files_that_are_none(name, content, message, tmp_path, capsys):
    driving = tmp_path / name
    if content is not None:
        driving.write_bytes(content)
    before = files(tmp_path)
    assert message in refused(["animate", str(PHOTO), str(driving), "--out", str(tmp_path / "out.mp4")], capsys)
    assert files(tmp_path) == before


def test_folders_are_no_files(tmp_path, capsys):
    out = str(tmp_path / "out.mp4")
    assert "is a folder" in refused(["animate", str(tmp_path), str(PHOTO), "--out", out], capsys)
    assert "is a folder" in refused(["animate", str(PHOTO), str(tmp_path), "--out", out], capsys)
    assert "is a folder" in refused(["motion", "show", str(tmp_path)], capsys)
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("nowhere/out.mp4", "does not exist"),
        ("out.xyz", "is unknown here"),
        ("out", "no suffix"),
        ("taken.mp4", "--overwrite"),
    ],
)
def test_places_that_cannot_be_written(out, message, tmp_path, capsys):
    (tmp_path / "taken.mp4").write_bytes(b"precious")
    before = files(tmp_path)
    assert message in refused(["edit", str(PHOTO), "--out", str(tmp_path / out), "--yaw", "5"], capsys)
    assert files(tmp_path) == before
    assert (tmp_path / "taken.mp4").read_bytes() == b"precious"


def test_the_photo_itself_is_never_written_over(tmp_path, capsys):
    photo = tmp_path / "me.png"
    Image.open(PHOTO).save(photo)
    content = photo.read_bytes()
    message = refused(["edit", str(photo), "--out", str(photo), "--yaw", "5", "--overwrite"], capsys)
    assert "input" in message
    assert photo.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "mouthSmiel=1"], "did you mean mouthSmile"),
        (["--set", "mouthSmile"], "mouthSmile"),
        (["--set", "mouthSmile=much"], "much"),
        (["--yaw", "400"], "yaw is 400"),
        (["--yaw", "nan"], "yaw is nan"),
        (["--size", "5"], "--size is 5"),
        (["--face", "0"], "counted from 1"),
        (["--face", "7"], "face 7"),
        (["--timeline", "t.json"], "needs a video"),
    ],
)
def test_options_that_cannot_be_met(options, message, tmp_path, capsys):
    assert message in refused(["edit", str(PHOTO), "--out", str(tmp_path / "out.png"), *options], capsys)
    assert files(tmp_path) == set()


def test_strengths_and_audio_that_cannot_be_met(motion, tmp_path, capsys):
    command = ["animate", str(PHOTO), str(motion), "--out", str(tmp_path / "out.mp4")]
    assert "strength of head" in refused([*command, "--strength.head", "9"], capsys)
    assert "does not exist" in refused([*command, "--audio", str(tmp_path / "none.wav")], capsys)
    assert "is no audio file" in refused([*command, "--audio", str(PHOTO.with_suffix(".txt"))], capsys)
    assert "is a picture" in refused([*command[:-1], str(tmp_path / "out.png")], capsys)
    assert files(tmp_path) == set()


def test_motions_of_another_head_or_a_later_version(tmp_path, capsys):
    other = tmp_path / "other.motion.npz"
    save_motion(other, wiggled_motion(tiny_head()))
    command = ["animate", str(PHOTO), str(other), "--out", str(tmp_path / "out.mp4")]
    assert builtin_head().name in refused(command, capsys)
    assert files(tmp_path) == {other.name}


# Faces.


def test_a_photo_without_a_face(tmp_path, capsys):
    photo = tmp_path / "sky.png"
    Image.fromarray(np.full((300, 300, 3), 180, np.uint8)).save(photo)
    message = refused(["edit", str(photo), "--out", str(tmp_path / "out.png"), "--yaw", "5"], capsys)
    assert "no face was found" in message and "sky.png" in message
    assert files(tmp_path) == {"sky.png"}


def test_a_face_that_is_too_small(tmp_path, capsys):
    photo = tmp_path / "far.png"
    canvas = Image.new("RGB", (500, 400), (128, 128, 128))
    canvas.paste(Image.open(PHOTO).resize((150, 150)), (170, 120))
    canvas.save(photo)
    message = refused(["edit", str(photo), "--out", str(tmp_path / "out.png"), "--yaw", "5"], capsys)
    assert "pixels high" in message or "no face" in message
    assert files(tmp_path) == {"far.png"}


def test_a_video_without_a_face(tmp_path, capsys):
    clip = tmp_path / "sky.mp4"
    with VideoWriter(clip, fps=25.0) as writer:
        for shade in range(5):
            writer.write(np.full((128, 128, 3), 100 + shade, np.uint8))
    message = refused(["track", str(clip), "--out", str(tmp_path / "out.motion.npz")], capsys)
    assert "no frame shows a face" in message and "sky.mp4" in message
    assert files(tmp_path) == {"sky.mp4"}


# What works.


def test_edit_writes_a_picture_of_the_asked_size(tmp_path, capsys):
    out = tmp_path / "turned.png"
    options = ["--yaw", "-10", "--gaze-yaw", "8", "--set", "mouthSmile=0.4", "--set", "browInnerUp=0.5"]
    assert main(["edit", str(PHOTO), "--out", str(out), "--frame", "crop", "--size", "128", *options]) == 0
    assert read_image(out).shape == (128, 128, 3)
    assert str(out) in capsys.readouterr().out


def test_no_edit_gives_the_photo_back(tmp_path):
    out = tmp_path / "same.png"
    assert main(["edit", str(PHOTO), "--out", str(out)]) == 0
    difference = np.abs(read_image(out).astype(int) - read_image(PHOTO).astype(int))
    assert difference.mean() <= 0.1


def test_a_motion_file_drives_the_photo(motion, tmp_path):
    out = tmp_path / "out.mp4"
    assert main(["animate", str(PHOTO), str(motion), "--out", str(out), "--size", "256"]) == 0
    info = probe_video(out)
    assert (info.width, info.height, info.num_frames) == (256, 256, 13)
    assert files(tmp_path) == {"out.mp4"}


def test_a_picture_drives_the_photo(tmp_path):
    assert main(["animate", str(PHOTO), str(PHOTO), "--out", str(tmp_path / "out.png"), "--motion", "absolute"]) == 0
    assert read_image(tmp_path / "out.png").shape == (512, 512, 3)


def test_track_animate_and_overlay_of_a_video(motion, tmp_path, capsys):
    clip, tracked, overlay = tmp_path / "clip.mp4", tmp_path / "clip.motion.npz", tmp_path / "overlay.mp4"
    assert main(["animate", str(PHOTO), str(motion), "--out", str(clip), "--size", "256"]) == 0
    assert main(["track", str(clip), "--out", str(tracked), "--overlay", str(overlay)]) == 0
    found = load_motion(tracked, builtin_head())
    assert len(found) == 13 and found.valid.all()
    assert len(list(read_frames(overlay))) == 13
    capsys.readouterr()
    assert main(["motion", "show", str(tracked)]) == 0
    assert "13 frames" in capsys.readouterr().out
    assert main(["motion", "convert", str(tracked), "--out", str(tmp_path / "clip.csv")]) == 0
    assert main(["motion", "show", str(tmp_path / "clip.csv")]) == 0
    assert main(["animate", str(PHOTO), str(tmp_path / "clip.csv"), "--out", str(tmp_path / "again.mp4")]) == 0


def test_motion_edit_cuts_and_scales(motion, tmp_path, capsys):
    out = tmp_path / "part.motion.npz"
    options = ["--start", "0.25", "--end", "0.75", "--strength.mouth", "0"]
    assert main(["motion", "edit", str(motion), "--out", str(out), *options]) == 0
    part = load_motion(out)
    assert len(part) == 6 and part.times[0] == 0.0
    assert np.ptp(part.jaw, axis=0).max() < 1e-6
    assert "no frame lies" in refused(
        ["motion", "edit", str(motion), "--out", str(out), "--start", "5", "--overwrite"], capsys
    )


def test_head_list_names_the_controls(capsys):
    assert main(["head", "list"]) == 0
    assert {"mouthSmile", "mouthSmileLeft", "eyeBlinkRight"} <= set(capsys.readouterr().out.split())


# Interruptions, in a process of their own.


def start_long_run(tmp_path: Path) -> subprocess.Popen:
    """An edit along a timeline of two minutes, once it has begun to write."""
    timeline = tmp_path / "long.json"
    keys = [{"time": 0, "value": 0}, {"time": 120, "value": 10}]
    timeline.write_text(json.dumps({"version": 1, "fps": 25, "duration": 120, "tracks": {"yaw": keys}}))
    arguments = ["edit", str(PHOTO), "--out", str(tmp_path / "out.mp4"), "--timeline", str(timeline)]
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job would inherit its neglect
    )
    deadline = time.monotonic() + 240
    while not any(name.startswith(".likeness-") for name in files(tmp_path)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_runs_leave_nothing(number, code, tmp_path):
    process = start_long_run(tmp_path)
    process.send_signal(number)
    _, error = process.communicate(timeout=90)  # below 1 s where nothing else runs and kernels are compiled
    assert process.returncode == code
    assert error.count("\n") <= 1
    assert files(tmp_path) == {"long.json"}


def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    program = (
        "import resource, sys; from likeness.app.cli import main\n"
        "photo, warm, out = sys.argv[1:]\n"
        "assert main(['edit', photo, '--out', warm, '--yaw', '10']) == 0\n"  # kernels are compiled and kept
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "sys.exit(main(['edit', photo, '--out', out, '--yaw', '10']))"
    )
    arguments = [str(PHOTO), str(tmp_path / "warm.png"), str(out / "out.mp4")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "out.mp4 cannot be written" in done.stderr and done.stderr.count("\n") == 1
    assert files(out) == set()
