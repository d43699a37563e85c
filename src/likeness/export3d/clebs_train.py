"""CLeBS as a task of the training loop: frames of videos to batches, the contrast, how well frames are found."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from likeness.data.clip import Clip
from likeness.data.held_out import person_of
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.clebs_battery import Retrieval, retrieval
from likeness.export3d.clebs_data import (
    FaceClip,
    FrameSet,
    draw_frame_set,
    face_clip,
    frame_set,
    input_statistics,
    usable_clips,
)
from likeness.export3d.clebs_recipes import ClebsRecipe
from likeness.export3d.clebs_weights import Clebs, save_clebs
from likeness.export3d.contrast import contrastive_loss, frame_similarity
from likeness.export3d.image_encoder import ImageEncoder, picture_tensor
from likeness.export3d.weights import ENCODER_METHOD
from likeness.heads.model import HeadModel
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.nn.json_record import record_to_json
from likeness.training.task import Loss, Moment, Player

ENCODERS = "encoders"  # the one player
CHECK_SEED = 20_260_400  # of validation: the same frames every time
CHECK_CLIPS, CHECK_FRAMES = 16, 40  # whose frames are looked for, and among how many
NUM_SHOWN, SHOWN_FRAMES = 4, 6  # clips in a validation picture, and frames of each
_CELL = 128  # pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class ContrastBatch:
    """K frames of B videos."""

    faces: UInt8[Tensor, "B K h w 3"]
    eyes: UInt8[Tensor, "B K e w 3"] | None
    inputs: Float[Tensor, "B K inputs"]


class ClebsTask:
    """Holds both encoders and the clips while they are trained."""

    def __init__(
        self,
        recipe: ClebsRecipe,
        clips: Sequence[Clip],
        head: HeadModel,
        *,
        device: torch.device,
        check_clips: Sequence[Clip] = (),
    ) -> None:
        """Fresh encoders from torch's global random numbers.

        Args:
            check_clips: of other people, for validation; those that are too short are left out.

        Raises:
            InputError: no clip has enough frames, or the clips belong to another head.
        """
        self.recipe, self.head, self.seed = recipe, head, recipe.training.seed
        self.clips = usable_clips([face_clip(clip, head, recipe.expression) for clip in clips], recipe.samples)
        checked = [face_clip(clip, head, recipe.expression) for clip in check_clips]
        self.check_clips = tuple(clip for clip in checked if len(clip.frames) >= 2)[:CHECK_CLIPS]
        self.expression = ExpressionEncoder(recipe.expression)
        mean, deviation = input_statistics(self.clips)
        self.expression.set_statistics(torch.from_numpy(mean), torch.from_numpy(deviation))
        networks = {"expression": self.expression, "faces": ImageEncoder(recipe.image)}
        if recipe.expression.gaze:
            networks["eyes"] = ImageEncoder(recipe.image)
        self.networks = nn.ModuleDict(networks).to(device).train()
        self._device = device

    @property
    def players(self) -> tuple[Player, ...]:
        """All encoders move together."""
        return (Player(name=ENCODERS, parameters=dict(self.networks.named_parameters()), is_averaged=True),)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """Nothing else changes."""
        return {}

    @property
    def description(self) -> Mapping[str, Any]:
        """Encoders, samples and the clips they come from."""
        names = "\n".join(f"{clip.name} {len(clip.frames)}" for clip in self.clips)
        content = {name: value for name, value in record_to_json(self.recipe).items() if name != "training"}
        return {
            "method": ENCODER_METHOD,
            "head": f"{self.head.name} {self.head.version}",
            **content,
            "clips": f"{len(self.clips)} with digest {hashlib.sha256(names.encode()).hexdigest()[:16]}",
        }

    def load(self, numbers: range) -> ContrastBatch:
        """The videos of these numbers."""
        sets = [
            draw_frame_set(
                self.clips, self.head, self.recipe.expression, self.recipe.samples, seed=self.seed, number=number
            )
            for number in numbers
        ]
        eyes = [entry.eyes for entry in sets if entry.eyes is not None]
        return ContrastBatch(
            faces=torch.from_numpy(np.stack([entry.faces for entry in sets])),
            eyes=torch.from_numpy(np.stack(eyes)) if eyes else None,
            inputs=torch.from_numpy(np.stack([entry.inputs for entry in sets])),
        )

    def loss(self, player: str, batch: ContrastBatch, generator: torch.Generator, moment: Moment) -> Loss:
        """The contrast of faces and expressions, and that of eyes and gazes beside it."""
        shape = batch.inputs.shape[:2]
        expressions, gazes = self.expression.groups(batch.inputs.flatten(0, 1).to(self._device))
        codes = expressions.unflatten(0, shape)
        faces = self._pictures("faces", batch.faces)
        total = contrastive_loss(faces, codes, self.recipe.contrast)
        numbers = {"found": _found(faces, codes)}
        if gazes is not None and batch.eyes is not None:
            eyes, codes = self._pictures("eyes", batch.eyes), gazes.unflatten(0, shape)
            total = total + contrastive_loss(eyes, codes, self.recipe.contrast)
            numbers["gazes_found"] = _found(eyes, codes)
        return Loss(total=total, numbers=numbers)

    def save_memory(self) -> None:
        """Nothing to do: the encoders are small beside the pictures."""

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> Mapping[str, float]:
        """How often held-out frames are found within their video, and a sheet of some that were and were not."""
        if not self.check_clips:
            return {}
        self.networks.eval()
        try:
            outcomes, rows = [], []
            for clip in self.check_clips:
                frames, faces, codes = self._checked(clip)
                outcomes.append(retrieval(faces, codes))
                rows.append(_found_row(frames, faces, codes))
        finally:
            self.networks.train()
        style = SheetStyle(cell_width=_CELL, cell_height=_CELL)
        captions = ["frame", "found"] * SHOWN_FRAMES
        sheet = contact_sheet(rows[:NUM_SHOWN], column_captions=captions, style=style)
        write_image(folder / "found.png", sheet, overwrite=True)
        return _means(outcomes)

    def write_weights(self, folder: Path, step: int) -> None:
        """The frozen encoder with its length set on the training set, and the image encoders for tests."""
        encoder = copy.deepcopy(self.expression).cpu()
        encoder.set_gain(torch.from_numpy(np.concatenate([clip.inputs for clip in self.clips])))
        persons = tuple(sorted({person_of(clip.clip) for clip in self.clips}))
        clebs = Clebs(
            recipe=self.recipe,
            persons=persons,
            trained=f"{step} steps on {len(self.clips)} clips of {len(persons)} people",
            expression=encoder.freeze(),
            faces=self.networks["faces"],  # type: ignore[arg-type]
            eyes=self.networks["eyes"] if self.recipe.expression.gaze else None,  # type: ignore[arg-type]
        )
        save_clebs(folder, clebs, head=self.head, overwrite=True)

    def _pictures(self, name: str, images: UInt8[Tensor, "B K h w 3"]) -> Float[Tensor, "B K d"]:
        vectors = self.networks[name](picture_tensor(images.flatten(0, 1).to(self._device)))
        return vectors.unflatten(0, images.shape[:2])

    def _checked(self, clip: FaceClip) -> tuple[FrameSet, Float[np.ndarray, "K d"], Float[np.ndarray, "K d"]]:
        """Frames of a held-out clip with the vectors of their faces and of their expressions."""
        count = min(CHECK_FRAMES, len(clip.frames))
        places = np.linspace(0, len(clip.frames) - 1, count).round().astype(int)
        frames = frame_set(clip, places, self.head, self.recipe.expression, size=self.recipe.samples.size)
        faces = self._pictures("faces", torch.from_numpy(frames.faces)[None])[0]
        codes, _ = self.expression.groups(torch.from_numpy(frames.inputs).to(self._device))
        return frames, faces.double().cpu().numpy(), codes.double().cpu().numpy()


def _found(pictures: Float[Tensor, "B K d"], codes: Float[Tensor, "B K d"]) -> Float[Tensor, ""]:
    """Share of the frames of a batch that are found within their video."""
    best = frame_similarity(pictures.detach(), codes.detach()).argmax(dim=-1)
    return (best == torch.arange(best.shape[-1], device=best.device)).float().mean()


def _found_row(
    frames: FrameSet, faces: Float[np.ndarray, "K d"], codes: Float[np.ndarray, "K d"]
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Some frames, each followed by the picture that its expression found."""
    similarity = frame_similarity(torch.from_numpy(faces)[None], torch.from_numpy(codes)[None])[0]
    nearest = similarity.argmax(dim=1).tolist()
    shown = np.linspace(0, len(nearest) - 1, SHOWN_FRAMES).round().astype(int)
    return [frames.faces[index] for place in shown for index in (place, nearest[place])]


def _means(outcomes: Sequence[Retrieval]) -> dict[str, float]:
    return {
        "top1": float(np.mean([entry.top1 for entry in outcomes])),
        "mean_reciprocal_rank": float(np.mean([entry.mean_reciprocal_rank for entry in outcomes])),
        "top1_over_chance": float(np.mean([entry.top1 / entry.chance for entry in outcomes])),
    }
