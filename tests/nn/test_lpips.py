"""LPIPS from files in the layouts of torchvision and of LPIPS 0.1."""

import pytest
import torch

from likeness.errors import InputError
from likeness.nn.lpips import load_lpips

PICTURE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
EVERYWHERE = torch.ones(1, 1, 64, 64)
VGG = [
    (0, 64, 3), (2, 64, 3), (5, 128, 3), (7, 128, 3), (10, 256, 3), (12, 256, 3), (14, 256, 3), (17, 512, 3),
    (19, 512, 3), (21, 512, 3), (24, 512, 3), (26, 512, 3), (28, 512, 3),
]  # fmt: skip
ALEX = [(0, 64, 11), (3, 192, 5), (6, 384, 3), (8, 256, 3), (10, 256, 3)]
DEPTHS = {"vgg": (64, 128, 256, 512, 512), "alex": (64, 192, 384, 256, 256)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random weights under the public files' names."""
    folder = tmp_path_factory.mktemp("lpips")
    generator = torch.Generator().manual_seed(1)
    for kind, table in (("vgg", VGG), ("alex", ALEX)):
        backbone, inputs = {"classifier.0.weight": torch.zeros(4, 4)}, 3
        for place, width, kernel in table:
            size = (inputs * kernel**2 / 2) ** -0.5
            backbone[f"features.{place}.weight"] = (
                torch.randn(width, inputs, kernel, kernel, generator=generator) * size
            )
            backbone[f"features.{place}.bias"] = torch.zeros(width)
            inputs = width
        linear = {
            f"lin{number}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
            for number, width in enumerate(DEPTHS[kind])
        }
        torch.save(backbone, folder / f"{kind}-backbone.pth")
        torch.save(linear, folder / f"{kind}.pth")
    return folder


@pytest.mark.parametrize("kind", ["vgg", "alex"])
def test_the_same_is_zero_and_noise_and_blur_are_ladders(kind, files):
    distance = load_lpips(files / f"{kind}-backbone.pth", files / f"{kind}.pth", kind)
    noise = torch.randn(PICTURE.shape, generator=torch.Generator().manual_seed(2))
    far = [float(distance(PICTURE + size * noise, PICTURE, EVERYWHERE)) for size in (0.0, 0.05, 0.2, 0.8)]
    assert far[0] == pytest.approx(0.0, abs=1e-6)
    assert far[0] < far[1] < far[2] < far[3]
    blurs = [torch.nn.functional.avg_pool2d(PICTURE, side, 1, side // 2) for side in (1, 3, 7)]
    soft = [float(distance(picture, PICTURE, EVERYWHERE)) for picture in blurs]
    assert soft[0] < soft[1] < soft[2]


def test_alex_sums_its_five_depths_by_hand(files):
    model = load_lpips(files / "alex-backbone.pth", files / "alex.pth", "alex")
    backbone, linear = torch.load(files / "alex-backbone.pth"), torch.load(files / "alex.pth")
    mean = torch.tensor((-0.030, -0.088, -0.188))[:, None, None]
    deviation = torch.tensor((0.458, 0.448, 0.450))[:, None, None]
    first = torch.rand(1, 3, 160, 192, generator=torch.Generator().manual_seed(3)) * 2.0 - 1.0
    other = first.flip(-1)
    x, y, total = (first - mean) / deviation, (other - mean) / deviation, 0.0
    for number, (place, _, _) in enumerate(ALEX):
        if number in (1, 2):
            x, y = (torch.nn.functional.max_pool2d(z, 3, 2) for z in (x, y))
        weight, bias = (backbone[f"features.{place}.{kind}"] for kind in ("weight", "bias"))
        stride, padding = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))[number]
        x, y = (torch.relu(torch.nn.functional.conv2d(z, weight, bias, stride, padding)) for z in (x, y))
        unit = [z / (z.square().sum(dim=1, keepdim=True).sqrt() + 1e-10) for z in (x, y)]
        total += float(((unit[0] - unit[1]).square() * linear[f"lin{number}.model.1.weight"]).sum(dim=1).mean())
    assert float(model(first, other, torch.ones(1, 1, 160, 192))) == pytest.approx(total, rel=1e-4)


def test_only_weighted_pixels_count(files):
    distance = load_lpips(files / "vgg-backbone.pth", files / "vgg.pth")
    half = EVERYWHERE.clone()
    half[..., 32:] = 0.0
    beside = PICTURE.clone()
    beside[..., 48:] += 0.5
    assert float(distance(beside, PICTURE, half)) < 0.3 * float(distance(beside, PICTURE, EVERYWHERE))


def test_it_has_the_layers_of_the_file_and_is_frozen(files):
    model = load_lpips(files / "vgg-backbone.pth", files / "vgg.pth")
    backbone = torch.load(files / "vgg-backbone.pth")
    torch.testing.assert_close(model.stages[1][1].weight, backbone["features.5.weight"])
    assert not any(value.requires_grad for value in model.parameters())


def test_other_files_are_refused_in_one_line(files, tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.pth")
    for backbone, linear in (
        (tmp_path / "part.pth", files / "vgg.pth"),
        (files / "vgg-backbone.pth", files / "vgg-backbone.pth"),
        (files / "alex-backbone.pth", files / "vgg.pth"),
        (files / "missing.pth", files / "vgg.pth"),
    ):
        with pytest.raises(InputError) as error:
            load_lpips(backbone, linear)
        assert "\n" not in str(error.value)
