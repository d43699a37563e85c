"""CLeBS's training: it goes on exactly, its folder is what Export3D takes, and the commands run end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.errors import InputError
from likeness.export3d.clebs_acceptance import (
    COMPONENTS,
    LEARNED,
    RAW,
    Score,
    acceptance_table,
    all_frames,
    openings_score,
)
from likeness.export3d.clebs_battery import Retrieval
from likeness.export3d.clebs_people import AcceptanceOptions, SeenClip, read_people
from likeness.export3d.clebs_recipes import CLEBS_RECIPES, ClebsRecipe, tiny
from likeness.export3d.clebs_train import ClebsTask
from likeness.export3d.clebs_weights import CONTRAST, load_clebs
from likeness.export3d.weights import load_encoder
from likeness.heads.builtin import builtin_head
from likeness.nn.json_record import record_from_json, record_to_json
from likeness.training.log import read_lines
from likeness.training.loop import train
from likeness.training.processes import Processes
from likeness.training.task import Moment

torch.set_num_threads(1)
HEAD = builtin_head()
CPU = torch.device("cpu")
ALONE = Processes(rank=0, count=1, device=CPU)
PEOPLE, FRAMES = 6, 44


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made heads in many poses: four at a time are far enough apart."""
    out = tmp_path_factory.mktemp("people")
    settings = MadeHeadSettings(size=64, poses=4)
    few = [
        made_head(f"one{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed))
        for seed in range(PEOPLE)
    ]
    write_shard(out / "people.clips.tar", [longer(one) for one in few])
    return out


def longer(one):
    """The clip with its frames over and over, for tests that need a film's length and no film."""
    order = np.arange(FRAMES) % one.header.num_frames
    motion = one.motion
    arrays = {name: getattr(motion, name)[order] for name in (*type(motion.frame(0)).__slots__, "confidence", "valid")}
    listed = tuple(range(FRAMES))
    header = replace(one.header, kind="video", num_frames=FRAMES, sources=listed, targets=listed)
    times = np.arange(FRAMES) / 25.0
    return replace(
        one, header=header, motion=replace(motion, times=times, **arrays),
        pictures=tuple(one.pictures[index] for index in order),
    )  # fmt: skip


def task(folder, *, gaze=False):
    torch.manual_seed(0)
    clips = open_clips(folder, HEAD)
    return ClebsTask(tiny(HEAD, gaze=gaze), clips[:4], HEAD, device=CPU, check_clips=clips[4:])


def test_a_training_with_gaze_goes_on_exactly_and_can_be_read_back(folder, tmp_path):
    settings = replace(
        tiny(HEAD).training, steps=4, batch=4, micro_batch=2, rate=1e-3, final_rate=1e-3, warmup_steps=0,
        validate_every=4, log_every=2,
    )  # fmt: skip
    train(task(folder, gaze=True), settings, tmp_path / "whole", ALONE)
    train(task(folder, gaze=True), replace(settings, steps=2), tmp_path / "parts", ALONE)
    train(task(folder, gaze=True), settings, tmp_path / "parts", ALONE)
    whole, parts = (load_clebs(tmp_path / name / "weights", head=HEAD) for name in ("whole", "parts"))
    for name in ("expression", "faces", "eyes"):
        first, second = (getattr(one, name).state_dict() for one in (whole, parts))
        assert all(torch.equal(first[key], second[key]) for key in first), name
    assert whole.persons == ("one0", "one1", "one2", "one3")
    assert whole.trained == "4 steps on 4 clips of 4 people"
    inputs = torch.from_numpy(np.concatenate([clip.inputs for clip in task(folder, gaze=True).clips]))
    vectors = whole.expression(inputs)
    assert vectors.norm(dim=-1).mean().item() == pytest.approx(8**0.5, rel=1e-4)  # 6 directions and 2 of the gaze
    basis = whole.expression.basis()
    assert (basis.T @ basis - torch.eye(8)).abs().max() < 1e-5

    settings, encoder = load_encoder(tmp_path / "whole" / "weights", head=HEAD)  # what Export3D reads
    assert settings == tiny(HEAD, gaze=True).expression and encoder.is_frozen
    assert torch.equal(encoder(inputs), vectors)

    logged = [line for line in read_lines(tmp_path / "whole") if "rate" in line][-1]
    assert {"encoders/loss", "encoders/found", "encoders/gazes_found"} <= set(logged)
    (validation,) = [line["validation"] for line in read_lines(tmp_path / "whole") if "validation" in line]
    assert set(validation) == {"top1", "mean_reciprocal_rank", "top1_over_chance"}
    assert (tmp_path / "whole" / "validation" / "step-00000004" / "found.png").is_file()


def test_the_loss_is_that_of_its_parts_and_falls(folder):
    """Frames of four pictures that are learned by heart; the gaze adds its own contrast."""
    subject = task(folder, gaze=True)
    moment = Moment(step=0, progress=0.0)
    batch = subject.load(range(4))
    assert batch.faces.shape == (4, 4, 32, 32, 3) and batch.eyes.shape == (4, 4, 16, 32, 3)
    optimiser = torch.optim.Adam(subject.players[0].parameters.values(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss = subject.loss("encoders", batch, torch.Generator(), moment)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(loss.total.item())
    assert losses[0] == pytest.approx(2 * np.log(3.0), abs=0.5)  # nothing is known: three others, twice
    assert losses[-1] < losses[0] - 2.0 and loss.numbers["found"] >= 0.5  # some of the frames are repeated


def test_every_preset_can_be_built_and_stored():
    for name, preset in CLEBS_RECIPES.items():
        for gaze in (False, True):
            recipe = preset(HEAD, gaze=gaze)
            stored = json.loads(json.dumps(record_to_json(recipe)))
            assert record_from_json(ClebsRecipe, stored, where=name) == recipe
    recipe = tiny(HEAD)
    with pytest.raises(ValueError, match="cannot be compared"):
        replace(recipe, image=replace(recipe.image, width=32))
    with pytest.raises(ValueError, match="not direct"):
        replace(recipe, expression=replace(recipe.expression, encoding="direct"))


def seen(person: str, *, top1: float) -> SeenClip:
    found = Retrieval(top1=top1, mean_reciprocal_rank=0.5, chance=0.025)
    times = np.arange(40) / 25.0
    return SeenClip(
        name=person, person=person, times=times, inputs=np.zeros((40, 3)), openings=np.zeros((40, 2)),
        found=found, gazes_found=None,
    )  # fmt: skip


def test_the_table_says_what_is_reached():
    def scores(probe, variance, kept):
        whole = Score(probe=0.9, variance=0.5, kept=np.array([0.8, 0.8]))
        learned = Score(probe=probe, variance=variance, kept=np.array(kept))
        return {RAW: whole, COMPONENTS: replace(whole, probe=0.6), LEARNED: learned}

    good = acceptance_table(scores(0.3, 0.1, (0.6, 0.5)), [seen("a", top1=0.3)])
    assert [row[3] for row in good.rows[:6]] == ["yes"] * 6
    bad = acceptance_table(scores(0.5, 0.3, (0.4, np.nan)), [seen("a", top1=0.1)])
    assert [row[3] for row in bad.rows[:6]] == ["no"] * 6
    assert good.rows[3][1] == "12.00" and bad.rows[5][1] == "-"


def test_openings_alone_tell_people_who_do_different_things():
    def clip(person: str, opening: float) -> SeenClip:
        wiggle = 0.01 * np.random.default_rng(0).standard_normal((40, 2))
        return replace(seen(person, top1=1.0), openings=opening + wiggle)

    told = openings_score(all_frames([clip("a", 0.1), clip("b", 0.5)]))
    assert told.probe == 1.0 and told.variance > 0.99
    blind = replace(clip("a", 0.1), openings=np.full((40, 2), np.nan))
    assert np.isnan(openings_score(all_frames([blind, clip("b", 0.5)])).probe)


def test_frames_of_a_clip_are_parted_by_time():
    clip = seen("a", top1=1.0)
    frames = all_frames([clip, replace(clip, name="b")])
    assert frames.is_known.tolist() == 2 * ([True] * 24 + [False] * 16)
    assert set(frames.persons) == {0} and frames.videos.tolist() == [0] * 40 + [1] * 40


def test_the_commands(folder, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "results"
    command = ["train", "clebs", "tiny", "--data", str(folder), "--out", str(run), "--cpu", "--steps", "2"]
    assert main([*command, "--batch", "4"]) == 0
    assert "million parameters on 4 clips, CPU" in capsys.readouterr().out  # two of six people are kept
    measure = ["evaluate", "clebs", "--data", str(folder), "--weights", str(run / "weights"), "--out", str(out)]
    assert main(measure) == 0
    shown = capsys.readouterr().out
    assert "2 steps on 4 clips of 4 people; tested on 2 clips of 2 other people, 88 frames" in shown
    assert "identity probe, of the raw numbers'" in shown and "before training" in shown
    assert {path.name for path in out.iterdir()} == {"clebs.md", "clebs.json", "clebs.csv", "clebs.png"}
    names = {row["item"] for row in json.loads((out / "clebs.json").read_text())["rows"]}
    assert names.isdisjoint(load_clebs(run / "weights", head=HEAD).persons) and len(names) == 2

    (run / "weights" / CONTRAST / "weights.json").unlink()
    for arguments, message in (
        (measure, "holds no weights.json"),
        (measure[:4], "give clips with --data and the weights folder"),
        ([*measure, "--frames", "10"], "--frames must be at least 40"),
        ([*command[:-1], "2", "--batch", "4", "--basis", "100"], "100 directions are not orthogonal in 64 dimensions"),
        ([*command, "--temperature", "0"], "the temperature must be positive"),
        ([*command[:4], str(tmp_path), *command[5:]], "holds no clips"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_people_of_the_training_are_no_test(folder, tmp_path):
    train(task(folder), replace(tiny(HEAD).training, steps=1), tmp_path, ALONE)
    clebs = load_clebs(tmp_path / "weights", head=HEAD)
    with pytest.raises(InputError, match="0 people are left of 4 clips"):
        read_people(
            clebs, open_clips(folder, HEAD)[:4], HEAD, options=AcceptanceOptions(), watch=lambda items, *_: items
        )
