"""Drafts of made people: true targets, drawn from the frame that faces the camera most."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.app.data_sets import flow_warp_pictures
from likeness.data.drafts import DraftSettings, add_drafts, drafted
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings
from likeness.data.made_person import made_person
from likeness.data.random_motion import MotionRange
from likeness.data.shard import read_shard, write_shard
from likeness.errors import InputError, NoFaceError
from likeness.heads.builtin import builtin_head
from likeness.motion.pose import frontal_angles
from tests.data.clips import new_clip

HEAD = builtin_head()
SIZE = 160


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder with one person in four poses."""
    folder = tmp_path_factory.mktemp("people")
    settings = MadeHeadSettings(size=SIZE, poses=4, motion=MotionRange(yaw=20.0, pitch=8.0))
    person = made_person("person", HEAD, settings=settings, generator=np.random.default_rng(2))
    write_shard(folder / "p.clips.tar", [person])
    return folder


@pytest.fixture(scope="module")
def clips(people, tmp_path_factory):
    out = tmp_path_factory.mktemp("drafts")
    settings = DraftSettings(sources=2, targets=3)
    report = add_drafts(people, out, HEAD, render=flow_warp_pictures, settings=settings)
    assert report.made == 2 and not report.skipped
    again = add_drafts(people, out, HEAD, render=flow_warp_pictures, settings=settings)
    assert again.made == 0 and again.present == 1
    return open_clips(out, HEAD)


def test_drafts_may_be_drawn_by_export3d(people, clips, tmp_path, capsys):
    command = ["data", "drafts", str(people), "--out", str(tmp_path), "--sources", "1", "--targets", "1"]
    assert main([*command, "--draft", "export3d"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["drafts-export3d-0-1-1-p.clips.tar"]
    assert main(command) == 0  # beside those by flow-warp
    assert "1 clips made" in capsys.readouterr().out
    by_flow_warp, by_export3d = (read_shard(path, HEAD)[0] for path in sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(by_flow_warp.picture(1), by_export3d.picture(1))
    assert np.abs(by_flow_warp.draft(1).astype(int) - by_export3d.draft(1)).mean() > 0.5
    target, trust = by_export3d.picture(1).astype(float), by_export3d.trust(1)
    errors = [np.square(each - target)[trust].mean() for each in (by_export3d.draft(1), by_export3d.picture(0))]
    assert errors[0] < errors[1]


def test_each_source_comes_first_and_faces_the_camera_more_than_what_was_not_chosen(clips):
    turns = [np.hypot(*frontal_angles(clip.motion.rotation)[:, :2].T) for clip in clips]
    for clip, turn in zip(clips, turns, strict=True):
        assert clip.header.sources == (0,) and clip.header.targets == clip.header.drafts == (1, 2, 3)
        assert turn[0] <= sorted(turn)[1] + 1e-9
    assert turns[0].argmin() == 0


def test_drafts_are_nearer_to_the_targets_than_the_source_is(clips):
    for clip in clips:
        source = clip.picture(0).astype(float)
        copied = drafted_error = 0.0
        for index in clip.header.targets:
            target, trust = clip.picture(index).astype(float), clip.trust(index)
            copied += np.square(source - target)[trust].mean()
            drafted_error += np.square(clip.draft(index) - target)[trust].mean()
        assert drafted_error < 0.7 * copied


def test_shoulders_that_turned_along_count_for_nothing(clips):
    clip = clips[0]
    for index in clip.header.targets:
        trust, matte = clip.trust(index), clip.matte(index)
        assert not trust[-4:][matte[-4:] > 0.5].any()
        assert trust[: SIZE // 2].mean() > 0.95


def test_consecutive_targets_keep_their_order(people):
    (clip,) = read_shard(people / "p.clips.tar", HEAD)
    (made,) = drafted(
        clip, HEAD, render=flow_warp_pictures, settings=DraftSettings(sources=2, targets=3, consecutive=True)
    )
    kept = [clip.pictures[index].read() for index in range(4)]
    source = kept.index(made.pictures[0])
    assert source in (0, 3)  # what lies beside the piece
    assert [kept.index(picture) for picture in made.pictures[1:]] == sorted(set(range(4)) - {source})
    with pytest.raises(InputError, match="no 4 frames follow each other"):
        drafted(clip, HEAD, render=flow_warp_pictures, settings=DraftSettings(targets=4, consecutive=True))


def test_frames_of_other_kinds_are_no_true_pictures(people):
    (clip,) = read_shard(people / "p.clips.tar", HEAD)
    rendered = replace(clip, header=replace(clip.header, kind="photo-views"))
    with pytest.raises(InputError, match="photo-views: drafts are for videos and made people"):
        drafted(rendered, HEAD, render=flow_warp_pictures, settings=DraftSettings())


def test_clips_that_have_drafts_give_no_more(clips):
    with pytest.raises(InputError, match="no two frames"):
        drafted(clips[0], HEAD, render=flow_warp_pictures, settings=DraftSettings())


def test_clips_without_a_face_are_skipped_and_nothing_is_written(tmp_path):
    tiny = new_clip("grey")  # of one grey per frame
    write_shard(tmp_path / "g.clips.tar", [tiny])
    (clip,) = read_shard(tmp_path / "g.clips.tar")
    with pytest.raises(NoFaceError, match="none of its frames shows a face"):
        drafted(clip, HEAD, render=flow_warp_pictures, settings=DraftSettings())


@pytest.mark.parametrize("changes", [{"sources": 0}, {"targets": 101}, {"seed": -1}])
def test_numbers_out_of_range(changes):
    with pytest.raises(InputError):
        DraftSettings(**changes)
