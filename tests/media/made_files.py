"""Small videos and sounds with chosen properties, written with PyAV alone (not with the code under test)."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE = 48_000
RANGES = {"limited": 1, "full": 2}
MATRICES = {"bt709": 1, "bt601": 6, None: 2}


def make_video(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    planes: Sequence[int] = (128, 128, 128),
    num_frames: int = 3,
    options: dict[str, str] | None = None,
    colour_range: str | None = None,
    matrix: str | None = None,
    on_stream: Callable[[av.VideoStream], None] | None = None,
) -> Path:
    """A video of plain frames whose planes hold exactly the given sample values (16-bit where the format has them)."""
    with av.open(str(path), "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if colour_range:
            stream.codec_context.color_range = RANGES[colour_range]
        if matrix:
            stream.codec_context.colorspace = MATRICES[matrix]
        if on_stream:
            on_stream(stream)
        for index in range(num_frames):
            frame = av.VideoFrame(*size, pixel_format)
            for plane, value in zip(frame.planes, planes, strict=True):
                wide = any(component.bits > 8 for component in frame.format.components)
                samples = np.full(plane.buffer_size // (2 if wide else 1), value, "<u2" if wide else np.uint8)
                plane.update(samples.tobytes())
            if colour_range:
                frame.color_range = RANGES[colour_range]
            if matrix:
                frame.colorspace = MATRICES[matrix]
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_rgb_video(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    codec: str = "png",
    pixel_format: str = "rgb24",
    rotation: float = 0.0,
    hflip: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """A lossless video of these pictures, with a display matrix if asked for."""
    with av.open(str(path), "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = images[0].shape[1], images[0].shape[0], pixel_format
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format=pixel_format)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_sound(path: Path, *, codec: str, seconds: float = 1.0, with_pictures: bool = False) -> Path:
    """A 440 Hz tone whose loudness changes, alone or beside a plain video."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25) if with_pictures else None
        if pictures:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=SAMPLE_RATE, layout="stereo")
        sound.codec_context.open()
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        tone = (0.4 * np.sin(2 * np.pi * 440 * time) * np.sin(2 * np.pi * 2 * time)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        resampler = av.AudioResampler(
            format=sound.codec_context.format,
            layout="stereo",
            rate=SAMPLE_RATE,
            frame_size=sound.codec_context.frame_size or 1024,
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
        if pictures:
            for index in range(round(seconds * 25)):
                picture = av.VideoFrame(64, 48, "yuv420p")
                for plane in picture.planes:
                    plane.update(bytes([128]) * plane.buffer_size)
                picture.pts = index
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode(None))
    return path


def sound_packets(path: Path) -> list[bytes]:
    """The sound's packets as they lie in the file."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def sound_samples(path: Path) -> np.ndarray:
    """The first channel, decoded, on a clock that starts with the first picture (zeros before the sound)."""
    with av.open(str(path)) as container:
        start = container.streams.video[0].start_time * container.streams.video[0].time_base
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        pieces, offset = [], None
        for frame in container.decode(audio=0):
            if offset is None:
                offset = round((frame.pts * frame.time_base - start) * SAMPLE_RATE)
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    samples = np.concatenate(pieces)
    return samples[-offset:] if offset < 0 else np.concatenate([np.zeros(offset, np.float32), samples])
