"""Encoders behind `VideoWriter`: H.264 or VP9 in a container, GIF, and folders of numbered PNG files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image

from likeness.errors import OutputError
from likeness.media.audio import AudioTrack

CONTAINER_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_INTERPOLATION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_AVCOL_SPC_BT709 = 1
_GIF_TIME_BASE = Fraction(1, 100)  # the format counts hundredths of a second
_BLOCKED = (av.error.BlockingIOError, av.error.EOFError)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeSettings:
    """Quality and effort. `crf`: 0 is lossless, 18 looks like the original, 51 is worst (VP9: much alike)."""

    crf: int = 18
    preset: str = "veryfast"  # H.264 only
    threads: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must lie within 0 to 51, got {self.crf}")
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {self.preset}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """The clock of a video: `time_base` seconds per tick, and whether all frames are one tick apart."""

    time_base: Fraction
    fps: Fraction
    is_constant: bool


@runtime_checkable
class Encoder(Protocol):
    """Takes frames in order; `close` is always called, after `finish` or instead of it."""

    def encode(self, image: UInt8[np.ndarray, "H W 3"], ticks: int, duration: int) -> None:
        """Take one frame that is shown at `ticks` for `duration` ticks."""

    def finish(self, end_ticks: int) -> None:
        """Write what is still held back; the video ends there."""

    def close(self) -> None:
        """Release the files; after an unfinished video what was written is worthless."""


class ContainerEncoder:
    """H.264 (or VP9 for .webm) 4:2:0, BT.709 limited range, tagged as such, with sound beside it.

    Odd sizes are padded to even ones by repeating the last column or row.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        *,
        timing: Timing,
        settings: EncodeSettings,
        audio: AudioTrack | None,
    ):
        self._pad_x, self._pad_y = size[0] % 2, size[1] % 2
        self._audio = audio
        self._timing = timing
        self._reformatter = VideoReformatter()
        suffix = path.suffix.lower()
        options = {"movflags": "+faststart"} if suffix in (".mp4", ".mov") else {}
        self._container = av.open(os.path.abspath(path), mode="w", options=options)
        encoder = "libvpx-vp9" if suffix == ".webm" else "libx264"
        stream = self._container.add_stream(encoder, rate=timing.fps, options=_codec_options(encoder, settings, timing))
        assert isinstance(stream, VideoStream)
        self._stream = stream
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = size[0] + self._pad_x, size[1] + self._pad_y, "yuv420p"
        context.time_base = timing.time_base
        self._stream.time_base = timing.time_base
        context.thread_count = settings.threads
        context.color_range, context.colorspace = ColorRange.MPEG, _AVCOL_SPC_BT709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        if audio is not None:
            audio.attach(self._container, suffix)

    def encode(self, image: UInt8[np.ndarray, "H W 3"], ticks: int, duration: int) -> None:
        import cv2

        if self._pad_x or self._pad_y:
            image = np.pad(image, ((0, self._pad_y), (0, self._pad_x), (0, 0)), mode="edge")
        packed = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)  # which the scaler reads in half the time, same result
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(packed, format="rgba"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_INTERPOLATION,
            threads=1,
        )
        frame.pts, frame.time_base, frame.duration = ticks, self._timing.time_base, duration
        self._container.mux(self._stream.encode(frame))
        self._mux_audio_before(ticks)

    def finish(self, end_ticks: int) -> None:
        self._container.mux(self._stream.encode(None))
        self._mux_audio_before(end_ticks)
        self._container.close()

    def close(self) -> None:
        self._container.close()

    def _mux_audio_before(self, ticks: int) -> None:
        if self._audio is not None:
            for packet in self._audio.packets_before(float(ticks * self._timing.time_base)):
                self._container.mux_one(packet)


class GifEncoder:
    """Animated GIF that repeats for ever, with a palette of its own for each frame."""

    def __init__(self, path: Path, size: tuple[int, int], *, timing: Timing):
        self._timing = timing
        self._last_ticks = -1
        self._container = av.open(os.path.abspath(path), mode="w", options={"loop": "0"})
        self._stream = self._container.add_stream("gif", rate=timing.fps)
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt, context.time_base = *size, "pal8", _GIF_TIME_BASE
        self._graph = _palette_graph(size)

    def encode(self, image: UInt8[np.ndarray, "H W 3"], ticks: int, duration: int) -> None:
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        self._last_ticks = max(round(ticks * self._timing.time_base / _GIF_TIME_BASE), self._last_ticks + 1)
        frame.pts, frame.time_base = self._last_ticks, _GIF_TIME_BASE
        frame.duration = max(1, round(duration * self._timing.time_base / _GIF_TIME_BASE))
        self._graph.vpush(frame)
        self._drain()

    def finish(self, end_ticks: int) -> None:
        self._graph.vpush(None)
        self._drain()
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        self._container.close()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except _BLOCKED:
                return
            self._container.mux(self._stream.encode(frame))


class NumberedPngEncoder:
    """One PNG file per frame in a folder; the pattern holds the number, counted from 0."""

    def __init__(self, folder: Path, pattern: str):
        self._folder = folder
        self._pattern = pattern
        self._count = 0
        folder.mkdir()

    def encode(self, image: UInt8[np.ndarray, "H W 3"], ticks: int, duration: int) -> None:
        Image.fromarray(image).save(self._folder / (self._pattern % self._count), compress_level=3)
        self._count += 1

    def finish(self, end_ticks: int) -> None:
        """Every file is complete already."""

    def close(self) -> None:
        """No file is open."""


def check_encoder(suffix: str) -> None:
    """The build of PyAV can write that suffix.

    Raises:
        OutputError: its encoder is missing.
    """
    encoder = {".webm": "libvpx-vp9", ".gif": "gif"}.get(suffix, "libx264")
    if encoder not in av.codecs_available:
        raise OutputError(f"this build of PyAV has no {encoder} encoder for {suffix}; install av from PyPI")


def _codec_options(encoder: str, settings: EncodeSettings, timing: Timing) -> dict[str, str]:
    """Options of one encoder. Frames at irregular times are not reordered, so that their durations stay exact."""
    if encoder == "libvpx-vp9":
        return {"crf": str(settings.crf), "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}
    options = {"crf": str(settings.crf), "preset": settings.preset}
    return options if timing.is_constant else options | {"bf": "0"}


def _palette_graph(size: Sequence[int]) -> av.filter.Graph:
    """A filter that gives each RGB frame the 256 colours that suit it."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=size[0], height=size[1], format=av.VideoFormat("rgb24"), time_base=_GIF_TIME_BASE)
    split, sink = graph.add("split"), graph.add("buffersink")
    generate, use = graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1:dither=sierra2_4a")
    source.link_to(split)
    split.link_to(generate, 0, 0)
    split.link_to(use, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
