"""Export3D as a task of the training loop: both players' losses, and pictures of how far it has come."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from likeness.data.augment import UNCHANGED
from likeness.data.clip import Clip
from likeness.data.comparison import trusted_psnr
from likeness.data.held_out import person_code
from likeness.data.pairs import PairRule, usable
from likeness.data.sample import Sample, draw_sample, usable_clips
from likeness.errors import InputError
from likeness.export3d.batches import Batch, make_batch, picture_array, target_camera
from likeness.export3d.cameras import HALF_BOX
from likeness.export3d.depth_picture import depth_picture
from likeness.export3d.discriminator import Discriminator
from likeness.export3d.drawing import drawn
from likeness.export3d.expression import inputs_of_frame
from likeness.export3d.identity import Recogniser, identity_term
from likeness.export3d.losses import deceived, density_term, judged, layer_terms, on_truth, reconstruction
from likeness.export3d.model import Content, Export3dModel, Picture
from likeness.export3d.perceptual import Distance, plain_distance
from likeness.export3d.recipes import Recipe
from likeness.export3d.weights import METHOD, save_model
from likeness.heads.model import HeadModel
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.nn.json_record import record_to_json
from likeness.training.task import Loss, Moment, Player

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
CHECK_SEED = 20_260_000  # of validation: the same samples every time
NUM_SHOWN, NUM_CHECKED = 6, 32  # samples in the picture, and samples behind the numbers
MOST_STATISTICS = 20_000  # frames whose expression is looked at for its mean and deviation
_CELL = 128  # pixels


class Export3dTask:
    """Holds model, discriminator and clips while they are trained."""

    def __init__(
        self,
        model: Export3dModel,
        clips: Sequence[Clip],
        head: HeadModel,
        recipe: Recipe,
        *,
        check_clips: Sequence[Clip] = (),
        distance: Distance = plain_distance,
        recogniser: Recogniser | None = None,
    ) -> None:
        """Args:
        model: on the device where it is trained; its expression encoder is frozen, or gets its statistics here.
        check_clips: for validation; without them, it uses the clips of the training.
        distance: the perceptual term.
        recogniser: for the identity term; without it there is none.

        Raises:
            InputError: no clip has pairs.
        """
        self.model, self.recipe, self.head = model.train(), recipe, head
        self.distance, self.recogniser = distance, recogniser
        self.clips = usable_clips(clips, recipe.samples)
        self.check_clips = usable_clips(check_clips, recipe.samples) if check_clips else self.clips
        if recipe.model.expression.encoding != "clebs":
            inputs = expression_statistics(self.clips, head, recipe.model)
            model.expression.set_statistics(*inputs)
        device = next(model.generator.parameters()).device
        for judge in (distance, recogniser):
            if isinstance(judge, nn.Module):
                judge.to(device)
        self.discriminator = (
            Discriminator(recipe.model.discriminator, image_size=recipe.model.image_size).to(device)
            if recipe.losses.adversarial > 0.0
            else None
        )
        self._parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}

    @property
    def players(self) -> tuple[Player, ...]:
        """The generator with all that belongs to it, then the discriminator."""
        generator = Player(name=GENERATOR, parameters=self._parameters, is_averaged=True)
        if self.discriminator is None:
            return (generator,)
        every = self.recipe.losses.penalty_every
        judge = Player(
            name=DISCRIMINATOR,
            parameters=dict(self.discriminator.named_parameters()),
            is_averaged=False,
            rate_scale=2.0 * every / (every + 1.0),
        )
        return generator, judge

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """The running average of the tri-planes."""
        return {"average": self.model.generator.average}

    @property
    def description(self) -> Mapping[str, Any]:
        """Model, losses, samples and the clips they come from."""
        names = "\n".join(f"{clip.header.name} {clip.header.num_frames}" for clip in self.clips)
        return {
            "method": METHOD,
            "head": f"{self.head.name} {self.head.version}",
            "model": record_to_json(self.recipe.model),
            "losses": record_to_json(self.recipe.losses),
            "samples": record_to_json(self.recipe.samples),
            "distance": "lpips" if isinstance(self.distance, nn.Module) else "plain",
            "identity": self.recogniser is not None,
            "clips": f"{len(self.clips)} with digest {hashlib.sha256(names.encode()).hexdigest()[:16]}",
        }

    def load(self, numbers: range) -> Batch:
        """The batch of these samples."""
        seed = self.recipe.training.seed
        samples = [draw_sample(self.clips, self.recipe.samples, seed=seed, number=number) for number in numbers]
        return make_batch(samples, self.head, self.recipe.model, self.recipe.losses.regions)

    def loss(self, player: str, batch: Batch, generator: torch.Generator, moment: Moment) -> Loss:
        """The generator's loss, or the discriminator's."""
        batch = batch.to(self.model.generator.average.device)
        if player == GENERATOR:
            return self._generator_loss(batch, generator, moment)
        return self._discriminator_loss(batch, generator, moment)

    def save_memory(self) -> None:
        """Activations of the volume are computed again in the backward pass."""
        self.model.volume.saves_memory = True

    def validate(self, folder: Path, step: int) -> Mapping[str, float]:
        """A sheet of source, target, result, the same person from the sides, and depth; and how results compare."""
        self.model.eval()
        try:
            samples = [self._check_sample(number) for number in range(min(NUM_CHECKED, 4 * len(self.check_clips)))]
            pictures = [drawn(self.model, sample, self.head)[1] for sample in samples]
        finally:
            self.model.train()
        shown = [
            self._row(sample, picture) for sample, picture in list(zip(samples, pictures, strict=True))[:NUM_SHOWN]
        ]
        captions = ["source", "target", "result", "depth"]
        sheet = contact_sheet(shown, column_captions=captions, style=SheetStyle(cell_width=_CELL, cell_height=_CELL))
        write_image(folder / "samples.png", sheet, overwrite=True)
        results = [picture_array(picture.image[0]) for picture in pictures]
        return {
            "psnr": _mean_psnr(results, samples),
            "psnr_of_source": _mean_psnr([sample.source.image for sample in samples], samples),
            "opacity": float(np.mean([float(picture.opacity.mean()) for picture in pictures])),
        }

    def write_weights(self, folder: Path, step: int) -> None:
        """The weights folder that inference reads."""
        kinds = sorted({clip.header.kind for clip in self.clips})
        trained = f"{step} steps on {len(self.clips)} clips ({', '.join(kinds)})"
        people = tuple(sorted({person_code(clip) for clip in self.clips}))
        save_model(folder, self.model, head=self.head, trained=trained, people=people, overwrite=True)

    def _generator_loss(self, batch: Batch, generator: torch.Generator, moment: Moment) -> Loss:
        model, losses = self.model, self.recipe.losses
        source = model.read(batch.sources, batch.source_mattes)
        difference = model.generator.difference(source.read, model.expression(batch.inputs))
        content = Content(planes=difference + model.generator.average, lift=model.lift_of(source, batch.carriers))
        picture = model.picture(content, batch.cameras, source, generator=generator)
        terms = reconstruction(picture, batch, losses, self.distance)
        if losses.density > 0.0:
            terms["density"] = losses.density * density_term(model, content, generator)
        if model.background is not None:
            terms |= layer_terms(picture, batch, losses)
        if self.recogniser is not None and moment.progress >= losses.identity_start:
            shown = on_truth(picture, batch).image
            likeness = identity_term(self.recogniser, shown, batch.targets, batch.face_maps)
            terms["identity"] = losses.identity * likeness
        weight = losses.adversarial_now(moment.progress)
        if self.discriminator is not None and weight > 0.0:
            terms["deceived"] = weight * deceived(self.discriminator, on_truth(picture, batch), batch.cameras)
        model.generator.follow(difference, moment.step)
        total = torch.stack(list(terms.values())).sum()
        return Loss(total=total, numbers=terms | {"opacity": picture.opacity.mean()})

    def _discriminator_loss(self, batch: Batch, generator: torch.Generator, moment: Moment) -> Loss:
        losses, judge = self.recipe.losses, self.discriminator
        assert judge is not None  # it is no player otherwise
        if losses.adversarial_now(moment.progress) == 0.0:  # the game has not begun
            return Loss(total=torch.stack([value.sum() * 0.0 for value in judge.parameters()]).sum(), numbers={})
        with torch.no_grad():
            fake = on_truth(self._picture(batch, generator), batch)
        is_due = moment.step % losses.penalty_every == 0
        terms = judged(judge, fake, batch, penalty=losses.gradient_penalty * losses.penalty_every * is_due)
        return Loss(total=torch.stack(list(terms.values())).sum(), numbers=terms)

    def _picture(self, batch: Batch, generator: torch.Generator | None) -> Picture:
        source = self.model.read(batch.sources, batch.source_mattes)
        content = self.model.content(source, self.model.expression(batch.inputs), batch.carriers)
        return self.model.picture(content, batch.cameras, source, generator=generator)

    def _row(self, sample: Sample, picture: Picture) -> list[UInt8[np.ndarray, "H W 3"]]:
        target, side = sample.targets[0], self.recipe.model.image_size
        centre = float(torch.linalg.norm(target_camera(target, self.recipe.model)[[3, 7, 11]]))
        limits = (centre - HALF_BOX, centre + HALF_BOX)
        depth = depth_picture(picture.depth[0], picture.opacity[0], side=side, limits=limits)
        return [sample.source.image, target.image, picture_array(picture.image[0]), depth]

    def _check_sample(self, number: int) -> Sample:
        """Unchanged samples from the clips for validation, turned where they can be."""
        plain = replace(self.recipe.samples, augmentation=UNCHANGED, pairs=PairRule(turned_share=1.0))
        return draw_sample(self.check_clips, plain, seed=CHECK_SEED, number=number)


def expression_statistics(
    clips: Sequence[Clip], head: HeadModel, config: Any
) -> tuple[Float[Tensor, " inputs"], Float[Tensor, " inputs"]]:
    """Mean and deviation of what the model is conditioned on, over frames of the clips.

    Raises:
        InputError: the clips are of another head than the model's.
    """
    rows: list[np.ndarray] = []
    for clip in clips:
        frames = np.flatnonzero(usable(clip)[1])
        rows += [inputs_of_frame(config.expression, head, clip.motion.frame(int(index))) for index in frames]
        if len(rows) >= MOST_STATISTICS:
            break
    if not rows:
        raise InputError("the clips have no frame with a face: track other videos")
    table = torch.from_numpy(np.stack(rows))
    return table.mean(dim=0), table.std(dim=0, unbiased=False)


def _mean_psnr(pictures: Sequence[UInt8[np.ndarray, "H W 3"]], samples: Sequence[Sample]) -> float:
    """Decibels over the trusted pixels, mean of all samples."""
    pairs = zip(pictures, (sample.targets[0] for sample in samples), strict=True)
    return float(np.mean([trusted_psnr(picture, target.image, target.trust) for picture, target in pairs]))
