from dataclasses import replace

import torch

from likeness.export3d.background import BackgroundLayer
from likeness.export3d.model import Content
from tests.export3d.models import tiny_config, tiny_model


def test_before_training_the_layer_shows_the_photo_beside_the_person():
    layer = BackgroundLayer(16, features=16, resolution=16)
    image = torch.rand(1, 3, 64, 64) * 2.0 - 1.0
    matte = torch.zeros(1, 1, 64, 64)
    matte[..., 16:48, 16:48] = 1.0
    features = layer(image, matte)
    hidden = layer(torch.where(matte > 0.0, torch.rand_like(image), image), matte)
    torch.testing.assert_close(features, hidden)  # what is behind the matte is never seen
    outside = image[..., :16, :].unflatten(2, (4, 4)).unflatten(4, (16, 4)).mean(dim=(3, 5))
    assert (features[:, :3, :3] - outside[:, :, :3]).abs().mean() < 0.1
    assert not features[:, :3, 6:10, 6:10].any()


def test_it_is_seen_where_the_volume_is_empty():
    model = tiny_model(replace(tiny_config(), background=True))
    image, matte = torch.rand(1, 3, 64, 64) * 2.0 - 1.0, torch.zeros(1, 1, 64, 64)
    source = model.read(image, matte)
    with torch.no_grad():
        for value in model.volume.decoder.parameters():
            value.zero_()
        planes = torch.zeros(1, 3, 8, 32, 32)
        list(model.volume.decoder.parameters())[-1][0] = -1e4  # the density's bias: nothing is there
        from likeness.export3d.cameras import canonical_camera

        seen = model.picture(Content(planes=planes), torch.from_numpy(canonical_camera())[None], source)
    assert seen.opacity.max() < 1e-6
    torch.testing.assert_close(seen.small, source.background[:, :3], atol=1e-5, rtol=0.0)
