"""Reading videos: a stream of upright RGB frames with their exact presentation times, in constant memory."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Int, UInt8

from likeness.errors import InputError
from likeness.media.container import open_media
from likeness.media.input import check_size

_DECODER_THREADS = 2
_DEFAULT_FPS = 25.0
_MAX_FPS = 1000.0  # rates beyond it are damaged headers
_SHORT_SECONDS = 0.25  # a stream that ends this much before its header says is reported as cut off
_INTERPOLATION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_QUICK_INTERPOLATION = Interpolation.BILINEAR
_SPACE_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HIGH_DEFINITION = (1280, 577)  # from this width or height on, untagged video is BT.709, below it BT.601 (as in mpv)
_IDENTITY_TURN = np.array([[1, 0], [0, 1]])
_HIGH_DYNAMIC_RANGE = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """What is known about a video before it is read through. Sizes are those of the upright frames, in pixels."""

    width: int
    height: int
    fps: float  # average
    num_frames: int | None  # None: the container does not say
    duration_seconds: float | None  # of the picture where known, else of the file
    has_audio: bool
    rotation_degrees: int  # clockwise turn that was applied to the stored frames: 0, 90, 180 or 270


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFrame:
    """One upright frame; `time_seconds` counts from the first frame and increases strictly."""

    image: UInt8[np.ndarray, "H W 3"]
    time_seconds: float


def probe_video(path: str | Path) -> VideoInfo:
    """Size, rate and length; decodes the first frame, so a video that passes has at least one.

    Raises:
        InputError: missing, a folder, empty, no video, or no readable frame.
    """
    with open_media(path, "video") as container:
        stream = _video_stream(container, Path(path))
        first = next(_decoded(container, stream, Path(path)), None)
        if first is None:
            raise InputError(f"{path} has no readable frames; give a complete video")
        turn = _turn(first)
        width, height = _square_size(stream, first)
        if turn[0, 0] == 0:
            width, height = height, width
        return VideoInfo(
            width=width,
            height=height,
            fps=_frame_rate(stream),
            num_frames=stream.frames or None,
            duration_seconds=_picture_seconds(stream) or _file_seconds(container),
            has_audio=len(container.streams.audio) > 0,
            rotation_degrees=_clockwise_degrees(turn),
        )


def read_frames(path: str | Path, *, quick: bool = False) -> Iterator[VideoFrame]:
    """All frames in order; nothing is opened before the first is asked for.

    Rotation metadata, colour matrix and range, and non-square pixels are applied; transparency is laid on white, HDR
    (PQ, HLG) is mapped to BT.709. Damaged frames are left out and a file that ends too early gives what it has, both
    with a warning in the log. Frames that change size are fitted to the first. `quick` converts colours in a fifth of
    the time, one or two levels darker: for what is measured, not shown.

    Raises:
        InputError: missing, a folder, empty, no video, or no readable frame.
    """
    path = Path(path)
    with open_media(path, "video") as container:
        stream = _video_stream(container, path)
        converter = _FrameConverter(_QUICK_INTERPOLATION if quick else _INTERPOLATION)
        period = 1.0 / _frame_rate(stream)
        first_pts: int | None = None
        time, count = -period, 0
        for frame in _decoded(container, stream, path):
            previous = time
            if frame.pts is not None:
                first_pts = frame.pts if first_pts is None else first_pts
                time = float((frame.pts - first_pts) * (frame.time_base or Fraction(0)))
            if time <= previous:  # no time, or a wrong one
                time = previous + period
            if count == 0:
                converter.width, converter.height = _square_size(stream, frame)
                check_size(path, converter.width, converter.height)
            count += 1
            yield VideoFrame(image=converter.convert(frame), time_seconds=time)
        if count == 0:
            raise InputError(f"{path} has no readable frames; give a complete video")
        expected = _picture_seconds(stream)
        if expected is not None and time + 2.0 * period + _SHORT_SECONDS < expected:
            logger.warning("%s ends after %.2f of %.2f seconds; it is cut off", path, time + period, expected)


class _FrameConverter:
    """Turns decoded frames into upright RGB of one size; holds the scaler's tables between frames."""

    def __init__(self, interpolation: Interpolation) -> None:
        self._interpolation = interpolation
        self.width = 0
        self.height = 0
        self._reformatter = VideoReformatter()

    def convert(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        """One upright RGB image."""
        has_alpha = frame.format.has_palette or any(component.is_alpha for component in frame.format.components)
        colours = self._reformat(frame, "rgba" if has_alpha else "rgb24").to_ndarray()
        if frame.format.name.startswith("gray") and frame.color_range == ColorRange.MPEG:
            colours = _expand_limited_range(colours)
        if has_alpha:
            colours = _over_white(colours)
        turn = _turn(frame)
        if turn[0, 0] == 0:
            colours = colours.transpose(1, 0, 2)
        flip_columns, flip_rows = turn[:, 0].sum() < 0, turn[:, 1].sum() < 0
        return np.ascontiguousarray(colours[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])

    def _reformat(self, frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
        """RGB in full range by the matrix the frame names, or the usual one for its size."""
        matrix = None
        if frame.colorspace == _SPACE_UNSPECIFIED and not frame.format.is_rgb:
            is_high = frame.width >= _HIGH_DEFINITION[0] or frame.height >= _HIGH_DEFINITION[1]
            matrix = Colorspace.ITU709 if is_high else Colorspace.ITU601
        is_hdr = frame.color_trc in _HIGH_DYNAMIC_RANGE
        return self._reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format=pixel_format,
            src_colorspace=matrix,
            dst_color_range=ColorRange.JPEG,
            dst_color_trc=ColorTrc.BT709 if is_hdr else None,
            dst_color_primaries=ColorPrimaries.BT709 if is_hdr else None,
            interpolation=self._interpolation,
            threads=1,
        )


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures, cover art left aside, ready to decode."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.codec_context is not None:
            if stream.width and stream.height:
                check_size(path, stream.width, stream.height)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = _DECODER_THREADS
            return stream
    raise InputError(f"{path} has no video stream; give a file with moving pictures")


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """Sound frames as the decoder gives them; damage is skipped and reported once at the end."""
    num_damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:  # the container breaks off here
            packet = None
            num_damaged += 1
        if packet is not None and packet.is_corrupt:
            num_damaged += 1
            continue
        try:
            frames = stream.decode(packet)
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            num_damaged += 1
            frames = []
        for frame in frames:
            if frame.is_corrupt:
                num_damaged += 1
            else:
                yield frame
        if packet is None or packet.size == 0:
            break
    if num_damaged:
        logger.warning("%s is damaged or cut off: %d unreadable parts were left out", path, num_damaged)


def _turn(frame: av.VideoFrame) -> Int[np.ndarray, "2 2"]:
    """The display matrix as a signed permutation: displayed (x, y) = stored (x, y) @ turn."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(side_data, SideData):
        return _IDENTITY_TURN
    matrix = np.frombuffer(bytes(side_data), "=i4")[:9].reshape(3, 3)[:2, :2].astype(np.int64)
    diagonal, crossed = np.diag(matrix), np.array([matrix[0, 1], matrix[1, 0]])
    if np.abs(diagonal).min() >= np.abs(crossed).max() and np.all(diagonal != 0):
        return np.diag(np.sign(diagonal))
    if np.all(crossed != 0):
        return np.array([[0, np.sign(crossed[0])], [np.sign(crossed[1]), 0]])
    return _IDENTITY_TURN


def _clockwise_degrees(turn: Int[np.ndarray, "2 2"]) -> int:
    """Clockwise turn on the screen (x right, y down) that carries the stored y axis where `turn` carries it."""
    return {(0, 1): 0, (-1, 0): 90, (0, -1): 180, (1, 0): 270}[(int(turn[1, 0]), int(turn[1, 1]))]


def _square_size(stream: VideoStream, frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height of the stored frame once its pixels are square."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 0.1 < aspect < 10.0:
        aspect = 1.0
    return max(1, round(frame.width * aspect)), frame.height


def _frame_rate(stream: VideoStream) -> float:
    """Average frames per second, or a usual value where the container says nothing sensible."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0.0 < rate <= _MAX_FPS:
            return float(rate)
    return _DEFAULT_FPS


def _picture_seconds(stream: VideoStream) -> float | None:
    """Length of the video stream in seconds, as its header states it."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")  # Matroska
        return int(hours) * 3600.0 + int(minutes) * 60.0 + float(seconds)
    except ValueError:
        return None


def _file_seconds(container: InputContainer) -> float | None:
    """Length of the whole file in seconds, as its header states it."""
    return container.duration / av.time_base if container.duration else None


def _expand_limited_range(image: UInt8[np.ndarray, "H W C"]) -> UInt8[np.ndarray, "H W C"]:
    """Limited range (16 to 235) grey samples as full range; the scaler takes all grey for full."""
    table = np.clip(np.rint((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)
    return table[image]


def _over_white(image: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 3"]:
    """Straight alpha laid on white."""
    colours, alpha = image[..., :3], image[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(colours)
    mixed = (colours.astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16)) + 127) // 255
    return mixed.astype(np.uint8)
