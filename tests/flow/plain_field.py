"""The slow, plain twin of the surface field: every triangle for every point, in float64."""

from dataclasses import replace

import numpy as np

from likeness.flow.posed import PosedHead, pose_head
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import matrix_from_axis_angle, matrix_from_yaw_pitch_roll
from likeness.geometry.transform import RigidTransform
from likeness.heads.builtin import builtin_head
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW

FRONTAL = np.diag([1.0, -1.0, -1.0])
SAME = 1e-6  # share of the squared distance within which two triangles are equally near


def builtin_at(*, yaw=0.0, pitch=0.0, jaw=0.0, named=None, gaze=0.0, offset=(0.0, 0.0, 0.0), shape=None) -> PosedHead:
    """The built-in head 1 m before a camera of 64 x 64 pixels; degrees for the pose, radians for jaw and gaze."""
    head = builtin_head()
    expression, joints = np.zeros(head.num_expression), np.zeros((5, 3))
    for name, value in (named or {}).items():
        expression[head.expression_names.index(name)] = value
    joints[JAW, 0] = jaw
    joints[EYE_LEFT, 1] = joints[EYE_RIGHT, 1] = gaze
    turn = matrix_from_yaw_pitch_roll(np.radians(yaw), np.radians(pitch), 0.0)
    return pose_head(
        head,
        shape=np.zeros(head.num_shape) if shape is None else shape,
        expression=expression,
        joints=joints,
        T_cam_head=RigidTransform(rotation=FRONTAL @ turn, translation=np.array([0.0, 0.0, 1.0]) + offset),
        camera=default_camera(64, 64),
        lids=np.array([0.3, 0.25]),
    )


def moved(head: PosedHead, T: RigidTransform) -> PosedHead:
    """A posed head carried by a rigid transform of the camera frame."""
    return replace(
        head,
        vertices=T.apply(head.vertices),
        T_cam_head=T @ head.T_cam_head,
        eye_centres=T.apply(head.eye_centres),
        gaze_axes=head.gaze_axes @ T.rotation.T,
    )


def rigid(axis_angle=(0.05, 0.3, -0.1), about=(0.0, 0.0, 1.0)) -> RigidTransform:
    """A turn about a point of the camera frame."""
    turn = matrix_from_axis_angle(np.array(axis_angle))
    return RigidTransform(rotation=turn, translation=np.array(about) - turn @ np.array(about) + [0.01, -0.02, 0.03])


def plain_flow(target, source, faces, points, *, rule, allowed=None):
    """Flow at each point and whether its nearest triangle is clear: no other is as near, as well aligned, and differs.

    Of several nearest triangles (around an edge or a corner) the one counts whose plane is farthest.

    `allowed` [points faces]: which triangles may be nearest.
    """
    flows, clear = np.empty((len(points), 3)), np.empty(len(points), dtype=bool)
    for number, point in enumerate(points):
        squared, weights, height = _closest(target[faces], point)
        if allowed is not None:
            squared = np.where(allowed[number], squared, np.inf)
        tied = np.flatnonzero(squared <= squared.min() * (1 + SAME) + 1e-14)
        best = tied[np.argmax(height[tied])]
        near = np.flatnonzero(squared <= squared.min() * (1 + 4 * SAME) + 4e-7 * np.sqrt(squared.min()) + 1e-13)
        near = near[height[near] >= (1.0 - 3e-5) * height[best]]
        candidates = np.array([_bind(target, source, faces[face], point, weights[face], rule) for face in near])
        flows[number] = candidates[list(near).index(best)]
        clear[number] = np.abs(candidates - flows[number]).max() < 1e-6
    return flows, clear


def _closest(corners, point):
    """Squared distance to each triangle, weights of the nearest point, and height above each plane."""
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(ab, ac)
    area = np.linalg.norm(normal, axis=1)
    x = point - a
    b = np.einsum("fx,fx->f", np.cross(x, ac), normal) / area**2
    c = np.einsum("fx,fx->f", np.cross(ab, x), normal) / area**2
    options = [np.stack([1 - b - c, b, c], axis=1)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[:, first], corners[:, second] - corners[:, first]
        along = np.clip(np.einsum("fx,fx->f", point - start, edge) / np.einsum("fx,fx->f", edge, edge), 0.0, 1.0)
        option = np.zeros((len(corners), 3))
        option[:, first], option[:, second] = 1.0 - along, along
        options.append(option)
    squared = [((np.einsum("fk,fkx->fx", option, corners) - point) ** 2).sum(axis=1) for option in options]
    squared[0] = np.where((options[0] >= 0.0).all(axis=1), squared[0], np.inf)
    choice = np.argmin(squared, axis=0)
    rows = np.arange(len(corners))
    weights = np.stack(options)[choice, rows]
    return np.stack(squared)[choice, rows], weights, np.abs(np.einsum("fx,fx->f", x, normal)) / area


def _bind(target, source, corners, point, weights, rule):
    """The flow of a point that is bound to one triangle."""
    frames = []
    for vertices in (target, source):
        a, b, c = vertices[corners]
        edge, normal = (b - a) / np.linalg.norm(b - a), np.cross(b - a, c - a)
        normal = normal / np.linalg.norm(normal)
        frames.append(np.stack([edge, np.cross(normal, edge), normal], axis=1))
    if rule == "plane":  # not clamped: solve for the weights and the height together
        a, b, c = target[corners]
        u, v, height = np.linalg.solve(np.stack([b - a, c - a, frames[0][:, 2]], axis=1), point - a)
        a, b, c = source[corners]
        return a + u * (b - a) + v * (c - a) + height * frames[1][:, 2] - point
    offset = point - weights @ target[corners]
    return weights @ source[corners] + frames[1] @ frames[0].T @ offset - point
