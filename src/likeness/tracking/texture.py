"""Poses that hold still when the texture of the head's rigid regions does: live (`TexturePose`), and for a whole clip.

A keyframe's points are lifted once onto the person; a frame's pose is the one that projects them onto their matches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import geodesic_angle
from likeness.geometry.transform import RigidTransform
from likeness.tracking.fit import FitState
from likeness.tracking.person import Person
from likeness.tracking.rigid_points import Keyframe, RigidMatches
from likeness.tracking.rigid_pose import LiftedPoints, lift_points, refine_pose, texture_weights, to_rays

MINIMUM_MATCHES = 12
LARGEST_CORRECTION = np.radians(6.0)  # texture that wants to turn the head further was matched wrongly
LARGEST_DEPTH_CORRECTION = 0.08  # share of the distance
FRAMES_OF_ONE_ERROR = 20.0  # frames over which the error of landmarks stays about the same
LINK_WEIGHT = 1.0  # of a texture match between keyframes against one independent landmark pose


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
            landmark_rays=to_rays(person.camera, points[person.rigid.landmarks, :2].astype(np.float64)),
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


def steady_poses(
    person: Person,
    states: Sequence[FitState | None],
    points: Sequence[Float[np.ndarray, "478 3"] | None],
    matches: Sequence[RigidMatches | None],
    keyframes: Sequence[Keyframe],
) -> list[FitState | None]:
    """Poses of a clip that move as the texture does, and lie where the landmarks are usually.

    `states` are the frames' fits to landmarks alone (None: no face). Texture tells the motion since a keyframe exactly
    but repeats the error of the pose in which the keyframe was lifted. That error is constant in the head's frame, and
    the landmarks of all frames of the keyframe tell it.
    """
    texture = TexturePose(person)
    own = {keyframe.index: number for number, keyframe in enumerate(keyframes)}
    links: list[_Link] = []
    steady: list[FitState | None] = list(states)
    member_of: dict[int, int] = {}
    for index, (state, place, match) in enumerate(zip(states, points, matches, strict=True)):
        if state is None or place is None or match is None:
            continue
        refined = texture.refine(state, place, match)
        if index in own:
            texture.remember(own[index], keyframes[own[index]], state)
            if refined is not state:
                links.append(_Link(later=own[index], earlier=match.keyframe, offset=_offset(state, refined)))
            member_of[index] = own[index]
        elif refined is not state:
            steady[index] = refined
            member_of[index] = match.keyframe
    offsets: dict[int, list[np.ndarray]] = {}
    for index, number in member_of.items():
        offsets.setdefault(number, []).append(_offset(steady[index], states[index]))
    corrections = _corrections(len(keyframes), offsets, links)
    for index, number in member_of.items():
        steady[index] = _corrected(steady[index], corrections[number])
    return steady


@dataclass(frozen=True, kw_only=True, slots=True)
class _Link:
    """Two keyframes seen in one frame: correction of the later = correction of the earlier + offset."""

    later: int
    earlier: int
    offset: Float[np.ndarray, "6"]


def _corrections(
    count: int, offsets: Mapping[int, Sequence[np.ndarray]], links: Sequence[_Link]
) -> Float[np.ndarray, "K 6"]:
    """Correction of each keyframe in the head's frame (axis-angle, metres): least squares of landmarks and links.

    Corrections are small, so they add; the landmarks' own error lasts some frames, so few frames count as one.
    """
    equations = 1e-9 * np.eye(count)
    right = np.zeros((count, 6))
    for number, seen in offsets.items():
        weight = max(1.0, len(seen) / FRAMES_OF_ONE_ERROR)
        equations[number, number] += weight
        right[number] += weight * np.median(np.array(seen), axis=0)
    for link in links:
        for one, other, sign in ((link.later, link.earlier, 1.0), (link.earlier, link.later, -1.0)):
            equations[one, one] += LINK_WEIGHT
            equations[one, other] -= LINK_WEIGHT
            right[one] += sign * LINK_WEIGHT * link.offset
    return np.linalg.solve(equations, right)


def _offset(state: FitState | None, wanted: FitState | None) -> Float[np.ndarray, "6"]:
    """What must happen in the head's frame before `state` to make it `wanted`: axis-angle, then metres."""
    assert state is not None and wanted is not None
    correction = state.T_cam_head.inverse() @ wanted.T_cam_head
    return np.concatenate([correction.axis_angle, correction.translation])


def _corrected(state: FitState | None, correction: Float[np.ndarray, "6"]) -> FitState:
    assert state is not None
    pose = state.T_cam_head @ RigidTransform.from_axis_angle(correction[:3], correction[3:])
    return replace(state, rotation=pose.rotation, translation=pose.translation)
