"""Writing videos: frames go through a short queue to an encoding thread; the file takes its name only when complete."""

import logging
import math
import os
import re
import shutil
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType

import av
import numpy as np
from jaxtyping import UInt8

from likeness.errors import OutputError
from likeness.media.audio import AudioTrack
from likeness.media.encoders import (
    CONTAINER_SUFFIXES,
    ContainerEncoder,
    Encoder,
    EncodeSettings,
    GifEncoder,
    NumberedPngEncoder,
    Timing,
    check_encoder,
)
from likeness.media.output import (
    check_folder,
    check_not_input,
    check_output,
    move_into_place,
    output_error,
    temporary_sibling,
)

VIDEO_SUFFIXES = (*CONTAINER_SUFFIXES, ".gif")
DEFAULT_SETTINGS = EncodeSettings()
_EXACT_TIME_BASE = Fraction(1, 90_000)  # seconds; every common frame rate is a whole number of ticks
_LARGEST_RATE_DENOMINATOR = 1001
_QUEUE_BYTES = 64 * 2**20
_LONGEST_QUEUE = 8
_WAIT_SECONDS = 0.1
_FRAME_NUMBER = re.compile(r"%0?[1-9]?d")

logger = logging.getLogger(__name__)

_Item = tuple[UInt8[np.ndarray, "H W 3"], int, int]


def check_video_output(path: str | Path, *, overwrite: bool = False, inputs: Sequence[str | Path] = ()) -> Path:
    """Everything that can be known before the work begins about writing a video there; returns the path.

    The path ends in .mp4, .mov, .mkv, .webm or .gif, or is a pattern such as `frames/%05d.png` for numbered pictures.

    Raises:
        OutputError: see `check_output`; for a pattern, the folder holds such files already.
    """
    path = Path(path)
    if "%" not in path.name:
        path = check_output(path, suffixes=VIDEO_SUFFIXES, overwrite=overwrite, inputs=inputs)
        check_encoder(path.suffix.lower())
        return path
    if path.suffix.lower() != ".png" or not _FRAME_NUMBER.search(path.name) or path.name.count("%") != 1:
        raise OutputError(f"{path} is no pattern for numbered pictures; use one such as frames/%05d.png")
    check_folder(path.parent)
    check_not_input(path, inputs)
    if path.parent.exists():
        check_folder(path)
        if _numbered_files(path) and not overwrite:
            raise OutputError(f"{path.parent} holds such pictures already; choose another folder or pass --overwrite")
    return path


class VideoWriter:
    """A video file being written; use it in a `with` block.

    Leaving the block normally completes the file; leaving it by an exception (Ctrl-C too) removes what was written.

    Args:
        path: as in `check_video_output`.
        fps: frames per second; when `write` is given times, it only says how long the last frame stands.
        audio_from: a file whose sound is carried over, cut to the length of the pictures; without sound it is silent.
            GIF and numbered pictures hold no sound.
        inputs: files the result is made from, never written over.

    Raises:
        InputError: `audio_from` cannot be read.
        OutputError: the file cannot be written; also from `write` and at the end of the block.
        ValueError: frames of different sizes or types, or times that do not increase.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float | int,
        overwrite: bool = False,
        audio_from: str | Path | None = None,
        inputs: Sequence[str | Path] = (),
        settings: EncodeSettings = DEFAULT_SETTINGS,
    ):
        if not (math.isfinite(fps) and 0.0 < fps <= 1000.0):
            raise ValueError(f"fps must lie within 0 to 1000, got {fps}")
        every_input = (*inputs, *([audio_from] if audio_from is not None else []))
        self._path = check_video_output(path, overwrite=overwrite, inputs=every_input)
        self._overwrite = overwrite
        self._fps = Fraction(fps).limit_denominator(_LARGEST_RATE_DENOMINATOR)
        self._settings = settings
        self._audio: AudioTrack | None = None
        if audio_from is not None and self._path.suffix.lower() in CONTAINER_SUFFIXES:
            self._audio = AudioTrack(audio_from)
        elif audio_from is not None:
            logger.warning("%s holds no sound; the sound of %s is left out", self._path, audio_from)
        self._is_folder = "%" in self._path.name
        self._temporary = temporary_sibling(self._path.parent if self._is_folder else self._path)
        self._queue: Queue[_Item | None] = Queue()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._cancelled = threading.Event()
        self._timing = Timing(time_base=1 / self._fps, fps=self._fps, is_constant=True)
        self._shape: tuple[int, ...] = ()
        self._ticks, self._duration, self._count = -1, 1, 0

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._discard()

    def write(self, image: UInt8[np.ndarray, "H W 3"], time_seconds: float | None = None) -> None:
        """Hand over one frame; it may be changed by the caller afterwards.

        Give every frame its time from the start of the video, or none at all (then they are 1 / fps apart).
        """
        self._raise_failure()
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"a frame must be uint8 [H W 3], got {image.dtype} {image.shape}")
        if self._thread is None:
            self._start(image, has_times=time_seconds is not None)
        if image.shape != self._shape:
            raise ValueError(f"all frames must have the shape {self._shape}, got {image.shape}")
        self._advance(time_seconds)
        item = (np.array(image, order="C"), self._ticks, self._duration)
        while True:
            try:
                self._queue.put(item, timeout=_WAIT_SECONDS)
                break
            except Full:
                self._raise_failure()
        self._count += 1

    def _start(self, image: UInt8[np.ndarray, "H W 3"], *, has_times: bool) -> None:
        """Choose the clock, start the encoding thread."""
        self._shape = image.shape
        if has_times:
            self._timing = Timing(time_base=_EXACT_TIME_BASE, fps=self._fps, is_constant=False)
        self._duration = max(1, round(1 / (self._fps * self._timing.time_base)))
        self._queue = Queue(maxsize=max(1, min(_LONGEST_QUEUE, _QUEUE_BYTES // image.nbytes)))
        self._thread = threading.Thread(target=self._run, name="video encoder", daemon=True)
        self._thread.start()

    def _advance(self, time_seconds: float | None) -> None:
        """Move the clock to the next frame."""
        if (time_seconds is None) != self._timing.is_constant:
            raise ValueError("give every frame a time, or none")
        if time_seconds is None:
            self._ticks = self._count
            return
        ticks = round(time_seconds / self._timing.time_base)
        if ticks <= self._ticks:
            raise ValueError(f"frame times must increase from 0, got {time_seconds} for frame {self._count}")
        self._ticks = ticks

    def _run(self) -> None:
        """The encoding thread: after a failure it only empties the queue, so that the caller never blocks."""
        encoder: Encoder | None = None
        try:
            encoder = self._open_encoder()
            last_end = 0
            while (item := self._queue.get()) is not None and not self._cancelled.is_set():
                image, ticks, duration = item
                encoder.encode(image, ticks, duration)
                last_end = ticks + duration
            if not self._cancelled.is_set():
                encoder.finish(last_end)
        except BaseException as error:  # handed to the caller's thread by _raise_failure
            self._failure = error
        finally:
            if encoder is not None:
                try:
                    encoder.close()
                except (OSError, av.error.FFmpegError) as error:  # a full disk strikes here too
                    self._failure = self._failure or error

    def _open_encoder(self) -> Encoder:
        size = (self._shape[1], self._shape[0])
        if self._is_folder:
            return NumberedPngEncoder(self._temporary, self._path.name)
        if self._path.suffix.lower() == ".gif":
            return GifEncoder(self._temporary, size, timing=self._timing)
        return ContainerEncoder(self._temporary, size, timing=self._timing, settings=self._settings, audio=self._audio)

    def _complete(self) -> None:
        """Wait for the last frame, then give the file its name."""
        if self._thread is None:
            raise OutputError(f"{self._path} was not written: there were no frames")
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=_WAIT_SECONDS)
                break
            except Full:
                continue
        self._thread.join()
        self._raise_failure()
        if self._is_folder:
            self._move_pictures()
        else:
            move_into_place(self._temporary, self._path, overwrite=self._overwrite)

    def _discard(self) -> None:
        """Stop the thread if it still runs, and remove what has not been moved into place."""
        self._cancelled.set()
        if self._thread is not None:
            while self._thread.is_alive():
                try:
                    self._queue.get_nowait()
                except Empty:
                    pass
                try:
                    self._queue.put_nowait(None)
                except Full:
                    pass
                self._thread.join(_WAIT_SECONDS)
        if self._audio is not None:
            self._audio.close()
        if self._is_folder:
            shutil.rmtree(self._temporary, ignore_errors=True)
        else:
            self._temporary.unlink(missing_ok=True)

    def _move_pictures(self) -> None:
        """Put the finished pictures in their folder; older ones of the same pattern go."""
        folder = self._path.parent
        try:
            if not folder.exists():
                os.replace(self._temporary, folder)
                return
            older = _numbered_files(self._path)
            if older and not self._overwrite:
                raise OutputError(f"{folder} holds such pictures by now; choose another folder or pass --overwrite")
            for file in older:
                file.unlink()
            for file in sorted(self._temporary.iterdir()):
                os.replace(file, folder / file.name)
        except OSError as error:
            raise output_error(self._path, error) from error

    def _raise_failure(self) -> None:
        """Raise in the caller's thread what went wrong in the encoding thread."""
        if self._failure is None:
            return
        if isinstance(self._failure, (OSError, av.error.FFmpegError)):
            raise output_error(self._path, self._failure) from self._failure
        raise self._failure


def _numbered_files(pattern: Path) -> list[Path]:
    """The files in the pattern's folder that the pattern could have made."""
    before, after = _FRAME_NUMBER.split(pattern.name)
    expected = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    return [file for file in pattern.parent.iterdir() if expected.fullmatch(file.name)]
