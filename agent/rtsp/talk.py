"""What a session says and hears beside its frames: sender reports and texts in, receiver reports and signs of life out.

    own thread:      hear ─▶ say                                    each may wait for the camera
    another thread:  aside: the same, as far as nothing waits ──▶ what is left, and whether the session's own thread is wanted

Rules: one thread at a time, whoever reads the stream.  `aside` never waits: what the connection does not take at once stays in its
backlog, and then, as with whatever ends or changes the session, its own thread goes on.
"""

import secrets
import time
from collections.abc import Callable, Sequence

from ...native.stream import Stream
from . import actions, rtcp
from .actions import Track
from .opening import Opened
from .quality import Quality
from .timeline import Timeline

TEXT = -1
"""The channel of what the camera says in RTSP."""
Messages = list[tuple[int, bytes]]


class Talk:
    """Of one session that plays; `controls` are the RTCP channels of its tracks, in their order."""

    def __init__(self, opened: Opened, stream: Stream, tracks: Sequence[Track], controls: Sequence[int], timeline: Timeline) -> None:
        self._opened, self._stream, self._tracks, self._timeline = opened, stream, tracks, timeline
        self._numbers = {control: number for number, control in enumerate(controls)}
        self._reporters = [rtcp.Reporter(secrets.randbits(32), secrets.token_hex(8)) for _ in tracks]
        self._sources = [track.transport.ssrc or 0 for track in tracks]
        self._reported = 0.0
        self._quality, self._utc_ns, self._lost = Quality(), time.time_ns, 0

    def note_in(self, quality: Quality, utc_ns: Callable[[], int]) -> None:
        """Losses and the camera's clock are noted there from now on."""
        self._quality, self._utc_ns = quality, utc_ns

    def note_lost(self) -> None:
        """What has been lost since the last time."""
        lost = sum(self._stream.counts(number)[1] for number in range(len(self._tracks)))
        self._quality.lost_packets += lost - self._lost
        self._lost = lost

    def begin(self, now: float) -> None:
        """Reports are due from now on."""
        self._reported = now

    def deadline(self) -> float:
        """Monotonic time at which something is to be said."""
        due = self._reported + rtcp.REPORT_S
        return min(self._opened.client.next_deadline() or due, due)

    def hear(self, messages: Messages, now: float) -> bool:
        """Text and RTCP; True when the camera says goodbye."""
        bye = False
        for channel, data in messages:
            if channel == TEXT:
                self._opened.handle(actions.Received(data))
            else:
                bye = self._control(self._numbers[channel], data, now) or bye
        return bye

    def say(self, now: float) -> None:
        """What is due: over UDP some cameras take reports for the sign of life that they wait for."""
        self._opened.handle(actions.Tick())
        if now - self._reported < rtcp.REPORT_S:
            return
        self._reported = now
        self.note_lost()
        for number, track in enumerate(self._tracks):
            reception = rtcp.Reception(*self._stream.counts(number)[:5])
            report = self._reporters[number].report(self._sources[number], reception, now)
            if track.transport.kind == "udp":
                self._opened.link.send_report(number, report, track.transport.server[1])
            else:
                head = b"$" + bytes([track.transport.rtcp]) + len(report).to_bytes(2, "big")
                self._opened.perform([actions.Send(head + report)])

    def aside(self, messages: Messages, now: float) -> tuple[Messages, bool]:
        """Hear and say without waiting, on the thread that reads meanwhile: what it left unheard, and whether the session is to be read
        by its own thread again: it is over, it ends, its sound moves, or the connection does not take what is to be said."""
        heard = next((at for at, (channel, data) in enumerate(messages) if channel != TEXT and not rtcp.can_wait(data)), len(messages))
        lane, shift = self._stream.lane, self._timeline.shift
        if lane is not None and heard:
            self._timeline.went_on(lane.raw, lane.sound_seen if lane.sounds else None)
        link = self._opened.link
        link.patient = False
        try:
            self.hear(messages[:heard], now)
            self.say(now)
        finally:
            link.patient = True
        over = self._opened.over is not None or self._opened.ended
        return messages[heard:], over or bool(link.backlog) or self._timeline.shift != shift

    def _control(self, number: int, compound: bytes, now: float) -> bool:
        """RTCP of one track; True when the camera says goodbye."""
        bye = False
        for report in rtcp.parse(compound):
            bye = bye or (isinstance(report, rtcp.Goodbye) and number == 0)
            self._sources[number] = report.ssrc
            if isinstance(report, rtcp.SenderReport):
                self._reporters[number].heard(report, now)
                if number == 0:
                    self._quality.heard(report, self._utc_ns())
                self._timeline.report(video=number == 0, stamp=report.timestamp, ntp=report.ntp)
        return bye
