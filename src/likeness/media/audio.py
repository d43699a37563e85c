"""The sound of another file, carried into a video: packets copied bit for bit where the container takes them,
otherwise decoded and encoded again."""

import itertools
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from likeness.media.container import open_media

# What each container takes by copy and is commonly played from it.
_COPIED_CODECS = {
    ".mp4": ("aac", "mp3", "mp3float", "ac3", "eac3", "alac"),
    ".mov": ("aac", "mp3", "mp3float", "ac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"),
    ".mkv": ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le"),
    ".webm": ("opus", "vorbis"),
}
_ENCODERS = {".mp4": "aac", ".mov": "aac", ".mkv": "aac", ".webm": "libopus"}
_BIT_RATE = 160_000
_AAC_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # hertz; other sound becomes 48 kHz
_USUAL_RATE = 48000
_PREROLL_SECONDS = 0.05  # packets this much before time 0 prime the decoder (AAC needs up to 2112 samples)

logger = logging.getLogger(__name__)


class AudioTrack:
    """One file's sound, handed out in step with the pictures. Time 0 is the first picture of that file, if it has any.

    A file without sound gives an empty track; damage in the middle ends the sound there, with a warning in the log.

    Raises:
        InputError: missing, a folder, empty, or not a media file.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        self._input: InputContainer = open_media(path, "audio")
        streams = [stream for stream in self._input.streams.audio if stream.codec_context is not None]
        self._source: AudioStream | None = streams[0] if streams else None
        self._packets: Iterator[av.Packet] = iter(())
        self._waiting: av.Packet | None = None

    def attach(self, output: OutputContainer, suffix: str) -> None:
        """Add the audio stream to a container that has not begun to write."""
        if self._source is None:
            return
        if self._source.codec_context.name in _COPIED_CODECS[suffix]:
            target = output.add_stream_from_template(self._source)
            packets = self._copied(self._source, target)
        else:
            packets = self._encoded(self._source, output, _ENCODERS[suffix])
        self._packets = self._until_damage(packets)

    def packets_before(self, end_seconds: float) -> Iterator[av.Packet]:
        """The packets not handed out yet that begin before that time."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = packet
            if packet is None or (packet.pts or 0) * packet.time_base >= end_seconds:
                return
            self._waiting = None
            yield packet

    def close(self) -> None:
        """Close the source file."""
        self._packets, self._waiting = iter(()), None
        self._input.close()

    def _until_damage(self, packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
        """The packets up to where the source can no longer be read."""
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                logger.warning("%s: its sound is damaged (%s) and ends there", self._path, error.strerror)
                return
            if packet is None:
                return
            yield packet

    def _copied(self, source: AudioStream, target: AudioStream) -> Iterator[av.Packet]:
        """The source's packets with their times counted from time 0."""
        origin = self._origin_seconds()
        for packet in self._input.demux(source):
            if packet.pts is None or packet.is_corrupt:
                continue
            shift = round(origin / packet.time_base)
            end = (packet.pts - shift + (packet.duration or 0)) * packet.time_base
            if end < -_PREROLL_SECONDS:
                continue
            packet.pts -= shift
            packet.dts = packet.pts  # sound is never reordered
            packet.stream = target
            yield packet

    def _encoded(self, source: AudioStream, output: OutputContainer, encoder: str) -> Iterator[av.Packet]:
        """The stream is added to the output now; its packets are encoded as they are asked for."""
        layout = "mono" if source.codec_context.layout.nb_channels == 1 else "stereo"
        source_rate = source.codec_context.sample_rate
        rate = source_rate if encoder == "aac" and source_rate in _AAC_RATES else _USUAL_RATE
        target = output.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(target, AudioStream)
        target.bit_rate = _BIT_RATE
        return self._encoded_packets(source, target, rate, layout)

    def _encoded_packets(self, source: AudioStream, target: AudioStream, rate: int, layout: str) -> Iterator[av.Packet]:
        """Decode, resample, cut to the encoder's frame size, encode."""
        target.codec_context.open()
        resampler = av.AudioResampler(
            format=target.codec_context.format, layout=layout, rate=rate, frame_size=target.codec_context.frame_size
        )
        shift = round(self._origin_seconds() * rate)
        for frame in itertools.chain(self._input.decode(source), [None]):  # None flushes the resampler
            for piece in resampler.resample(frame):
                if piece.pts is not None and piece.time_base is not None:
                    piece.pts = round(piece.pts * piece.time_base * rate) - shift
                    piece.time_base = Fraction(1, rate)
                    if piece.pts + piece.samples <= 0:
                        continue
                yield from target.encode(piece)
        yield from target.encode(None)

    def _origin_seconds(self) -> Fraction:
        """Where time 0 lies on the source's clock: its first picture, else its first audible sample."""
        pictures = [
            stream
            for stream in self._input.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        for stream in (*pictures[:1], self._source):
            if stream is not None and stream.start_time is not None and stream.time_base is not None:
                return stream.start_time * stream.time_base
        return Fraction(0)
