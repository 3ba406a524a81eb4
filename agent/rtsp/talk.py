"""What a session says and hears beside its frames: sender reports and texts in, receiver reports and signs of life out.

    own thread:      hear ─▶ say                                    each may wait for the camera
    another thread:  aside: the same, as far as nothing waits ──▶ whether the session's own thread is wanted

Rules: one thread at a time, whoever reads the stream.  `aside` never waits: what the connection does not take at once stays in its
backlog, and then, as with whatever ends or changes the session, its own thread goes on.  Goodbye is what the source of the picture
says, and no picture comes after it: one of another source, or of a camera that goes on sending, ends nothing.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

from ...native.stream import Stream
from . import actions, rtcp
from .actions import Track
from .opening import Opened
from .quality import Quality
from .timeline import Timeline

TEXT = -1
"""The channel of what the camera says in RTSP."""
Messages = list[tuple[int, bytes]]
GOODBYE_S: Final = 1.0
"""How long after a goodbye the next packet of the picture may still come.  A camera that means it mostly closes its connection as well, and
then nothing waits; to be opened anew too soon would cost the pictures of one that does not."""


class Talk:
    """Of one session that plays; `controls` are the RTCP channels of its tracks, in their order."""

    def __init__(self, opened: Opened, stream: Stream, tracks: Sequence[Track], controls: Sequence[int], timeline: Timeline) -> None:
        self._opened, self._stream, self._tracks, self._timeline = opened, stream, tracks, timeline
        self._numbers = {control: number for number, control in enumerate(controls)}
        self._reporters = [rtcp.Reporter(secrets.randbits(32), secrets.token_hex(8)) for _ in tracks]
        self._reported = 0.0
        self._goodbye: tuple[float, int] | None = None  # when, and how many packets of the picture there were
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
        if self._goodbye is not None:
            due = min(due, self._goodbye[0] + GOODBYE_S)
        return min(self._opened.client.next_deadline() or due, due)

    def hear(self, messages: Messages, now: float) -> bool:
        """Text and RTCP; True when the camera has said goodbye, and nothing has come since."""
        for channel, data in messages:
            if channel == TEXT:
                self._opened.handle(actions.Received(data))
            else:
                self._control(self._numbers[channel], data, now)
        return self._gone(now)

    def say(self, now: float) -> None:
        """What is due: over UDP some cameras take reports for the sign of life that they wait for."""
        self._opened.handle(actions.Tick())
        if now - self._reported < rtcp.REPORT_S:
            return
        self._reported = now
        self.note_lost()
        for number, track in enumerate(self._tracks):
            reception = rtcp.Reception(*self._stream.counts(number)[:5])
            report = self._reporters[number].report(self._source(number) or 0, reception, now)
            if track.transport.kind == "udp":
                self._opened.link.send_report(number, report, track.transport.server[1])
            else:
                head = b"$" + bytes([track.transport.rtcp]) + len(report).to_bytes(2, "big")
                self._opened.perform([actions.Send(head + report)])

    def aside(self, messages: Messages, now: float) -> bool:
        """Hear and say without waiting, on the thread that reads meanwhile; True when the session is to be read by its own thread again: it
        is over, it ends, its sound moves, or the connection does not take what is to be said.  All messages are heard either way."""
        lane, shift = self._stream.lane, self._timeline.shift
        if lane is not None and messages:
            self._timeline.went_on(lane.raw, lane.sound_seen if lane.sounds else None)
        link = self._opened.link
        link.patient = False
        try:
            gone = self.hear(messages, now)
            self.say(now)
        finally:
            link.patient = True
        over = gone or self._opened.over is not None or self._opened.ended
        return over or bool(link.backlog) or self._timeline.shift != shift

    def _source(self, number: int) -> int | None:
        """Whose packets a track has: of the last one, and before the first one what the camera announced."""
        source = self._stream.source(number)
        return self._tracks[number].transport.ssrc if source is None else source

    def _gone(self, now: float) -> bool:
        if self._goodbye is None:
            return False
        said, received = self._goodbye
        if self._stream.counts(0)[0] != received:
            self._goodbye = None
            return False
        return now - said >= GOODBYE_S

    def _control(self, number: int, compound: bytes, now: float) -> None:
        """RTCP of one track."""
        for report in rtcp.parse(compound):
            if isinstance(report, rtcp.SenderReport):
                self._reporters[number].heard(report, now)
                if number == 0:
                    self._quality.heard(report, self._utc_ns())
                self._timeline.report(video=number == 0, stamp=report.timestamp, ntp=report.ntp)
            elif number == 0 and report.ssrc == self._source(0):
                self._note_goodbye(now)

    def _note_goodbye(self, now: float) -> None:
        """One that is said again without a picture in between is the same; behind a picture it is another one."""
        received = self._stream.counts(0)[0]
        if self._goodbye is None or self._goodbye[1] != received:
            self._goodbye = now, received
