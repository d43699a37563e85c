"""Opening media files with PyAV: local files only, known formats only, every failure one clear line."""

import os
from pathlib import Path

import av
from av.container import InputContainer

from likeness.errors import InputError
from likeness.media.input import check_input

# Playlists and stream descriptions can name other files and hosts, so only plain containers are opened.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,asf,ogg,gif,apng,mxf,nut,yuv4mpegpipe,h264,"
    "hevc,ivf,dv,wav,w64,mp3,aac,flac,ac3,eac3,aiff,caf,amr,au"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


def open_media(path: str | Path, kind: str) -> InputContainer:
    """The opened container; `kind` ("video", "audio") is for the messages. The caller closes it.

    Raises:
        InputError: missing, a folder, empty, or not a media file.
    """
    path = check_input(path, kind)
    try:
        return av.open(os.path.abspath(path), mode="r", options=_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"{path} is no {kind} file that can be read, or it is cut off ({reason})") from error
