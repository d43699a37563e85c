"""Small clips of a tiny head for tests: pictures tell their frame number by their grey level."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.data.clip import Clip, ClipHeader, NewClip, encode_mask, encode_matte, encode_picture
from likeness.data.shard import read_shard, write_shard
from likeness.media.crop import CropWindow
from tests.heads_for_tests import tiny_head, wiggled_motion

SIZE = 32
HEAD = tiny_head()
DRAFT_ERROR = 5  # grey levels by which drafts are too light


def new_clip(name: str = "clip", frames: int = 6, kind: str = "video", **changes) -> NewClip:
    motion = replace(wiggled_motion(HEAD, frames), image_size=(SIZE, SIZE))
    everything = tuple(range(frames))
    header = ClipHeader(
        name=name, kind=kind, num_frames=frames, size=SIZE, window=CropWindow(left=-8, top=4, size=64),
        original_size=(100, 60), sources=everything, targets=everything, masked=(),
    )  # fmt: skip
    header = replace(header, **changes)
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[:, : SIZE // 2] = True
    return NewClip(
        header=header,
        motion=motion,
        pictures=tuple(encode_picture(np.full((SIZE, SIZE, 3), 10 * index, np.uint8)) for index in everything),
        masks={index: encode_mask(mask) for index in header.masked},
        drafts={
            index: encode_picture(np.full((SIZE, SIZE, 3), 10 * index + DRAFT_ERROR, np.uint8))
            for index in header.drafts
        },
        mattes={
            index: encode_matte(np.broadcast_to(np.linspace(0.0, 1.0, SIZE), (SIZE, SIZE))) for index in header.matted
        },
    )


def stored(folder: Path, *clips: NewClip) -> tuple[Clip, ...]:
    path = folder / "test.clips.tar"
    write_shard(path, clips, overwrite=True)
    return read_shard(path, HEAD)
