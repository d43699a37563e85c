"""Personal offsets: a head with hair of known thickness is found again from its outline, and nothing else moves."""

import numpy as np
import pytest

from likeness.geometry.camera import default_camera
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import rasterise
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from likeness.tracking.personal import Seen, head_outline, movable_share, personal_head, personal_offsets

SIZE = 160
HAIR = 0.03  # metres
HEAD = builtin_head()
SHAPE = np.zeros(HEAD.num_shape)
CAMERA = default_camera(SIZE, SIZE)


def frame(yaw: float = 0.0) -> MotionFrame:
    rest = MotionFrame(
        rotation=np.array([np.pi, 0.0, 0.0]),
        translation=np.array([0.0, 0.0, 1.1]),
        neck=np.zeros(3),
        jaw=np.zeros(3),
        eye_left=np.zeros(3),
        eye_right=np.zeros(3),
        expression=np.zeros(HEAD.num_expression),
        lids=np.array([0.3, 0.3]),
    )
    return apply_edit(rest, HeadEdit(yaw=yaw), HEAD)


def vertices_of(head: HeadModel, at: MotionFrame) -> np.ndarray:
    return at.T_cam_head.apply(posed_vertices(head, SHAPE, at.expression, at.joints))


def seen(head: HeadModel, yaw: float = 0.0) -> Seen:
    """A picture whose person is exactly the given head."""
    at = frame(yaw)
    vertices = vertices_of(head, at)
    mask = rasterise(CAMERA.project(vertices), vertices[:, 2], head.faces, width=SIZE, height=SIZE).face >= 0
    return Seen(shape=SHAPE, frame=at, camera=CAMERA, matte=mask.astype(np.float64))


def with_hair() -> HeadModel:
    thickness = HAIR * movable_share(HEAD, SHAPE)
    return personal_head(HEAD, thickness[:, None] * vertex_normals(HEAD.template, HEAD.faces))


def outline_distance(head: HeadModel, view: Seen) -> float:
    """Millimetres, mean, from the head's outline to that of the picture."""
    outline = head_outline(view, vertices_of(head, view.frame), HEAD.faces, movable_share(HEAD, SHAPE))
    assert len(outline.distance) > 50
    return 1000.0 * float(np.abs(outline.distance).mean())


@pytest.mark.parametrize("yaw", [0.0, 30.0])
def test_hair_of_known_thickness_is_found(yaw: float) -> None:
    view = seen(with_hair(), yaw)
    assert outline_distance(HEAD, view) > 15.0
    found = personal_head(HEAD, personal_offsets(HEAD, [view]))
    assert outline_distance(found, view) < 5.0


def test_several_pictures_tell_about_another_side() -> None:
    hair, unseen = with_hair(), seen(with_hair(), -55.0)
    one = personal_head(HEAD, personal_offsets(HEAD, [seen(hair)]))
    three = personal_head(HEAD, personal_offsets(HEAD, [seen(hair), seen(hair, 35.0), seen(hair, -35.0)]))
    plain, single, several = (outline_distance(head, unseen) for head in (HEAD, one, three))
    assert several < single < plain
    assert several < 0.3 * plain


def test_a_head_that_fits_stays_and_the_face_never_moves() -> None:
    assert np.abs(personal_offsets(HEAD, [seen(HEAD)])).max() < 0.004  # about one pixel
    offsets = personal_offsets(HEAD, [seen(with_hair(), 20.0)])
    moved = landmark_points(HEAD, HEAD.template + offsets) - landmark_points(HEAD, HEAD.template)
    assert np.abs(moved).max() < 1e-4
    chin = landmark_points(HEAD, HEAD.template)[:, 1].min()
    assert np.abs(offsets[HEAD.template[:, 1] < chin]).max() < 1e-4
    assert np.isfinite(offsets).all()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_picture_without_an_outline_says_nothing(level: float) -> None:
    view = Seen(shape=SHAPE, frame=frame(), camera=CAMERA, matte=np.full((SIZE, SIZE), level))
    np.testing.assert_array_equal(personal_offsets(HEAD, [view]), np.zeros_like(HEAD.template))
    with pytest.raises(ValueError, match="at least one picture"):
        personal_offsets(HEAD, [])
