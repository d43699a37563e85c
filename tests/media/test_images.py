"""Photographs of every kind come in as upright sRGB; damaged ones as one clear line."""

import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from likeness.errors import InputError, OutputError
from likeness.media.images import read_image, write_image

ORIENTATION_TAG = 0x0112
QUADRANTS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def picture(height=16, width=24):
    """Four plain quadrants: red, green, blue, white."""
    return QUADRANTS.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".JPEG"])
def test_written_pictures_read_back(tmp_path, suffix):
    smooth = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 3, np.arange(48) * 4, 100), axis=-1).astype(np.uint8)
    write_image(tmp_path / f"a{suffix}", smooth)
    difference = np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - smooth)
    assert difference.max() <= (0 if suffix == ".png" else 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = picture()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)


def test_transparency_is_laid_on_white(tmp_path):
    colours = np.dstack([picture(), np.full((16, 24), 255, np.uint8)])
    colours[:8, :12, 3] = 0
    colours[:8, 12:, 3] = 128
    Image.fromarray(colours).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image[2, 2].tolist() == [255, 255, 255]
    assert image[2, 20].tolist() == [127, 255, 127]
    assert image[12, 2].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "I;16"])
def test_other_modes_become_rgb(tmp_path, mode):
    grey = np.repeat(np.array([0, 255], np.uint8), 8)[None].repeat(8, axis=0)
    if mode == "I;16":
        Image.fromarray((grey.astype(np.uint16) * 257) // 2 * 1).save(tmp_path / "a.png")
        expected = [0, 127]
    else:
        Image.fromarray(grey).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(
            tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
        )
        expected = [0, 255]
    image = read_image(next(tmp_path.iterdir()))
    assert image.shape == (8, 16, 3) and image.dtype == np.uint8
    np.testing.assert_allclose(image[4, [2, 12]], np.repeat(expected, 3).reshape(2, 3), atol=1)


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg")[8, 8], [255, 0, 0], atol=4)


def test_palette_with_transparency(tmp_path):
    image = Image.fromarray(picture()).quantize(8)
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    result = read_image(tmp_path / "a.png")
    assert result[0, 0].tolist() == [255, 255, 255]
    assert result[0, 20].tolist() == [0, 255, 0]


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_animations_give_their_first_frame(tmp_path, kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], duration=40)
    np.testing.assert_allclose(read_image(tmp_path / f"a.{kind}")[8, 8], [255, 0, 0], atol=3)


def test_embedded_profile_is_converted_to_srgb(tmp_path):
    lab = Image.new("RGB", (8, 8), (200, 120, 60))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    lab.save(tmp_path / "same.png", icc_profile=profile.tobytes())
    np.testing.assert_allclose(read_image(tmp_path / "same.png")[4, 4], [200, 120, 60], atol=1)
    swapped = bytearray(profile.tobytes())  # red and green primaries exchanged: colours must follow
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    lab.save(tmp_path / "swapped.png", icc_profile=bytes(swapped))
    np.testing.assert_allclose(read_image(tmp_path / "swapped.png")[4, 4], [120, 200, 60], atol=2)


def test_a_damaged_profile_or_exif_does_not_hide_the_picture(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png", icc_profile=b"no profile at all", exif=b"Exif\0\0II*\0\xff\xff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture())


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
def test_truncated_files_are_refused(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    for share in (0.02, 0.3, 0.6):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError, match=f"a.{kind} is") as caught:
            read_image(path)
        assert "\n" not in str(caught.value)


def test_random_damage_never_raises_anything_else(tmp_path):
    random = np.random.default_rng(1)
    for kind in ("png", "jpg", "webp", "tiff", "bmp", "gif"):
        path = tmp_path / f"a.{kind}"
        Image.fromarray(picture()).save(path)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(25):
            hurt = data.copy()
            hurt[random.integers(0, len(hurt), 4)] = random.integers(0, 256, 4)
            path.write_bytes(hurt.tobytes())
            try:
                assert read_image(path).shape[2] == 3
            except InputError as error:
                assert "\n" not in str(error)


def test_unusable_paths(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("this is no picture")
    for name, words in {
        "missing.png": "does not exist",
        "": "is a folder",
        "empty.png": "is empty",
        "text.jpg": "is not an image",
        "x" * 300 + ".png": "cannot be opened",
        "a\0b.png": "does not exist|cannot be opened",
    }.items():
        with pytest.raises(InputError, match=words):
            read_image(tmp_path / name)


def test_huge_pictures_are_refused_before_decoding(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.new("1", (20_000, 6_000)).save(tmp_path / "huge.png")
        Image.new("1", (30_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("huge.png", "bomb.png"):
        with pytest.raises(InputError, match="too large"):
            read_image(tmp_path / name)


def test_writing_is_refused_with_a_clear_line(tmp_path):
    image = picture()
    with pytest.raises(OutputError, match=r"'\.bmpx'.*\.png, \.jpg, \.jpeg, \.webp"):
        write_image(tmp_path / "a.bmpx", image)
    write_image(tmp_path / "a.png", image)
    with pytest.raises(OutputError, match="exists already"):
        write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "a.png", image[::-1], overwrite=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image[::-1])
    with pytest.raises(OutputError, match="limit|cannot"):
        write_image(tmp_path / "wide.webp", np.zeros((1, 20_000, 3), np.uint8))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
