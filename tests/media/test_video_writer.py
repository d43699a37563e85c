"""Videos go out whole or not at all, with their colours, times and sound."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from likeness.errors import InputError, OutputError
from likeness.media.video import EncodeSettings, VideoWriter, check_video_output, probe_video, read_frames
from tests.media.made_files import make_sound, make_video, sound_packets, sound_samples

GREY = np.full((48, 64, 3), 128, np.uint8)
CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")


def write(path, images, *, times=None, **options):
    """A video of these pictures."""
    with VideoWriter(path, fps=options.pop("fps", 25), **options) as writer:
        for index, image in enumerate(images):
            writer.write(image, None if times is None else times[index])
    return path


@pytest.mark.parametrize("suffix", [*CONTAINERS, ".gif"])
def test_colours_survive(tmp_path, suffix):
    colours = np.random.default_rng(0).integers(0, 256, (12, 3)).astype(np.uint8)
    blocks = colours.reshape(3, 4, 3).repeat(32, axis=0).repeat(32, axis=1)
    images = [blocks, blocks[::-1, ::-1]]
    path = write(tmp_path / f"a{suffix}", images, settings=EncodeSettings(crf=4))
    for image, frame in zip(images, read_frames(path), strict=True):
        np.testing.assert_allclose(frame.image[16::32, 16::32].astype(int), image[16::32, 16::32], atol=4)
        assert abs((frame.image[16::32, 16::32].astype(int) - image[16::32, 16::32]).mean()) < 0.7


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_grey_survives_and_colour_tags_are_written(tmp_path, suffix):
    levels = [0, 16, 128, 235, 255]
    path = write(tmp_path / f"a{suffix}", [np.full_like(GREY, level) for level in levels])
    assert [round(float(frame.image.mean())) for frame in read_frames(path)] == pytest.approx(levels, abs=2)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.format.name == "yuv420p"
        assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)


def test_mp4_starts_with_its_index(tmp_path):
    data = write(tmp_path / "a.mp4", [GREY] * 5).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [*CONTAINERS, ".gif"])
def test_variable_frame_times_are_kept(tmp_path, suffix):
    times = [0.0, 0.04, 0.1, 0.133, 0.5, 0.517, 2.0]
    path = write(tmp_path / f"a{suffix}", [np.full_like(GREY, 30 * i) for i in range(7)], times=times)
    read = [frame.time_seconds for frame in read_frames(path)]
    np.testing.assert_allclose(read, times, atol=0.0051 if suffix == ".gif" else 0.0006)
    if suffix in (".mp4", ".mov"):
        assert probe_video(path).duration_seconds == pytest.approx(2.04, abs=0.001)


@pytest.mark.parametrize("fps", [25, 30000 / 1001, 59.94, 12.5])
def test_constant_rate(tmp_path, fps):
    info = probe_video(write(tmp_path / "a.mp4", [GREY] * 12, fps=fps))
    assert info.fps == pytest.approx(fps, rel=1e-4) and info.num_frames == 12
    assert info.duration_seconds == pytest.approx(12 / fps, rel=1e-3)


@pytest.mark.parametrize("size", [(63, 49), (64, 49), (1, 1), (16, 2)])
def test_odd_sizes_are_padded_by_one_pixel(tmp_path, size):
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    image[:, -1] = 40
    frames = list(read_frames(write(tmp_path / "a.mp4", [image, image], settings=EncodeSettings(crf=1))))
    assert len(frames) == 2
    assert frames[0].image.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    np.testing.assert_allclose(frames[0].image[:, -1].astype(int), 40, atol=4)


def test_one_frame(tmp_path):
    for suffix in (*CONTAINERS, ".gif"):
        assert len(list(read_frames(write(tmp_path / f"a{suffix}", [GREY], times=[0.0])))) == 1


def test_quality_follows_crf(tmp_path):
    noise = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8) for i in range(5)]
    sizes = [
        write(tmp_path / f"{crf}.mp4", noise, settings=EncodeSettings(crf=crf)).stat().st_size for crf in (10, 25, 40)
    ]
    assert sizes[0] > 1.5 * sizes[1] > 2 * sizes[2]


@pytest.mark.parametrize("source, codec", [(".mp4", "aac"), (".mkv", "aac"), (".wav", None), (".mp3", "libmp3lame")])
def test_sound_is_carried_over_in_step(tmp_path, source, codec):
    sound = make_sound(
        tmp_path / f"s{source}", codec=codec or "pcm_s16le", seconds=1.5, with_pictures=source in (".mp4", ".mkv")
    )
    path = write(tmp_path / "a.mp4", [GREY] * 25, audio_from=sound)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == ("mp3float" if source == ".mp3" else "aac")
        length = float(container.streams.audio[0].duration * container.streams.audio[0].time_base)
    assert 0.98 <= length <= 1.05  # cut to the pictures, give or take a packet
    time = np.arange(48_000) / 48_000
    tone = 0.4 * np.sin(2 * np.pi * 440 * time) * np.sin(2 * np.pi * 2 * time)
    heard = sound_samples(path)[: len(tone)]
    inner = slice(2000, 46_000)
    assert np.abs(heard[inner] - tone[inner]).max() < 0.05  # 440 Hz: a shift by 0.1 ms would give 0.11


@pytest.mark.parametrize(
    "source, codec, target",
    [("s.mp4", "aac", ".mp4"), ("s.mp4", "aac", ".mkv"), ("s.mov", "pcm_s16le", ".mov"), ("s.mkv", "libopus", ".webm")],
)
def test_copied_sound_is_bit_exact(tmp_path, source, codec, target):
    sound = make_sound(tmp_path / source, codec=codec, seconds=1.0, with_pictures=True)
    path = write(tmp_path / f"a{target}", [GREY] * 50, audio_from=sound)
    assert sound_packets(path) == sound_packets(sound)


@pytest.mark.parametrize("target, codec", [(".webm", "opus"), (".mp4", "aac")])
def test_sound_that_does_not_fit_is_encoded_again(tmp_path, target, codec):
    sound = make_sound(tmp_path / "s.mkv", codec="pcm_s16le", with_pictures=True)
    with av.open(str(write(tmp_path / f"a{target}", [GREY] * 25, audio_from=sound))) as container:
        assert container.streams.audio[0].codec_context.name == codec
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 47_000


def test_a_silent_source_gives_a_silent_video(tmp_path):
    silent = make_video(tmp_path / "silent.mp4")
    assert not probe_video(write(tmp_path / "a.mp4", [GREY] * 3, audio_from=silent)).has_audio


def test_damaged_sound_ends_and_the_pictures_stay(tmp_path):
    data = make_sound(tmp_path / "s.mkv", codec="aac", with_pictures=True).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    assert len(list(read_frames(write(tmp_path / "a.mp4", [GREY] * 25, audio_from=tmp_path / "cut.mkv")))) == 25


def test_numbered_pictures(tmp_path):
    pattern = tmp_path / "frames" / "%05d.png"
    write(pattern, [GREY] * 3)
    assert sorted(file.name for file in pattern.parent.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    with pytest.raises(OutputError, match="holds such pictures already"):
        check_video_output(pattern)
    (pattern.parent / "notes.txt").write_text("mine")
    write(pattern, [GREY] * 2, overwrite=True)
    assert sorted(file.name for file in pattern.parent.iterdir()) == ["00000.png", "00001.png", "notes.txt"]
    with pytest.raises(OutputError, match="is no pattern"):
        check_video_output(tmp_path / "%s.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["frames"]


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "frames/%03d.png"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_after_an_exception(tmp_path, name, error):
    with pytest.raises(error), VideoWriter(tmp_path / name, fps=25) as writer:
        for _ in range(20):
            writer.write(GREY)
        raise error
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name == "video encoder" for thread in threading.enumerate())


def test_an_existing_file_survives_a_failure_and_is_not_replaced_unasked(tmp_path):
    path = write(tmp_path / "a.mp4", [GREY])
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        VideoWriter(path, fps=25)
    with pytest.raises(RuntimeError), VideoWriter(path, fps=25, overwrite=True) as writer:
        writer.write(GREY)
        raise RuntimeError
    assert path.read_bytes() == before
    write(path, [GREY] * 5, overwrite=True)
    assert len(list(read_frames(path))) == 5


def test_targets_are_checked_at_once(tmp_path):
    driving = make_video(tmp_path / "driving.mp4")
    with pytest.raises(OutputError, match=r"use \.mp4, \.mov, \.mkv, \.webm, \.gif"):
        VideoWriter(tmp_path / "a.wmv", fps=25)
    with pytest.raises(OutputError, match="does not exist"):
        VideoWriter(tmp_path / "none" / "a.mp4", fps=25)
    with pytest.raises(OutputError, match="is also an input"):
        VideoWriter(driving, fps=25, overwrite=True, audio_from=driving)
    with pytest.raises(InputError, match="does not exist"):
        VideoWriter(tmp_path / "a.mp4", fps=25, audio_from=tmp_path / "none.wav")
    with pytest.raises(OutputError, match="no frames"), VideoWriter(tmp_path / "a.mp4", fps=25):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["driving.mp4"]


def test_frames_must_agree(tmp_path):
    for calls, words in (
        ([(GREY, None), (GREY[:20], None)], "must have the shape"),
        ([(GREY, 0.0), (GREY, 0.0)], "increase"),
        ([(GREY, 0.0), (GREY, None)], "every frame a time"),
    ):
        with pytest.raises(ValueError, match=words), VideoWriter(tmp_path / "a.mp4", fps=25) as writer:
            for image, time in calls:
                writer.write(image, time)
    assert list(tmp_path.iterdir()) == []


def test_the_caller_may_reuse_its_buffer(tmp_path):
    buffer = np.zeros((256, 256, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", fps=25) as writer:
        for index in range(12):
            buffer[:] = 20 * index
            writer.write(buffer)
    levels = [float(frame.image.mean()) for frame in read_frames(tmp_path / "a.mp4")]
    np.testing.assert_allclose(levels, 20 * np.arange(12), atol=2)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "frames/%03d.png"])
def test_a_full_disk_is_named_and_nothing_is_left(small_disk, name):
    random = np.random.default_rng(0)
    with pytest.raises(OutputError, match="the disk is full"), VideoWriter(small_disk / name, fps=25) as writer:
        for _ in range(60):
            writer.write(random.integers(0, 256, (128, 128, 3), dtype=np.uint8))
    assert list(small_disk.iterdir()) == []


def test_a_failing_write_reaches_the_caller(tmp_path, monkeypatch):
    def fail(self, image, ticks, duration):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("likeness.media.encoders.ContainerEncoder.encode", fail)
    with pytest.raises(OutputError, match="the disk is full"), VideoWriter(Path(tmp_path) / "a.mp4", fps=25) as writer:
        for _ in range(1000):
            writer.write(GREY)
    assert list(tmp_path.iterdir()) == []
