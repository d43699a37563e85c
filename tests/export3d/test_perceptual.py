"""The plain distance, and LPIPS from files in the layouts of torchvision and of LPIPS 0.1."""

import pytest
import torch

from likeness.errors import InputError
from likeness.export3d.perceptual import load_lpips, plain_distance, sobel

PICTURE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
EVERYWHERE = torch.ones(1, 1, 64, 64)
VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random weights under the public files' names."""
    folder = tmp_path_factory.mktemp("lpips")
    generator = torch.Generator().manual_seed(1)
    backbone, inputs, place = {}, 3, 0
    for width in VGG:
        if width == "M":
            place += 1
            continue
        backbone[f"features.{place}.weight"] = (
            torch.randn(width, inputs, 3, 3, generator=generator) * (inputs * 4.5) ** -0.5
        )
        backbone[f"features.{place}.bias"] = torch.zeros(width)
        inputs, place = width, place + 2
    backbone["classifier.0.weight"] = torch.zeros(4, 4)
    linear = {
        f"lin{number}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
        for number, width in enumerate((64, 128, 256, 512, 512))
    }
    torch.save(backbone, folder / "vgg16.pth")
    torch.save(linear, folder / "vgg.pth")
    return folder


def test_a_ramp_has_its_slope():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    gradients = sobel(ramp)[..., 1:-1, 1:-1]
    torch.testing.assert_close(gradients[:, 0], torch.ones(1, 6, 6))
    assert not gradients[:, 1].any()


@pytest.mark.parametrize("kind", ["plain", "lpips"])
def test_distances_grow_with_the_difference(kind, files):
    distance = plain_distance if kind == "plain" else load_lpips(files / "vgg16.pth", files / "vgg.pth")
    noise = torch.randn(PICTURE.shape, generator=torch.Generator().manual_seed(2))
    far = [float(distance(PICTURE + size * noise, PICTURE, EVERYWHERE)) for size in (0.0, 0.05, 0.2, 0.8)]
    assert far[0] == pytest.approx(0.0, abs=1e-6)
    assert far[0] < far[1] < far[2] < far[3]
    half = EVERYWHERE.clone()
    half[..., 32:] = 0.0
    beside = PICTURE.clone()
    beside[..., 48:] += 0.5
    assert float(distance(beside, PICTURE, half)) < 0.3 * float(distance(beside, PICTURE, EVERYWHERE))


def test_lpips_has_the_layers_of_the_file_and_is_frozen(files):
    model = load_lpips(files / "vgg16.pth", files / "vgg.pth")
    backbone = torch.load(files / "vgg16.pth")
    torch.testing.assert_close(model.stages[1][1].weight, backbone["features.5.weight"])
    assert not any(value.requires_grad for value in model.parameters())


def test_other_files_are_refused_in_one_line(files, tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.pth")
    for backbone, linear in (
        (tmp_path / "part.pth", files / "vgg.pth"),
        (files / "vgg16.pth", files / "vgg16.pth"),
        (files / "missing.pth", files / "vgg.pth"),
    ):
        with pytest.raises(InputError) as error:
            load_lpips(backbone, linear)
        assert "\n" not in str(error.value)
