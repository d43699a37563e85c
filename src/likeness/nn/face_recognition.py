"""A face recogniser with local weights: the residual network of ArcFace, as its public training code stores it.

Source: Deng et al., ArcFace (CVPR 2019); names and layers as in `backbone.pth` of arcface_torch (r18, r34, r50, r100).
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.errors import InputError
from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_tensors

SIDE = 112  # pixels of an aligned face
WIDTHS = (64, 128, 256, 512)
EMBEDDING = 512
_DEPTHS = ((2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 14, 3), (3, 13, 30, 3))


class RecognitionBlock(nn.Module):
    """Two convolutions between norms, beside a skip; the second one may halve the picture."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
            if stride > 1
            else None
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B c h w"]:
        """Halved or not."""
        beside = x if self.downsample is None else self.downsample(x)
        return beside + self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))


class FaceRecogniser(nn.Module):
    """Aligned faces to embeddings of length 1."""

    def __init__(self, depths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(WIDTHS[0]), nn.PReLU(WIDTHS[0])
        inputs = WIDTHS[0]
        for number, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), start=1):
            blocks = [
                RecognitionBlock(inputs, width, 2),
                *(RecognitionBlock(width, width, 1) for _ in range(depth - 1)),
            ]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = width
        self.bn2 = nn.BatchNorm2d(WIDTHS[-1])
        self.fc = nn.Linear(WIDTHS[-1] * (SIDE // 16) ** 2, EMBEDDING)
        self.features = nn.BatchNorm1d(EMBEDDING)

    def forward(self, faces: Float[Tensor, "B 3 112 112"]) -> Float[Tensor, "B 512"]:
        """Args:
        faces: RGB, -1 to 1, aligned.
        """
        x = self.prelu(self.bn1(self.conv1(faces)))
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return F.normalize(self.features(self.fc(self.bn2(x).flatten(1))), dim=1)


def load_recogniser(path: Path) -> FaceRecogniser:
    """The network of a file, of the depth that the file has, frozen.

    Raises:
        InputError: the file cannot be read, or is no such network.
    """
    tensors = read_tensors(path)
    found = tuple(
        1 + max((int(name.split(".")[1]) for name in tensors if name.startswith(f"layer{number}.")), default=-1)
        for number in range(1, len(WIDTHS) + 1)
    )
    if found not in _DEPTHS:
        raise InputError(f"{path} is no backbone of arcface_torch (r18, r34, r50 or r100): give its backbone.pth")
    network = FaceRecogniser(found)
    load_tensors(tensors_of(network), tensors, part=f"face recogniser ({path})", may_miss=(r".*num_batches_tracked",))
    return network.eval().requires_grad_(False)


def aligned_faces(pictures: Float[Tensor, "B 3 H W"], maps: Float[Tensor, "B 2 3"]) -> Float[Tensor, "B 3 112 112"]:
    """Faces cut out of pictures, bilinear; zero outside.

    Args:
        maps: from pixel positions in an aligned face to places in the picture, -1 to 1 across it.
    """
    centres = torch.arange(SIDE, device=pictures.device, dtype=pictures.dtype) + 0.5
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    places = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1)
    grid = torch.einsum("bij,hwj->bhwi", maps.to(pictures.dtype), places)
    return F.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
