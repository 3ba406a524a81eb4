"""Sound's stamps on the picture's time line: each track of RTP counts from a number of its own.  No I/O, no clock.

    the two stamps that stand for one instant come from         believed while
    ─────────────────────────────────────────────────────────   ────────────────────────────────────────────────────────
    each track's first packet                                   nothing better is known
    RTP-Info of PLAY (rtptime)                                  within 10 s of the track's first packet
    sender reports of both tracks (RFC 3550, 6.4.1)             within 10 s of what was known before

Rules: the picture's stamps are never touched, and so stay the camera's own.  Sound moves by what reports say only when that is more than
APART_S from where it is: smaller steps are the reports' own jitter, and would tear it.
"""

from dataclasses import dataclass
from typing import Final

BELIEVED_S: Final = 10
APART_S: Final = 0.04
"""Lips and voice may be this far apart before people see it (ITU-R BT.1359 says 45 ms)."""


@dataclass(slots=True)
class _Track:
    clock: int
    announced: int | None
    first: int | None = None
    """The stamp that stands for the common instant."""
    report: tuple[int, float] | None = None
    """An unwrapped stamp, and the NTP time in seconds that it stands for."""
    last: int = 0

    def begin(self, stamp: int) -> None:
        lead = 0 if self.announced is None else _signed(stamp - self.announced)
        self.first = stamp - lead if abs(lead) <= BELIEVED_S * self.clock else stamp


class Timeline:
    """Of one session; clocks are ticks a second, `announced` stamps are those of RTP-Info."""

    def __init__(self, video_clock: int, video_announced: int | None, audio_clock: int = 1, audio_announced: int | None = None) -> None:
        self._video, self._audio = _Track(video_clock, video_announced), _Track(audio_clock, audio_announced)
        self._shift: int | None = None

    def picture(self, stamp: int) -> None:
        """A frame with this unwrapped stamp has come."""
        self._came(self._video, stamp)

    def sound(self, stamp: int) -> int:
        """Where a packet of sound stands on the picture's line, in sound's ticks; as it is while no picture has come."""
        self._came(self._audio, stamp)
        if self._video.first is None or self._audio.first is None:
            return stamp
        if self._shift is None:
            self._shift = self._video.first * self._audio.clock // self._video.clock - self._audio.first
            self._align()
        return stamp + self._shift

    @property
    def shift(self) -> int:
        """What is added to a stamp of sound now; 0 before there was any."""
        return self._shift or 0

    def went_on(self, picture: int, sound: int | None) -> None:
        """Frames up to these stamps have come meanwhile."""
        self._video.last = picture
        if sound is not None:
            self._audio.last = sound

    def report(self, *, video: bool, stamp: int, ntp: int) -> None:
        """A sender report: its RTP stamp (32 bits) and its NTP time (32.32 bits), 0 of a camera without a clock (RFC 3550, 6.4.1)."""
        track = self._video if video else self._audio
        if track.first is None or not ntp:
            return  # the next one comes in seconds
        track.report = track.last + _signed(stamp - track.last), ntp / (1 << 32)
        self._align()

    def _came(self, track: _Track, stamp: int) -> None:
        if track.first is None:
            track.begin(stamp)
        track.last = stamp

    def _align(self) -> None:
        if self._shift is None or self._video.report is None or self._audio.report is None:
            return
        (picture, picture_s), (sound, sound_s) = self._video.report, self._audio.report
        rate = self._audio.clock
        wanted = picture * rate // self._video.clock + round((sound_s - picture_s) * rate) - sound
        if APART_S * rate < abs(wanted - self._shift) <= BELIEVED_S * rate:
            self._shift = wanted


def _signed(difference: int) -> int:
    """The shortest way round a counter of 32 bits."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)
