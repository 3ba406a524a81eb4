"""The network between one agent and one archiver: connections, delay, loss, duplication, reordering, partitions, resets.

    connect ─▶ open │ REFUSED │ SILENT         exchange ─▶ answer │ STATUS │ RESET │ STALE │ SILENT

Rules: one exchange at a time, as the agent's worker has it; what arrives late, twice or after a heal is handled by the archiver all the
same and its answer reaches nobody.  Faults are those of agent/replicate/verdict.py, told at the times of agent/replicate/client.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sim_archiver import Answer, Body, Incarnation, Reply, SimArchiver, reset
from sim_engine import Loop

from watchkeep.agent.replicate.client import CONNECT_TIMEOUT_S
from watchkeep.agent.replicate.verdict import AppendError, Fault

RATE_S = 1.0
"""How long a transfer keeps its rate at least, whatever becomes of the weather."""


@dataclass(slots=True)
class Weather:
    """How a link behaves now."""

    delay_s: float = 0.002
    loss: float = 0.0
    """Chance that a request, or an answer, does not arrive in time."""
    duplicate: float = 0.0
    reset: float = 0.0
    cut_out: bool = False
    cut_in: bool = False
    bytes_s: float = 50e6


class Link:
    """One kept-alive connection of one worker."""

    def __init__(self, loop: Loop, name: str, to: Callable[[], SimArchiver], timeout_s: float) -> None:
        self._loop, self._to, self._timeout_s = loop, to, timeout_s
        self._rng = loop.random(f"link {name}")
        self.weather = Weather()
        self.connections = 0
        self._peer: Incarnation | None = None
        self._used = False
        self._current = 0

    # What SendWorker expects of its client.

    def connect(self) -> None:
        """Nothing: `open` has connected."""

    def close(self) -> None:
        self._peer = None

    def abort(self) -> None:
        """The worker ends: what is under way calls nobody back."""
        self._current += 1
        self._peer = None

    def open(self, then: Callable[[AppendError | None], None]) -> None:
        """Connect unless connected; `then` gets None, or why not."""
        if self._peer is not None:
            then(None)
            return
        self._current += 1
        current, archiver = self._current, self._to()
        if archiver.silent or self._lost() or self.weather.cut_in or self.weather.cut_out:
            wait_s, error = min(CONNECT_TIMEOUT_S, self._timeout_s), AppendError("no connection in time", Fault.SILENT, remedy="-")
            self._loop.after(wait_s, lambda: then(error) if current == self._current else None)
            return

        def arrived() -> None:
            if current != self._current:
                return
            self._peer, self._used = archiver.process, False
            if self._peer is None:
                then(AppendError("no connection", Fault.REFUSED, remedy="-"))
                return
            self.connections += 1
            then(None)

        self._loop.after(2 * self._delay(), arrived)

    def exchange(self, body: Body, size: int, then: Reply) -> None:
        """Send one batch, or losses, of `size` bytes; `then` is called once, unless the link is aborted."""
        self._current += 1
        current, weather, peer = self._current, self.weather, self._peer
        transfer_s = size / weather.bytes_s

        def finish(what: Answer) -> None:
            if current != self._current:
                return
            self._current += 1
            if isinstance(what, AppendError):
                if what.fault is not Fault.STATUS:
                    self._peer = None
            else:
                self._used = True
            then(what)

        def answer(what: Answer) -> None:
            if not (self._lost() or self.weather.cut_in):
                self._loop.after(self._delay(), finish, what)

        def arrive() -> None:
            archiver = self._to()
            if archiver.silent or self.weather.cut_out:
                return
            if archiver.process is not peer:
                gone = AppendError("connection lost", Fault.STALE if self._used else Fault.RESET, remedy="-")
                self._loop.after(self._delay(), finish, gone)
                return
            archiver.receive(body, answer)

        def late() -> None:
            self._to().receive(body, lambda _: None)

        def silent() -> None:
            if current == self._current:
                finish(AppendError("no answer in time", Fault.SILENT, remedy="-"))

        self._carry(size, self._timeout_s, silent)
        chance = self._rng.random()
        if chance < weather.reset:
            if chance < weather.reset / 2:
                self._loop.after(transfer_s, late)
            self._carry(size, self._delay(), finish, reset())
            return
        if self._lost() or weather.cut_out:
            if self._rng.random() < 0.5:  # the kernel's retransmissions get through one day
                self._loop.after(self._rng.uniform(0.2, 6.0), late)
            return
        self._carry(size, self._delay(), arrive)
        if self._rng.random() < weather.duplicate:
            self._loop.after(transfer_s + self._rng.uniform(0.0, 4.0), late)

    def _carry(self, left: float, delay_s: float, then: Callable[..., None], *values: object) -> None:
        """Call `then` so long after that many bytes have passed, each second at the rate of then: a healed link brings the rest at once."""
        rate = self.weather.bytes_s
        if left <= rate * RATE_S:
            self._loop.after(left / rate + delay_s, then, *values)
        else:
            self._loop.after(RATE_S, self._carry, left - rate * RATE_S, delay_s, then, *values)

    def _lost(self) -> bool:
        return self._rng.random() < self.weather.loss

    def _delay(self) -> float:
        return self.weather.delay_s * self._rng.uniform(0.5, 2.0)
