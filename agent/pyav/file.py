"""Reading a whole media file into coded frames: H.264 or H.265 in Annex B, and its audio where RTP can carry it.

Rules: the file is read once and closed; a bound on its size keeps the copy in memory small; what cannot be sent is
a UsageError with the command that makes it fit, except audio, which is left out and named in `left_out`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from ...wire.errors import UsageError
from .coded import Coded

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
"""About 17 minutes at 4 Mbit/s; held twice while it is packetized."""
VIDEO_CLOCK: Final = 90_000
_VIDEO_FILTERS: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_AUDIO: Final = {"aac": "aac", "opus": "opus", "pcm_alaw": "pcma", "pcm_mulaw": "pcmu"}
_REMEDY: Final = "convert it: ffmpeg -i FILE -c:v libx264 -c:a aac out.mp4"
_Stamped = tuple[bytes, int | None, int | None]
"""(data, pts, dts) as the container has them."""


@dataclass(frozen=True, slots=True)
class FileAudio:
    codec: str
    clock: int
    channels: int
    config: bytes
    frames: tuple[Coded, ...]


@dataclass(frozen=True, slots=True)
class FileMedia:
    """Stamps of the video are ticks of VIDEO_CLOCK, those of the audio ticks of its own clock; both from the same zero."""

    codec: str
    fps: float
    video: tuple[Coded, ...]
    audio: FileAudio | None
    left_out: str
    """Why the file's audio is not sent; empty when it is, or when there is none."""


def read_file(path: Path) -> FileMedia:
    """Read the first video and audio of a file; raises UsageError naming the file when it cannot be served."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{path} is larger than 512 MiB", remedy=f"cut it: ffmpeg -i {path} -t 600 -c copy part.mp4")
        with av.open(str(path), "r") as container:
            return _read(path, container)
    except (OSError, av.FFmpegError) as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", remedy="check that it is a media file") from error


def _read(path: Path, container: InputContainer) -> FileMedia:
    if not container.streams.video or container.streams.video[0].codec_context.name not in _VIDEO_FILTERS:
        raise UsageError(f"{path} has no H.264 or H.265 video", remedy=_REMEDY)
    video = container.streams.video[0]
    audio = container.streams.audio[0] if container.streams.audio else None
    left_out = _why_not(audio)
    wanted: list[Stream] = [video] if audio is None or left_out else [video, audio]
    codec = video.codec_context.name
    bitstream = BitStreamFilterContext(_VIDEO_FILTERS[codec], video)
    stamped: dict[int, list[_Stamped]] = {stream.index: [] for stream in wanted}
    for packet in container.demux(*wanted):
        if packet.size:
            parts = bitstream.filter(packet) if packet.stream is video else [packet]
            stamped[packet.stream.index] += [(bytes(part), part.pts, part.dts) for part in parts]
    if not stamped[video.index]:
        raise UsageError(f"{path} has no video frames", remedy=_REMEDY)
    coded = _coded(path, stamped[video.index], video, VIDEO_CLOCK, round(VIDEO_CLOCK / _fps(video)))
    sound = None if audio is None or left_out else _audio(path, audio, stamped[audio.index])
    return FileMedia(codec, _fps(video), tuple(coded), sound, left_out)


def _coded(path: Path, stamped: Sequence[_Stamped], stream: Stream, clock: int, step: int) -> list[Coded]:
    """Frames with stamps in ticks of `clock`.

    Matroska has no dts, and the first ones are unknown after reading: they are counted back from the first known one, `step` ticks each.
    """
    scale = (stream.time_base or Fraction(1)) * clock
    first = next((index for index, (_, _, dts) in enumerate(stamped) if dts is not None), len(stamped))
    known = stamped[first][2] if first < len(stamped) else None
    coded: list[Coded] = []
    for index, (data, pts, dts) in enumerate(stamped):
        if pts is None or known is None or (dts is None and index > first):
            raise UsageError(f"{path} has frames without timestamps", remedy="put it into a container: ffmpeg -i FILE -c copy out.mp4")
        coded.append(Coded(data, round(pts * scale), round(known * scale) - (first - index) * step if dts is None else round(dts * scale)))
    return coded


def _fps(video: VideoStream) -> float:
    return float(video.average_rate or video.guessed_rate or 25)


def _why_not(audio: AudioStream | None) -> str:
    if audio is None:
        return ""
    context = audio.codec_context
    if context.name.removeprefix("lib") not in _AUDIO:
        return f"its audio is {context.name}, which is not served"
    if context.name == "aac" and not context.extradata:
        return "its AAC has no AudioSpecificConfig, as in MPEG-TS; put it into MP4 first"
    if context.name.startswith("pcm_") and (context.sample_rate, context.channels) != (8000, 1):
        return "its G.711 is not 8 kHz mono"
    return ""


def _audio(path: Path, audio: AudioStream, stamped: Sequence[_Stamped]) -> FileAudio | None:
    context = audio.codec_context
    codec, clock = _AUDIO[context.name.removeprefix("lib")], context.sample_rate
    frames = _coded(path, stamped, audio, clock, step=1)
    if not frames:
        return None
    if codec in ("pcma", "pcmu"):
        frames = list(_twenty_ms(frames))
    return FileAudio(codec, clock, context.channels, context.extradata or b"" if codec == "aac" else b"", tuple(frames))


def _twenty_ms(frames: list[Coded]) -> Iterator[Coded]:
    """G.711 comes in blocks of any size; RTP wants 20 ms, which are 160 bytes (RFC 3551, 4.2)."""
    data, first = b"".join(frame.data for frame in frames), frames[0].pts
    for at in range(0, len(data) - 159, 160):
        yield Coded(data[at : at + 160], first + at, first + at)
