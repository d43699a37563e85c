"""From fitted heads and pictures to what the networks are told: flow channels, where each pixel lies in the source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from likeness.errors import InputError
from likeness.fg_portrait.background import MATTES, matte_at, person_channels, still_pixels
from likeness.fg_portrait.config import ControlSettings
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.landmark_picture import landmark_picture
from likeness.flow.condition import FlowCondition, flow_condition
from likeness.flow.depth import SeenSurface, seen_surface
from likeness.flow.posed import PosedHead, pose_head
from likeness.geometry.camera import Camera
from likeness.geometry.closest import SurfaceIndex, build_surface_index
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.media.crop import resize
from likeness.motion.record import MotionFrame
from likeness.tracking.matte import person_matte
from likeness.tracking.personal import Seen, personal_head, personal_offsets
from likeness.tracking.posed import follow_lids

Entry = TypeVar("Entry")


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A head at one moment in a square picture, and the picture if there is one."""

    frame: MotionFrame
    camera: Camera  # of the square picture
    image: UInt8[np.ndarray, "H W 3"] | None = None
    draft: UInt8[np.ndarray, "H W 3"] | None = None  # flow-warp's picture of the source at this moment
    matte: Float[np.ndarray, "H W"] | None = None  # how much of each pixel of the picture is the person, if it is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The person that is moved: fitted head, view of it, and what all targets share."""

    head: HeadModel
    shape: Float[np.ndarray, " S"]  # identity coefficients; the target moves the same head
    view: View
    posed: PosedHead
    index: SurfaceIndex  # of the head's surface; each target fits it anew
    seen: SeenSurface  # what its picture shows of it
    matte: Float32[np.ndarray, "R R"] | None  # the person's, at the flow's resolution, for models that see it


def make_source(head: HeadModel, shape: Float[np.ndarray, " S"], view: View, settings: ControlSettings) -> Source:
    """What is prepared once per source picture; the settings are those of all conditions that it serves.

    Raises:
        InputError: the frame's numbers are not finite, or the head is at the camera.
    """
    posed = posed_head(head, shape, view)
    index = build_surface_index(posed.vertices, posed.faces)
    seen = seen_surface(posed, resolution=settings.flow.resolution)
    matte = matte_at(picture_matte(view), settings.flow.resolution) if settings.background else None
    return Source(head=head, shape=shape, view=view, posed=posed, index=index, seen=seen, matte=matte)


def picture_matte(view: View) -> Float[np.ndarray, "H W"]:
    """How much of each pixel of a view's picture is the person: as it is known, otherwise as a segmenter finds it."""
    if view.matte is not None:
        return view.matte
    assert view.image is not None  # sources have one
    return person_matte(view.image)


def make_sources(
    views: Sequence[tuple[HeadModel, Float[np.ndarray, " S"], View]], settings: ControlSettings
) -> tuple[Source, ...]:
    """As many sources as the model reads, of one or more pictures of a person; fewer pictures are read again.

    Where the settings ask for personal offsets, all pictures together give them.

    Raises:
        InputError: a frame's numbers are not finite, or a head is at the camera.
    """
    without = replace(settings, background=False)  # the background is that of the first picture
    if settings.offsets:
        views = _with_offsets(views)
    made = [make_source(*view, settings if number == 0 else without) for number, view in enumerate(views)]
    return in_all_places(made, settings.sources)


def _with_offsets(
    views: Sequence[tuple[HeadModel, Float[np.ndarray, " S"], View]],
) -> list[tuple[HeadModel, Float[np.ndarray, " S"], View]]:
    """The same pictures, with the head of their person."""
    head = views[0][0]
    seen = [
        Seen(shape=shape, frame=view.frame, camera=view.camera, matte=picture_matte(view)) for _, shape, view in views
    ]
    person = personal_head(head, personal_offsets(head, seen))
    return [(person, shape, view) for _, shape, view in views]


def in_all_places(given: Sequence[Entry], count: int) -> tuple[Entry, ...]:
    """As many as are asked for: what is given comes again, in turns."""
    return tuple(given[number % len(given)] for number in range(count))


def motion_condition(sources: Sequence[Source], target: View, settings: ControlSettings) -> MotionCondition:
    """The condition of one frame: one entry along its first axis.

    Args:
        sources: as many as the settings say; the flow leads to the first, whose head the target moves.

    Raises:
        InputError: the condition needs a picture that is not there, or the motion cannot be posed.
    """
    if settings.lids:
        source = sources[0]
        target = replace(target, frame=follow_lids(source.head, source.shape, target.frame, source.posed))
    condition = _guidance(sources, target, settings)
    return replace(condition, draft=_draft(target)) if settings.draft else condition


def _guidance(sources: Sequence[Source], target: View, settings: ControlSettings) -> MotionCondition:
    """All but the draft."""
    source = sources[0]
    still = None if source.matte is None else torch.from_numpy(np.stack([source.matte] * MATTES))[None]
    if settings.condition == "drive_rgb":
        driving = _picture(target, settings.flow.resolution, "the driving picture")
        return MotionCondition(picture=driving, person=still)
    if settings.condition == "pred_flow":
        resolution = settings.flow.resolution
        return MotionCondition(
            picture=_picture(target, resolution, "the driving picture"),
            source=_picture(source.view, resolution, "the source picture"),
            person=still,
        )
    flow = None
    if settings.condition == "flow3d" or settings.warp_latent or settings.warp_features:
        posed = posed_head(source.head, source.shape, target)
        flow = flow_condition(posed, source.posed, settings.flow, index=source.index, seen=source.seen)
    if settings.condition == "landmark":
        picture = _landmarks(source.head, source.shape, target, settings.flow.resolution)
    else:
        assert flow is not None
        picture = flow.channels
    if flow is None:
        return MotionCondition(picture=torch.from_numpy(picture)[None], person=still)
    return _along_flow(sources, target, settings, picture, flow)


def _along_flow(
    sources: Sequence[Source],
    target: View,
    settings: ControlSettings,
    picture: Float32[np.ndarray, "C H W"],
    flow: FlowCondition,
) -> MotionCondition:
    """What guides, and where the sources show each pixel."""
    pixels, known = flow.source_pixels, np.isfinite(flow.source_pixels).all(axis=-1) & (flow.mask > 0)
    several, person = {}, None
    if len(sources) > 1:
        pixels, index, visibility = _best_seen(sources, target, settings, flow)
        several = {"source_index": torch.from_numpy(index)[None, None]}
        several["source_visibility"] = torch.from_numpy(visibility)[None]
    if sources[0].matte is not None:
        person = person_channels(sources[0].matte, flow.source_pixels, flow.mask > 0)
        is_still, places = still_pixels(person, flow.mask > 0)
        pixels, known = np.where(is_still[..., None], places, pixels), known | is_still
        if settings.condition == "flow3d":
            picture = picture * person[1]  # what is no person does not move
    return MotionCondition(
        picture=torch.from_numpy(picture)[None],
        source_pixels=torch.from_numpy(np.nan_to_num(pixels))[None],
        source_valid=torch.from_numpy(known.astype(np.float32))[None, None],
        person=None if person is None else torch.from_numpy(person)[None],
        **several,
    )


def _best_seen(
    sources: Sequence[Source], target: View, settings: ControlSettings, first: FlowCondition
) -> tuple[Float32[np.ndarray, "H W 2"], Float32[np.ndarray, "H W"], Float32[np.ndarray, "K H W"]]:
    """Where each target pixel lies in the first source that shows its surface (without any, in the first of all),
    which source that is, and what each of them shows.
    """
    plain = replace(settings.flow, encoding="centre3", extras=(), flow_frame="camera")
    posed = posed_head(sources[0].head, sources[0].shape, target)
    flows = {id(sources[0]): first}
    for source in sources[1:]:
        if id(source) not in flows:
            flows[id(source)] = flow_condition(posed, source.posed, plain, index=source.index, seen=source.seen)
    ordered = [flows[id(source)] for source in sources]
    visibility = np.stack([flow.visibility for flow in ordered])
    index = visibility.argmax(axis=0)
    pixels = np.stack([flow.source_pixels for flow in ordered])
    chosen = np.take_along_axis(pixels, index[None, ..., None], axis=0)[0]
    return chosen, index.astype(np.float32), visibility


def posed_head(head: HeadModel, shape: np.ndarray, view: View) -> PosedHead:
    """The head of a view, in front of its camera.

    Raises:
        InputError: the frame's numbers are not finite, or the head is at the camera.
    """
    frame = view.frame
    return pose_head(
        head,
        shape=shape,
        expression=frame.expression,
        joints=frame.joints,
        T_cam_head=frame.T_cam_head,
        camera=view.camera,
        lids=frame.lids,
    )


def picture_tensor(image: UInt8[np.ndarray, "H W 3"]) -> Float32[Tensor, "1 3 H W"]:
    """A picture in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float() / 127.5 - 1.0


def tensor_pictures(images: Float32[Tensor, "N 3 H W"]) -> UInt8[np.ndarray, "N H W 3"]:
    """Pictures of tensors in [-1, 1], rounded."""
    scaled = ((images.float().clamp(-1.0, 1.0) + 1.0) * 127.5).round()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _draft(view: View) -> Float32[Tensor, "1 3 H W"]:
    if view.draft is None:
        raise InputError(
            "this model works on drafts, which these clips do not have: make pairs of photos with "
            "`likeness data synthesise`"
        )
    return picture_tensor(view.draft)


def _picture(view: View, resolution: int, what: str) -> Float32[Tensor, "1 3 H W"]:
    if view.image is None:
        raise InputError(f"these weights follow {what}, which a motion file does not hold: use weights for 3D flow")
    return picture_tensor(resize(view.image, resolution, resolution))


def _landmarks(head: HeadModel, shape: np.ndarray, view: View, resolution: int) -> Float32[np.ndarray, "3 H W"]:
    """The target head's embedded landmarks as lines."""
    vertices = posed_vertices(head, shape, view.frame.expression, view.frame.joints)
    points = view.frame.T_cam_head.apply(landmark_points(head, vertices))
    return landmark_picture(points, view.camera, resolution)
