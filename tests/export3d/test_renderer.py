"""The renderer on a real photo, with small untrained models: geometry, caches, directions, streaming, bad input."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.errors import InputError
from likeness.export3d.cameras import camera_of_frame, canonical_camera, project_world, world_from_head
from likeness.export3d.directions import direction_deviations
from likeness.export3d.model import Export3dModel
from likeness.export3d.renderer import Prepared, View, camera_in_square, content_of, draw, prepare, render
from likeness.export3d.weights import save_model
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from likeness.nn import shipped
from likeness.nn.packed import pack_weights
from tests.export3d.models import noisy_model, settings, tiny_config, tiny_model
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head


def ready(model: Export3dModel | None = None) -> Prepared:
    return prepare(portrait(), model=noisy_model() if model is None else model)


def edited(**changes: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(**changes), portrait().head)


def smiling() -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(controls={"mouthSmile": 0.8, "jawOpen": 0.6}), portrait().head)


def test_pictures_lie_in_the_square_and_the_photo_stays_around_it() -> None:
    prepared = ready()
    (picture,) = render(prepared, [portrait().rest])
    photo, window = portrait().image, prepared.square.window
    assert picture.shape == photo.shape and picture.dtype == np.uint8
    outside = np.ones(photo.shape[:2], dtype=bool)
    outside[max(window.top, 0) : window.top + window.size, max(window.left, 0) : window.left + window.size] = False
    assert outside.any()
    np.testing.assert_array_equal(picture[outside], photo[outside])
    third = window.size // 3
    inside = np.s_[window.top + third : window.top + 2 * third, window.left + third : window.left + 2 * third]
    assert np.abs(picture[inside].astype(int) - photo[inside]).mean() > 10.0


def test_the_square_is_seen_as_in_training() -> None:
    """A point of the head lies in the drawn square where the photo's camera and the crop put it."""
    prepared = ready()
    nose = portrait().head.template[:5].astype(np.float64)
    in_photo = portrait().camera.project(portrait().rest.T_cam_head.apply(nose))
    window = prepared.square.window
    expected = (in_photo - [window.left, window.top]) / window.size
    found = project_world(camera_in_square(prepared, portrait().rest).astype(np.float64), world_from_head(nose))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_planes_are_made_once_while_only_the_pose_changes(monkeypatch) -> None:
    prepared = ready()
    reads, calls = [], []
    model = prepared.subject.model
    read, content = model.read, model.content
    monkeypatch.setattr(model, "read", lambda *given: reads.append(0) or read(*given))
    monkeypatch.setattr(model, "content", lambda *given: calls.append(0) or content(*given))
    frames = [portrait().rest, edited(yaw=10.0), edited(pitch=5.0), smiling(), smiling(), portrait().rest]
    pictures = list(render(prepared, frames))
    assert (len(reads), len(calls)) == (0, 3)
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(picture, next(render(prepared, [frame])))
    assert not np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[0], pictures[3])


def test_rendering_streams() -> None:
    taken = []

    def endless() -> Iterator[MotionFrame]:
        while True:
            taken.append(0)
            yield portrait().rest

    assert len(list(islice(render(ready(), endless()), 3))) == 3
    assert len(taken) == 3


def test_a_background_layer_gets_the_persons_matte(monkeypatch) -> None:
    model = tiny_model(tiny_config(background=True))
    seen = []
    read = model.read
    monkeypatch.setattr(model, "read", lambda image, matte: seen.append(matte) or read(image, matte))
    prepared = ready(model)
    (matte,) = seen
    assert matte.shape == (1, 1, 64, 64)
    assert matte[0, 0, 24:40, 24:40].min() > 0.9 and matte.min() < 0.1
    assert len(list(render(prepared, [portrait().rest]))) == 1


def test_a_move_along_a_direction_is_that_of_its_coefficient() -> None:
    prepared = ready()
    encoder = prepared.subject.model.expression
    amount = np.zeros(encoder.settings.directions)
    moved, still = (content_of(prepared, portrait().rest, *shift).planes for shift in ((amount,), ()))
    np.testing.assert_array_equal(moved, still)
    amount[2] = 1.5
    deviations = direction_deviations(encoder)
    assert (deviations > 0.0).all() and deviations.shape == (encoder.settings.directions,)
    seen = []
    model, original = prepared.subject.model, prepared.subject.model.content
    model.content = lambda source, vector, ways: seen.append(vector) or original(source, vector, ways)  # type: ignore
    content_of(prepared, portrait().rest)
    content_of(prepared, portrait().rest, amount)
    expected = encoder.gain * 1.5 * deviations[2] * encoder.basis()[:, 2]
    torch.testing.assert_close(seen[1] - seen[0], expected[None].detach(), atol=1e-5, rtol=1e-4)


def test_cameras_inside_the_head_are_refused() -> None:
    near = replace(portrait().rest, translation=np.array([0.0, 0.0, 0.05]))
    with pytest.raises(InputError, match="inside the head"):
        next(render(ready(), [near]))
    camera = canonical_camera()
    camera[11] = 0.1
    with pytest.raises(InputError, match="inside the head"):
        next(draw(ready(), [View(frame=portrait().rest, camera=camera)]))


def test_lack_of_memory_is_one_line_of_advice(monkeypatch) -> None:
    prepared = ready()

    def fails(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(prepared.subject.model, "content", fails)
    with pytest.raises(InputError, match="smaller model"):
        next(render(prepared, [portrait().rest]))


def test_modes_of_the_pose_are_those_of_the_model() -> None:
    prepared = ready(tiny_model(tiny_config(pose_mode="eg3d")))
    expected = camera_of_frame(portrait().rest, prepared.square.camera, pose_mode="eg3d")
    np.testing.assert_array_equal(camera_in_square(prepared, portrait().rest), expected)
    assert np.linalg.norm(expected[[3, 7, 11]]) == pytest.approx(2.7, abs=1e-4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_model(folder, noisy_model(), head=builtin_head(), trained="not at all")
    return folder


def test_the_command_line_edits_expressions_and_directions(weights: Path, tmp_path) -> None:
    common = ["edit", str(PHOTO), "--method", "export3d", "--weights", str(weights), "--size", "128"]
    pictures = []
    for number, options in enumerate(([], ["--set", "v3=8"], ["--set", "v3=8", "--set", "jawOpen=1"])):
        assert main([*common, *options, "--out", str(tmp_path / f"{number}.png")]) == 0
        pictures.append(read_image(tmp_path / f"{number}.png"))
    assert pictures[0].shape == (128, 128, 3)
    assert not np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[1], pictures[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "export3d"], "none are installed: add --weights FOLDER"),
        (["--method", "export3d", "--weights", "nowhere"], "is no folder"),
        (["--method", "export3d", "--weights", ".", "--steps", "4"], "--steps is for renderers that sample"),
        (["--set", "v3=1"], "add --method export3d"),
        (["--method", "export3d", "--weights", "WEIGHTS", "--set", "v99=1"], "no direction v99: these weights have v1"),
        (["--method", "export3d", "--weights", "WEIGHTS", "--set", "v1=huge"], "for example v3=1.5"),
    ],
)
def test_options_that_cannot_work_are_one_line(
    options, message: str, weights: Path, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "none")
    given = [str(weights) if option == "WEIGHTS" else option for option in options]
    assert main(["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), *given]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_method_are_one_line(weights: Path, tmp_path, capsys) -> None:
    folder = tmp_path / "weights"
    copytree(weights, folder)
    header = folder / "weights.json"
    header.write_text(header.read_text().replace('"export3d"', '"clebs"'))
    common = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "export3d", "--weights", str(folder)]
    assert main(common) == 2
    error = capsys.readouterr().err
    assert "holds weights for clebs" in error and error.count("\n") == 1


def test_weights_of_another_head_are_one_line(tmp_path, capsys) -> None:
    config = tiny_config(expression=replace(settings(), width=64))
    save_model(tmp_path / "weights", tiny_model(config), head=tiny_head(), trained="")
    common = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "export3d"]
    assert main([*common, "--weights", str(tmp_path / "weights")]) == 2
    error = capsys.readouterr().err
    assert "was trained on the head" in error and error.count("\n") == 1


def test_encodings_without_directions_have_none_to_move_along(tmp_path, capsys) -> None:
    model = tiny_model(tiny_config(expression=settings("direct", width=64)))
    assert prepare(portrait(), model=model).deviations is None
    save_model(tmp_path / "weights", model, head=builtin_head(), trained="")
    common = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "export3d"]
    assert main([*common, "--weights", str(tmp_path / "weights"), "--set", "v1=1"]) == 2
    assert "these weights have none" in capsys.readouterr().err


def test_weights_that_ship_need_no_option(weights: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "assets")
    (tmp_path / "assets").mkdir()
    pack_weights(weights, tmp_path / "assets" / "export3d")
    out = tmp_path / "out.png"
    assert main(["edit", str(PHOTO), "--method", "export3d", "--out", str(out)]) == 0
    assert read_image(out).shape == read_image(PHOTO).shape
