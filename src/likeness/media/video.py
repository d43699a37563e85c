"""Videos in and out with PyAV. Reading lives in `video_reader`, writing in `video_writer`."""

from likeness.media.encoders import EncodeSettings
from likeness.media.video_reader import VideoFrame, VideoInfo, probe_video, read_frames
from likeness.media.video_writer import VIDEO_SUFFIXES, VideoWriter, check_video_output

__all__ = [
    "VIDEO_SUFFIXES",
    "EncodeSettings",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "check_video_output",
    "probe_video",
    "read_frames",
]
