"""Where frames come from: a live encoder, or a clip that loops for ever with rising timestamps.

A producer is an endless iterator of slots, in the order of their due times.  Rules: producers know no thread and
do not wait; the feed does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..pyav.coded import Coded
from .media import Frame, Track, Unit
from .rtp import audio_frame, video_frame


@dataclass(frozen=True, slots=True)
class Slot:
    """At `due_s` seconds after the feed began, call `make` and send what it gives."""

    due_s: float
    make: Callable[[], Sequence[Unit]]


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one track in decoding order, packetized once; stamps in ticks of the track's clock, from 0."""

    track: Track
    frames: tuple[tuple[int, int, Frame], ...]
    """(due, pts, packets) of each."""
    period: int
    """Ticks after which the clip begins again."""
    zero: int = 0
    """The stamp, in the material it was made from, that became 0."""


def video_clip(track: Track, coded: Sequence[Coded]) -> Clip:
    """A clip from coded access units, from the first key frame on, which is due at 0.

    Its period is the time from its first picture to the end of its last, which lasts one frame at the track's rate.
    """
    built = [(item, frame) for item in coded if (frame := video_frame(track, item.data)) is not None]
    built = built[next((index for index, (_, frame) in enumerate(built) if frame.key), len(built)) :]
    if not built:
        return Clip(track, (), 0)
    zero, shown = built[0][0].dts, [item.pts for item, _ in built]
    period = max(shown) - min(shown) + round(track.clock / track.frame_rate)
    return Clip(track, tuple((item.dts - zero, item.pts - zero, frame) for item, frame in built), period, zero)


def audio_clip(track: Track, coded: Sequence[Coded], period: int, zero: int = 0) -> Clip:
    """A clip from audio frames; `zero` is the tick at which the video is due first; what lies before it or past the period is left out."""
    frames = tuple((item.pts - zero, item.pts - zero, audio_frame(track, item.data)) for item in coded if 0 <= item.pts - zero < period)
    return Clip(track, frames, period)


def loop(clip: Clip, *, variant: bool = False) -> Iterator[Slot]:
    """Slots of a clip for ever; nothing when it is empty."""
    start = 0
    while clip.frames:
        for due, pts, frame in clip.frames:
            unit = Unit(clip.track.kind, start + pts, frame, variant)
            yield Slot((start + due) / clip.track.clock, lambda unit=unit: (unit,))  # type: ignore[misc]
        start += clip.period
