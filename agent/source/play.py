"""One play of one camera: from the key frame it joins at to its last frame.  No I/O, no clock.

     WAITING ──key frame──▶ SENDING ──last frame──▶ ended          `param-change` goes back to WAITING once,
        ▲                      │                                   for a key frame of the other size
        '────other size────────'

Rules: counters run from 0 without holes; a play that has ended sends nothing more.
"""

import random
from collections.abc import Sequence

from ...wire.counter import FrameCounter, sei_nal
from .faults import JUMP_AFTER_S, Fault, FaultKind
from .media import VIDEO, Unit
from .protocol import Outlet
from .sender import Burst, Now, Sender

FINISHED = "finished"
"""Why a play ended that has sent all frames it was told to send."""
CUT = "fault"
"""Why a play ended that `close-after` cut."""
_GARBAGE_BYTES = 1400


class Play:
    """Call `handle` for every unit of the feed; when `ended` is set, say goodbye (unless it is CUT) and close."""

    def __init__(self, outlets: tuple[Outlet, ...], *, run: int, session: int, limit: int | None, fault: Fault | None,
                 rng: random.Random, name: str, stored: Sequence[Unit] = ()) -> None:  # fmt: skip
        """stored: units from before the play, which go out with the first one that it is given."""
        self.outlets, self.session = outlets, session
        self.frames = 0
        self.ended = ""
        self._senders = {outlet.track.kind: Sender(outlet, name) for outlet in outlets}
        self._run, self._limit, self._rng = run, limit, rng
        self._fault = fault.kind if fault else None
        self._value = fault.value if fault else 0
        self._waiting, self._joined, self._variant = True, False, False
        self._joined_s = 0.0
        self._stored = stored

    def handle(self, unit: Unit, now: Now) -> list[Burst]:
        """What has to be sent for this unit, in order."""
        stored, self._stored = self._stored, ()
        return [burst for one in (*stored, unit) for burst in self._send(one, now)]

    def _send(self, unit: Unit, now: Now) -> list[Burst]:
        sender = self._senders.get(unit.kind)
        if self.ended or sender is None or self._fault is FaultKind.MUTE or not self._wants(unit, now):
            return []
        if self._fault is FaultKind.GARBAGE:
            return [Burst(sender.outlet, self._rng.randbytes(_GARBAGE_BYTES), (0,))]
        if self._fault is FaultKind.JUMP and now.elapsed_s - self._joined_s >= JUMP_AFTER_S:
            sender.jump_ticks = self._value * sender.outlet.track.clock
        counter = self._count(sender, now) if unit.kind == VIDEO else None
        return [*sender.due_report(now), sender.rtp(unit.frame, unit.pts, counter)]

    def goodbye(self, now: Now) -> list[Burst]:
        """Sender report and BYE on every track that ever sent."""
        silent = not self._joined or self._fault in (FaultKind.MUTE, FaultKind.GARBAGE)
        return [] if silent else [sender.goodbye(now) for sender in self._senders.values()]

    def _wants(self, unit: Unit, now: Now) -> bool:
        if unit.kind != VIDEO:
            self._join(unit, now, leading=VIDEO not in self._senders)
            return self._joined and not self._stalled
        if unit.variant != self._variant or self._stalled or (self._waiting and not unit.frame.key):
            return False
        self._waiting = False
        self._join(unit, now, leading=True)
        return True

    @property
    def _stalled(self) -> bool:
        return self._fault is FaultKind.STALL_AFTER and self.frames >= self._value

    def _join(self, unit: Unit, now: Now, *, leading: bool) -> None:
        """All tracks count from the instant of the first frame of the leading one, which is the video where there is one."""
        if self._joined or not leading:
            return
        self._joined, self._joined_s = True, now.elapsed_s
        clock = self._senders[unit.kind].outlet.track.clock
        for sender in self._senders.values():
            sender.start = unit.pts * sender.outlet.track.clock // clock

    def _count(self, sender: Sender, now: Now) -> bytes:
        value = FrameCounter(self._run, self.session, self.frames, now.utc_ns)
        self.frames += 1
        if self.frames == self._limit:
            self.ended = FINISHED
        elif self._fault is FaultKind.CLOSE_AFTER and self.frames == self._value:
            self.ended = CUT
        elif self._fault is FaultKind.PARAM_CHANGE and self.frames == self._value:
            self._variant = self._waiting = True
        return sei_nal(sender.outlet.track.codec, value)
