"""What the store knows in memory: ledgers of epochs in use, parts that are being written, init segments, counts.

Rules: one lock guards everything here and is never held while a file is read or written.  Methods whose name starts with
`locked_` want the caller to hold it, because several of them have to be one step.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from ...wire.messages import EpochState
from .freshness import Freshness, Newest
from .intake import Plan
from .ledgers import MAX_LEDGERS, Ledgers, Row
from .model import Damaged, EpochKey, Job, Part, SegmentKey, Write
from .partfile import PartFile

MAX_INITS: Final = 256
"""Init segments kept: two epochs each of 128 cameras; 1.5 kB each as a rule, at most 1 MiB each (wire.segment)."""
MAX_DAMAGE: Final = 1000
"""Damaged files that are listed; more are counted in the log only."""


class Register:
    """Shared by appends, writers, the keeper and readers."""

    def __init__(self, rows: Callable[[str, int], list[Row]], most_ledgers: int = MAX_LEDGERS) -> None:
        """`rows` reads an epoch's closed parts from the catalog."""
        self.lock = threading.Lock()
        self.ledgers = Ledgers(self.lock, rows, self._locked_unlisted, most_ledgers)
        self.received = self.durable = self.refused = 0
        self._fresh = Freshness()
        self._inits: OrderedDict[EpochKey, bytes] = OrderedDict()
        self._parts: dict[tuple[str, str], PartFile | Part] = {}
        self._to_stitch: dict[str, set[SegmentKey]] = {}
        self._damage: list[Damaged] = []
        self._stored: set[str] = set()
        """Cameras of which the catalog has a part."""

    def unsynced(self) -> bool:
        """Whether anything is on its way to the disks."""
        with self.lock:
            return any(ledger.unsynced for ledger in self.ledgers.known.values())

    # -- epochs ------------------------------------------------------------------------------------------------

    def take(self, volume: str, newest: Mapping[str, int]) -> None:
        """What the catalog has of a volume counts from now on; `newest` is the newest epoch there of each of its cameras."""
        self.ledgers.take(volume, newest)
        with self.lock:
            self._stored |= newest.keys()

    def _locked_unlisted(self) -> set[EpochKey]:
        """Epochs with a part that the catalog does not have, or not as it is now."""
        return {(part.camera, part.epoch) for part in self._parts.values()}

    def locked_init(self, key: EpochKey) -> bytes | None:
        return self._inits.get(key)

    def locked_plan(self, plan: Plan) -> None:
        """The plan's chunks are on their way, its init segments are known."""
        for key, (digest, init) in plan.fresh_inits.items():
            self.ledgers[key].init_hash = digest
            self._keep_init(key, init)
        for write in plan.writes:
            key = (write.seal.camera, write.seal.epoch)
            self.ledgers[key].plan(write.seal.seq, write.seal.chunk_hash)
            self._keep_init(key, write.init)

    def _keep_init(self, key: EpochKey, init: bytes) -> None:
        self._inits[key] = init
        self._inits.move_to_end(key)
        if len(self._inits) > MAX_INITS:
            gone, _ = self._inits.popitem(last=False)
            ledger = self.ledgers.get(gone)
            if ledger is not None and not ledger.has_chunks:  # no file has it: it has to be sent again
                ledger.init_hash = None

    def state(self, camera: str, epoch: int, low: int, high: int) -> EpochState:
        """Raises VolumeError when the catalog has to be read, and cannot be."""
        with self.ledgers.hold([(camera, epoch)]), self.lock:
            ledger = self.ledgers[camera, epoch]
            return ledger.state(epoch, low, high, need_init=ledger.init_hash is None)

    def knows(self, camera: str) -> bool:
        with self.lock:
            return camera in self._stored or any(part.camera == camera for part in self._parts.values())

    # -- chunks on their way -----------------------------------------------------------------------------------

    def give_up(self, job: Job) -> None:
        """What is left of the job was not written.  When its volume hung they were given up before, and may be on their way elsewhere."""
        with self.lock:
            for write in job.left if not job.given_up else ():
                self.ledgers[write.seal.camera, write.seal.epoch].give_up(write.seal.seq)

    def written(self, part: PartFile, job: Job, run: list[Write]) -> bool:
        """The run's bytes are in the part's file.  False when they were given up before that: the file has to be cut again."""
        with self.lock:
            if job.given_up or part.given_up:
                return False
            for _ in run:
                job.left.popleft()
            part.note(run)
            self._parts[part.volume, part.path] = part
            ledger = self.ledgers[part.camera, part.epoch]
            for write in run:
                ledger.written(write.seal.seq)
            self.received += len(run)
            return True

    def synced(self, part: PartFile, now: float) -> None:
        """Everything written to the part is durable, by a sync that began now."""
        with self.lock:
            low, high = part.mark_durable()
            if low <= high:
                self.ledgers[part.camera, part.epoch].synced(low, high)
                self.durable += high - low + 1
                self._fresh.note(part.camera, part.epoch, high, now, part.end_ns)

    def newest(self) -> dict[str, Newest]:
        """The newest chunk of each camera that has become durable since the start."""
        with self.lock:
            return self._fresh.all()

    def abandoned(self, part: PartFile) -> Part | None:
        """The part's file was given up: what was not durable is missing again.  Returns what stays, if anything does."""
        with self.lock:
            low, high = part.trim()
            if low <= high:
                self.ledgers[part.camera, part.epoch].lost(low, high)
            if part.first_seq > part.last_seq:
                self._parts.pop((part.volume, part.path), None)
                return None
            self._parts[part.volume, part.path] = kept = part.snapshot()
            return kept

    def locked_hung(self, volume: str, jobs: Iterable[Job]) -> None:
        """The volume hangs: nothing but what is durable there counts, all else is missing again and may be stored elsewhere."""
        for key, part in list(self._parts.items()):
            if not isinstance(part, PartFile) or part.volume != volume:
                continue
            part.given_up = True
            low, high = part.trim()
            if low <= high:
                self.ledgers[part.camera, part.epoch].lost(low, high, hung=True)
            if part.first_seq > part.last_seq:
                del self._parts[key]
            else:
                self._parts[key] = part.snapshot()
        for job in jobs:
            job.given_up = True
            for write in job.left:
                self.ledgers[write.seal.camera, write.seal.epoch].hung(write.seal.seq)

    def snapshot(self, part: PartFile) -> Part | None:
        """The part as it is; None when its volume hung, so that it has to be given up first."""
        with self.lock:
            return None if part.given_up else part.snapshot()

    def closed(self, part: PartFile) -> Part | None:
        """The part is complete; it stays here until the catalog has it.  None as for `snapshot`."""
        with self.lock:
            if part.given_up:
                return None
            self._parts[part.volume, part.path] = kept = part.snapshot()
            return kept

    def in_catalog(self, parts: Iterable[Part]) -> None:
        """The catalog has these now."""
        with self.lock:
            for part in parts:
                self._parts.pop((part.volume, part.path), None)
                self._to_stitch.setdefault(part.volume, set()).add(part.segment)
                self._stored.add(part.camera)
            self.ledgers.locked_trim()

    # -- parts that the catalog does not have yet --------------------------------------------------------------

    def parts_of(self, camera: str) -> list[Part]:
        """Snapshots of a camera's parts that are being written or wait for the catalog, with their indexes."""
        with self.lock:
            return [self._seen(part) for part in self._parts.values() if part.camera == camera]

    def parts(self) -> list[Part]:
        with self.lock:
            return [self._seen(part) for part in self._parts.values()]

    @staticmethod
    def _seen(part: PartFile | Part) -> Part:
        return part.snapshot() if isinstance(part, PartFile) else part

    def busy_segments(self) -> set[SegmentKey]:
        """Segments that have a part outside the catalog."""
        with self.lock:
            return {(part.camera, part.epoch, part.segment_seq) for part in self._parts.values()}

    # -- upkeep ------------------------------------------------------------------------------------------------

    def removed(self, part: Part, still: Iterable[Part], *, last: bool) -> None:
        """Retention has deleted a part, and the catalog its row; `still` are other parts that hold some of the same chunks.
        last: the catalog has none of the camera any more."""
        key = (part.camera, part.epoch)
        with self.lock:
            if last:
                self._stored.discard(part.camera)
            self.ledgers.locked_changed(key)
            ledger = self.ledgers.get(key)
            if ledger is None:
                return
            ledger.removed(part.first_seq, part.last_seq)
            for other in still:
                ledger.durable.add(other.first_seq, other.last_seq)
            for being in self._parts.values():  # a chunk may lie on two volumes, one of which hung
                if (being.camera, being.epoch) == key and being.first_seq <= _durable_seq(being):
                    ledger.durable.add(being.first_seq, _durable_seq(being))
            if not ledger.has_chunks and key not in self._inits:
                ledger.init_hash = None
            self.ledgers.locked_trim()

    def want_stitch(self, volume: str, keys: Iterable[SegmentKey]) -> None:
        with self.lock:
            self._to_stitch.setdefault(volume, set()).update(keys)

    def take_stitch(self, volume: str) -> set[SegmentKey]:
        with self.lock:
            return self._to_stitch.pop(volume, set())

    def damaged(self, found: Iterable[Damaged]) -> None:
        with self.lock:
            self._damage += list(found)[: MAX_DAMAGE - len(self._damage)]

    def mended(self, path: Path) -> None:
        """A damaged file is not served any more: what was damaged of it is a hole now."""
        with self.lock:
            self._damage = [one for one in self._damage if one.path != path]

    def damage(self) -> tuple[Damaged, ...]:
        with self.lock:
            return tuple(self._damage)

    def refuse(self, count: int) -> None:
        with self.lock:
            self.refused += count

    def cameras(self) -> set[str]:
        with self.lock:
            return self._stored | {part.camera for part in self._parts.values()}


def _durable_seq(part: PartFile | Part) -> int:
    return part.durable_seq if isinstance(part, PartFile) else part.last_seq
