"""The check of people: a model that paints the source's own depth is judged as such; shares count what was read."""

import numpy as np
import pytest
import torch

from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.export3d.model import Picture
from likeness.export3d.people_check import PeopleCheck, shares
from likeness.export3d.people_sheet import CAPTIONS, people_sheet
from likeness.export3d.subject import Subject
from tests.export3d.models import HEAD, tiny_model


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    out = tmp_path_factory.mktemp("people")
    made = [
        made_head(f"p{seed}", HEAD, settings=MadeHeadSettings(size=64, poses=3), generator=np.random.default_rng(seed))
        for seed in range(2)
    ]
    write_shard(out / "people.clips.tar", made)
    return open_clips(out, HEAD)


class Copying(Subject):
    """In place of what a model has read: the source's picture, before a surface that bulges or is hollow."""

    def __init__(self, source, bulge):
        ramp = torch.linspace(-1.0, 1.0, 16)
        distance = (ramp[:, None] ** 2 + ramp[None] ** 2).sqrt()
        self.__dict__.update(depth=(2.7 + bulge * distance)[None, None], source=source)

    def drawn(self, frame, camera):
        image = torch.from_numpy(np.moveaxis(self.source, -1, 0).copy())[None].float() / 127.5 - 1.0
        return Picture(image=image, small=image[..., ::4, ::4], depth=self.depth, opacity=torch.ones(1, 1, 16, 16))


@pytest.mark.parametrize(("bulge", "is_nearest"), [(0.3, 1.0), (-0.3, 0.0)])
def test_copying_gains_nothing_and_a_bulge_is_a_head(clips, monkeypatch, bulge, is_nearest):
    with PeopleCheck(tiny_model(), HEAD) as check:
        monkeypatch.setattr(check, "_read", lambda clip, source: Copying(source.image, bulge))
        row = check.row(clips[0])
    assert row["gain"] == pytest.approx(0.0, abs=1e-6)
    assert row["ssim"] == pytest.approx(row["ssim_copy"])
    assert row["nose_is_nearest"] == is_nearest
    assert row.get("mouth_follows", 0.0) == 0.0  # the same picture twice follows nothing


def test_a_row_of_an_untrained_model_is_finite_and_the_sheet_has_its_columns(clips):
    with PeopleCheck(tiny_model(), HEAD) as check:
        row = check.row(clips[1])
    assert all(np.isfinite(value) for value in row.values())
    sheet = people_sheet(tiny_model(), clips, HEAD)
    assert sheet.shape[1] > 128 * len(CAPTIONS) and sheet.shape[0] > 2 * 128


def test_shares_count_only_mouths_that_were_read():
    rows = [
        {"nose_is_nearest": 1.0, "mouth_follows": 1.0, "mouth_unread": 0.0},
        {"nose_is_nearest": 0.0, "mouth_unread": 1.0},
    ]
    mouth, nose, unread = shares(rows)
    assert "100% of 1" in mouth and "50% of 2" in nose and "1 people" in unread
