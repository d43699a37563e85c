import torch

from likeness.export3d.blocks import reduced
from likeness.export3d.discriminator import Discriminator, batch_deviation
from tests.export3d.models import tiny_config

CONFIG = tiny_config()


def test_it_judges_picture_small_picture_and_camera():
    torch.manual_seed(0)
    judge = Discriminator(CONFIG.discriminator, image_size=64)
    picture, cameras = torch.randn(4, 3, 64, 64), torch.randn(4, 25)
    small = reduced(picture, 16)
    said = judge(picture, small, cameras)
    assert said.shape == (4,)
    for changed in (judge(-picture, small, cameras), judge(picture, -small, cameras), judge(picture, small, -cameras)):
        assert (changed - said).abs().max() > 1e-4


def test_the_deviation_of_equal_pictures_is_zero_and_of_others_is_theirs():
    same = torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1)
    assert batch_deviation(same).abs().max() < 1e-3
    two = torch.stack([torch.zeros(3, 4, 4), torch.full((3, 4, 4), 2.0)])
    torch.testing.assert_close(batch_deviation(two), torch.ones(2, 1, 4, 4), atol=1e-4, rtol=0.0)
