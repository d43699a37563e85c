import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation import material
from tests.evaluation.copying import sliding_clip, write_clip


def test_sampling_keeps_to_a_whole_stride_and_the_limit():
    assert material.sample_indices(10, 5) == (0, 2, 4, 6, 8)
    assert material.sample_indices(10, 4, start=4) == (4, 6, 8)
    assert material.sample_indices(3, 60) == (0, 1, 2)
    assert all(len(material.sample_indices(count, 7)) <= 7 for count in range(1, 60))


def test_pairs_are_neighbours_within_the_clip():
    assert material.sample_pairs(10, 4) == (0, 1, 5, 6)
    assert material.sample_pairs(5, 100) == (0, 1, 2, 3)


def test_clips_are_read_at_the_asked_frames(tmp_path):
    frames = [np.full((32, 32, 3), 20 * number, np.uint8) for number in range(8)]
    write_clip(tmp_path / "clip.mp4", frames)
    seen = [round(float(frame.mean()) / 20) for frame in material.read_clip(tmp_path / "clip.mp4", (1, 2, 6))]
    assert seen == [1, 2, 6]
    assert material.count_frames(tmp_path / "clip.mp4") == 8
    with pytest.raises(InputError, match="ends before"):
        list(material.read_clip(tmp_path / "clip.mp4", (7, 8)))


def test_long_photos_are_reduced(tmp_path):
    from likeness.media.images import write_image

    write_image(tmp_path / "photo.png", sliding_clip(np.zeros((50, 200, 3), np.uint8), num_frames=1)[0])
    assert material.read_photo(tmp_path / "photo.png", 100).shape == (25, 100, 3)
    assert material.read_photo(tmp_path / "photo.png", 400).shape == (50, 200, 3)


def test_missing_material_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="--data"):
        material.material_folder(tmp_path)


def test_the_fixed_choice_exists(measuring_data):
    assert len(set(material.PORTRAITS)) == 20
    assert set(material.FIRST_FRAME_PORTRAITS) <= set(material.PORTRAITS)
    material.portrait_paths(measuring_data, material.PORTRAITS)
    material.clip_paths(measuring_data, material.CROSS_CLIPS)


def test_a_manifest_that_names_what_is_not_there_is_told(tmp_path):
    from likeness.evaluation.material import missing_items
    from likeness.evaluation.results import run_items

    (tmp_path / "manifest.csv").write_text(
        "file,kind\nvideos/v001.mp4,video\nvideos/v002.mp4,video\nportraits/p.jpg,x\n"
    )
    found = [tmp_path / "videos" / "v001.mp4"]
    items = missing_items(tmp_path, "videos", found, is_cut=False)
    (row,) = run_items(items, tmp_path / "rows.jsonl", {})
    assert row["item"] == "v002" and "named by manifest.csv" in row["error"]
    assert missing_items(tmp_path, "videos", found, is_cut=True) == []
