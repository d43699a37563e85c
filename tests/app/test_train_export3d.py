"""`likeness train export3d` and `likeness evaluate people`: a run from end to end, and what is refused in one line."""

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.data.folder import open_clips
from likeness.data.held_out import person_code
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.weights import ENCODER, ENCODER_METHOD, load_model, save_model
from likeness.nn import shipped
from likeness.nn.checkpoint import WeightsHeader, save_weights
from likeness.nn.load_report import tensors_of
from tests.export3d.models import HEAD, settings, tiny_model


def person(number: int):
    generator = np.random.default_rng(number)
    return made_head(f"p{number}", HEAD, settings=MadeHeadSettings(size=64, poses=2), generator=generator)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("people")
    write_shard(out / "people.clips.tar", [person(0), person(1)])
    return out


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """An expression encoder that has learned nothing."""
    out = tmp_path_factory.mktemp("encoder") / "weights"
    chosen = settings("clebs", width=32, hidden=16, basis=4)
    frozen = ExpressionEncoder(chosen).freeze()
    header = WeightsHeader(
        method=ENCODER_METHOD, head_name=HEAD.name, head_version=HEAD.version, parts=(ENCODER,), trained="not at all"
    )
    save_weights(out, {ENCODER: tensors_of(frozen)}, header=header, config=chosen)
    return out


def test_a_training_with_a_contrastive_encoder_and_its_evaluation(folder, encoder, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = ["train", "export3d", "tiny", "--data", str(folder), "--out", str(run), "--clebs", str(encoder)]
    main([*arguments, "--steps", "2", "--background", "--cpu"])
    model = load_model(run / "weights", head=HEAD)
    assert model.expression.is_frozen and model.background is not None
    assert model.config.expression.basis == 4
    (tmp_path / "others").mkdir()
    write_shard(tmp_path / "others" / "people.clips.tar", [person(1), person(2)])
    main([
        "evaluate", "people", "--weights", str(run / "weights"), "--data", str(tmp_path / "others"),
        "--out", str(tmp_path / "r"),
    ])  # fmt: skip
    told = capsys.readouterr().out
    assert "nose nearer than both ears" in told and "1 clips of people who were trained on are left out" in told
    assert (tmp_path / "r" / "people.png").is_file() and (tmp_path / "r" / "people.json").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--clebs"),
        (["--clebs", "nowhere"], "nowhere"),
        (["--encoding", "lebs", "--clebs", "nowhere"], "leave one out"),
        (["--encoding", "lebs", "--lpips-backbone", "nowhere.pth"], "both"),
        (["--encoding", "lebs", "--lpips-backbone", "nowhere.pth", "--lpips-linear", "no.pth"], "nowhere.pth"),
        (["--encoding", "lebs", "--basis", "0"], "--basis"),
        (["--encoding", "lebs", "--start", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_one_line(folder, tmp_path, capsys, options, words):
    code = main(["train", "export3d", "tiny", "--data", str(folder), "--out", str(tmp_path / "run"), "--cpu", *options])
    assert code == 2
    message = capsys.readouterr().err.strip()
    assert words in message and "\n" not in message
    assert not (tmp_path / "run").exists()


def test_people_of_the_training_are_no_test(folder, tmp_path, capsys):
    everybody = tuple(person_code(clip) for clip in open_clips(folder, HEAD))
    save_model(tmp_path / "weights", tiny_model(), head=HEAD, trained="", people=everybody)
    given = ["--weights", str(tmp_path / "weights"), "--data", str(folder), "--out", str(tmp_path / "r")]
    assert main(["evaluate", "people", *given]) == 2
    assert "was trained on everybody in" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_an_evaluation_without_weights_is_one_line(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "none")
    assert main(["evaluate", "people", "--data", str(folder)]) == 2
    assert "--weights" in capsys.readouterr().err
