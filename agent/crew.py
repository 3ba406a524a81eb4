"""The cameras of a running agent: each with its line, its ingest and its thread, taken on and let go one by one.

    (none) ── wanted ──▶ THERE ── not wanted ──▶ LEAVING ── thread ended, ring empty ──▶ DROPPED ── writer settled ──▶ (none)
      ▲                  │   ▲                                                           (the writer leaves it out)
      │                  └───┘ another source: its thread goes on with the next session
      └── wanted again while it leaves: taken on when the old one is gone, because a ring has one producer and one consumer

Rules: a change of one camera touches no other's thread, ring or epoch.  `apply` may be called by any thread and waits for none;
`tend` carries on what takes time, and belongs to one thread (wk-watch).  A ring is closed only when neither its camera's thread nor
the writer can reach it.  Bound: `limit` cameras are there, and as many more may be leaving; those that do not fit wait for their turn.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from ..wire.causes import Cause
from ..wire.errors import UsageError
from ..wire.shell.threads import Supervised
from .ingest import Ingest
from .line import Line
from .roster import Changes, Wanted, compare

PATIENCE_S: Final = 1.0
"""A camera that sends ends its session at the next frame; one that is mute has its read ended after this."""


class WriterPort(Protocol):
    """What the crew needs of agent.writer.Writer."""

    @property
    def settled(self) -> int: ...

    def set_lines(self, lines: Sequence[Line]) -> None: ...


@dataclass(slots=True)
class Member:
    """One camera that is there, or is leaving."""

    line: Line
    ingest: Ingest
    thread: Supervised
    wanted: Wanted
    leaving: bool = False
    give_up_at: float = 0.0
    """When a session that should end has its read ended."""
    dropped_at: int | None = None
    """How often the writer had settled when it was told to leave the line out."""


Hire = Callable[[str, Wanted, Cause | None], Member]
"""Make the parts of a camera; the cause is that of its first epoch, None for what the agent's start makes of it."""
Keep = Callable[[Sequence[Wanted]], None]


class Crew:
    """Owns every camera's thread and ring."""

    def __init__(self, hire: Hire, writer: WriterPort, keep: Keep, monotonic: Callable[[], float], *, limit: int) -> None:
        """`keep` hears of every camera that is there, comes or leaves, before one begins or is asked anew and when one has gone; it is
        called under the lock, and must neither wait for anything nor call back."""
        self._hire, self._writer, self._keep, self._monotonic, self._limit = hire, writer, keep, monotonic, limit
        self._lock = threading.Lock()
        """Nothing is waited for under it but the start of a thread."""
        self._wanted: dict[str, Wanted] = {}
        self._members: dict[str, Member] = {}
        self._started = self._closing = False

    def start(self) -> None:
        """Begin to record; until then `apply` only makes the cameras ready."""
        with self._lock:
            self._started = True
            self._begin()

    def apply(self, wanted: Mapping[str, Wanted]) -> Changes:
        """Record exactly these from now on; returns what changed.  Raises UsageError, with nothing changed, for too many."""
        if len(wanted) > self._limit:
            raise UsageError(f"{len(wanted)} cameras are more than the {self._limit} of this recorder's profile",
                             remedy="share the cameras between several recorders, or choose another profile")  # fmt: skip
        with self._lock:
            if self._closing:
                return Changes()
            changes, self._wanted = compare(self._wanted, wanted), dict(wanted)
            self._let_go([self._members[name] for name in changes.removed if name in self._members])
            if changes:
                self._tell()
            self._turn(changes)
            self._take_on()
        return changes

    def tend(self) -> None:
        """Carry on what takes time: mute sessions, cameras that leave, those that wait for their turn."""
        now = self._monotonic()
        with self._lock:
            for member in self._members.values():
                self._hasten(member, now)
            if self._closing:
                return
            self._leave_out([member for member in self._members.values() if _is_empty(member)])
            gone = [name for name, member in self._members.items() if self._is_gone(member)]
            for name in gone:
                self._members.pop(name).line.ring.close()
            if gone:
                self._tell()
            # no room for a thread or a ring, told by whoever wanted it: others are looked after, it is tried again
            with suppress(RuntimeError, MemoryError):
                self._take_on()
                self._begin()

    def there(self) -> dict[str, Member]:
        """The cameras that are recorded, as they are at this moment; those that leave are not among them."""
        with self._lock:
            return {name: member for name, member in self._members.items() if not member.leaving}

    def epochs(self) -> dict[str, int]:
        """Of the newest chunk of each camera that is there; 0 before its first one."""
        return {name: member.line.stats.epoch for name, member in self.there().items()}

    def everyone(self) -> dict[str, Member]:
        """The same with those that leave."""
        with self._lock:
            return dict(self._members)

    def stop(self) -> None:
        """Ask every camera to end; nobody is taken on any more.  `wait` follows."""
        with self._lock:
            self._closing = True
            for member in self._members.values():
                member.thread.stop()

    def wait(self, deadline: float) -> None:
        """Wait for the cameras' threads until then."""
        for member in self.everyone().values():
            member.thread.join(max(deadline - self._monotonic(), 0.01))

    def give_up(self) -> None:
        """End the read of every session that still reads."""
        for member in self.everyone().values():
            member.ingest.watch.give_up()

    @property
    def stragglers(self) -> list[str]:
        """Threads that have not ended: a look-up of a name, or a connect, that nothing can interrupt."""
        return [member.thread.name for member in self.everyone().values() if member.thread.alive]

    def close(self) -> None:
        """Free the rings; the writer has ended."""
        for member in self.everyone().values():
            member.line.ring.close()

    # Under the lock.

    def _let_go(self, members: Sequence[Member]) -> None:
        for member in members:
            if not member.leaving:  # one that waits for its namesake's going leaves already
                member.leaving, member.give_up_at = True, self._monotonic() + PATIENCE_S
                member.thread.stop()

    def _turn(self, changes: Changes) -> None:
        for name, member in self._members.items():
            if member.leaving or name not in self._wanted:
                continue
            before, member.wanted = member.wanted, self._wanted[name]
            if before.relieves and not member.wanted.relieves:
                member.ingest.again()
            if name in changes.renumbered:
                member.ingest.renumber()
            if name in changes.turned:
                member.ingest.turn(member.wanted.source)
                member.give_up_at = self._monotonic() + PATIENCE_S

    def _hasten(self, member: Member, now: float) -> None:
        member.ingest.watch.look(now)
        if now < member.give_up_at:
            return
        if member.leaving:
            member.ingest.watch.give_up()
        else:
            member.ingest.hasten()

    def _leave_out(self, empty: Sequence[Member]) -> None:
        if not empty:
            return
        self._writer.set_lines([member.line for member in self._members.values() if member not in empty and member.dropped_at is None])
        for member in empty:  # after set_lines: the tick that is under way may still hold the old lines
            member.dropped_at = self._writer.settled

    def _is_gone(self, member: Member) -> bool:
        return member.dropped_at is not None and self._writer.settled > member.dropped_at

    def _tell(self) -> None:
        leaving = {name: member.wanted for name, member in self._members.items() if member.leaving}
        self._keep(list((leaving | self._wanted).values()))

    def _take_on(self) -> None:
        """Those that are wanted and not there, as far as there is room for them and their namesakes have gone."""
        coming = [name for name in self._wanted if name not in self._members][: max(2 * self._limit - len(self._members), 0)]
        if not coming:
            return
        try:
            for name in coming:
                self._members[name] = self._hire(name, self._wanted[name], Cause.CONFIGURATION if self._started else None)
        finally:  # who was made before one for whose ring there is no memory is recorded all the same
            self._writer.set_lines([member.line for member in self._members.values() if member.dropped_at is None])
            self._begin()

    def _begin(self) -> None:
        """Start the threads that are to run and do not: those of new cameras, and those for which there was no room in the machine."""
        for member in self._members.values() if self._started else ():
            if not (member.leaving or member.thread.started):
                member.thread.start()


def _is_empty(member: Member) -> bool:
    """Nobody fills its ring any more, and the writer has taken everything."""
    return member.leaving and member.dropped_at is None and not member.thread.alive and not member.line.ring.frames
