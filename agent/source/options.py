"""What the command line can ask of the test source, checked and frozen.

Rules: every refusal is a UsageError that quotes the option and says what would do; nothing was opened before.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...wire.errors import UsageError
from ..pyav.encode import VideoCodec, VideoSpec
from .auth import Credentials
from .faults import Fault

MAX_CAMERAS: Final = 256
MAX_LOOP_S: Final = 120
"""60 MB of packets at 4 Mbit/s."""
AUDIO: Final = ("none", "aac", "opus", "pcma", "pcmu", "file")
_CODECS: Final[dict[str, VideoCodec]] = {"h264": "h264", "h265": "hevc"}
_RATE = re.compile(r"(\d{1,10})([kKmM]?)")
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked when it is made; raises UsageError."""

    host: str
    port: int
    cameras: int
    video: VideoSpec
    loop_s: int | None
    """Seconds to encode ahead; None encodes live."""
    file: Path | None
    audio: str
    """One of AUDIO."""
    credentials: Credentials | None
    frames: int | None
    report: Path | None
    faults: dict[str, Fault]
    seed: int | None

    def __post_init__(self) -> None:
        _within("--port", self.port, 0, 65_535)
        _within("--cameras", self.cameras, 1, MAX_CAMERAS)
        _within("--frames", self.frames or 1, 1, 1 << 40)
        _within("--loop-seconds", self.loop_s or 1, 1, MAX_LOOP_S)
        if self.audio not in AUDIO:
            raise UsageError(f"--audio {self.audio} is not known", remedy=f"use one of {', '.join(AUDIO)}")
        if self.audio == "file" and self.file is None:
            raise UsageError("--audio file needs a file", remedy="give --file, or another --audio")
        if self.file is not None and self.loop_s:
            raise UsageError("--loop-seconds is for the generated picture, and a file loops anyway", remedy="give one of the two")
        if self.report is not None and not os.access(self.report.parent, os.W_OK):
            raise UsageError(f"--report {self.report}: its folder cannot be written", remedy=f"create {self.report.parent}")


def parse_video(codec: str, size: str, fps: int, bitrate: str, gop: int, bframes: int) -> VideoSpec:
    """The encoder's settings; a gop of 0 means one second."""
    if codec not in _CODECS:
        raise UsageError(f"--codec {codec} is not known", remedy="use h264 or h265")
    _within("--fps", fps, 1, 240)
    _within("--gop", gop, 0, 10_000)
    _within("--bframes", bframes, 0, 4)
    width, height = _size(size)
    return VideoSpec(_CODECS[codec], width, height, fps, _bits(bitrate), gop or fps, bframes)


def parse_credentials(text: str) -> Credentials | None:
    """USER:PASSWORD, or None when the text is empty."""
    user, colon, password = text.partition(":")
    if text and not (user and colon and password and '"' not in user):
        raise UsageError("--auth is not USER:PASSWORD", remedy="give both, with a colon between them")
    return Credentials(user, password) if text else None


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (64 <= width <= 4096 and 64 <= height <= 2304 and width % 4 == height % 4 == 0):
        raise UsageError(f"--size {text} is not possible", remedy="use multiples of 4 from 64x64 to 4096x2304, as in 1280x720")
    return width, height


def _bits(text: str) -> int:
    match = _RATE.fullmatch(text)
    bits = int(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()] if match else 0
    if not 32_000 <= bits <= 100_000_000:
        raise UsageError(f"--bitrate {text} is not possible", remedy="use bits a second from 32k to 100M, as in 4M")
    return bits


def _within(option: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise UsageError(f"{option} {value} is out of range", remedy=f"use {lowest} to {highest}")
