"""Which half of a head a photo shows a place better on: its own, or the other one's mirror image (`x_lift=mirror`)."""

import numpy as np
from jaxtyping import Float, Float32, Int
from torch import Tensor

from likeness.flow.carry import CarriedPoints, Carrier

_SKIN_HEIGHT = 0.01  # metres from the surface from which a photo may show background
_STRETCHED = (0.1, 0.35)  # by how much a cosine must have grown for mirror images to count, and to count alone
_SMEARED = (4.0, 8.0)  # times as wide as in the photo: from there its pixels begin to say nothing, and say nothing
_AWAY = 0.05  # cosine to the photo's camera below which hidden places are turned away from it
_BESIDE = (20.0, 5.0)  # degrees between two ways of looking at a head: another one, and nearly the same
_BORNE = 0.3  # share of a cosine by which it may grow besides, where the photo shows the person
_HIDDEN = 0.12  # cosine from which they count alone where the photo shows nothing of a place


def trust(carried: CarriedPoints, matte: Float[Tensor, " N"]) -> Float32[np.ndarray, " N"]:
    """How well a photo shows places: its cosine to the camera, 0 where they are hidden, or where the photo shows
    background and the fitted head has skin.
    """
    return np.maximum(carried.facing, 0.0) * carried.is_seen * _right(carried, matte)


def _right(carried: CarriedPoints, matte: Float[Tensor, " N"]) -> Float32[np.ndarray, " N"]:
    """0 where the photo shows background and the fitted head has skin, 1 where nothing speaks against the fit."""
    share: Float32[np.ndarray, " N"] = np.maximum(matte.cpu().numpy(), air(carried.height))
    return share


def air(height: Float32[np.ndarray, " N"]) -> Float32[np.ndarray, " N"]:
    """1 where a photo may show background, 0 at the skin."""
    share: Float32[np.ndarray, " N"] = np.clip(height / np.float32(_SKIN_HEIGHT), 0.0, 1.0)
    return share


def need(
    facing: Float[np.ndarray, " M"],
    carried: CarriedPoints,
    matte: Float[Tensor, " N"],
    places: Int[np.ndarray, " M"],
    away: float,
) -> Float[np.ndarray, " M"]:
    """How far places are seen so much better now than in the photo that what it shows there would be stretched, or
    background would stand on skin.

    Args:
        facing: cosines to the way to the eye, of the chosen places.
        matte: of all that were carried.
        places: their numbers among those.
        away: how far the eye is from the photo's camera: there skin stays empty where the photo shows background.
    """
    seen, shown, right = (
        carried.is_seen[places],
        np.maximum(carried.facing[places], 0.0),
        _right(carried, matte)[places],
    )
    stretched = (facing - (1.0 + _BORNE * right) * shown - _STRETCHED[0]) / (_STRETCHED[1] - _STRETCHED[0])
    return np.clip(np.where(seen, np.maximum(stretched, away * (1.0 - right)), facing / _HIDDEN), 0.0, 1.0)


def badly_shown(
    facing: Float[np.ndarray, " M"],
    carried: CarriedPoints,
    matte: Float[Tensor, " N"],
    places: Int[np.ndarray, " M"],
) -> Float[np.ndarray, " M"]:
    """How far what the photo shows at places says nothing about them: it sees them nearly from the side, or from
    behind, or shows background at skin. What a nose hides is skin as the nose is.

    Args:
        facing: cosines to the way to the eye, of the chosen places.
        matte: of all that were carried.
        places: their numbers among those.
    """
    shown = np.maximum(carried.facing[places], 1e-3)
    smeared = (facing / shown - _SMEARED[0]) / (_SMEARED[1] - _SMEARED[0])
    wrong = 1.0 - _right(carried, matte)[places]
    hidden = np.where(carried.is_seen[places], smeared, carried.facing[places] < _AWAY)
    badly = np.maximum(hidden, wrong)
    return (1.0 - carried.is_mouth[places]) * np.clip(badly, 0.0, 1.0)


def eye_of(carrier: Carrier) -> Float[np.ndarray, "3"]:
    """Where the photo's camera is, in the head's frame, metres."""
    return carrier.source.head.T_cam_head.inverse().translation


def nearness(camera: Float[np.ndarray, "3"], eye: Float[np.ndarray, "3"]) -> float:
    """1 where an eye looks as a photo's camera does, 0 from 20 degrees beside it; both in the head's frame, metres."""
    cosine = float(eye @ camera / (np.linalg.norm(eye) * np.linalg.norm(camera)))
    far, near = (np.cos(np.radians(angle)) for angle in _BESIDE)
    return float(np.clip((cosine - far) / (near - far), 0.0, 1.0))


def share_of_better(other: Float32[np.ndarray, " N"], own: Float32[np.ndarray, " N"]) -> Float32[np.ndarray, " N"]:
    """How far the other half is to stand for a place: where its own half shows nothing, a little trust is enough;
    otherwise the other half has to show it better by a sixth or more.
    """
    least, enough = 0.05 + 1.15 * own, 0.15 + 1.35 * own
    share: Float32[np.ndarray, " N"] = np.clip((other - least) / (enough - least), 0.0, 1.0)
    return share
