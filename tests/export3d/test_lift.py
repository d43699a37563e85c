"""Flow-lifted features: an untrained model already shows the photo, in its own view and turned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.sample import shot_of
from likeness.data.shard import write_shard
from likeness.export3d.batches import picture_tensor, target_camera
from likeness.export3d.blocks import reduced
from likeness.export3d.lift import HINTS, LiftedPoints
from likeness.export3d.lifted_decoder import LiftedDecoder
from likeness.export3d.mesh import extract_mesh
from likeness.export3d.renderer import prepare, render
from likeness.export3d.subject import read_subject
from likeness.motion.edit import HeadEdit, apply_edit
from tests.export3d.models import HEAD, tiny_config, tiny_model
from tests.flow_warp.portraits import portrait

SIDE = 64


def lifted_model(**changes):
    return tiny_model(tiny_config(lift=True, **changes))


def open_gate(model):
    """The decoder that only lifts: what it has learned is nothing."""
    with torch.no_grad():
        for layer in (model.volume.decoder.inner, model.volume.decoder.outer):
            layer.weight.zero_()
            layer.bias.zero_()
    return model


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    out = tmp_path_factory.mktemp("people")
    made = made_head("p", HEAD, settings=MadeHeadSettings(size=SIDE, poses=4), generator=np.random.default_rng(4))
    write_shard(out / "people.clips.tar", [made])
    return open_clips(out, HEAD)[0]


def views(clip, model, index):
    """What a model that has read the first picture shows of another one, that picture, and where both are heads."""
    source, target = shot_of(clip, 0, SIDE), shot_of(clip, index, SIDE)
    shot = replace(source, matte=np.zeros((SIDE, SIDE), np.float32))
    with torch.no_grad():
        subject = read_subject(model, HEAD, clip.motion.shape, shot)
        picture = subject.drawn(target.frame, target_camera(target, model.config))
    return picture, picture_tensor(target.image), picture_tensor(source.image)


def test_the_photos_own_view_is_the_photo(clip):
    model = open_gate(lifted_model())
    picture, target, _ = views(clip, model, 0)
    inside = (picture.opacity > 0.99).expand(-1, 3, -1, -1)
    assert inside.float().mean() > 0.1
    off = (picture.small - reduced(target, picture.small.shape[-1]))[inside].abs()
    assert off.mean() < 0.08  # -1 to 1; untrained, a twentieth of each colour is the decoder's grey


def test_the_photos_own_pixels_are_in_the_picture(clip):
    """At full resolution, where the volume alone is a quarter as fine."""
    model = open_gate(lifted_model())
    with torch.no_grad():
        model.detail.last.weight.zero_()
    picture, target, _ = views(clip, model, 0)
    side = target.shape[-1]
    inside = (F.interpolate(picture.opacity, size=(side, side), mode="bilinear") > 0.99).expand(-1, 3, -1, -1)
    coarse = F.interpolate(picture.small, size=(side, side), mode="bilinear")
    fine = (picture.image - target)[inside].abs().mean()
    assert fine < 0.035 and fine < 0.5 * (coarse - target)[inside].abs().mean()


def test_a_turned_head_is_nearer_to_the_truth_than_the_photo(clip):
    model = open_gate(lifted_model())
    for index in (1, 2, 3):
        picture, target, source = views(clip, model, index)
        inside = (picture.opacity > 0.99).expand(-1, 3, -1, -1)
        side = picture.small.shape[-1]
        carried = (picture.small - reduced(target, side))[inside].abs().mean()
        copied = (reduced(source, side) - reduced(target, side))[inside].abs().mean()
        assert carried < 0.75 * copied, index


def test_density_rises_at_the_surface_and_the_gate_opens_where_the_photo_shows_it():
    decoder = LiftedDecoder(4, 8, 6)
    with torch.no_grad():
        for layer in (decoder.inner, decoder.outer):
            layer.weight.zero_()
    hints = torch.zeros(1, 2, HINTS)
    hints[0, :, 2] = torch.tensor([-1.0, 1.0])  # within, without
    hints[0, :, 0] = torch.tensor([1.0, 0.0])  # seen, hidden
    lifted = LiftedPoints(features=torch.ones(1, 2, 6), hints=hints)
    density, features = decoder(torch.zeros(1, 2, 4), lifted)
    torch.testing.assert_close(density, torch.tensor([[76.0, -4.0]]))
    seen, hidden = torch.tensor([3.0, -3.0]).sigmoid()
    expected = 0.5 + 0.5 * torch.stack([seen, hidden])[None, :, None].expand(1, 2, 6)
    torch.testing.assert_close(features, expected)


def test_chunks_change_nothing(clip):
    model = lifted_model()
    source, target = shot_of(clip, 0, SIDE), shot_of(clip, 1, SIDE)
    shot = replace(source, matte=np.ones((SIDE, SIDE), np.float32))
    with torch.no_grad():
        subject = read_subject(model, HEAD, clip.motion.shape, shot)
        content = subject.content(target.frame)
        cameras = target_camera(target, model.config)[None]
        whole, parts = (
            model.volume.render(content.planes, cameras, lift=content.lift, chunk_rays=size) for size in (4096, 50)
        )
    torch.testing.assert_close(parts.features, whole.features, atol=2e-3, rtol=0.0)


def test_gradients_reach_the_maps_and_not_the_positions(clip):
    model = lifted_model()
    shot = replace(shot_of(clip, 0, SIDE), matte=np.ones((SIDE, SIDE), np.float32))
    subject = read_subject(model, HEAD, clip.motion.shape, shot)
    subject.drawn(shot.frame, target_camera(shot, model.config)).image.square().sum().backward()
    for part in (model.lift, model.detail, model.volume.decoder):
        assert all(value.grad is not None and value.grad.isfinite().all() for value in part.parameters())
        assert any(value.grad.any() for value in part.parameters())


def test_photos_without_a_way_back_are_refused():
    model = lifted_model()
    image, matte = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, 1, SIDE, SIDE)
    source = model.read(image, matte)
    vector = model.expression(torch.zeros(1, model.config.expression.inputs))
    with pytest.raises(ValueError, match="got 1 photos and 0 ways"):
        model.content(source, vector)
    with pytest.raises(ValueError, match="matte"):
        model.read(image)
    with pytest.raises(ValueError, match="the way back"):
        model.volume.look_up(torch.zeros(1, 3, 8, 32, 32), torch.zeros(1, 1, 3))


def test_a_portrait_is_animated_and_has_a_mesh():
    prepared = prepare(portrait(), model=open_gate(lifted_model(background=True)))
    turned = apply_edit(portrait().rest, HeadEdit(yaw=20.0), portrait().head)
    opened = apply_edit(portrait().rest, HeadEdit(controls={"jawOpen": 0.9}), portrait().head)
    still, side, wide = render(prepared, [portrait().rest, turned, opened])
    assert still.shape == portrait().image.shape
    assert not np.array_equal(still, side)
    lower = np.abs(still.astype(int) - wide).sum(axis=(1, 2))
    assert lower.any()  # the surface follows the asked expression, untrained as the planes are
    with torch.no_grad():
        mesh = extract_mesh(prepared.subject.model.volume, prepared.subject.content(portrait().rest), grid=48)
    nose = mesh.vertices[np.argmax(mesh.vertices[:, 2])]
    assert abs(nose[0]) < 0.05 and len(mesh.faces) > 500
