"""Nodes of the surroundings: with the head, with the body, or still, against the formula written plainly."""

import numpy as np

from likeness.flow_warp.grid_motion import FACE_PUSH, moved_pixels
from likeness.geometry.transform import RigidTransform
from tests.flow_warp import portraits


def test_nodes_follow_head_and_body_by_their_shares() -> None:
    prepared = portraits.prepared()
    grid, camera = prepared.grid, prepared.camera
    rest = prepared.rig.rest.T_cam_head
    turn = rest @ RigidTransform.from_axis_angle(np.array([0.1, -0.2, 0.05]), np.array([0.004, 0.002, -0.003]))
    shift, depth = np.array([7.0, -3.0]), 0.9
    moved = moved_pixels(
        grid,
        camera,
        T_cam_head=turn,
        body_shift=shift,
        expression_shift=np.zeros((468, 2)),
        face_triangles=prepared.faces,
        body_depth=depth,
    )
    share = grid.head_share[:, None]
    points = turn.apply(grid.points_head)
    still = grid.pixels + grid.body_share[:, None] * shift
    expected = share * camera.project(points) + (1 - share) * still
    np.testing.assert_allclose(moved[:, :2], expected, atol=1e-3)
    z = share[:, 0] * points[:, 2] + (1 - share[:, 0]) * depth + FACE_PUSH * grid.under_face
    np.testing.assert_allclose(moved[:, 2], z, atol=1e-5)
    assert (share == 0).any() and (share > 0.99).any() and (grid.body_share > 0.1).any()


def test_left_out_faces_hold_still() -> None:
    grid = portraits.prepared().grid
    rows, columns = grid.shape
    drawn = np.isin(np.arange(len(grid.pixels)), grid.faces)
    assert len(grid.faces) < 2 * (rows - 1) * (columns - 1)
    assert not (grid.head_share[~drawn] > 0).any() and not (grid.body_share[~drawn] > 0).any()
    assert not grid.expression.free.ravel()[~drawn].any() and not grid.under_face[~drawn].any()
