"""The loss on decoded faces: nothing for the truth, only where little noise was added, gradients into the networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.data.clip import Clip
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.fg_portrait.batches import make_batch
from likeness.fg_portrait.config import FaceLossSettings, FgPortraitConfig
from likeness.fg_portrait.face_loss import face_terms, face_truth
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.objective import (
    Batch,
    decoded_prediction,
    diffusion_term,
    noise_batch,
    predict_batch,
    training_loss,
    training_terms,
)
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.recipes import laptop
from likeness.fg_portrait.recipes import tiny as tiny_recipe
from likeness.fg_portrait.schedule import make_schedule, prediction_target
from likeness.fg_portrait.switches import FACE_LOSS, SWITCHES, with_face_loss
from likeness.heads.builtin import builtin_head
from likeness.nn.face_recognition import FaceRecogniser
from likeness.training.log import read_lines
from tests.fg_portrait.models import noisy_networks
from tests.fg_portrait.scenes import sample

WHOLE = FaceLossSettings(landmarks=1.0, identity=1.0, below=1000)


def model(settings: FaceLossSettings = WHOLE, config: FgPortraitConfig | None = None, **control: object):
    config = config or tiny()
    return replace(
        config,
        diffusion=replace(config.diffusion, face=settings),
        control=replace(config.control, **control),
    )


def recogniser(faces: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(faces.flatten(1)[:, ::97], dim=1)


def pairs(config: FgPortraitConfig, targets: int = 1) -> Batch:
    made = [sample(mirrored=is_mirrored, targets=targets) for is_mirrored in (False, True)]
    return make_batch(made, builtin_head(), config)


def test_the_truth_costs_nothing_and_another_picture_something() -> None:
    given = pairs(model())
    assert given.faces.maps.shape == (2, 1, 2, 3)
    truth = given.targets
    for drawn, is_equal in ((truth, True), (truth.roll(2, dims=-1), False)):
        terms = face_terms(drawn, truth, given.faces, WHOLE, trust=None, recogniser=recogniser)
        assert set(terms) == {"landmarks", "identity"}
        assert all((value.item() < 1e-5) == is_equal for value in terms.values())
    nowhere = torch.zeros_like(given.weights)
    terms = face_terms(truth.roll(2, dims=-1), truth, given.faces, WHOLE, trust=nowhere, recogniser=recogniser)
    assert all(value.item() < 1e-5 for value in terms.values())
    assert set(face_terms(truth, truth, given.faces, WHOLE, trust=None, recogniser=None)) == {"landmarks"}


def test_mirrored_samples_have_mirrored_faces() -> None:
    plain, mirrored = face_truth([sample(mirrored=False), sample(mirrored=True)], builtin_head()).landmarks[:, 0]
    torch.testing.assert_close(mirrored, plain * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize("prediction", ["v", "sample"])
@pytest.mark.parametrize("draft", [False, True])
def test_a_perfect_prediction_decodes_to_the_target(prediction: str, draft: bool) -> None:
    config = model(draft=draft)
    config = replace(config, diffusion=replace(config.diffusion, prediction=prediction))
    networks, given = noisy_networks(config), pairs(model())
    if draft:
        given = replace(given, condition=replace(given.condition, draft=given.targets[:, 0].roll(3, dims=-1)))
    state = noise_batch(networks, given, torch.Generator().manual_seed(2))
    state = replace(state, timesteps=torch.tensor([40, 250]))
    schedule = make_schedule(config.diffusion)
    times = state.timesteps[:, None]
    signal, noise = schedule.factors(times, state.clean)
    state = replace(state, noisy=signal * state.clean + noise * state.noise)
    perfect = prediction_target(schedule, state.clean, state.noise, times)
    decoded = decoded_prediction(networks, given, state, perfect, torch.tensor([1]))
    torch.testing.assert_close(decoded, given.targets[1:], atol=2e-3, rtol=0)


def chosen_terms(networks: Networks, given: Batch, seed: int) -> dict[str, torch.Tensor]:
    return training_terms(networks, given, torch.Generator().manual_seed(seed), recogniser)


def test_faces_are_decoded_only_where_little_noise_was_added() -> None:
    networks, given = noisy_networks(model()), pairs(model())
    everywhere = chosen_terms(networks, given, 0)
    assert set(everywhere) == {"diffusion", "landmarks", "identity"}
    assert everywhere["diffusion"] == training_loss(networks, given, torch.Generator().manual_seed(0))
    timesteps = noise_batch(networks, given, torch.Generator().manual_seed(0)).timesteps
    networks.config = model(replace(WHOLE, below=int(timesteps.min())))
    assert set(chosen_terms(networks, given, 0)) == {"diffusion"}
    networks.config = model(replace(WHOLE, below=int(timesteps.min()) + 1))
    some = chosen_terms(networks, given, 0)
    assert 0.0 < some["landmarks"] < everywhere["landmarks"]
    networks.config = tiny()
    assert set(chosen_terms(networks, given, 0)) == {"diffusion"}
    networks.config = model()
    with pytest.raises(ValueError, match="needs to know where they are"):
        chosen_terms(networks, replace(given, faces=None), 0)


def test_gradients_of_faces_reach_the_networks_also_of_windows() -> None:
    for config, frames in ((model(), 1), (model(config=second_stage(tiny())), 3)):
        networks, given = noisy_networks(config), pairs(config, frames)
        networks.freeze()
        terms = chosen_terms(networks, given, 0)
        (terms["landmarks"] + terms["identity"]).backward()
        found = [value.grad for value in networks.trained().values() if value.grad is not None]
        assert found and all(torch.isfinite(value).all() for value in found)
        assert sum(value.abs().sum() for value in found) > 0.0
        state = noise_batch(networks, given, torch.Generator().manual_seed(0))
        with torch.no_grad():
            again = diffusion_term(networks, given, state, predict_batch(networks, given, state))
        torch.testing.assert_close(again, terms["diffusion"].detach())


def test_the_switch_has_three_positions() -> None:
    switch = SWITCHES["x_face_loss"]
    assert [switch.read(recipe) for recipe in (tiny_recipe(1), laptop(1))] == ["off", "weights"]
    on = with_face_loss(laptop(1), "on")
    assert with_face_loss(tiny_recipe(1), "on").model.diffusion.face == FACE_LOSS
    assert on.model.diffusion.face == replace(FACE_LOSS, below=1000)  # it repairs drafts, in one step
    assert on.model.diffusion.regions == laptop(1).model.diffusion.regions
    assert with_face_loss(on, "weights") == laptop(1)
    with pytest.raises(ValueError, match="landmarks is -1"):
        FaceLossSettings(landmarks=-1.0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Clip, ...]:
    out = tmp_path_factory.mktemp("faces")
    options = MadeHeadSettings(size=64, poses=3)
    write_shard(
        out / "a.clips.tar",
        [made_head(f"h{k}", builtin_head(), settings=options, generator=np.random.default_rng(k)) for k in (0, 1)],
    )
    return open_clips(out, builtin_head())


def test_the_command_trains_with_a_recogniser(clips, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("likeness.fg_portrait.train.FgPortraitTask.validate", lambda self, folder, step: {})
    torch.manual_seed(0)
    torch.save(FaceRecogniser((2, 2, 2, 2)).state_dict(), tmp_path / "backbone.pth")
    data = str(clips[0].pictures[0].path.parent)
    common = ["train", "fg-portrait", "tiny", "--data", data, "--cpu", "--steps", "10"]
    faces = ["--face-loss", "--recogniser", str(tmp_path / "backbone.pth")]
    assert main([*common, "--out", str(tmp_path / "run"), *faces]) == 0
    named = {name for line in read_lines(tmp_path / "run") for name in line}
    assert {"networks/diffusion", "networks/landmarks", "networks/identity"} <= named
    capsys.readouterr()
    for arguments, message in (
        (["--out", str(tmp_path / "b"), "--recogniser", str(tmp_path / "backbone.pth")], "add --face-loss"),
        (["--out", str(tmp_path / "c"), "--face-loss", "--recogniser", str(tmp_path / "none.pth")], "is missing"),
    ):
        assert main([*common, *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
