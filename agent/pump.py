"""One thread that reads every camera of agent/rtsp while nothing about it is unusual: sockets drained on a tick, frames straight to rings.

    camera's thread: open ─▶ first frames ─▶ drive ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶ what was left: a new epoch, an end, a fault ─▶ drive
                                               └─▶ tick: all sockets to lanes; of some ─┘
                                                         cameras what is due: reports ...

Rules: never waits for a camera: it opens and closes nothing, sends only what a connection takes at once (agent/rtsp/talk.py), decodes no
parameter sets and makes no init segment; all that may take time is left to the camera's own thread, and until that is back the
camera's packets wait in its sockets (invariant 7).  So no camera's thread wakes as long as nothing is unusual.
Bounded: a camera gives 256 kB a tick (native/intake.pxd), and one that has more is asked again HURRY_S later, with all others.
"""

import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from ..native.stream import Basin
from ..native.unit import Unit
from ..wire.shell.threads import Supervised
from .beat import next_beat
from .clock import Clock
from .reader import Lender, Loan, Reader
from .rtsp.ride import Left, Ride
from .stall import PICTURE_WAIT_S

HURRY_S: Final = 0.01
IDLE_S: Final = 1.0
"""With no camera to read."""
LOOK_S: Final = 1.0
"""How late what concerns no single frame may be: a camera whose own thread wants it, a clock's step, doubts.  Looking costs more than
reading a tick of video does: so each tick some cameras are looked at, and those that have to say something now."""
MOST_ASIDE: Final = 64
"""Messages of a camera in one tick that are heard here: reports and answers come one in seconds.  One that sends more (256 kB hold
87 000) keeps its own thread busy with them, and no other camera waits."""
JOIN_S: Final = 3.0


class _Seat:
    """One camera that is being read: how it is going, and who waits for it."""

    def __init__(self, ride: Ride, loan: Loan, reader: Reader, wanted_back: Callable[[], bool], cuts: Callable[[], bool]) -> None:
        self.ride, self.loan, self.reader, self.wanted_back, self.cuts = ride, loan, reader, wanted_back, cuts
        self.pictured, self.over = ride.pictured, threading.Event()
        self.units, self.messages = list[tuple[int, Unit]](), list[tuple[int, bytes]]()
        """What is left to the camera's thread."""
        self.error: Exception | None = None
        self.due = ride.talk.deadline()
        """When something is to be said; only what is heard and said in `look` moves it."""

    def look(self, now: float, units: list[tuple[int, Unit]], messages: list[tuple[int, bytes]]) -> bool:
        """Hear and say what is due, take note of what went by; True when the camera is to go back to its thread, with what is unusual."""
        loan, talk, wanted = self.loan, self.ride.talk, False
        loan.lane.cuts = self.cuts()
        if not units and len(messages) <= MOST_ASIDE and (messages or now >= self.due):
            wanted = talk.aside(messages, now)  # what is behind a unit that was left is heard after it
            messages = []
            self.due = talk.deadline()
        if loan.lane.pictures != loan.pictures:
            self.pictured = now
        self.reader.noted(loan, now)
        self.units, self.messages = units, messages
        wanted = wanted or now - self.pictured > PICTURE_WAIT_S or self.reader.doubts(now) or self.wanted_back()
        return bool(units or messages or wanted or self.ride.stream.state or not loan.lane.open)


class Pump:
    """`start` it before cameras are driven; `stop` gives every camera back."""

    def __init__(self, clock: Clock, *, tick_s: float) -> None:
        self._clock, self._tick_s = clock, tick_s
        self._lock = threading.Lock()
        self._seats: tuple[_Seat, ...] = ()
        self._basin, self._turns, self._every = Basin(), 0, max(round(LOOK_S / tick_s), 1)
        self._wake = threading.Event()
        self._thread = Supervised("wk-pump", self.run, max_pause_s=1.0)
        self._running = False
        self.pictures = 0
        """How many went through lanes that are over."""

    def start(self) -> None:
        self._running = True
        self._thread.start()

    def stop(self) -> bool:
        """Whether the thread has ended."""
        with self._lock:
            self._running = False
        self._thread.stop()
        self._wake.set()
        return self._thread.join(JOIN_S)

    def drive(self, ride: Ride, lender: Lender, reader: Reader, wanted_back: Callable[[], bool], cuts: Callable[[], bool]) -> Left | None:
        """Read a camera in its thread's place; blocks until something is left to that.  None when it cannot be now.

        cuts: whether the next key frame is to begin an epoch.  Raises what reading it raised.
        """
        loan = reader.lend(lender) if self._running else None
        if loan is None:
            return None
        seat = _Seat(ride, loan, reader, wanted_back, cuts)
        ride.stream.lane = loan.lane
        taken = self._take(seat)
        if taken:
            seat.over.wait()
        ride.stream.lane = None
        if not taken:
            return None
        reader.returned(loan, lender)
        if seat.error is not None:
            raise seat.error
        return Left(seat.units, seat.messages, seat.pictured)

    def _take(self, seat: _Seat) -> bool:
        """False once `stop` was called: nobody would give it back."""
        with self._lock:
            if not self._running:
                return False
            idle, self._seats = not self._seats, (*self._seats, seat)
        if idle:
            self._wake.set()
        return True

    def run(self, stop: threading.Event) -> None:
        """The thread's body; whatever ends it, no camera's thread waits for ever."""
        try:
            while not stop.is_set():
                hurry = self._round()
                now = time.monotonic()
                pause = (HURRY_S if hurry else next_beat(now, self._tick_s) - now) if self._seats else IDLE_S
                if self._wake.wait(pause):
                    self._wake.clear()
        finally:
            self._give_back(self._seats)

    def _round(self) -> bool:
        """Read every camera once; whether one has more than fits into a round."""
        seats, over, done, hurry = self._seats, set[_Seat](), 0, False
        streams = [seat.ride.stream for seat in seats]
        while done < len(seats):
            now = self._clock.monotonic()
            done, unusual, more = self._basin.tick(streams, done, time.monotonic_ns(), self._clock.utc_ns())
            over |= {seats[at] for at, units, messages, error in unusual if self._look(seats[at], now, units, messages, error)}
            hurry = hurry or more
        self._turns += 1
        now = self._clock.monotonic()
        asked = {*seats[self._turns % self._every :: self._every], *[seat for seat in seats if seat.due <= now]}
        over |= {seat for seat in asked - over if self._look(seat, now, [], [])}
        self._give_back(over)
        return hurry

    def _look(self, seat: _Seat, now: float, units: list[tuple[int, Unit]], messages: list[tuple[int, bytes]],
              raised: Exception | None = None) -> bool:  # fmt: skip
        """What goes wrong with one camera its own thread raises: no other one is touched (invariant 7)."""
        seat.error = raised
        try:
            return raised is not None or seat.look(now, units, messages)
        except Exception as error:  # noqa: BLE001 - see above
            seat.error = error
            return True

    def _give_back(self, seats: Collection[_Seat]) -> None:
        if not seats:
            return
        with self._lock:
            self._seats = tuple(seat for seat in self._seats if seat not in seats)
        for seat in seats:
            self.pictures += seat.loan.lane.pictures
            seat.over.set()
