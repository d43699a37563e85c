"""The mirror image of what a photo hides: read in the right place, only where it is the better half."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app.train import TrainExport3d
from likeness.app.train_export3d import chosen_recipe
from likeness.export3d.lift import FAR_HEIGHT
from likeness.export3d.model import Export3dModel
from likeness.export3d.photo_repair import filled_in, from_around, in_own_light
from likeness.export3d.renderer import prepare, render
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.motion.edit import HeadEdit, apply_edit
from tests.export3d.models import HEAD, tiny_config, tiny_model
from tests.export3d.ramps import SIDE, in_world, ramp_lift
from tests.flow_warp.portraits import portrait

CHEEK = np.array([0.062, -0.005, 0.015])  # of the subject's left half, near the surface


@pytest.mark.parametrize("full", [False, True])
def test_a_hidden_cheek_is_read_where_the_other_one_is(full: bool) -> None:
    points = in_world(CHEEK, CHEEK * [-1.0, 1.0, 1.0])
    plain, found = (lift.at(points, full=full) for lift in (replace(ramp_lift(40.0), mirrors=False), ramp_lift(40.0)))
    seen = plain.hints[0, :, 0] > 0.0
    assert seen.sum() == 1  # one of both cheeks is hidden
    hidden, shown = int(torch.argmin(seen.int())), int(torch.argmax(seen.int()))
    torch.testing.assert_close(found.features[0, hidden], plain.features[0, shown], atol=2e-3, rtol=0.0)
    torch.testing.assert_close(found.features[0, shown], plain.features[0, shown])
    assert (plain.features[0, hidden] - plain.features[0, shown]).abs().max() > 0.02
    # it counts as seen, facing and of the person as that place does; where it lies has not changed
    assert found.hints[0, hidden, 0] > 0.9 and plain.hints[0, hidden, 0] == 0.0
    torch.testing.assert_close(found.hints[0, hidden, 1], plain.hints[0, shown, 1], atol=0.05, rtol=0.0)
    torch.testing.assert_close(found.hints[0, :, 2:5], plain.hints[0, :, 2:5])


def test_what_is_looked_at_as_the_photo_was_needs_no_mirror_image() -> None:
    points = in_world(CHEEK, CHEEK * [-1.0, 1.0, 1.0])
    lift = ramp_lift(40.0)
    plain = replace(lift, mirrors=False).at(points)
    photographer = lift.carriers[0].source.head.T_cam_head.inverse().translation
    own_eye, other_eye = (in_world(photographer * [side, 1.0, 1.0])[0] for side in (1.0, -1.0))
    as_shown, turned = (lift.at(points, eyes=eye) for eye in (own_eye, other_eye))
    torch.testing.assert_close(as_shown.features, plain.features)
    torch.testing.assert_close(turned.features, lift.at(points).features)


def test_background_that_a_photo_shows_stays_empty_near_its_own_view_and_well_above_the_surface() -> None:
    lift = ramp_lift(0.0)
    matte = torch.zeros(1, 1, SIDE, SIDE)
    matte[..., : SIDE // 2] = 1.0
    lift = replace(lift, maps=replace(lift.maps, matte=matte))
    places = torch.tensor([[[0.25, 0.5], [0.52, 0.5], [0.9, 0.5]]])  # on the person, just beside, far beside
    photographer = lift.carriers[0].source.head.T_cam_head.inverse().translation
    turned = matrix_from_axis_angle(np.array([0.0, np.radians(30.0), 0.0])) @ photographer
    for eye, height, wanted in ((photographer, 0.0, 1.0), (turned, 0.0, 0.0), (turned, 0.03, 1.0)):
        far = torch.full((1, 3), np.tanh(height / FAR_HEIGHT))
        found = lift.looked_through(places, lift.nearness(in_world(eye)[0]), far)[0, :, 0]
        torch.testing.assert_close(found, torch.tensor([0.0, 0.0, wanted]), atol=1e-4, rtol=0.0)


def test_heads_end_where_the_neck_gives_way() -> None:
    found = ramp_lift(0.0).head_share(in_world(CHEEK, np.array([0.0, -0.2, -0.03])))
    assert found[0, :, 0].tolist() == [1.0, 0.0]


def test_slivers_of_skin_that_nothing_shows_take_the_colour_around_them() -> None:
    colours, seen, is_skin = torch.full((1, 3, 16, 16), 0.4), torch.ones(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    colours[..., 8], seen[..., 8] = 0.9, 0.0  # a column that nothing shows
    found, known = filled_in(colours, seen, is_skin)
    torch.testing.assert_close(found, torch.full_like(found, 0.4))
    assert not known[..., 8].any() and known[..., 9].all()
    seen[..., 2:14] = 0.0  # more than a sliver
    found, known = filled_in(colours, seen, is_skin)
    assert (found[..., 8] == 0.9).all() and known[..., 8].all()
    beside, _ = filled_in(colours, torch.zeros_like(seen), torch.zeros_like(is_skin))
    torch.testing.assert_close(beside, colours)


def test_what_no_half_shows_well_enough_is_told_to_eyes_beside_the_photos() -> None:
    lift = ramp_lift(0.0)
    behind, nose = np.array([0.0, 0.02, -0.11]), np.array([0.0, -0.005, 0.09])
    photographer = lift.carriers[0].source.head.T_cam_head.inverse().translation
    for angle, wanted in ((0.0, [0.0, 0.0]), (90.0, [1.0, 0.0])):
        eye = matrix_from_axis_angle(np.array([0.0, np.radians(angle), 0.0])) @ photographer
        found = lift.at(in_world(behind, nose), full=True, eyes=in_world(eye)[0])
        torch.testing.assert_close(found.halves.unshown[0, :, 0], torch.tensor(wanted), atol=1e-3, rtol=0.0)
    assert lift.at(in_world(nose)).halves is None  # what only the volume needs


def test_skin_over_background_is_unshown_but_for_its_mirror_image() -> None:
    lift = ramp_lift(0.0)
    matte = torch.zeros(1, 1, SIDE, SIDE)
    empty = replace(lift, maps=replace(lift.maps, matte=matte))
    eye = in_world(matrix_from_axis_angle(np.array([0.0, 0.6, 0.0])) @ np.array([0.0, 0.0, 1.5]))[0]
    shown, unshown = (each.at(in_world(CHEEK), full=True, eyes=eye).halves.unshown.item() for each in (lift, empty))
    assert shown < 0.5 and unshown > 0.9


def test_what_is_hidden_is_skin_as_what_hides_it_unless_that_is_background() -> None:
    behind_the_nose = np.array([-0.026, 0.02, 0.04])
    lift = ramp_lift(-50.0)
    empty = replace(lift, maps=replace(lift.maps, matte=torch.zeros(1, 1, SIDE, SIDE)))
    eye = in_world(np.array([0.0, 0.0, 1.5]))[0]
    assert replace(lift, mirrors=False).at(in_world(behind_the_nose)).hints[0, 0, 0] == 0.0
    for each, wanted in ((lift, 0.0), (empty, 1.0)):
        found = each.at(in_world(behind_the_nose), full=True, eyes=eye)
        assert found.halves.unshown.item() == pytest.approx(wanted, abs=1e-3)


def test_skin_over_background_is_read_on_the_other_half_once_the_view_has_turned() -> None:
    lift = ramp_lift(0.0)
    other_cheek = CHEEK * [-1.0, 1.0, 1.0]
    own, other = replace(lift, mirrors=False).at(in_world(CHEEK, other_cheek), full=True).features[0]
    columns = (torch.arange(SIDE) + 0.5) / SIDE
    nearer = (columns - own[0]).abs() > (columns - other[0]).abs()  # the photo shows background on this cheek's side
    matte = nearer.float().expand(1, 1, SIDE, SIDE).contiguous()
    lift = replace(lift, maps=replace(lift.maps, matte=matte))
    photographer = lift.carriers[0].source.head.T_cam_head.inverse().translation
    for angle, wanted in ((0.0, own), (30.0, other)):
        eye = matrix_from_axis_angle(np.array([0.0, np.radians(angle), 0.0])) @ photographer
        found = lift.at(in_world(CHEEK), full=True, eyes=in_world(eye)[0])
        torch.testing.assert_close(found.features[0, 0], wanted, atol=2e-3, rtol=0.0)


def test_skin_that_the_photo_shows_badly_takes_the_colour_around() -> None:
    colours, known, unshown = torch.full((1, 3, 32, 32), 0.4), torch.ones(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    colours[..., 12:20], known[..., 12:20], unshown[..., 12:20] = 0.9, 0.0, 1.0
    assert from_around(colours, known, 0.0 * unshown) is colours
    found = from_around(colours, known, unshown)
    torch.testing.assert_close(found, torch.full_like(found, 0.4), atol=1e-3, rtol=0.0)


def test_mirror_images_take_on_the_light_of_the_half_in_which_they_stand() -> None:
    """One half of a grey head is in the sun, the other in the shade; the seam between own and mirrored pixels is amid
    the shade, and what is beyond it is only known from the sunny half.
    """
    shade, sun = 0.2, 0.3
    colours, mirrored, both = torch.full((1, 3, 32, 32), shade), torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    colours[..., 24:], mirrored[..., 24:], both[..., 12:24] = sun, 1.0, 0.5
    brighter = torch.full((1, 3, 32, 32), float(np.log(shade / sun)))
    assert in_own_light(colours, 0.0 * mirrored, brighter, both) is colours
    found = in_own_light(colours, mirrored, brighter, both)
    torch.testing.assert_close(found, torch.full_like(found, shade), atol=2e-3, rtol=0.0)


def test_what_is_no_light_changes_mirror_images_little() -> None:
    colours, mirrored, both = torch.full((1, 3, 32, 32), 0.3), torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    mirrored[..., 24:], both[..., 12:24] = 1.0, 0.5
    blue = torch.zeros(1, 3, 32, 32)
    blue[:, 2] = 1.5  # background beside a badly fitted cheek
    blue[..., :20] = 0.0  # the rest is alike
    found = in_own_light(colours, mirrored, blue, both)
    assert (found - colours).abs().max() < 0.1  # it would be 1.0


def test_the_air_that_a_photo_looks_through_stays_empty() -> None:
    lift = ramp_lift(40.0)
    points = in_world(1.3 * CHEEK, 1.3 * CHEEK * [-1.0, 1.0, 1.0])
    plain = replace(lift, mirrors=False).at(points)
    hidden = int(torch.argmin(plain.hints[0, :, 1]))
    assert plain.hints[0, hidden, 2] > 0.9  # in the air
    column = plain.features[0, hidden, 0]
    matte = (lift.maps.colours[:, :1] - column).abs() > 0.1  # background where the photo has that point
    found = replace(lift, maps=replace(lift.maps, matte=matte.float())).at(points)
    assert found.hints[0, hidden, 5] < 0.1


@pytest.mark.parametrize(
    ("yaw", "point"),
    [
        (0.0, np.array([0.02, 0.03, -0.13])),  # behind: neither half is seen
        (40.0, np.array([0.2, 0.0, -0.2])),  # far from the head
        (0.0, CHEEK),  # both halves are as good
    ],
)
def test_what_has_no_better_half_stays(yaw: float, point: np.ndarray) -> None:
    points = in_world(point, point * [-1.0, 1.0, 1.0])
    plain, found = (lift.at(points) for lift in (replace(ramp_lift(yaw), mirrors=False), ramp_lift(yaw)))
    torch.testing.assert_close(found.features, plain.features)
    torch.testing.assert_close(found.hints, plain.hints)


def test_a_half_that_shows_no_person_does_not_count() -> None:
    lift = ramp_lift(40.0)
    empty = replace(lift, maps=replace(lift.maps, matte=torch.zeros(1, 1, SIDE, SIDE)))
    points = in_world(CHEEK, CHEEK * [-1.0, 1.0, 1.0])
    plain = replace(empty, mirrors=False).at(points)
    torch.testing.assert_close(empty.at(points).features, plain.features)
    assert lift.split()[0].mirrors


def test_plain_weights_draw_with_it_and_a_frontal_photo_in_its_own_pose_hardly_changes() -> None:
    plain = tiny_model(tiny_config(lift=True))
    grown = Export3dModel(tiny_config(lift=True, mirror=True)).eval()
    grown.load_state_dict(plain.state_dict())
    turned = apply_edit(portrait().rest, HeadEdit(yaw=35.0), portrait().head)
    pictures = [
        next(iter(render(prepare(portrait(), model=model), [frame])))
        for model in (plain, grown)
        for frame in (portrait().rest, turned)
    ]
    still, side = (np.abs(pictures[index].astype(int) - pictures[index + 2]).mean() for index in (0, 1))
    assert side > still


def test_options_and_settings() -> None:
    command = TrainExport3d(preset="tiny", data=(Path("data"),), out=Path("out"), encoding="lebs", mirror=True)
    model = chosen_recipe(command, HEAD)[0].model
    assert model.mirror and model.lift
    with pytest.raises(ValueError, match="for lifted features"):
        tiny_config(mirror=True)
