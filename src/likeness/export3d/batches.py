"""Training samples to batches: source and target pictures, where they are true and how much they count, the target's
expression and camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from likeness.data.region_weights import RegionWeights, region_weights
from likeness.data.sample import Sample, Shot
from likeness.export3d.cameras import camera_of_frame
from likeness.export3d.config import Export3dConfig
from likeness.export3d.expression import inputs_of_frame
from likeness.export3d.identity import face_map
from likeness.flow.carry import Carrier, CarrySource, carrier, carry_source
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.motion.record import MotionFrame
from likeness.tracking.posed import follow_lids, posed_head


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pairs of a source and a target."""

    sources: Float[Tensor, "B 3 H W"]  # -1 to 1
    source_mattes: Float[Tensor, "B 1 H W"]  # 1 where the person is; zeros where that is not known
    targets: Float[Tensor, "B 3 H W"]
    weights: Float[Tensor, "B 1 H W"]  # 0 where the target is not true, otherwise as its region counts
    mattes: Float[Tensor, "B 1 H W"]  # of the targets
    knows_matte: Float[Tensor, " B"]  # 1 or 0
    inputs: Float[Tensor, "B numbers"]  # expression (and gaze) of the targets
    cameras: Float[Tensor, "B 25"]  # of the targets
    face_maps: Float[Tensor, "B 2 3"]  # from aligned faces to the targets, see `identity.py`
    carriers: tuple[Carrier, ...] = ()  # from targets back to sources, for a model with lifted features

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        tensors = (entry.name for entry in fields(self) if entry.name != "carriers")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})


def make_batch(samples: Sequence[Sample], head: HeadModel, config: Export3dConfig, regions: RegionWeights) -> Batch:
    """One batch of pairs, on the CPU.

    Raises:
        InputError: the motion of a sample is of another head, or its camera stands inside the head.
    """
    pairs = [(sample, sample.targets[0]) for sample in samples]
    return Batch(
        sources=torch.cat([picture_tensor(sample.source.image) for sample in samples]),
        source_mattes=torch.stack([matte_tensor(sample.source) for sample in samples]),
        targets=torch.cat([picture_tensor(target.image) for _, target in pairs]),
        weights=torch.stack([_weights(sample, target, head, regions) for sample, target in pairs]),
        mattes=torch.stack([matte_tensor(target) for _, target in pairs]),
        knows_matte=torch.tensor([float(target.matte is not None) for _, target in pairs]),
        inputs=torch.stack(
            [torch.from_numpy(inputs_of_frame(config.expression, head, target.frame)) for _, target in pairs]
        ),
        cameras=torch.stack([target_camera(target, config) for _, target in pairs]),
        face_maps=torch.stack(
            [torch.from_numpy(face_map(head, sample.shape, target)).float() for sample, target in pairs]
        ),
        carriers=_carriers(samples, head, config) if config.lift else (),
    )


def target_camera(target: Shot, config: Export3dConfig) -> Float[Tensor, "25"]:
    """Where the camera of a shot stands around its head.

    Raises:
        InputError: it stands inside.
    """
    return torch.from_numpy(camera_of_frame(target.frame, target.camera, pose_mode=config.pose_mode))


def picture_tensor(image: UInt8[np.ndarray, "H W 3"]) -> Float[Tensor, "1 3 H W"]:
    """A picture from -1 to 1."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, 0)))[None].float() / 127.5 - 1.0


def picture_array(picture: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The picture that a tensor holds."""
    levels = ((picture.float().clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    return np.moveaxis(levels.cpu().numpy(), 0, -1)


def matte_tensor(shot: Shot) -> Float[Tensor, "1 H W"]:
    """Where the person is; zeros where that is not known."""
    if shot.matte is None:
        return torch.zeros(1, *shot.image.shape[:2])
    return torch.from_numpy(shot.matte.astype(np.float32))[None]


def origin_of(
    head: HeadModel, shape: Float[np.ndarray, " S"], shot: Shot, *, like: CarrySource | None = None
) -> CarrySource:
    """Where points of the volume are carried to: the head as a shot shows it.

    Args:
        like: of any pose of the same head, which saves building it.

    Raises:
        InputError: a number is not finite, or the head is closer than 0.1 m to the camera.
    """
    posed = posed_head(head, shape, shot.frame, shot.camera)
    return carry_source(posed, resolution=shot.image.shape[0], like=like)


def way_back(
    origin: CarrySource,
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    frame: MotionFrame,
    *,
    turn: Float[np.ndarray, "3"] | None = None,
) -> Carrier:
    """From the volume of a frame's expression to the photo.

    Args:
        turn: of the head against the body since the photo, axis-angle; otherwise the body turns along.
    """
    seen = follow_lids(head, shape, frame, origin.head)
    return carrier(origin, posed_vertices(head, shape, seen.expression, seen.joints), turn=turn)


def _carriers(samples: Sequence[Sample], head: HeadModel, config: Export3dConfig) -> tuple[Carrier, ...]:
    carriers: list[Carrier] = []
    for sample in samples:
        like = carriers[0].source if carriers else None
        origin = origin_of(head, sample.shape, sample.source, like=like)
        carriers.append(way_back(origin, head, sample.shape, sample.targets[0].frame))
    return tuple(carriers)


def _weights(sample: Sample, target: Shot, head: HeadModel, regions: RegionWeights) -> Float[Tensor, "1 H W"]:
    """Zero where the target is not true, elsewhere as its region counts."""
    trust = target.trust.astype(np.float32)
    if regions != RegionWeights():
        trust *= region_weights(head, posed_head(head, sample.shape, target.frame, target.camera), regions)
    return torch.from_numpy(trust)[None]
