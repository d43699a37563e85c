"""`likeness weights`: a folder from other projects' weights, what is said about it, and one-line refusals."""

from dataclasses import replace

import pytest

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.export3d.weights import load_model, save_model
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.presets import tiny
from likeness.fg_portrait.weights import load_networks, save_networks
from likeness.heads.builtin import builtin_head
from tests.export3d.models import tiny_config, tiny_model
from tests.nn.foreign import foreign_files as made


def test_a_folder_is_made_and_described(tmp_path, capsys) -> None:
    made.write_stable_diffusion(tmp_path / "sd15")
    made.write_x_portrait(tmp_path / "model_state-415001.th")
    base = ["weights", "make", "--out", str(tmp_path / "out"), "--stable-diffusion", str(tmp_path / "sd15")]
    arguments = [*base, "--x-portrait", str(tmp_path / "model_state-415001.th"), "--x-portrait-motion"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and "0 missing, 0 unexpected" in lines[0]
    assert "motion to be trained" in lines[-1]
    networks, _ = load_networks(tmp_path / "out", head=builtin_head())
    assert networks.config.temporal is not None and networks.config.temporal.max_length == 24
    assert main(["weights", "show", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "not trained" in text and "60 channels at 512 pixels, with temporal layers" in text
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    assert (tmp_path / "out" / "base").is_symlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "unet/config.json is missing"),
        (["--x-portrait-motion"], "need --x-portrait FILE"),
        (["--x-portrait", "nowhere.th"], "nowhere.th is missing"),
    ],
)
def test_what_is_missing_is_named(options: list[str], message: str, tmp_path, capsys) -> None:
    (tmp_path / "sd15").mkdir()
    base = ["weights", "make", "--out", str(tmp_path / "out"), "--stable-diffusion", str(tmp_path / "sd15")]
    assert main([*base, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"sd15"}


def test_export3d_is_described_and_packed(tmp_path, capsys) -> None:
    folder = tmp_path / "weights"
    save_model(folder, tiny_model(tiny_config(lift=True)), head=builtin_head(), trained="never")
    assert main(["weights", "pack", str(folder), "--out", str(tmp_path / "packed")]) == 0
    assert "MB" in capsys.readouterr().out
    assert main(["weights", "show", str(tmp_path / "packed")]) == 0
    text = capsys.readouterr().out
    assert "64 pixels" in text and "lebs with 6 directions, lifted features" in text and "detail: 0.0" in text
    assert main(["weights", "pack", str(folder), "--out", str(tmp_path / "packed")]) == 2


def test_lifted_export3d_draws_at_another_size(tmp_path, capsys) -> None:
    folder, large = tmp_path / "weights", tmp_path / "large"
    save_model(folder, tiny_model(tiny_config(lift=True)), head=builtin_head(), trained="never")
    options = ["weights", "resize", str(folder), "--out", str(large)]
    assert main([*options, "--size", "128", "--volume", "64"]) == 2
    assert "64 pixels doubled 2 times are 256, not a whole part of 128; add --volume 32" in capsys.readouterr().err
    assert main([*options, "--size", "128", "--volume", "0"]) == 2
    assert "resolution is 0" in capsys.readouterr().err
    assert main([*options, "--size", "128"]) == 0
    assert capsys.readouterr().out.endswith("128 x 128 pixels, volume at 32\n")
    model = load_model(large, head=builtin_head())
    assert (model.config.image_size, model.config.reads, model.config.volume.resolution) == (128, 64, 32)
    photo = ["edit", str(PHOTO), "--method", "export3d", "--weights", str(large), "--yaw", "10"]
    assert main([*photo, "--out", str(tmp_path / "out.png")]) == 0
    capsys.readouterr()
    assert main([*options, "--size", "102", "--overwrite"]) == 2
    assert "cannot be drawn" in (told := capsys.readouterr().err) and "choose a size that divides by 4" in told
    save_model(folder, tiny_model(), head=builtin_head(), trained="never", overwrite=True)
    assert main([*options, "--size", "128", "--overwrite"]) == 2
    assert "without lifted features" in capsys.readouterr().err


def test_switches_of_fg_portrait_are_told(tmp_path, capsys) -> None:
    config = tiny()
    networks = build_networks(replace(config, control=replace(config.control, draft=True, background=True, sources=2)))
    save_networks(tmp_path / "weights", networks, head=builtin_head(), trained="never")
    assert main(["weights", "show", str(tmp_path / "weights")]) == 0
    text = capsys.readouterr().out
    assert "switches: draft, background, 2 photos\n" in text
    assert "sampling: ddim, 4 steps, guidance 1\n" in text


def test_a_folder_that_holds_no_weights(tmp_path, capsys) -> None:
    assert main(["weights", "show", str(tmp_path)]) == 2
    assert "holds no weights.json" in capsys.readouterr().err
