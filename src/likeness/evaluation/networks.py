"""Networks that judge pictures, from files that the user has: LPIPS, ArcFace, FID, FVD; and dlib where it is installed.

A folder holds the files under the names that they are published with. What is missing is "not installed" in the tables,
never a number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.errors import InputError
from likeness.evaluation.feature_sets import FeatureNetwork, VideoNetwork
from likeness.evaluation.identity import Embedder, is_available, load_embedder
from likeness.evaluation.picture_measures import FACE, FULL
from likeness.evaluation.results import Row

if TYPE_CHECKING:
    import torch

LPIPS_FILES = {
    "lpips_alex": ("alexnet-owt-7be5be79.pth", "alex.pth", "alex"),
    "lpips_vgg": ("vgg16-397923af.pth", "vgg.pth", "vgg"),
}
ARCFACE_FILES = ("arcface.onnx", "backbone.pth")
I3D_FILE = "i3d.onnx"
INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
NOT_INSTALLED = "not installed"

Image = UInt8[np.ndarray, "H W 3"]
PictureDistance = Callable[[Image, Image, Float[np.ndarray, "H W"]], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """What is there."""

    lpips: Mapping[str, PictureDistance] = field(default_factory=dict)
    embedders: Mapping[str, Embedder] = field(default_factory=dict)  # dlib, arcface
    inception: FeatureNetwork | None = None  # for FID
    video: VideoNetwork | None = None  # for FVD

    def distances(self, made: Image, real: Image, regions: Mapping[str, Bool[np.ndarray, "H W"]]) -> Row:
        """`lpips_alex`, `lpips_vgg` of the whole frame, and with `_face` of the face's box."""
        row: Row = {}
        for name, distance in self.lpips.items():
            row[name] = distance(made, real, regions[FULL].astype(np.float64))
            if FACE in regions:
                row[f"{name}_face"] = distance(made, real, regions[FACE].astype(np.float64))
        return row

    @property
    def names(self) -> str:
        """For what tells rows of one set of networks from another's."""
        sets = [name for name, network in (("inception", self.inception), ("i3d", self.video)) if network is not None]
        return " ".join(sorted([*self.lpips, *self.embedders, *sets]))


NO_NETWORKS = Networks()


def open_networks(folder: Path | None) -> Networks:
    """The networks of a folder, and dlib's embedding where it is installed.

    Raises:
        InputError: the folder is missing or holds none of the files; a file is damaged, or torch is not installed.
    """
    embedders: dict[str, Embedder] = {"dlib": load_embedder()} if is_available() else {}
    if folder is None:
        return Networks(embedders=embedders)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the folder of the judging networks with --networks")
    lpips = {}
    for name, (backbone, linear, kind) in LPIPS_FILES.items():
        if (folder / backbone).is_file() and (folder / linear).is_file():
            lpips[name] = _lpips(folder / backbone, folder / linear, kind)
    for name in ARCFACE_FILES:
        if (folder / name).is_file() and "arcface" not in embedders:
            from likeness.evaluation.arcface import load_arcface

            embedders["arcface"] = load_arcface(folder / name)
    inception = _inception(folder / INCEPTION_FILE) if (folder / INCEPTION_FILE).is_file() else None
    video = None
    if (folder / I3D_FILE).is_file():
        from likeness.evaluation.video_features import load_video_network

        video = load_video_network(folder / I3D_FILE)
    if not lpips and "arcface" not in embedders and inception is None and video is None:
        known = [INCEPTION_FILE, I3D_FILE, *[name for files in LPIPS_FILES.values() for name in files[:2]]]
        raise InputError(f"{folder} holds no network that is known: give {', '.join([*known, *ARCFACE_FILES])}")
    return Networks(lpips=lpips, embedders=embedders, inception=inception, video=video)


def _lpips(backbone: Path, linear: Path, kind: str) -> PictureDistance:
    from likeness.nn.require import require_models

    require_models("LPIPS")
    import torch

    from likeness.nn.lpips import load_lpips

    model = load_lpips(backbone, linear, "alex" if kind == "alex" else "vgg")

    def distance(made: np.ndarray, real: np.ndarray, weight: np.ndarray) -> float:
        with torch.no_grad():
            share = torch.from_numpy(weight.astype(np.float32))[None, None]
            return float(model(_tensor(made), _tensor(real), share))

    return distance


def _inception(path: Path) -> FeatureNetwork:
    from likeness.nn.require import require_models

    require_models("FID")
    import torch

    from likeness.nn.inception import load_inception

    model = load_inception(path)

    def features(picture: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(_tensor(picture))[0].numpy()

    return features


def _tensor(image: np.ndarray) -> "torch.Tensor":
    """A picture as networks take it, -1 to 1."""
    import torch

    return torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1.0
