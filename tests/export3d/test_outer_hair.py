"""Hair beyond the volume, which turns along with the head: closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.cameras import camera_of_frame
from likeness.export3d.composite import composed
from likeness.export3d.lift import LiftMaps, ReadPlaces
from likeness.export3d.outer_hair import OuterHair, ears_shown, hair_beyond, little_beyond, without_ears
from likeness.export3d.photo_detail import Detailed
from likeness.export3d.plate import Plate
from likeness.flow.depth import render_depth
from likeness.flow.posture import PIVOT
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.pose import FRONTAL
from likeness.motion.record import MotionFrame
from likeness.tracking.posed import posed_head
from tests.flow_warp.portraits import portrait

SIZE = 32
CAMERA = default_camera(SIZE, SIZE, 2.0)
DEPTH = 0.8  # metres


def frame(yaw: float = 0.0, right: float = 0.0) -> MotionFrame:
    """A head whose neck is straight before the camera, or so many metres to the right."""
    rotation = FRONTAL @ matrix_from_axis_angle(np.array([0.0, np.radians(yaw), 0.0]))
    translation = np.array([right, 0.0, DEPTH]) - rotation @ PIVOT
    return replace(portrait().rest, rotation=axis_angle_from_matrix(rotation), translation=translation)


def camera_at(**pose: float) -> torch.Tensor:
    return torch.from_numpy(camera_of_frame(frame(**pose), CAMERA, pose_mode="exact"))


def hair() -> OuterHair:
    """A strand to the left of the head."""
    share = torch.zeros(1, 1, SIZE, SIZE)
    share[..., 4:20, 4:8] = 1.0
    white = torch.ones(1, 3, SIZE, SIZE)
    return OuterHair(
        share=share, ears=torch.zeros_like(share), photo=white, earless=0.5 * white, T_cam_head=frame().T_cam_head,
        camera=CAMERA,
    )  # fmt: skip


def test_in_the_photos_own_view_hair_is_where_it_was() -> None:
    made = hair()
    seen = made.seen_by(camera_at())
    torch.testing.assert_close(seen.share, made.share, atol=1e-4, rtol=0.0)
    at = (np.arange(SIZE) + 0.5) / SIZE
    np.testing.assert_allclose(seen.places[0], np.stack(np.meshgrid(at, at), axis=-1), atol=1e-5)
    assert seen.gone.max() < 1e-3


def test_hair_moves_with_the_head_and_leaves_its_place_with_the_fringe() -> None:
    made = hair()
    seen = made.seen_by(camera_at(right=8 / SIZE / 2.0 * DEPTH))  # eight pixels
    torch.testing.assert_close(seen.share, torch.roll(made.share, 8, dims=-1), atol=1e-3, rtol=0.0)
    assert seen.gone[0, 0, 10, 4:8].min() == 1.0
    assert seen.gone[0, 0, 10, 1] > 0.9 and seen.gone[0, 0, 10, 20] == 0.0


def test_a_turned_pane_is_narrower_and_is_gone_edgewise() -> None:
    made = hair()
    columns = torch.arange(SIZE) + 0.5 - SIZE / 2
    turned = made.seen_by(camera_at(yaw=30.0)).share[0, 0, 10]
    own = made.share[0, 0, 10]
    centre = float((turned * columns).sum() / turned.sum()), float((own * columns).sum() / own.sum())
    assert centre[0] / centre[1] == pytest.approx(np.cos(np.radians(30.0)), abs=0.12)  # nearer or farther by the turn
    for yaw in (70.0, 150.0):
        beside = made.seen_by(camera_at(yaw=yaw))
        assert beside.share.max() == 0.0 and beside.gone.max() == 1.0


def test_ears_turn_with_the_volume_alone() -> None:
    made = replace(hair(), ears=torch.ones(1, 1, SIZE, SIZE))
    for yaw, true in ((0.0, 1.0), (12.0, None), (25.0, 0.0)):
        seen = made.seen_by(camera_at(yaw=yaw))
        found = float(seen.true.mean())
        assert 0.1 < found < 0.9 if true is None else found == pytest.approx(true, abs=1e-4)
        torch.testing.assert_close(seen.picture, (0.5 + 0.5 * seen.true).expand(-1, 3, -1, -1), atol=1e-4, rtol=0.0)


def test_ears_take_the_colour_of_the_hair_around_them() -> None:
    photo, share, ears = torch.full((1, 3, 32, 32), 0.3), torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    share[..., 8:24, 8:24], ears[..., 12:20, 12:20] = 1.0, 1.0
    photo[..., 12:20, 12:20], photo[..., :8] = 0.8, 0.0  # an ear, and the background beside the hair
    found = without_ears(photo, share, ears)
    torch.testing.assert_close(found[..., 12:20, 12:20], torch.full((1, 3, 8, 8), 0.3), atol=1e-3, rtol=0.0)
    torch.testing.assert_close(found[..., :8], photo[..., :8])


def test_ears_count_where_the_fitted_head_shows_them_from_the_side() -> None:
    head, made = portrait().head, portrait()
    found = []
    for yaw in (0.0, 45.0):
        turned = apply_edit(made.rest, HeadEdit(yaw=yaw), head)
        posed = posed_head(head, made.shape, turned, made.camera)
        ears, shown = ears_shown(head, posed, 128), render_depth(posed, posed.camera.resized(128, 128)).face
        is_ear = (shown >= 0) & (head.face_parts[shown] == head.part_names.index("ear"))
        assert is_ear.any() and 0.0 < (ears > 0.0).mean() < 0.05
        found.append(ears[is_ear].mean())
    assert found[0] < 0.5 < 0.9 < found[1]


def test_hair_is_what_neither_volume_nor_body_explain() -> None:
    matte, body, covered = torch.ones(1, 1, 48, 48), torch.zeros(1, 1, 48, 48), torch.zeros(1, 1, 48, 48)
    body[..., 36:, :], covered[..., :24] = 1.0, 1.0
    found = hair_beyond(matte, body, covered)[0, 0]
    assert (found[:36, 24:] == 1.0).all() and not found[36:].any()
    assert (found[:36, 14:24] == 1.0).all() and not found[:, :14].any()  # it goes on a little behind the volume
    assert not hair_beyond(0.0 * matte, body, covered).any()


def test_it_ends_a_little_beyond_the_photo() -> None:
    true = torch.zeros(1, 1, 48, 48)
    true[..., :24] = 1.0
    found = little_beyond(true)[0, 0]
    assert (found[:, :24] == 1.0).all() and 0.3 < found[24, 27] < 0.7 and not found[:, 33:].any()


def test_it_stands_before_the_plate_and_behind_the_volume() -> None:
    grey, nothing = torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE)
    opacity = nothing.clone()
    opacity[..., 12:, :] = 1.0  # the volume stands before the lower half
    places = torch.rand(1, SIZE * SIZE, 2)
    read = ReadPlaces(own=places, mirrored=places, share=places[..., :1])
    detailed = Detailed(image=grey, places=read, carried=nothing + 1.0, still=nothing, plate=nothing)
    plate = Plate(picture=grey - 1.0, covered=opacity, hair=hair().seen_by(camera_at()))
    maps = LiftMaps(features=grey + 1.0, colours=grey + 1.0, matte=nothing)
    image, shares = composed(detailed, opacity, plate, maps)
    torch.testing.assert_close(image[0, :, 8, 4:8], torch.ones(3, 4), atol=1e-4, rtol=0.0)  # white, as the photo
    assert not image[0, :, 16:, 4:8].any() and not image[0, :, 8, 12:].any()
    strand = shares[-1].share
    np.testing.assert_allclose([strand[8, 5], strand[16, 5], strand[8, 20]], [1.0, 0.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(sum(each.share for each in shares), 1.0, atol=1e-4)
    plain, none = composed(detailed, opacity, plate, None)
    assert none == () and not plain.any()
    empty = replace(detailed, carried=nothing, plate=nothing + 1.0)  # the picture shows what is behind the volume
    image, _ = composed(empty, opacity, plate, maps)
    torch.testing.assert_close(image[0, :, 16, 4:8], torch.ones(3, 4), atol=1e-4, rtol=0.0)
