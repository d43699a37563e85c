"""A person as a model has read them from one picture, ready to be drawn with any expression from any camera."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from likeness.data.background_plate import background_plate, body_matte
from likeness.data.sample import Shot
from likeness.export3d.batches import matte_tensor, origin_of, picture_tensor, target_camera, way_back
from likeness.export3d.expression import inputs_of_frame
from likeness.export3d.model import Content, Export3dModel, Picture, SourceFeatures
from likeness.export3d.outer_hair import OuterHair, ears_shown, hair_beyond, little_beyond, without_ears
from likeness.export3d.plate import PlateLayers, neck_seen_by
from likeness.flow.carry import CarrySource
from likeness.heads.model import HeadModel
from likeness.motion.record import MotionFrame
from likeness.tracking.posed import posed_head


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Everything about a picture that depends neither on expression nor on camera."""

    model: Export3dModel
    head: HeadModel
    shape: Float[np.ndarray, " S"]  # identity of the head
    features: SourceFeatures
    origin: CarrySource | None  # for a model with lifted features

    def inputs(self, frame: MotionFrame) -> Float[Tensor, "1 numbers"]:
        """The numbers that tell the expression of a frame.

        Raises:
            InputError: the frame is of another head.
        """
        numbers = inputs_of_frame(self.model.config.expression, self.head, frame)
        return torch.from_numpy(numbers)[None].to(self.model.generator.average.device)

    def key(self, frame: MotionFrame) -> bytes:
        """The same for frames whose content is the same.

        Raises:
            InputError: the frame is of another head.
        """
        told = self.inputs(frame).cpu().numpy().tobytes()
        return told if self.origin is None else told + frame.expression.tobytes() + frame.joints.tobytes()

    def content(
        self,
        frame: MotionFrame,
        vector: Float[Tensor, "1 d"] | None = None,
        *,
        turn: Float[np.ndarray, "3"] | None = None,
    ) -> Content:
        """The head with the expression of a frame.

        Args:
            vector: an expression vector in place of that of the frame; lifted features still follow the frame.
            turn: of the head against the body since the photo, axis-angle; otherwise the body turns along.

        Raises:
            InputError: the frame is of another head.
        """
        if vector is None:
            vector = self.model.expression(self.inputs(frame))
        carriers = () if self.origin is None else (way_back(self.origin, self.head, self.shape, frame, turn=turn),)
        return self.model.content(self.features, vector, carriers)

    def seen(self, content: Content, camera: Float[Tensor, "25"]) -> Picture:
        """What a camera sees of it."""
        cameras = camera[None].to(content.planes.device)
        is_fine = self.model.config.fine_detail
        picture: Picture = self.model.picture(content, cameras, self.features, tells_shares=is_fine)
        return picture

    def drawn(self, frame: MotionFrame, camera: Float[Tensor, "25"]) -> Picture:
        """What a camera sees of the expression of a frame."""
        return self.seen(self.content(frame), camera)


def read_subject(model: Export3dModel, head: HeadModel, shape: Float[np.ndarray, " S"], shot: Shot) -> Subject:
    """Read a picture of the model's size.

    Args:
        shot: its matte counts for models with a background layer or lifted features, what is trusted for hair.

    Raises:
        InputError: a model with lifted features needs a pose that is finite and before the camera.
    """
    device = model.generator.average.device
    mattes = matte_tensor(shot)[None].to(device) if model.config.needs_matte else None
    subject = Subject(
        model=model,
        head=head,
        shape=shape,
        features=model.read(picture_tensor(shot.image).to(device), mattes),
        origin=origin_of(head, shape, shot) if model.lift is not None else None,
    )
    if not model.config.plate:
        return subject
    camera = target_camera(shot, model.config)
    covered = subject.drawn(shot.frame, camera).opacity
    matte = np.zeros(shot.image.shape[:2], np.float32) if shot.matte is None else shot.matte
    posed = posed_head(head, shape, shot.frame, shot.camera)
    body = body_matte(matte, posed)
    body_share = torch.from_numpy(body.astype(np.float32))[None, None].to(device)
    ears = torch.from_numpy(ears_shown(head, posed, len(matte)))[None, None].to(device)
    true = torch.from_numpy(shot.trust.astype(np.float32))[None, None].to(device)
    hair_share = hair_beyond(matte_tensor(shot)[None].to(device), body_share, covered) * little_beyond(true)
    photo = picture_tensor(shot.image).to(device)
    colours = 0.5 * photo + 0.5
    hair = OuterHair(
        share=hair_share,
        ears=ears,
        photo=colours,
        earless=without_ears(colours, hair_share, ears),
        T_cam_head=shot.frame.T_cam_head,
        camera=shot.camera,
    )
    plate = PlateLayers(
        behind=picture_tensor(background_plate(shot.image, matte, posed)).to(device),
        photo=photo,
        body=body_share,
        covered=covered,
        neck=neck_seen_by(camera.double().cpu().numpy()),
        hair=hair,
    )
    return replace(subject, features=replace(subject.features, plate=plate))
