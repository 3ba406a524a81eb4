"""Reading a whole media file into coded frames: H.264 or H.265 in Annex B, and its audio where RTP can carry it.

Rules: the file is read once and closed; a bound on its size keeps the copy in memory small; what cannot be sent is
a UsageError with the command that makes it fit, except audio, which is left out and named in `left_out`.
"""

from collections.abc import Iterator
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
    coded: dict[int, list[Coded]] = {stream.index: [] for stream in wanted}
    for packet in container.demux(*wanted):
        stream = packet.stream
        if packet.size == 0 or stream.time_base is None:
            continue
        if stream is video:
            coded[stream.index] += [_coded(path, part, stream.time_base, VIDEO_CLOCK) for part in bitstream.filter(packet)]
        elif audio is not None:
            coded[stream.index].append(_coded(path, packet, stream.time_base, audio.codec_context.sample_rate))
    if not coded[video.index]:
        raise UsageError(f"{path} has no video frames", remedy=_REMEDY)
    return FileMedia(codec, _fps(video), tuple(coded[video.index]), _audio(audio, coded), left_out)


def _coded(path: Path, packet: "av.Packet[Stream]", base: Fraction, clock: int) -> Coded:
    if packet.pts is None or packet.dts is None:
        raise UsageError(f"{path} has frames without timestamps", remedy="put it into a container: ffmpeg -i FILE -c copy out.mp4")
    return Coded(bytes(packet), round(packet.pts * base * clock), round(packet.dts * base * clock))


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


def _audio(audio: AudioStream | None, coded: dict[int, list[Coded]]) -> FileAudio | None:
    if audio is None or not coded.get(audio.index):
        return None
    context, frames = audio.codec_context, coded[audio.index]
    codec = _AUDIO[context.name.removeprefix("lib")]
    if codec in ("pcma", "pcmu"):
        frames = list(_twenty_ms(frames))
    clock = 48_000 if codec == "opus" else context.sample_rate
    return FileAudio(codec, clock, context.channels, context.extradata or b"" if codec == "aac" else b"", tuple(frames))


def _twenty_ms(frames: list[Coded]) -> Iterator[Coded]:
    """G.711 comes in blocks of any size; RTP wants 20 ms, which are 160 bytes (RFC 3551, 4.2)."""
    data, first = b"".join(frame.data for frame in frames), frames[0].pts
    for at in range(0, len(data) - 159, 160):
        yield Coded(data[at : at + 160], first + at, first + at)
