"""Plain-Python twin of fragment.pyx: moof and mdat of one chunk.  The layout and its sources stand there.

Rules: the same frames give the same bytes.
"""

from collections.abc import Sequence
from itertools import pairwise
from struct import pack

from .cutter_py import MAX_U32, Frame

_DEFAULT_BASE_IS_MOOF = 0x020000
_VIDEO_RUN, _AUDIO_RUN = 0x01000F01, 0x00000301
_SYNC_SAMPLE, _OTHER_SAMPLE = 0x02000000, 0x01010000
_HEADER = 8


def fragment(frames: Sequence[Frame], number: int, end: int) -> bytes:
    """moof and mdat; `end` is the decode time at which the last video sample ends."""
    video, audio = split_tracks(frames)
    size = len(_moof(video, audio, number, end, 0))
    media = b"".join(frame.data for frame in (*video, *audio))
    return _moof(video, audio, number, end, size + _HEADER) + _box(b"mdat", media)


def split_tracks(frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
    """(video, audio), each in decode order."""
    return [frame for frame in frames if frame.is_video], [frame for frame in frames if not frame.is_video]


def _moof(video: list[Frame], audio: list[Frame], number: int, end: int, data: int) -> bytes:
    boxes = _box(b"mfhd", pack(">II", 0, number & MAX_U32))
    if video:
        boxes += _traf(1, video, _VIDEO_RUN, data, _video_samples(video, end))
    if audio:
        boxes += _traf(2, audio, _AUDIO_RUN, data + sum(len(frame.data) for frame in video), _audio_samples(audio))
    return _box(b"moof", boxes)


def _traf(track: int, frames: list[Frame], flags: int, data: int, samples: bytes) -> bytes:
    tfhd = _box(b"tfhd", pack(">II", _DEFAULT_BASE_IS_MOOF, track))
    tfdt = _box(b"tfdt", pack(">IQ", 1 << 24, _decode_times(frames)[0]))
    trun = _box(b"trun", pack(">III", flags, len(frames), data) + samples)
    return _box(b"traf", tfhd + tfdt + trun)


def _video_samples(frames: list[Frame], end: int) -> bytes:
    decode = _decode_times(frames)
    return b"".join(
        pack(">IIIi", _ticks_u32(following - at), len(frame.data), _SYNC_SAMPLE if frame.key else _OTHER_SAMPLE, _ticks_i32(frame.pts - at))
        for frame, at, following in zip(frames, decode, [*decode[1:], end], strict=True)
    )


def _audio_samples(frames: list[Frame]) -> bytes:
    decode = _decode_times(frames)
    durations = [_ticks_u32(following - at) for at, following in pairwise(decode)]
    durations.append(frames[-1].duration or (durations[-1] if durations else 0))
    return b"".join(pack(">II", duration, len(frame.data)) for frame, duration in zip(frames, durations, strict=True))


def _decode_times(frames: list[Frame]) -> list[int]:
    """Never below zero, never going back."""
    times = [max(0, frames[0].dts)]
    for frame in frames[1:]:
        times.append(max(times[-1], frame.dts))
    return times


def _box(kind: bytes, body: bytes) -> bytes:
    return pack(">I4s", _HEADER + len(body), kind) + body


def _ticks_u32(ticks: int) -> int:
    return min(max(ticks, 0), MAX_U32)


def _ticks_i32(ticks: int) -> int:
    return min(max(ticks, -(1 << 31)), (1 << 31) - 1)
