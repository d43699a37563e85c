"""Made people: a made head with hair, shoulders and glasses, seen from many sides, with exact cameras and mattes.

The person stands still in the world, and so do the lamps: only the camera moves around them and the face moves. In the
clip that is the pose of the head before one fixed camera. Every pixel is true.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32

from likeness.data.clip import ClipHeader, NewClip, encode_matte, encode_picture
from likeness.data.made_head import (
    SUPERSAMPLING,
    MadeHeadSettings,
    draw_person,
    exact_lids,
    exact_motion,
    placed,
    rest_frame,
)
from likeness.data.made_surface import Light, random_background, random_light, random_person
from likeness.data.made_wear import random_wear
from likeness.data.random_motion import MotionRange, random_moment, uncrossed_lips
from likeness.geometry.camera import default_camera
from likeness.heads.model import HeadModel
from likeness.media.crop import CropWindow
from likeness.motion.record import MotionFrame
from likeness.tracking.lips import person_seal

# Beside a few controls of any kind: what faces do most, so that a model sees enough of it.
FREQUENT = (
    ("jawOpen", 0.45, 0.08, 0.9), ("mouthSmile", 0.35, 0.2, 0.9), ("mouthPucker", 0.1, 0.2, 0.8),
    ("mouthFunnel", 0.08, 0.2, 0.7), ("browInnerUp", 0.25, 0.2, 1.0), ("browDown", 0.2, 0.2, 1.0),
    ("cheekSquint", 0.15, 0.2, 0.7),
)  # fmt: skip
VIEWS = MotionRange(
    yaw=45.0, pitch=20.0, roll=10.0, small_share=0.2, small_part=0.3, closing_share=1.0, blink_share=0.3, expressions=2,
    frequent=FREQUENT,
)  # fmt: skip
PLAIN_SHARE = 0.5  # of the backgrounds


def made_person(name: str, head: HeadModel, *, settings: MadeHeadSettings, generator: np.random.Generator) -> NewClip:
    """A clip of one made-up person; every view may be source or target."""
    shape = settings.identity * head.shape_deviations * generator.standard_normal(head.num_shape)
    low, high = np.log(settings.focal_ratios)
    camera = default_camera(settings.size, settings.size, float(np.exp(generator.uniform(low, high))))
    rest, seal = rest_frame(head, shape, camera), person_seal(head, shape)
    person, light = random_person(generator), random_light(generator)
    wear = random_wear(head, shape, generator)
    background = random_plate(SUPERSAMPLING * settings.size, generator)
    frames, pictures, mattes = [], [], {}
    for index in range(settings.poses):
        moved = uncrossed_lips(random_moment(rest, head, seal, settings.motion, generator), seal)
        frame = placed(exact_lids(moved, rest, head, shape), camera, settings.shift, generator)
        picture, matte = draw_person(
            head, shape, frame, camera, person=person, light=turned_light(light, rest, frame), background=background,
            wear=wear,
        )  # fmt: skip
        frames.append(frame)
        pictures.append(encode_picture(picture))
        mattes[index] = encode_matte(matte)
    everything = tuple(range(settings.poses))
    header = ClipHeader(
        name=name, kind="made-head", num_frames=settings.poses, size=settings.size,
        window=CropWindow(left=0, top=0, size=settings.size), original_size=(settings.size, settings.size),
        sources=everything, targets=everything, masked=(), matted=everything,
    )  # fmt: skip
    motion = exact_motion(head, shape, camera, frames)
    return NewClip(header=header, motion=motion, pictures=tuple(pictures), masks={}, mattes=mattes)


def turned_light(light: Light, rest: MotionFrame, frame: MotionFrame) -> Light:
    """The light of the resting head, carried along: it stands still where the person stands still."""
    turn = frame.T_cam_head.rotation @ rest.T_cam_head.rotation.T
    return replace(light, directions=light.directions @ turn.T)


def random_plate(
    size: int, generator: np.random.Generator
) -> Float[np.ndarray, "H W 3"] | Float32[np.ndarray, "H W 3"]:
    """A background (linear light): plain and a little darker toward the corners, or with soft shapes in it."""
    if generator.random() >= PLAIN_SHARE:
        return random_background(size, generator)
    colour = generator.random() ** 1.5 * np.exp(0.15 * generator.standard_normal(3))
    row, column = np.meshgrid(*2 * [np.linspace(-1.0, 1.0, size)], indexing="ij")
    darker = 1.0 - generator.uniform(0.0, 0.3) * (row**2 + column**2) / 2.0
    return np.clip(darker[..., None] * colour, 0.0, 1.0)
