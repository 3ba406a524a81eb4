"""The RAM in front of the journal's disk: which chunks are there, and which go to the disk next.  No I/O, no clock, no threads.

               take              due                     spilled
    (cutter) ────────▶ WAITING ────────▶ SPILLING ─────────────────▶ the journal's
                        │    ▲              │  │
                release │    └── failed ────┘  │ release: unreadable at once, its bytes are
                        ▼                      ▼ held until the write has ended
                     forgotten ◀──── spilled, failed: the journal is told to forget it, too

Rules: a chunk is here until the journal has it or nobody is owed it any more (invariant 4), and goes to the disk in the order in
which it was cut.  One write is under way at a time.  Hold says how long a chunk waits for archivers to make its write needless;
without one it is due at once.  Bound: `max_bytes` of records, those being written included; what does not fit is not
taken and waits in the rings.  A single record larger than that is taken when no other chunk is here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from watchkeep.wire.record import Header, Payload, RecordKind, pack_header

from .entry import Entry, Item, Proven, entry_of, seal_of

Record = tuple[Header, Payload]
Name = tuple[str, int, int]
Epoch = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Hold:
    """When a chunk is due: after `seconds`, or earlier, the oldest first, while more than `bytes` wait."""

    seconds: float = 0.0
    bytes: int = 0


AT_ONCE: Final = Hold()

class Staged:
    """One record in RAM: what it is, its bytes, since when, and whether it was released while it was being written."""

    __slots__ = ("entry", "item", "record", "released", "since")

    def __init__(self, record: Record, since: float) -> None:
        header, payload = record
        seal = seal_of(header, payload)
        self.entry = entry_of(header, seal, 0, 0)
        self.item: Item = (pack_header(header), payload)
        self.record: Proven = (header, payload, seal)
        self.since, self.released = since, False


class Stage:
    def __init__(self, max_bytes: int, hold: Hold = AT_ONCE) -> None:
        self._max, self._hold = max_bytes, hold
        self._order: dict[Name, Staged] = {}
        """Every chunk that is readable here, in the order of cutting."""
        self._epochs: dict[Epoch, dict[int, Staged]] = {}
        self._inits: dict[Epoch, Staged] = {}
        """Of epochs with chunks here, and of each camera's newest: one more chunk may come."""
        self._newest: dict[str, int] = {}
        self._flight: tuple[Staged, ...] = ()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._order)

    @property
    def room(self) -> int:
        """Bytes that may be taken; 0 when it is full."""
        return max(self._max - self.bytes, 0)

    def expect(self, cameras: Collection[str], max_bytes: int) -> None:
        """These are recorded from now on, with this bound; what is here of others, or above it, stays until it has gone its way."""
        self._max = max_bytes
        for camera in self._newest.keys() - set(cameras):
            del self._newest[camera]
            self._settle(camera)

    def take(self, records: Sequence[Record], now: float) -> list[Entry]:
        """Take records, in order, as far as they fit; the caller keeps the others.  Raises FormatError and has then taken none."""
        staged = [Staged(record, now) for record in records]
        taken = []
        for one in staged:
            if self.bytes + one.entry.record_bytes > self._max and (self._order or self._flight):
                break
            taken.append(self._keep(one))
        return taken

    def chunk(self, camera: str, epoch: int, seq: int) -> Staged | None:
        return self._order.get((camera, epoch, seq))

    def init_of(self, camera: str, epoch: int) -> Staged | None:
        return self._inits.get((camera, epoch))

    def cameras(self) -> set[str]:
        """Those with chunks here, or in the write that is under way."""
        return {key[0] for key in self._epochs} | {one.entry.camera for one in self._flight}

    def oldest(self) -> Entry | None:
        return next((one.entry for one in self._order.values()), None)

    def release(self, camera: str, epoch: int, low: int, high: int) -> int:
        """Nobody is owed low..high any more; returns how many chunks were here."""
        held = self._epochs.get((camera, epoch), {})
        # The cheaper side decides: an archiver may answer with 0..10**9 for an epoch of which three chunks are here.
        seqs = range(low, high + 1) if high - low < len(held) else [seq for seq in held if low <= seq <= high]
        gone = [one for seq in seqs if (one := held.get(seq)) is not None]
        flying = {one.entry.name for one in self._flight} if gone else set()
        for one in gone:
            one.released = one.entry.name in flying
            self._forget(one, size=0 if one.released else one.entry.record_bytes)
        self._settle(camera)
        return len(gone)

    def due(self, now: float, limit: int, *, everything: bool = False) -> list[Staged]:
        """The chunks to write now, of at least one and about `limit` bytes at most; `spilled` or `failed` has to follow.

        Empty when nothing is due or a write is under way.
        """
        if self._flight:
            return []
        too_old, over, size = now - self._hold.seconds, self.bytes - self._hold.bytes, 0
        due: list[Staged] = []
        for one in self._order.values():
            if (one.since > too_old and over <= 0 and not everything) or (due and size + one.entry.record_bytes > limit):
                break
            due.append(one)
            over -= one.entry.record_bytes
            size += one.entry.record_bytes
        self._flight = tuple(due)
        return due

    def next_due(self) -> float | None:
        """When the next write is due, monotonic; None when nothing waits or a write is under way."""
        first = next(iter(self._order.values()), None)
        if first is None or self._flight:
            return None
        return first.since if self.bytes > self._hold.bytes else first.since + self._hold.seconds

    def spilled(self) -> list[Entry]:
        """The write is done, the journal has its chunks; returns those released meanwhile, which the journal has to forget."""
        flight, self._flight = self._flight, ()
        for one in flight:
            if one.released:
                self.bytes -= one.entry.record_bytes
            else:
                self._forget(one, size=one.entry.record_bytes)
        for camera in {one.entry.camera for one in flight}:
            self._settle(camera)
        return [one.entry for one in flight if one.released]

    def failed(self) -> None:
        """Nothing of the write stands: its chunks wait again, at their place."""
        flight, self._flight = self._flight, ()
        self.bytes -= sum(one.entry.record_bytes for one in flight if one.released)

    def with_inits(self, chunks: Iterable[Staged], known: Iterable[Epoch]) -> list[Proven]:
        """The records of a write: each chunk, and before an epoch's first its init segment unless the journal knows it.

        Before, and not all in front: the journal forgets an epoch without chunks when it hears of a newer one.
        """
        introduced, records = set(known), []
        for one in chunks:
            epoch = one.entry.name[:2]
            if epoch not in introduced and (init := self._inits.get(epoch)) is not None:
                records.append(init.record)
            introduced.add(epoch)
            records.append(one.record)
        return records

    def _keep(self, one: Staged) -> Entry:
        entry = one.entry
        key = entry.camera, entry.epoch
        if entry.kind is RecordKind.INIT:
            before = self._inits.get(key)
            self.bytes += entry.record_bytes - (before.entry.record_bytes if before else 0)
            self._inits[key] = one
            self._newest[entry.camera] = max(entry.epoch, self._newest.get(entry.camera, 0))
            self._settle(entry.camera)
            return entry
        known = self._order.get(entry.name)
        if known is not None:  # one name, one chunk (invariant 2): it is here already
            return known.entry
        self._order[entry.name] = self._epochs.setdefault(key, {})[entry.seq] = one
        self.bytes += entry.record_bytes
        return entry

    def _forget(self, one: Staged, *, size: int) -> None:
        key = one.entry.name[:2]
        del self._order[one.entry.name], self._epochs[key][one.entry.seq]
        if not self._epochs[key]:
            del self._epochs[key]
        self.bytes -= size

    def _settle(self, camera: str) -> None:
        """Forget init segments of epochs that are over and have no chunk here."""
        newest = self._newest.get(camera)
        for key in [key for key in self._inits if key[0] == camera and key not in self._epochs and key[1] != newest]:
            self.bytes -= self._inits.pop(key).entry.record_bytes
