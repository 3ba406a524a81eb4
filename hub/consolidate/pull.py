"""Chunks of one peer into the own store: asked for, proven, checked against what is held, appended, throttled.

    ask ─▶ prove every record ─▶ is it what was asked for? ─▶ does it fit its neighbours here? ─▶ Store.append ─▶ pause

Rules: a chunk that does not fit what is held is refused and reported, and never replaces anything (invariants 2 and 5).  One
request at a time, and a pause after each: the peers' agents come first (invariant 7).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import WatchkeepError
from ...wire.record import RecordKind
from ...wire.seal import Seal
from ..api.batch import prove
from ..store import Conflict, Record, Store, StoreBusy
from ..store.clock import Clock
from .client import PeerClient, PeerError
from .compare import Place
from .plan import Pull, pause_s

BUSY_S: Final = 1.0
"""Pause when the disks do not keep up: recording needs them."""
BUSY_TRIES: Final = 30
"""Then this archiver has no time for consolidation, and the next round tries again."""


@dataclass(slots=True)
class Pulled:
    """What one pull brought; chunks that came neither way are unavailable at the peer."""

    stored: int = 0
    bytes: int = 0
    refused: int = 0
    unavailable: int = 0


class Puller:
    """Pulls from one peer, on one thread; `stop` ends it between two requests."""

    def __init__(self, store: Store, client: PeerClient, peer: str, *, max_mbit_s: float, stop: Callable[[], bool],
                 pause: Callable[[float], object], clock: Clock) -> None:  # fmt: skip
        self._store, self._client, self._peer, self._clock = store, client, peer, clock
        self._max_mbit_s, self._stop, self._pause = max_mbit_s, stop, pause

    def pull(self, wanted: Pull, expected: Mapping[Place, bytes]) -> Pulled:
        """Get one range; raises PeerError when the peer fails, VolumeError when the store does."""
        done, first = Pulled(), wanted.first
        while first <= wanted.last and not self._stop():
            started = self._clock.monotonic()
            body = self._client.records(wanted.camera, wanted.epoch, first, wanted.last)
            if body is None:
                done.unavailable += wanted.last - first + 1
                break
            records = self._checked(body, wanted, first)
            last = records[-1][0].seq
            done.unavailable += last - first + 1 - (len(records) - 1)
            good = self._fitting(records, expected)
            done.refused += len(records) - len(good)
            self._append(good, done)
            done.bytes += len(body)
            first = last + 1
            self._pause(pause_s(len(body), self._clock.monotonic() - started, self._max_mbit_s))
        return done

    def _checked(self, body: bytes, wanted: Pull, first: int) -> list[Record]:
        """The proven records: one init segment, then chunks that were asked for, ascending; raises PeerError."""
        try:
            records: list[Record] = list(prove(body))
        except WatchkeepError as error:
            raise PeerError(f"{self._peer} sends what proves nothing: {error.message}", remedy="run `watchkeep verify` there") from error
        before = first - 1
        for at, (header, _, _) in enumerate(records):
            wrong = header.kind is not (RecordKind.CHUNK if at else RecordKind.INIT)
            if wrong or (header.camera, header.epoch) != (wanted.camera, wanted.epoch):
                raise self._not_asked_for(wanted)
            if at:
                if not before < header.seq <= wanted.last:
                    raise self._not_asked_for(wanted)
                before = header.seq
        if len(records) < 2:
            raise self._not_asked_for(wanted)
        return records

    def _not_asked_for(self, wanted: Pull) -> PeerError:
        return PeerError(f"{self._peer} sends other chunks than {wanted.camera} epoch {wanted.epoch} {wanted.first} to {wanted.last}",
                         remedy="update the older of the two machines")  # fmt: skip

    def _fitting(self, records: list[Record], expected: Mapping[Place, bytes]) -> list[Record]:
        """The records without the stretches of chunks that contradict what is known here.

        A stretch is chained, so where one of its ends does not fit, the whole of it belongs to another past.
        """
        init, *chunks = records
        fitting = [init]
        for stretch in _stretches(chunks):
            if self._fits(stretch, expected):
                fitting += stretch
            else:
                first, last = stretch[0][0], stretch[-1][0]
                text = f"chunks {first.seq} to {last.seq} of epoch {first.epoch} of {self._peer} do not fit what is held here: refused"
                self._store.report(EventKind.TAMPER, text, "find out which of the two was changed", first.camera)
        return fitting

    def _fits(self, stretch: list[Record], expected: Mapping[Place, bytes]) -> bool:
        first, last = stretch[0][0], stretch[-1][0]
        before = None if first.seq == 0 else self._store.seal_of(first.camera, first.epoch, first.seq - 1)
        after = self._store.seal_of(last.camera, last.epoch, last.seq + 1)
        if before is not None and before.chunk_hash != _seal(stretch[0]).prev_hash:
            return False
        if after is not None and after.prev_hash != last.hash:
            return False
        return all(expected.get((header.epoch, header.seq), header.hash) == header.hash for header, _, _ in stretch)

    def _append(self, records: list[Record], done: Pulled) -> None:
        """Store what fits; what the store refuses all the same is left out, named by the store itself."""
        tries = 0
        while len(records) > 1 and not self._stop():
            try:
                accepted = self._store.append(records)
            except Conflict as conflict:
                names = {(name.epoch, name.seq) for name in conflict.names}
                left = [records[0], *(record for record in records[1:] if (record[0].epoch, record[0].seq) not in names)]
                done.refused += len(records) - len(left)
                records = left if len(left) < len(records) else []
            except StoreBusy:
                tries += 1
                if tries > BUSY_TRIES:
                    raise
                self._pause(BUSY_S)
            else:
                done.stored += accepted.stored
                return


def _seal(record: Record) -> Seal:
    seal = record[2]
    assert seal is not None, "prove returns the seal of every chunk"
    return seal


def _stretches(chunks: list[Record]) -> list[list[Record]]:
    """Ascending chunks as lists of chunks that follow each other by number and by hash."""
    found: list[list[Record]] = []
    for record in chunks:
        before = found[-1][-1][0] if found else None
        if before is not None and before.seq + 1 == record[0].seq and before.hash == _seal(record).prev_hash:
            found[-1].append(record)
        else:
            found.append([record])
    return found


class Stopper:
    """A stop flag with a reason to wake up: what `stop` and `pause` of a Puller are made of."""

    def __init__(self, stop: threading.Event, also: Callable[[], bool] = lambda: False) -> None:
        self._stop, self._also = stop, also

    def __call__(self) -> bool:
        return self._stop.is_set() or self._also()

    def pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
