"""Holds a clip's pose on the texture of its rigid regions: keyframe points, lifted once onto the person and matched."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import geodesic_angle
from likeness.tracking.fit import FitState
from likeness.tracking.person import Person
from likeness.tracking.rigid_points import Keyframe, RigidMatches
from likeness.tracking.rigid_pose import LiftedPoints, lift_points, refine_pose, texture_weights, to_rays

MINIMUM_MATCHES = 12
LARGEST_CORRECTION = np.radians(6.0)  # texture that wants to turn the head further was matched wrongly
LARGEST_DEPTH_CORRECTION = 0.08  # share of the distance


class TexturePose:
    """The lifted points of each keyframe of one clip."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._lifted: dict[int, LiftedPoints] = {}

    def refine(self, state: FitState, points: Float[np.ndarray, "478 3"], matches: RigidMatches) -> FitState:
        """The pose on which a frame's texture agrees with its keyframe; the state itself where it cannot tell."""
        lifted = self._lifted.get(matches.keyframe)
        if lifted is None or matches.found.sum() < MINIMUM_MATCHES:
            return state
        person = self._person
        refined = refine_pose(
            state,
            texture=lifted.points[matches.found],
            texture_trust=texture_weights(lifted, state)[matches.found],
            texture_rays=to_rays(person.camera, matches.points[matches.found].astype(np.float64)),
            landmarks=person.rigid.positions(state.coefficients, state.jaw),
            landmark_rays=to_rays(person.camera, points[person.rigid.landmarks, :2]),
        )
        turn = geodesic_angle(refined.rotation[None], state.rotation[None])[0]
        approach = abs(refined.translation[2] / state.translation[2] - 1.0)
        return refined if turn < LARGEST_CORRECTION and approach < LARGEST_DEPTH_CORRECTION else state

    def remember(self, number: int, keyframe: Keyframe, state: FitState) -> None:
        """Lifts a keyframe's points onto the head as it was fitted in that frame."""
        self._lifted[number] = lift_points(
            keyframe.points,
            self._person.camera,
            self._person.head,
            shape=self._person.shape,
            expression=state.coefficients,
            state=state,
        )
