"""What the next batch for one archiver carries: the live lane, then asks, then the catch-up lane.  No I/O, no threads.

    lane       chunks                                             order                                      bound
    live       owed and offered within LIVE_S                     by priority; each camera ascending, in turn  Budget.live_bytes
    ask        RECEIVED (is it durable?), UNKNOWN (is it there?)  newest epochs first                        MAX_ASKS, each ASK_EVERY_S
    catch-up   owed and older, when live fits the batch           by priority; newest segment first          Budget.catchup_bytes
    probe      nothing: one ask for the newest chunk known        after silence for Budget.probe_s       one record

Rules: catch-up never delays live by more than its bound.  A camera of higher priority is served before all others, those of one
priority in turn; one below the archiver's floor (room.py) has no live lane: all it is owed is catch-up, after everybody else's, and
waits while the archiver is full.  A segment's missing run is sent ascending, so that the
archiver writes contiguous files; the live lane is chosen in turn, then grouped by camera, epoch and seq.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final, NamedTuple

from ...wire.record import MAX_BATCH_BYTES
from .book import CameraBook, EpochBook
from .ledger import CopyLedger
from .pace import Budget
from .ports import ChunkRef
from .room import Order
from .stages import Stage

LIVE_S: Final = 10.0
"""Longer than the ack time-out and a back-off: what a takeover moves is still live, and goes in order."""
ASK_EVERY_S: Final = 0.5
"""Half of an archiver's fsync period."""
MAX_ASKS: Final = 512
"""Of one batch: 64 cameras of 4 ranges in 2 epochs; 144 bytes each, 74 kB."""
ASKS_PER_EPOCH: Final = 4
_ROOM: Final = 4 << 20
"""Left of MAX_BATCH_BYTES for init segments and asks."""
EVEN: Final = Order()
"""All cameras alike."""


class Ask(NamedTuple):
    camera: str
    epoch: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Batch:
    live: tuple[ChunkRef, ...] = ()
    asks: tuple[Ask, ...] = ()
    catchup: tuple[ChunkRef, ...] = ()
    more: bool = False
    """Live chunks are left that had no room: the next batch is wanted at once."""
    urgent: bool = False
    """The archiver has just taken cameras over: what it gets may have no copy."""

    @property
    def refs(self) -> tuple[ChunkRef, ...]:
        return self.live + self.catchup

    def __bool__(self) -> bool:
        return bool(self.live or self.asks or self.catchup)


class _Load:
    """Takes chunks until a lane, or the whole batch, is full; the first chunk of a lane is always taken if the batch has room."""

    def __init__(self, budget: Budget) -> None:
        self.left_chunks, self.left_bytes = budget.chunks, MAX_BATCH_BYTES - _ROOM

    def take(self, source: Iterable[ChunkRef], limit: int) -> tuple[list[ChunkRef], bool]:
        """The chunks taken, and whether the source ran out first."""
        taken: list[ChunkRef] = []
        used = 0
        for ref in source:
            if not self.left_chunks or ref.record_bytes > self.left_bytes or (taken and used + ref.record_bytes > limit):
                return taken, False
            taken.append(ref)
            used += ref.record_bytes
            self.left_bytes -= ref.record_bytes
            self.left_chunks -= 1
        return taken, True


class Lanes:
    """Plans one archiver's batches; keeps whose turn it is and when it last asked."""

    def __init__(self, archiver: str) -> None:
        self._archiver, self._turn = archiver, 0
        self._asked_at = self._spoke_at = float("-inf")

    def plan(self, ledger: CopyLedger, budget: Budget, now: float, order: Order = EVEN, witness: Ask | None = None,
             probe_s: float | None = None) -> Batch:  # fmt: skip
        """The next batch, empty when there is nothing to say; `witness` is asked for with whatever is said, probe_s stands for the
        budget's.  The caller tells the ledger what was Sent."""
        self._turn += 1
        live: list[ChunkRef] = []
        catchup: list[ChunkRef] = []
        all_live = True
        if classes := self._classes(ledger, order):
            load = _Load(budget)
            live, all_live = load.take(self._live(ledger, classes, now, order), budget.live_bytes)
            if all_live and budget.catchup_bytes:
                catchup, _ = load.take(self._catchup(ledger, classes, now, order), budget.catchup_bytes)
        batch = Batch(_grouped(live), self._asks(ledger, now), tuple(catchup), more=not all_live)
        if not batch and now >= self._spoke_at + (budget.probe_s if probe_s is None else probe_s):
            batch = Batch(asks=self._probe(ledger))
        if batch:
            self._spoke_at = now
            return batch if witness is None else replace(batch, asks=(witness, *batch.asks[: MAX_ASKS - 1]))
        return batch

    def ask_again(self) -> None:
        """The last batch was not heard: what it asked, and what it probed for, is due now."""
        self._asked_at = self._spoke_at = float("-inf")

    def _live(self, ledger: CopyLedger, classes: list[list[str]], now: float, order: Order) -> Iterator[ChunkRef]:
        """Class by class; inside one a chunk of each camera in turn, so that a small budget starves none of its peers."""
        for peers in classes:
            if order.left_out(peers[0]):
                return
            left: list[list[ChunkRef]] = []
            for camera in peers:
                if refs := self._live_of(ledger.cameras[camera], now):
                    yield refs[0]
                    left.append(refs)
            turn = 1
            while left := [refs for refs in left if len(refs) > turn]:
                yield from [refs[turn] for refs in left]
                turn += 1

    def _live_of(self, camera: CameraBook, now: float) -> list[ChunkRef]:
        """At most what LIVE_S brings: ten chunks of a second, and as many again when each is short."""
        since, refs = now - LIVE_S, list[ChunkRef]()
        for book in reversed(camera.epochs.values()):
            if book.last_offer() < since:
                break
            refs[:0] = _refs(book, self._archiver, book.first_since(since), book.last_seq)
        return refs

    def _catchup(self, ledger: CopyLedger, classes: list[list[str]], now: float, order: Order) -> Iterator[ChunkRef]:
        owed = ledger.open_epochs(self._archiver, Stage.OWED)
        for peers in classes:
            left_out = order.left_out(peers[0])
            if left_out and order.full:
                return
            for name in peers:
                for epoch in sorted(owed.get(name, ()), reverse=True):
                    book = ledger.cameras[name].epochs[epoch]
                    yield from self._holes(book, book.last_seq if left_out else book.first_since(now - LIVE_S) - 1)

    def _holes(self, book: EpochBook, below: int) -> Iterator[ChunkRef]:
        """The owed chunks up to `below`: newest segment first, ascending inside a segment."""
        while below >= 0:
            last = book.at(self._archiver)[Stage.OWED].clip(0, below).last()
            if last is None:
                return
            first = min(book.held[last].ref.segment_seq, last)
            yield from _refs(book, self._archiver, first, last)
            below = first - 1

    def _classes(self, ledger: CopyLedger, order: Order) -> list[list[str]]:
        """The cameras that are owed something, of one priority each, the highest first; in turn inside a class."""
        names = list(ledger.open_epochs(self._archiver, Stage.OWED))
        if not names:
            return []
        turn = self._turn % len(names)
        names = names[turn:] + names[:turn]
        if len(set(map(order.priorities.get, names))) == 1:
            return [names]
        found: dict[int, list[str]] = {}
        for name in names:
            found.setdefault(order.priority(name), []).append(name)
        return [found[priority] for priority in sorted(found, reverse=True)]

    def _asks(self, ledger: CopyLedger, now: float) -> tuple[Ask, ...]:
        if now < self._asked_at + ASK_EVERY_S:
            return ()
        found = [ask for stage in (Stage.UNKNOWN, Stage.RECEIVED) for ask in self._asks_of(ledger, stage)][:MAX_ASKS]
        if found:
            self._asked_at = now
        return tuple(found)

    def _asks_of(self, ledger: CopyLedger, stage: Stage) -> Iterator[Ask]:
        for camera, epochs in ledger.open_epochs(self._archiver, stage).items():
            for epoch in sorted(epochs, reverse=True)[:ASKS_PER_EPOCH]:
                spans = ledger.stages(self._archiver, camera, epoch)[stage].spans()
                yield from (Ask(camera, epoch, low, high) for low, high in spans[-ASKS_PER_EPOCH:])

    def _probe(self, ledger: CopyLedger) -> tuple[Ask, ...]:
        for name, camera in ledger.cameras.items():
            if camera.newest is not None:
                epoch, seq = camera.newest
                return (Ask(name, epoch, seq, seq),)
        return ()


def _refs(book: EpochBook, archiver: str, low: int, high: int) -> Iterator[ChunkRef]:
    if high < low:
        return
    for start, end in book.at(archiver)[Stage.OWED].clip(low, high):
        yield from (book.held[seq].ref for seq in range(start, end + 1))


def _grouped(refs: list[ChunkRef]) -> tuple[ChunkRef, ...]:
    return tuple(sorted(refs, key=_NAME) if len(refs) > 1 else refs)


_NAME: Final = attrgetter("camera", "epoch", "seq")
