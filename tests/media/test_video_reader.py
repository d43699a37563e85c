"""Frames come in upright, in the right colours, at their exact times, and damage is survived or named."""

import logging
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest

from likeness.errors import InputError
from likeness.media.video import probe_video, read_frames
from tests.media.made_files import make_rgb_video, make_sound, make_video

QUADRANTS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
PICTURE = QUADRANTS.repeat(24, axis=0).repeat(32, axis=1)  # [48 64 3]


def first_colour(path):
    """The middle pixel of the first frame."""
    image = next(read_frames(path)).image
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    return image[image.shape[0] // 2, image.shape[1] // 2].tolist()


def luma_coded(red, green, blue, matrix, *, bits=8, full=False):
    """Y'CbCr of a colour in 0 to 255, straight from the standards' definitions."""
    weight_red, weight_blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
    blue_difference, red_difference = (blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red)
    if full:
        values = np.array([luma, blue_difference + 128, red_difference + 128])
    else:
        values = np.array([16 + luma * 219 / 255, 128 + blue_difference * 224 / 255, 128 + red_difference * 224 / 255])
    return np.rint(values * 2 ** (bits - 8)).astype(int).tolist()


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p"])
def test_colour_matrix_and_range(tmp_path, matrix, full, pixel_format):
    bits = 10 if "10" in pixel_format else 8
    for colour in ((200, 120, 60), (128, 128, 128), (20, 90, 230)):
        path = make_video(
            tmp_path / "a.mkv",
            codec="ffv1",
            pixel_format=pixel_format,
            planes=luma_coded(*colour, matrix, bits=bits, full=full),
            colour_range="full" if full else "limited",
            matrix=matrix,
        )
        np.testing.assert_allclose(first_colour(path), colour, atol=2)


def test_untagged_video_takes_the_matrix_of_its_size(tmp_path):
    colour = (200, 120, 60)
    for size, matrix in (((64, 48), "bt601"), ((1280, 720), "bt709")):
        planes = luma_coded(*colour, matrix)
        path = make_video(tmp_path / "a.mp4", size=size, planes=planes, num_frames=1, options={"crf": "4"})
        np.testing.assert_allclose(first_colour(path), colour, atol=3)


@pytest.mark.parametrize("codec, suffix, options", [("libx264", "mp4", {"crf": "0"}), ("ffv1", "mkv", {})])
@pytest.mark.parametrize("colour_range", ["limited", "full"])
def test_greyscale(tmp_path, codec, suffix, options, colour_range):
    sample = 16 + round(150 * 219 / 255) if colour_range == "limited" else 150
    path = make_video(
        tmp_path / f"a.{suffix}",
        codec=codec,
        pixel_format="gray",
        planes=[sample],
        colour_range=colour_range,
        options=options,
    )
    np.testing.assert_allclose(first_colour(path), [150] * 3, atol=1)


def test_transparency_is_laid_on_white(tmp_path):
    colours = np.dstack([PICTURE, np.full((48, 64), 255, np.uint8)])
    colours[:, :32, 3] = 0
    image = next(read_frames(make_rgb_video(tmp_path / "a.mov", [colours], pixel_format="rgba"))).image
    assert image[40, 10].tolist() == [255, 255, 255]
    assert image[10, 40].tolist() == [0, 255, 0]


def test_high_dynamic_range_is_mapped(tmp_path):
    def tag(stream):
        stream.codec_context.color_trc, stream.codec_context.color_primaries = 18, 9  # HLG, BT.2020
        stream.codec_context.colorspace = 9

    level = 0.75  # HLG's reference white
    planes = [round(64 + 876 * level), 512, 512]
    path = make_video(
        tmp_path / "a.mp4",
        pixel_format="yuv420p10le",
        planes=planes,
        num_frames=1,
        on_stream=tag,
        colour_range="limited",
        options={"crf": "4"},
    )
    assert min(first_colour(path)) > 245  # without mapping: 191


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_display_matrix_is_applied(tmp_path, rotation, mirrored):
    shown = next(read_frames(make_rgb_video(tmp_path / "a.mov", [PICTURE], rotation=rotation, hflip=mirrored))).image
    with av.open(str(tmp_path / "a.mov")) as container:
        matrix = (
            np.frombuffer(bytes(next(container.decode(video=0)).side_data["DISPLAYMATRIX"]), "=i4")
            if rotation or mirrored
            else np.diag([1, 1, 1]).ravel() * 65536
        )
    # FFmpeg: displayed x = a p + c q, displayed y = b p + d q, from the stored position (p, q)
    a, b, c, d = (matrix[[0, 1, 3, 4]] // 65536).tolist()
    rows, columns = np.mgrid[-23.5:24, -31.5:32]
    x, y = a * columns + c * rows, b * columns + d * rows
    expected = np.zeros_like(PICTURE if a else PICTURE.transpose(1, 0, 2))
    expected[(y - y.min()).astype(int), (x - x.min()).astype(int)] = PICTURE
    np.testing.assert_array_equal(shown, expected)
    info = probe_video(tmp_path / "a.mov")
    assert (info.height, info.width) == shown.shape[:2]
    if not mirrored:
        assert info.rotation_degrees == (-rotation) % 360  # the setter counts anticlockwise


def test_variable_frame_times_are_exact(tmp_path):
    times = [1.0, 1.04, 1.1, 1.133, 1.5, 1.517, 3.0]

    def finer(stream):
        stream.codec_context.time_base = Fraction(1, 90_000)

    for suffix in ("mp4", "mkv"):
        with av.open(str(tmp_path / f"a.{suffix}"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"bf": "2"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            finer(stream)
            for time in times:
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        read = [frame.time_seconds for frame in read_frames(tmp_path / f"a.{suffix}")]
        np.testing.assert_allclose(read, np.array(times) - 1.0, atol=0.0006)
        assert read[0] == 0.0


def test_pixels_that_are_not_square(tmp_path):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = make_video(tmp_path / "a.mp4", size=(48, 48), on_stream=wide)
    assert next(read_frames(path)).image.shape == (48, 64, 3)
    assert (probe_video(path).width, probe_video(path).height) == (64, 48)


def test_probe(tmp_path):
    info = probe_video(make_video(tmp_path / "a.mp4", num_frames=10))
    assert (info.width, info.height, info.fps, info.num_frames, info.has_audio) == (64, 48, 25.0, 10, False)
    assert info.duration_seconds == pytest.approx(0.4)
    assert probe_video(make_video(tmp_path / "a.mkv")).num_frames is None
    assert probe_video(make_sound(tmp_path / "s.mp4", codec="aac", with_pictures=True)).has_audio


def test_one_frame(tmp_path):
    for suffix in ("mp4", "mkv"):
        path = make_video(tmp_path / f"a.{suffix}", num_frames=1)
        assert [frame.time_seconds for frame in read_frames(path)] == [0.0]
        assert probe_video(path).fps > 0


def test_unusable_files(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 50)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://example.invalid/a.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile 'text.mp4'\n")
    make_sound(tmp_path / "sound.mp4", codec="aac")
    whole = make_video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "head.mp4").write_bytes(whole[: whole.index(b"mdat") + 4])
    for name, words in {
        "missing.mp4": "does not exist",
        "": "is a folder",
        "empty.mp4": "is empty",
        "text.mp4": "is no video file",
        "list.mp4": "is no video file",
        "concat.mp4": "is no video file",
        "sound.mp4": "has no video stream",
        "head.mp4": "no readable frames",
    }.items():
        for use in (probe_video, lambda path: list(read_frames(path))):
            with pytest.raises(InputError, match=words) as caught:
                use(tmp_path / name)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_truncated_files_give_their_good_frames_and_a_warning(tmp_path, caplog, suffix):
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(40)]
    coded = {"codec": "libx264rgb", "options": {"qp": "0", "g": "1"}} if suffix == "mkv" else {}
    path = make_rgb_video(tmp_path / f"a.{suffix}", pictures, **coded)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING, "likeness"):
        frames = list(read_frames(path))
    assert 17 <= len(frames) <= 20
    for frame, picture in zip(frames, pictures, strict=False):
        np.testing.assert_array_equal(frame.image, picture)
    assert "cut off" in caplog.text


def test_random_damage_never_raises_anything_else(tmp_path):
    random = np.random.default_rng(2)
    data = np.frombuffer(make_video(tmp_path / "a.mp4", num_frames=5).read_bytes(), np.uint8)
    for _ in range(60):
        hurt = data.copy()
        hurt[random.integers(0, len(hurt), 6)] = random.integers(0, 256, 6)
        (tmp_path / "hurt.mp4").write_bytes(hurt.tobytes())
        try:
            times = [frame.time_seconds for frame in read_frames(tmp_path / "hurt.mp4")]
            assert np.all(np.diff(times) > 0)
            probe_video(tmp_path / "hurt.mp4")
        except InputError as error:
            assert "\n" not in str(error)


def test_memory_does_not_grow_with_length(tmp_path):
    path = make_video(tmp_path / "a.mp4", size=(256, 256), num_frames=300)
    tracemalloc.start()
    try:
        peaks = []
        for index, frame in enumerate(read_frames(path)):
            if index in (20, 299):
                peaks.append(tracemalloc.get_traced_memory()[1])
            del frame
    finally:
        tracemalloc.stop()
    assert index == 299 and peaks[1] < peaks[0] + 2 * 256 * 256 * 3
