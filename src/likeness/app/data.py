"""The command `likeness data`: makes training data of videos and photos, and tells what a folder of clips holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from likeness.app.console import say, watch
from likeness.app.options import Draft

Folder = Annotated[Positional[Path], arg(metavar="FOLDER")]
Head = Annotated[str, arg(metavar="HEAD")]
OutFolder = Annotated[Path, arg(metavar="OUT")]


@dataclass(frozen=True, kw_only=True)
class DataTrack:
    """Track every video and photo of a folder into clips; what cannot be used is skipped; a stopped run goes on."""

    folder: Folder  # videos and photos, subfolders included
    out: OutFolder  # folder for the clips; made if missing
    size: int = 512  # pixels, side of the squares that are kept around the head
    shortest: float = 1.0  # seconds of well tracked frames; shorter videos are skipped
    head: Head = "builtin"  # head model to fit: builtin, or a file from `likeness head convert`
    processes: int = 1  # files that are worked on at the same time

    def run(self) -> None:
        from likeness.app.data_sets import track_data

        for line in track_data(
            self.folder, self.out, size=self.size, shortest=self.shortest, head=self.head, processes=self.processes,
            watch=watch,
        ):  # fmt: skip
            say(line)


@dataclass(frozen=True, kw_only=True)
class DataSynthesise:
    """Make training pairs without videos: photos rendered under random motions, and made-up heads."""

    folder: Annotated[Positional[Path | None], arg(metavar="FOLDER")] = None  # photos; not needed for heads alone
    out: OutFolder  # folder for the clips; made if missing
    count: int = 0  # pairs, spread evenly over the photos
    heads: int = 0  # made-up people, eight poses each
    seed: int = 0  # the same seed, photos and count give the same pairs
    size: int = 256  # pixels, side of the squares that are kept around the head
    unaligned: FlagCreatePairsOff[bool] = False  # keep the photos as they are: not brought onto the warped geometry
    processes: int = 1  # shards that are made at the same time

    def run(self) -> None:
        from likeness.app.data_sets import synthesise_data

        for line in synthesise_data(
            self.folder, self.out, count=self.count, heads=self.heads, seed=self.seed, size=self.size,
            is_aligned=not self.unaligned, processes=self.processes, watch=watch,
        ):  # fmt: skip
            say(line)


@dataclass(frozen=True, kw_only=True)
class DataPeople:
    """Make people seen from many sides: those of photos, and made-up ones with exact geometry; all with mattes."""

    folder: Annotated[Positional[Path | None], arg(metavar="FOLDER")] = None  # photos; not needed for heads alone
    out: OutFolder  # folder for the clips; made if missing
    photos: int = 0  # people of photos; the photos are used in turn
    heads: int = 0  # made-up people
    views: int = 12  # pictures of each
    seed: int = 0  # the same seed and photos give the same people
    size: int = 128  # pixels, side of the squares that are kept around the head
    processes: int = 1  # shards that are made at the same time

    def run(self) -> None:
        from likeness.app.data_sets import people_data

        for line in people_data(
            self.folder, self.out, photos=self.photos, heads=self.heads, views=self.views, seed=self.seed,
            size=self.size, processes=self.processes, watch=watch,
        ):  # fmt: skip
            say(line)


@dataclass(frozen=True, kw_only=True)
class DataDrafts:
    """Take frames of tracked videos and made people as sources, and draw their other frames from them as drafts."""

    folder: Folder  # as written by `data track` or `people`
    out: OutFolder  # folder for the new clips; made if missing
    sources: int = 2  # of each clip
    targets: int = 8  # of each source
    draft: Draft = "flow-warp"  # the renderer that draws them; export3d takes a third of a second for each
    consecutive: FlagCreatePairsOff[bool] = False  # frames that follow each other, as training --stage 2 needs them
    seed: int = 0  # the same seed and clips give the same frames
    processes: int = 1  # shards that are made at the same time

    def run(self) -> None:
        from likeness.app.data_sets import draft_data

        for line in draft_data(
            self.folder, self.out, sources=self.sources, targets=self.targets, draft=self.draft,
            consecutive=self.consecutive, seed=self.seed, processes=self.processes, watch=watch,
        ):  # fmt: skip
            say(line)


@dataclass(frozen=True, kw_only=True)
class DataShow:
    """Say what a folder of clips holds: frames, poses, and how much of the face the sources hide."""

    folder: Folder  # as written by the other commands
    pairs: int = 200  # drawn for the figures about pairs
    head: Head = "builtin"  # head model of the clips: builtin, or the file that they were tracked with

    def run(self) -> None:
        from likeness.app.data_sets import describe_data

        say(describe_data(self.folder, pairs=self.pairs, head=self.head))


DataCommand = Annotated[
    Annotated[DataTrack, subcommand("track")]
    | Annotated[DataSynthesise, subcommand("synthesise")]
    | Annotated[DataPeople, subcommand("people")]
    | Annotated[DataDrafts, subcommand("drafts")]
    | Annotated[DataShow, subcommand("show")],
    subcommand("data", description="Make training data of videos and photos."),
]
