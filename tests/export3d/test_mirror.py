"""The mirror image of what a photo hides: read in the right place, only where it helps; plain weights are a start."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app.train import TrainExport3d
from likeness.app.train_export3d import chosen_recipe
from likeness.errors import InputError
from likeness.export3d.cameras import world_from_head
from likeness.export3d.lift import HINTS, Lift, LiftedPoints, LiftMaps, MirrorImage
from likeness.export3d.lifted_decoder import LiftedDecoder
from likeness.export3d.renderer import prepare, render
from likeness.export3d.weights import load_start, save_model
from likeness.flow.carry import carrier, carry_source
from likeness.geometry.camera import default_camera
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.tracking.posed import posed_head
from tests.export3d.models import HEAD, tiny_config, tiny_model
from tests.fg_portrait.scenes import rest
from tests.flow_warp.portraits import portrait

SIDE = 64
CAMERA = default_camera(SIDE, SIDE)
CHEEK = np.array([0.062, -0.005, 0.015])  # of the subject's left half, near the surface


def ramp_lift(yaw: float) -> Lift:
    """A photo of a head turned by so many degrees, whose colours tell the place: red the column, green the row."""
    posed = posed_head(HEAD, np.zeros(HEAD.num_shape), apply_edit(rest(), HeadEdit(yaw=yaw), HEAD), CAMERA)
    source = carry_source(posed, resolution=SIDE)
    at = (torch.arange(SIDE) + 0.5) / SIDE
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    ramp = torch.stack([columns, rows, torch.zeros(SIDE, SIDE)])[None]
    maps = LiftMaps(features=ramp, colours=ramp, matte=torch.ones(1, 1, SIDE, SIDE))
    return Lift(maps=maps, carriers=(carrier(source, source.at_rest),), mirrors=True)


def in_world(*points: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(world_from_head(np.stack(points)).astype(np.float32))[None]


@pytest.mark.parametrize("full", [False, True])
def test_a_hidden_cheek_is_read_where_the_other_one_is(full: bool) -> None:
    """The sign of the turn that hides it is found by looking: one of both cheeks is hidden, the other is seen."""
    other = CHEEK * [-1.0, 1.0, 1.0]
    lift = ramp_lift(40.0)
    found = lift.at(in_world(CHEEK, other), full=full)
    seen = found.hints[0, :, 0] > 0.0
    assert seen.sum() == 1
    hidden, shown = int(torch.argmin(seen.int())), int(torch.argmax(seen.int()))
    torch.testing.assert_close(found.mirror.features[0, hidden], found.features[0, shown], atol=2e-3, rtol=0.0)
    assert found.mirror.shown[0, hidden] > 0.9
    assert not found.mirror.shown[0, shown] and not found.mirror.features[0, shown].any()
    place = lift.carriers[0].source.head
    expected = CAMERA.project(place.T_cam_head.apply((CHEEK if shown == 0 else other)[None]))[0] / SIDE
    np.testing.assert_allclose(found.mirror.features[0, hidden, :2], expected, atol=0.02)


def test_what_is_far_away_or_hidden_on_both_halves_has_no_mirror_image() -> None:
    behind, far = np.array([0.02, 0.03, -0.13]), np.array([0.2, 0.0, -0.2])
    found = ramp_lift(0.0).at(in_world(behind, far))
    assert not found.mirror.shown.any()
    assert ramp_lift(0.0).split()[0].mirrors


def test_the_decoder_lets_it_through_at_first_and_nothing_where_none_is_shown() -> None:
    torch.manual_seed(0)
    plain = LiftedDecoder(4, 8, 6)
    aware = LiftedDecoder(4, 8, 6, mirrors=True)
    aware.load_state_dict(plain.state_dict(), strict=False)
    points, hints = torch.randn(1, 2, 4), torch.zeros(1, 2, HINTS)
    features = torch.rand(1, 2, 6)
    mirror = MirrorImage(features=torch.ones(1, 2, 6), shown=torch.tensor([[[1.0], [0.0]]]))
    lifted = LiftedPoints(features=features, hints=hints, mirror=mirror)
    density, given = plain(points, replace(lifted, mirror=None))
    other, mixed = aware(points, lifted)
    torch.testing.assert_close(other, density)
    torch.testing.assert_close(mixed[:, 1], given[:, 1])
    closed = 1.0 - torch.tensor(3.0).sigmoid()  # of what the decoder would have shown, less than a twentieth is left
    ways = (mixed[0, 0] - given[0, 0]) / (1.0 - given[0, 0])
    assert (ways > 0.5).all() and (ways < 1.0 - 0.5 * closed).all()


def test_weights_without_it_are_a_start_and_the_picture_of_a_seen_face_hardly_changes(tmp_path) -> None:
    plain = tiny_model(tiny_config(lift=True))
    save_model(tmp_path / "plain", plain, head=HEAD, trained="")
    grown = tiny_model(tiny_config(lift=True, mirror=True), seed=1)
    load_start(tmp_path / "plain", grown, head=HEAD)
    turned = apply_edit(portrait().rest, HeadEdit(yaw=35.0), portrait().head)
    pictures = [
        next(iter(render(prepare(portrait(), model=model), [frame])))
        for model in (plain, grown)
        for frame in (portrait().rest, turned)
    ]
    still, side = (np.abs(pictures[index].astype(int) - pictures[index + 2]).mean() for index in (0, 1))
    assert side > still  # it is for what a turn brings into view
    save_model(tmp_path / "grown", grown, head=HEAD, trained="")
    with pytest.raises(InputError, match="mirror"):
        load_start(tmp_path / "grown", plain, head=HEAD)


def test_options_and_settings() -> None:
    command = TrainExport3d(preset="tiny", data=(Path("data"),), out=Path("out"), encoding="lebs", mirror=True)
    model = chosen_recipe(command, HEAD)[0].model
    assert model.mirror and model.lift
    with pytest.raises(ValueError, match="for lifted features"):
        tiny_config(mirror=True)
