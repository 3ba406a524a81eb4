"""Which archivers have which chunks, and which chunks nobody is owed any more.  No I/O, no clock, no threads.

    event        effect on the stages (stages.py)                                     docs/FAILOVER.md
    Offered      a new chunk is assigned to the camera's targets; a segment cut moves the targets first when a failback waits
    Recovered    the same for chunks from before the agent's restart: UNKNOWN at every target, so they are asked for, not resent
    Sent         OWED becomes SENT
    Answered     received, durable and missing ranges lead on; what the batch carried and the answer does not name is OWED again;
                 another boot id makes RECEIVED UNKNOWN
    Unsent       a batch that was not stored: SENT becomes OWED
    Refused      named chunks are never sent there again, and hold nobody up
    Orphaned     the same for chunks without an init segment where their epoch is not known; without a copy and refused by every target
                 they count as unreadable
    Unreadable   named chunks are sent to nobody any more
    Moved        targets change, at once or at the next cut; at once, whatever lacks copies is assigned to the new ones
    Dropped      the journal gave chunks up (quota): forgotten
    Gone         an archiver left: its copies no longer count
    Tick         unreadable chunks that no archiver may yet turn out to have are released: as they are when there is a copy, which
                 other archivers can have from there, as a declared loss when there is none; not before, since an answer may be near

Rules: invariants 3 and 4 live here.  A chunk is released when `copies` archivers have it durable and no target still
waits for it.  An archiver's answer speaks only of chunks that are still in the journal.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from ...wire.messages import AppendAnswer, EpochState
from ...wire.ranges import RangeSet
from .book import CameraBook, EpochBook, Held
from .events import (
    Answered,
    Counts,
    Dropped,
    Event,
    Gone,
    Moved,
    Offered,
    Orphaned,
    Recovered,
    Refused,
    Release,
    Sent,
    Tick,
    Unreadable,
    Unsent,
)
from .ports import ChunkRef
from .stages import COUNTS_COPIES, LEAD_TO_OWED, MAY_RELEASE, ONLY_FROM, PENDING, TOUCHED, UNACKNOWLEDGED, EpochStages, Stage, Step


class CopyLedger:
    def __init__(self) -> None:
        self.cameras: dict[str, CameraBook] = {}
        self._open: defaultdict[tuple[str, Stage], dict[str, set[int]]] = defaultdict(dict)
        """(archiver, stage) to camera to the epochs that have chunks there: what the lanes look at instead of every book."""
        self._durable: dict[str, int] = {}
        self._boots: dict[str, str] = {}
        self._dirty: dict[tuple[str, int], None] = {}
        self._spoiled: dict[tuple[str, int], None] = {}
        """Epochs with unreadable chunks: at most those of the journal; looked at twice a second."""

    def handle(self, event: Event, now: float) -> list[Release]:
        """Advance; the caller releases what is returned."""
        match event:
            case Offered(refs):
                self._offer(refs, now)
            case Recovered(refs):
                self._offer(refs, None)
            case Sent(archiver, refs):
                self._step_refs(archiver, Step.SEND, refs)
            case Unsent(archiver, refs):
                self._step_refs(archiver, Step.UNSENT, refs)
            case Refused(archiver, refs):
                self._step_refs(archiver, Step.REFUSE, refs)
            case Answered(archiver, refs, answer):
                self._answered(archiver, refs, answer)
            case Orphaned(archiver, refs):
                self._step_refs(archiver, Step.REFUSE, refs)
                self._unreadable(tuple(ref for ref in refs if self._is_hopeless(ref)))
            case Unreadable(refs):
                self._unreadable(refs)
            case Moved(camera, targets, copies, at_cut):
                self._moved(camera, targets, copies, at_cut=at_cut)
            case Dropped(camera, epoch, low, high):
                self._drop(camera, epoch, low, high)
            case Gone(archiver):
                self._gone(archiver)
            case Tick():
                return list(self._given_up())
        return list(self._releases()) if self._dirty else []

    # What the lanes, the screens and the drain ask.

    def open_epochs(self, archiver: str, stage: Stage) -> dict[str, set[int]]:
        """Camera to epochs that have chunks in this stage there; read it, never change it."""
        return self._open.get((archiver, stage), {})

    def stages(self, archiver: str, camera: str, epoch: int) -> EpochStages:
        return self.cameras[camera].epochs[epoch].at(archiver)

    def holds(self, ref: ChunkRef) -> bool:
        """Whether the chunk is in the journal as far as the ledger knows."""
        book = self._book(ref.camera, ref.epoch)
        return book is not None and ref.seq in book.held

    def spoiled(self, ref: ChunkRef) -> bool:
        """Whether the journal is known to have other bytes under this name."""
        book = self._book(ref.camera, ref.epoch)
        return book is not None and ref.seq in book.unreadable

    def owes(self, archiver: str) -> bool:
        """Whether this archiver has yet to acknowledge anything."""
        return any(self._open.get((archiver, stage)) for stage in UNACKNOWLEDGED)

    def pending(self, archiver: str) -> bool:
        """Whether anything there is not durable yet."""
        return any(self._open.get((archiver, stage)) for stage in PENDING)

    def counts(self, archiver: str) -> Counts:
        durable = self._durable.get(archiver, 0)
        received = self._count(archiver, Stage.RECEIVED)
        return Counts(durable + received, durable, sum(self._count(archiver, stage) for stage in UNACKNOWLEDGED))

    def durable_at(self, archiver: str) -> int:
        """How many chunks have become durable there since the agent started."""
        return self._durable.get(archiver, 0)

    def owed(self, camera: str) -> dict[str, int]:
        """Archiver to chunks of this camera that it has yet to acknowledge; those that owe none are left out."""
        found: dict[str, int] = {}
        for (archiver, stage), by_camera in self._open.items():
            if stage in UNACKNOWLEDGED and camera in by_camera:
                books = (self.cameras[camera].epochs[epoch] for epoch in by_camera[camera])
                found[archiver] = found.get(archiver, 0) + sum(len(book.at(archiver)[stage]) for book in books)
        return found

    def oldest_owed(self, camera: str) -> Held | None:
        """The oldest chunk of this camera that an archiver has yet to acknowledge."""
        known = self.cameras.get(camera)
        for book in known.epochs.values() if known else ():
            firsts = [first for stages in book.stages.values() for stage in UNACKNOWLEDGED if (first := stages[stage].first()) is not None]
            if firsts:
                return book.held[min(firsts)]
        return None

    def has_copy(self, camera: str, epoch: int, seq: int) -> bool:
        """Whether a chunk that was offered has a durable copy; one that was released has."""
        book = self._book(camera, epoch)
        if book is not None and seq in book.held:
            return seq not in book.lacking(1)
        known = self.cameras.get(camera)
        return known is not None and known.newest is not None and (epoch, seq) <= known.newest

    def acknowledged(self, archiver: str, refs: Iterable[ChunkRef]) -> bool:
        """Whether the archiver has acknowledged any of the refs; one that was released since counts."""
        return not all(self._waits(archiver, ref) for ref in refs)

    def forget(self, camera: str) -> None:
        """A camera that is not recorded any more and of which nothing is held; has_copy knows nothing of its chunks afterwards."""
        if camera in self.cameras and not self.cameras[camera].epochs:
            del self.cameras[camera]

    # Steps.

    def _waits(self, archiver: str, ref: ChunkRef) -> bool:
        book = self._book(ref.camera, ref.epoch)
        return book is not None and any(ref.seq in book.at(archiver)[stage] for stage in UNACKNOWLEDGED)

    def _book(self, camera: str, epoch: int) -> EpochBook | None:
        found = self.cameras.get(camera)
        return found.epochs.get(epoch) if found else None

    def _offer(self, refs: tuple[ChunkRef, ...], now: float | None) -> None:
        ordered = sorted(refs, key=lambda ref: (ref.camera, ref.epoch, ref.seq))
        for (name, epoch), group in groupby(ordered, key=lambda ref: (ref.camera, ref.epoch)):
            camera = self.cameras.setdefault(name, CameraBook())
            book = camera.epochs.setdefault(epoch, EpochBook(name, epoch))
            fresh = RangeSet()
            for ref in group:
                if camera.at_cut is not None and ref.seq == ref.segment_seq:
                    self._assign(camera, book, fresh)
                    fresh, camera.targets, camera.at_cut = RangeSet(), camera.at_cut, None
                book.add(ref, now)
                fresh.add(ref.seq, ref.seq)
            camera.newest = max(camera.newest or (0, 0), (epoch, book.last_seq))
            camera.offered_at = now if now is not None else camera.offered_at
            self._assign(camera, book, fresh)

    def _assign(self, camera: CameraBook, book: EpochBook, seqs: RangeSet) -> None:
        for target in camera.targets:
            for low, high in seqs.spans():
                for span in book.unproven.clip(low, high):
                    self._step(target, book, Step.ASSIGN_UNPROVEN, *span)
                self._step(target, book, Step.ASSIGN, low, high)

    def _answered(self, archiver: str, refs: tuple[ChunkRef, ...], answer: AppendAnswer) -> None:
        if self._boots.get(archiver, answer.boot) != answer.boot:
            self._restarted(archiver)
        self._boots[archiver] = answer.boot
        for camera, epochs in answer.cameras.items():
            for state in epochs:
                book = self._book(camera, state.epoch)
                if book is not None:
                    self._told(archiver, book, state)
        self._step_refs(archiver, Step.UNSENT, refs)

    def _told(self, archiver: str, book: EpochBook, state: EpochState) -> None:
        for step, spans in ((Step.IS_RECEIVED, state.received), (Step.IS_DURABLE, state.durable), (Step.IS_MISSING, state.missing)):
            for low, high in spans:
                for span in book.present.clip(low, high):
                    self._step(archiver, book, step, *span)

    def _restarted(self, archiver: str) -> None:
        for camera, epochs in list(self.open_epochs(archiver, Stage.RECEIVED).items()):
            for epoch in list(epochs):
                book = self.cameras[camera].epochs[epoch]
                self._step(archiver, book, Step.RESTARTED, 0, book.last_seq)

    def _unreadable(self, refs: tuple[ChunkRef, ...]) -> None:
        for ref in refs:
            book = self._book(ref.camera, ref.epoch)
            if book is not None and self.holds(ref):
                book.unreadable.add(ref.seq, ref.seq)
                self._spoiled[ref.camera, ref.epoch] = None
                for archiver in list(book.stages):
                    self._step(archiver, book, Step.SPOIL, ref.seq, ref.seq)

    def _is_hopeless(self, ref: ChunkRef) -> bool:
        """Whether there is no copy of a chunk, and no target that takes it."""
        book = self._book(ref.camera, ref.epoch)
        targets = self.cameras[ref.camera].targets if book is not None else ()
        return (book is not None and bool(targets) and ref.seq in book.lacking(1)
                and all(ref.seq in book.at(name)[Stage.REFUSED] for name in targets))  # fmt: skip

    def _moved(self, name: str, targets: tuple[str, ...], copies: int, *, at_cut: bool) -> None:
        camera = self.cameras.setdefault(name, CameraBook())
        camera.copies = copies
        if at_cut:
            camera.at_cut = targets
            return
        camera.targets, camera.at_cut = targets, None
        for book in camera.epochs.values():
            self._assign(camera, book, book.lacking(copies))
            for archiver in book.stages.keys() - set(targets):
                self._step(archiver, book, Step.DISMISS, 0, book.last_seq)
            self._dirty[name, book.epoch] = None
            book.changed()

    def _drop(self, camera: str, epoch: int, low: int, high: int) -> None:
        book = self._book(camera, epoch)
        if book is None:
            return
        for span in book.remove(low, high):
            for archiver in list(book.stages):
                self._step(archiver, book, Step.FORGET, *span)
        if not book.present:
            del self.cameras[camera].epochs[epoch]

    def _gone(self, archiver: str) -> None:
        for camera in self.cameras.values():
            for book in camera.epochs.values():
                self._step(archiver, book, Step.FORGET, 0, book.last_seq)
                book.stages.pop(archiver, None)
        self._boots.pop(archiver, None)
        self._durable.pop(archiver, None)

    def _releases(self) -> Iterator[Release]:
        dirty, self._dirty = self._dirty, {}
        for name, epoch in dirty:
            book = self._book(name, epoch)
            if book is None:
                continue
            camera = self.cameras[name]
            for low, high in book.releasable(camera.copies, camera.targets).spans():
                offered_at = book.held[high].offered_at
                if offered_at is not None:
                    camera.durable_at = max(camera.durable_at or offered_at, offered_at)
                self._drop(name, epoch, low, high)
                yield Release(name, epoch, low, high)
        self._dirty.clear()

    def _given_up(self) -> Iterator[Release]:
        for name, epoch in list(self._spoiled):
            book = self._book(name, epoch)
            if book is None or not book.unreadable:
                del self._spoiled[name, epoch]
                continue
            hopeless = book.hopeless()
            copied = hopeless.minus(book.lacking(1))
            for found, lost in ((copied, False), (hopeless.minus(copied), True)):
                for low, high in found.spans():
                    self._drop(name, epoch, low, high)
                    yield Release(name, epoch, low, high, lost)
        self._dirty.clear()

    def _step_refs(self, archiver: str, step: Step, refs: tuple[ChunkRef, ...]) -> None:
        only = ONLY_FROM.get(step)
        for ref in refs:
            book = self._book(ref.camera, ref.epoch)
            if book is None or (only is not None and only not in book.at(archiver).sets):
                continue
            if ref.seq in book.held:
                self._step(archiver, book, step, ref.seq, ref.seq)

    def _step(self, archiver: str, book: EpochBook, step: Step, low: int, high: int) -> None:
        """The one place where stages change: keeps the open epochs, the totals and the dirty books with them."""
        stages = book.at(archiver)
        moved = stages.apply(step, low, high)
        if not moved:
            return
        if book.unreadable and step in LEAD_TO_OWED:
            for span in book.unreadable.clip(low, high):
                stages.apply(Step.SPOIL, *span)
        if step is Step.IS_DURABLE:
            self._durable[archiver] = self._durable.get(archiver, 0) + moved
        camera, epoch = book.camera, book.epoch
        for stage in TOUCHED[step]:
            by_camera = self._open[archiver, stage]
            epochs = by_camera.get(camera)
            if stage in stages.sets:
                if epochs is None:
                    by_camera[camera] = {epoch}
                else:
                    epochs.add(epoch)
            elif epochs is not None:
                epochs.discard(epoch)
                if not epochs:
                    del by_camera[camera]
        if step in COUNTS_COPIES:
            book.changed()
        if step in MAY_RELEASE:
            self._dirty[book.camera, book.epoch] = None

    def _count(self, archiver: str, stage: Stage) -> int:
        return sum(len(self.cameras[camera].epochs[epoch].at(archiver)[stage])
                   for camera, epochs in self.open_epochs(archiver, stage).items() for epoch in epochs)  # fmt: skip
