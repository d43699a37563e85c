"""A head at rest and turned before a small camera, with noise for pictures, for the tests of FG-Portrait."""

from dataclasses import replace

import numpy as np

from likeness.data.sample import Sample, Shot
from likeness.fg_portrait.condition import Source, View, make_source
from likeness.fg_portrait.config import ControlSettings
from likeness.fg_portrait.presets import tiny
from likeness.geometry.camera import default_camera
from likeness.heads.builtin import builtin_head
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame

SIZE = 64


def rest() -> MotionFrame:
    head = builtin_head()
    return MotionFrame(
        rotation=np.array([np.pi, 0.0, 0.0]),
        translation=np.array([0.0, 0.0, 1.0]),
        neck=np.zeros(3),
        jaw=np.zeros(3),
        eye_left=np.zeros(3),
        eye_right=np.zeros(3),
        expression=np.zeros(head.num_expression),
        lids=np.array([0.3, 0.3]),
    )


def turned(yaw: float) -> MotionFrame:
    return apply_edit(rest(), HeadEdit(yaw=yaw), builtin_head())


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def view(frame: MotionFrame) -> View:
    return View(frame=frame, camera=default_camera(SIZE, SIZE), image=image())


def source(seen: View | None = None, control: ControlSettings | None = None) -> Source:
    shape = np.zeros(builtin_head().num_shape)
    return make_source(builtin_head(), shape, seen or view(rest()), control or settings())


def settings(**changes) -> ControlSettings:
    return replace(tiny().control, warp_latent=True, **changes)


def sample(*, mirrored: bool, targets: int = 1) -> Sample:
    def shot(yaw: float, seed: int) -> Shot:
        trust = np.ones((SIZE, SIZE), dtype=bool)
        trust[:, :8] = False
        return Shot(image=image(seed), trust=trust, frame=turned(yaw), camera=default_camera(SIZE, SIZE))

    return Sample(
        clip="made",
        shape=np.zeros(builtin_head().num_shape),
        source=shot(0.0, 0),
        targets=tuple(shot(8.0 * (index + 1), index + 1) for index in range(targets)),
        is_mirrored=mirrored,
    )
