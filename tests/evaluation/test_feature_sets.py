import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.feature_sets import (
    PictureFeatures,
    VideoFeatures,
    VideoNetwork,
    read_features,
    write_features,
)
from likeness.evaluation.keepers import Renamed, passing


def picture(level: int, side: int = 4) -> np.ndarray:
    return np.full((side, side, 3), level, np.uint8)


def mean_colours() -> PictureFeatures:
    return PictureFeatures(network=lambda image: image.mean(axis=(0, 1)))


def frame_means(frames: int = 3) -> VideoFeatures:
    """Sees each frame's mean: the features tell which frames it was shown."""
    return VideoFeatures(network=VideoNetwork(frames=frames, side=4, features=lambda clip: clip.mean(axis=(1, 2, 3))))


def test_features_are_kept_by_clip(tmp_path):
    features = mean_colours()
    features.keep(0, picture(9), {"": picture(0)}, is_close=True)
    features.keep(1, picture(5), {"": picture(5)})  # not looked at closely
    write_features(features.rows, tmp_path / "a.npz")
    write_features(features.rows, tmp_path / "b.npz")
    found = read_features([tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "missing.npz"])
    assert found["clip"].tolist() == [[9.0] * 3] * 2 and found[""].tolist() == [[0.0] * 3] * 2
    Renamed(keeper=features, name="@x").keep(0, picture(7), {"": picture(1), "_copy": picture(3)}, is_close=True)
    assert set(features.rows) == {"clip", "", "@x"}
    write_features(features.rows, tmp_path / "c.npz")
    found = read_features([tmp_path / f"{name}.npz" for name in "abc"])
    assert set(found) == {"clip", "", "@x"} and len(found["clip"]) == 1  # every method on the same clips
    features.forget("@x")
    assert set(features.rows) == {"clip", ""}
    (tmp_path / "d.npz").write_bytes(b"nothing")
    with pytest.raises(InputError):
        read_features([tmp_path / "d.npz"])


def test_sequences_are_successive_and_do_not_overlap():
    features = frame_means()
    for index in (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 12):
        features.keep(index, picture(10 * index), {"": picture(index, side=8)})
    assert [row.tolist() for row in features.rows["clip"]] == [[0, 10, 20], [50, 60, 70], [80, 90, 100]]
    assert [row.tolist() for row in features.rows[""]] == [[0, 1, 2], [5, 6, 7], [8, 9, 10]]


def test_a_method_of_its_own_time_has_its_own_sequences():
    features = frame_means(2)
    frames = (picture(level) for level in (1, 2, 4, 5))
    assert len(list(passing(frames, (1, 2, 4, 5), (features,), "@x"))) == 4
    features.keep(0, picture(90), {"": picture(80)})
    features.keep(1, picture(91), {"": picture(81)})
    assert {name: [row.tolist() for row in rows] for name, rows in features.rows.items()} == {
        "@x": [[1, 2], [4, 5]], "": [[80, 81]], "clip": [[90, 91]],
    }  # fmt: skip
