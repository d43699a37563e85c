"""Training and test clips that share no person: who is in a clip, and a choice that is the same every time."""

import hashlib
import re
from collections.abc import Sequence

from likeness.data.clip import Clip
from likeness.errors import InputError

HELD_SHARE = 8  # one person in so many is held out
LEAST_HELD = 2  # people, so that one can be driven by another
_PAIR = re.compile(r"pair-\d+-\d+-(.+)")
_PIECE = re.compile(r"(.+)-\d{3}")
_VIEWS = re.compile(r"photo-person-\d+-\d+-(.+)")


def person_of(clip: Clip) -> str:
    """Who is in a clip: pairs and views of one photo and the photo itself, or pieces of one video, are one person."""
    name = clip.header.name
    pattern = {"round-trip": _PAIR, "video": _PIECE, "photo-views": _VIEWS}.get(clip.header.kind)
    found = None if pattern is None else pattern.fullmatch(name)
    return name if found is None else found.group(1)


def person_code(clip: Clip) -> str:
    """Twelve characters that stand for who is in a clip, in weights that are handed on."""
    return hashlib.sha256(person_of(clip).encode()).hexdigest()[:12]


def hold_out(clips: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Clips to train on, and clips of other people to test on; who is tested is decided by the names alone.

    Raises:
        InputError: there are too few people for both.
    """
    people = sorted({person_of(clip) for clip in clips}, key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(people) <= LEAST_HELD:
        raise InputError(
            f"{len(clips)} clips show {len(people)} people, and training and test need {LEAST_HELD + 1} at least: "
            "add more, or name test clips with --test"
        )
    held = set(people[: max(LEAST_HELD, round(len(people) / HELD_SHARE))])
    return (
        tuple(clip for clip in clips if person_of(clip) not in held),
        tuple(clip for clip in clips if person_of(clip) in held),
    )
