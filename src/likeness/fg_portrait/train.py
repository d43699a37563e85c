"""FG-Portrait as a task of the training loop: clips to batches, the objective, pictures of how far it has come."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from likeness.data.augment import UNCHANGED
from likeness.data.clip import Clip
from likeness.data.comparison import trusted_psnr
from likeness.data.pairs import PairRule, usable
from likeness.data.sample import Sample, SampleSettings, draw_sample, usable_clips
from likeness.errors import InputError
from likeness.fg_portrait.batches import make_batch
from likeness.fg_portrait.drawing import draw_targets, mean_loss
from likeness.fg_portrait.face_loss import Recogniser
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.objective import Batch, training_terms
from likeness.fg_portrait.weights import link_beside, save_networks
from likeness.heads.model import HeadModel
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.nn.json_record import record_to_json
from likeness.training.task import Loss, Moment, Player

METHOD = "fg-portrait"
NETWORKS = "networks"  # the one player
NUM_SHOWN = 4  # samples in a validation picture
CHECK_SEED = 20_260_000  # of validation: the same samples and noise every time
CHECK_SAMPLES = 8  # whose loss is validated
MOST_SHOWN_FRAMES = 4  # of a window
_CELL = 160  # pixels


class FgPortraitTask:
    """Holds networks and clips while they are trained."""

    def __init__(
        self,
        networks: Networks,
        clips: Sequence[Clip],
        head: HeadModel,
        settings: SampleSettings,
        *,
        seed: int,
        check_clips: Sequence[Clip] = (),
        recogniser: Recogniser | None = None,
        beside: Mapping[str, Path] | None = None,
    ) -> None:
        """Args:
        networks: on the device where they are trained.
        check_clips: for validation; without them, it uses the clips of the training.
        recogniser: for the identity term of the face loss; without it there is none.
        beside: folders that the weights build on, by the name of the link to them in the weights folder.

        Raises:
            InputError: no clip has samples of this kind, or pictures of another size are wanted than the model's.
        """
        if settings.size != networks.config.image_size:
            raise InputError(f"the model draws {networks.config.image_size} pixels, samples have {settings.size}")
        self.networks = networks.train()
        self.head = head
        self.settings = settings
        self.seed = seed
        self.recogniser = recogniser
        self.beside = dict(beside or {})
        if isinstance(recogniser, nn.Module):
            recogniser.to(networks.context.device)
        if networks.config.control.draft:
            clips, check_clips = with_drafts(clips), with_drafts(check_clips) if check_clips else ()
        if settings.sources != networks.config.control.sources:
            raise InputError(
                f"the model reads {networks.config.control.sources} photos, samples have {settings.sources}"
            )
        self.clips = usable_clips(clips, settings)
        check_further_sources(self.clips, settings.sources)
        self.check_clips = usable_clips(check_clips, settings) if check_clips else self.clips
        self._parameters = networks.trained()

    @property
    def players(self) -> tuple[Player, ...]:
        """All trained parameters move together."""
        return (Player(name=NETWORKS, parameters=self._parameters, is_averaged=True),)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """Nothing else changes."""
        return {}

    @property
    def description(self) -> Mapping[str, Any]:
        """Model, samples and the clips they come from."""
        names = "\n".join(f"{clip.header.name} {clip.header.num_frames}" for clip in self.clips)
        return {
            "method": METHOD,
            "head": f"{self.head.name} {self.head.version}",
            "model": record_to_json(self.networks.config),
            "samples": record_to_json(self.settings),
            "identity": self.recogniser is not None,
            "clips": f"{len(self.clips)} with digest {hashlib.sha256(names.encode()).hexdigest()[:16]}",
        }

    def load(self, numbers: range) -> Batch:
        """The batch of these samples, conditions included."""
        samples = [draw_sample(self.clips, self.settings, seed=self.seed, number=number) for number in numbers]
        return make_batch(samples, self.head, self.networks.config)

    def loss(self, player: str, batch: Batch, generator: torch.Generator, moment: Moment) -> Loss:
        """The objective of the model's stage."""
        batch = batch.to(self.networks.context.device)
        terms = training_terms(self.networks, batch, generator, self.recogniser)
        total = torch.stack(list(terms.values())).sum()
        return Loss(total=total, numbers=terms if self.networks.config.diffusion.face.is_on else {})

    def save_memory(self) -> None:
        """Activations of denoiser, appearance and control network are computed again in the backward pass."""
        for network in (self.networks.denoiser, self.networks.appearance, self.networks.control.net):
            network.enable_gradient_checkpointing()

    def validate(self, folder: Path, step: int) -> Mapping[str, float]:
        """A sheet of source, target and result, and how they compare where the target is true."""
        self.networks.eval()
        try:
            numbers = {"loss": self._check_loss()}
            samples = [self._check_sample(number) for number in range(min(NUM_SHOWN, len(self.check_clips)))]
            drawn = [
                draw_targets(self.networks, sample, self.head, config=self.networks.config, seed=CHECK_SEED)
                for sample in samples
            ]
        finally:
            self.networks.train()
        write_image(folder / "samples.png", _sheet(samples, drawn), overwrite=True)
        pairs = [
            (sample, shot, picture)
            for sample, pictures in zip(samples, drawn, strict=True)
            for shot, picture in zip(sample.targets, pictures, strict=True)
        ]
        numbers["psnr"] = float(np.mean([trusted_psnr(picture, shot.image, shot.trust) for _, shot, picture in pairs]))
        copied = [trusted_psnr(sample.source.image, shot.image, shot.trust) for sample, shot, _ in pairs]
        return numbers | {"psnr_of_source": float(np.mean(copied))}

    def write_weights(self, folder: Path, step: int) -> None:
        """The weights folder that inference reads."""
        kinds = sorted({clip.header.kind for clip in self.clips})
        trained = f"{step} steps on {len(self.clips)} clips ({', '.join(kinds)})"
        save_networks(folder, self.networks, head=self.head, trained=trained, overwrite=True)
        for name, target in self.beside.items():
            link_beside(folder, name, target)

    def _check_sample(self, number: int) -> Sample:
        """Unchanged samples from the clips for validation, turned where they can be."""
        plain = replace(self.settings, augmentation=UNCHANGED, pairs=PairRule(turned_share=1.0))
        return draw_sample(self.check_clips, plain, seed=CHECK_SEED, number=number)

    def _check_loss(self) -> float:
        """The objective on fixed samples with fixed noise."""
        samples = [self._check_sample(number) for number in range(min(CHECK_SAMPLES, 4 * len(self.check_clips)))]
        return mean_loss(self.networks, samples, self.head, config=self.networks.config, seed=CHECK_SEED)


def with_drafts(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """The clips with a draft of every target.

    Raises:
        InputError: there are none.
    """
    chosen = tuple(clip for clip in clips if set(clip.header.targets) <= set(clip.header.drafts))
    if not chosen:
        raise InputError(
            f"this model works on drafts, which none of the {len(clips)} clips has: "
            "make pairs of photos with `likeness data synthesise`"
        )
    return chosen


def check_further_sources(clips: Sequence[Clip], sources: int) -> None:
    """Some clip has further pictures of its person, where they are asked for; the others show one again.

    Raises:
        InputError: none has.
    """
    roles = [usable(clip) for clip in clips]
    has_more = any(may_source.sum() > 1 and (may_source | may_target).sum() > 2 for may_source, may_target in roles)
    if sources > 1 and not has_more:
        raise InputError(
            f"a model that reads {sources} photos needs clips with further views of a person, which none of the "
            f"{len(clips)} clips has: track videos with `likeness data track`, or use `likeness data people`"
        )


def _sheet(samples: Sequence[Sample], drawn: Sequence[UInt8[np.ndarray, "T H W 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """One row per sample: source, then target and result of its first frames."""
    rows = []
    for sample, pictures in zip(samples, drawn, strict=True):
        row = [sample.source.image]
        for shot, picture in list(zip(sample.targets, pictures, strict=True))[:MOST_SHOWN_FRAMES]:
            row += [shot.image, picture]
        rows.append(row)
    captions = ["source", *["target", "result"] * ((len(rows[0]) - 1) // 2)]
    style = SheetStyle(cell_width=_CELL, cell_height=_CELL)
    return contact_sheet(rows, column_captions=captions, style=style)
