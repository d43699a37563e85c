"""What only drawing adds to a model: shoulders that stay, a background that is filled, a mouth that is drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.model import Export3dModel
from likeness.export3d.photo_repair import without_specks
from likeness.export3d.renderer import View, camera_in_square, draw, prepare, render, turn_since
from likeness.flow.carry import before_turning, carrier, carry_source, target_surface
from likeness.flow.posture import PIVOT, body_share
from likeness.geometry.camera import default_camera
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from likeness.tracking.posed import posed_head
from tests.export3d.models import HEAD, noisy_model, tiny_config
from tests.fg_portrait.scenes import rest
from tests.flow_warp.portraits import portrait

SIDE = 128
CAMERA = default_camera(SIDE, SIDE)


def lifted(**changes: bool) -> Export3dModel:
    return noisy_model(tiny_config(lift=True, background=True, **changes))


def edited(**changes: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(**changes), portrait().head)


def test_a_turn_is_seen_in_the_heads_own_axes() -> None:
    turned = apply_edit(rest(), HeadEdit(yaw=20.0), HEAD)
    assert np.rad2deg(np.linalg.norm(turn_since(rest(), turned))) == pytest.approx(20.0, abs=1e-6)
    assert not turn_since(turned, turned).any()


@pytest.mark.parametrize("edit", [HeadEdit(yaw=25.0), HeadEdit(pitch=12.0), HeadEdit(roll=6.0)])
def test_the_camera_sees_the_body_in_its_place(edit: HeadEdit) -> None:
    """Surface points of the body, before the turn, are those that the photo shows at the same pixel."""
    turned = apply_edit(rest(), edit, HEAD)
    posed = posed_head(HEAD, np.zeros(HEAD.num_shape), rest(), CAMERA)
    source = carry_source(posed, resolution=SIDE)
    way = carrier(source, source.at_rest, turn=turn_since(rest(), turned))
    pivot_moved = turned.T_cam_head.apply(PIVOT) - rest().T_cam_head.apply(PIVOT)
    seen = target_surface(way, turned.T_cam_head, CAMERA).astype(np.float64)
    own = before_turning(way, seen[np.isfinite(seen).all(axis=1)])
    body = body_share(own) > 0.97
    assert body.sum() > 10
    in_photo = CAMERA.project(rest().T_cam_head.apply(own[body]) + pivot_moved)
    rows, columns = np.divmod(np.flatnonzero(np.isfinite(seen).all(axis=1))[body], SIDE)
    here = np.stack([columns, rows], axis=1) + 0.5
    assert np.percentile(np.linalg.norm(in_photo - here, axis=1), 90) < 2.0


def test_shoulders_stay_only_where_the_model_says_so() -> None:
    frame = edited(yaw=20.0)
    plain, still = (next(render(prepare(portrait(), model=lifted(still_body=on)), [frame])) for on in (False, True))
    assert (plain != still).any()
    prepared = prepare(portrait(), model=lifted(still_body=True))
    (same,) = render(prepared, [portrait().rest])
    np.testing.assert_array_equal(same, next(render(prepare(portrait(), model=lifted()), [portrait().rest])))


def test_a_free_camera_takes_the_body_along() -> None:
    prepared = prepare(portrait(), model=lifted(still_body=True))
    frame = edited(yaw=20.0)
    free = View(frame=portrait().rest, camera=camera_in_square(prepared, frame))
    driven = replace(free, turn=turn_since(portrait().rest, frame))
    first, second, again = (drawn.image for drawn in draw(prepared, [free, driven, free]))
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


def test_a_moved_head_uncovers_the_plate_in_drawn_photos() -> None:
    frame = replace(portrait().rest, translation=portrait().rest.translation + np.array([0.05, 0.0, 0.0]))
    plain, filled = (prepare(portrait(), model=lifted(plate=on)) for on in (False, True))
    assert plain.subject.features.plate is None and filled.subject.features.plate is not None
    covered = filled.subject.features.plate.covered
    assert covered.shape[-1] == lifted().config.volume.resolution and 0.0 <= covered.min() <= covered.max() < 1.001
    assert (next(render(plain, [frame])) != next(render(filled, [frame]))).any()


def test_a_drawn_mouth_changes_the_mouth_alone() -> None:
    frame = apply_edit(portrait().rest, HeadEdit(controls={"jawOpen": 0.8}), portrait().head)
    plain, drawn = (prepare(portrait(), model=lifted(drawn_mouth=on)) for on in (False, True))
    assert plain.features is None and drawn.features is not None
    view = View(frame=frame, camera=camera_in_square(plain, frame))
    one, other = (next(draw(prepared, [view])).image for prepared in (plain, drawn))
    changed = (one != other).any(axis=-1)
    assert 0 < changed.sum() < 0.05 * changed.size


def test_drawn_eyes_change_the_eyes_alone() -> None:
    frame = edited(gaze_yaw=25.0)
    plain, drawn = (prepare(portrait(), model=lifted(drawn_eyes=on)) for on in (False, True))
    view = View(frame=frame, camera=camera_in_square(plain, frame))
    one, other = (next(draw(prepared, [view])).image for prepared in (plain, drawn))
    changed = (one != other).any(axis=-1)
    assert 0 < changed.sum() < 0.03 * changed.size


def test_specks_go_where_the_surface_has_an_edge_and_stay_elsewhere() -> None:
    colours, facing = torch.zeros(1, 3, 13, 13), torch.ones(1, 1, 13, 13)
    colours[..., 6, 2] = colours[..., 6, 9] = 1.0
    facing[..., :6] = 0.2  # an edge between columns 5 and 6
    colours[..., 6, 5:7] = 1.0
    astray = torch.zeros(1, 1, 13, 13, dtype=torch.bool)
    cleaned = without_specks(colours, facing, astray)
    assert not cleaned[..., 5:7].any()
    torch.testing.assert_close(cleaned[..., 8:], colours[..., 8:])
    torch.testing.assert_close(cleaned[..., :4], colours[..., :4])
    astray[..., 9] = True  # neighbours there have read places that do not belong there
    assert not without_specks(colours, facing, astray)[..., 5:].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"plate": True}, "background layer"), ({"still_body": True}, "lifted features")],
)
def test_settings_that_need_another_are_refused(changes: dict[str, bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_config(**changes)
