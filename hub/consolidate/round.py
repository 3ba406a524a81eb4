"""One job against one peer: own files proven as far as asked, cameras compared, what is missing pulled.

    PROVING ─▶ for each camera: COMPARING ─▶ PULLING ─▶ DONE
                                    conflict ─▶ own copy proven: damaged? set aside, and missing: compared again
                                                              good? both are left as they are, reported (invariant 5)

Rules: resumable: every chunk that was stored stays, a job that ends early is simply begun again.  What a peer says it has is a
claim until its chunks have proven it.  Progress is published as a whole new value, so any thread may read it.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from blake3 import blake3

from ...wire.causes import ConsolidationPhase, EventKind
from ...wire.errors import WatchkeepError
from ...wire.messages import ConsolidationState, SetAside
from ...wire.record import iter_records
from ..store import Store
from ..store.clock import Clock
from ..store.model import Part
from .client import PeerClient
from .compare import Compared, Place, Span, compare, questions
from .holes import HoleAt, Holes
from .plan import Bounds, Pull, pause_s, pulls, sort_missing
from .pull import Puller, Stopper
from .scrub import MAX_ASIDE, Finding, OutOfUseError, prove_part, set_aside
from .share import Suspect, own_runs, parts_of

log = logging.getLogger(__name__)

NS: Final = 1_000_000_000
PROVE_MBIT_S: Final = 800.0
"""How fast own files are proven: 100 MB/s leaves a hard disk time for recording; a day of 16 cameras at 4 Mbit/s takes 2 h."""
WRITTEN_S: Final = 5.0
"""How long a disk that is late may take to write what it was given of a file that was set aside, before that counts as missing."""
WRITTEN_LOOK_S: Final = 0.1
Suspects = Collection[Suspect]
Publish = Callable[[ConsolidationState], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an archiver's consolidation may do."""

    cameras: Literal["held", "all"] = "held"
    max_mbit_s: float = 100.0
    settle_s: float = 60.0


class Round:
    """`run` once; `state` is what happened so far."""

    def __init__(self, store: Store, client: PeerClient, peer: str, rules: Rules, stop: Stopper, publish: Publish,
                 state: ConsolidationState, holes: Holes, clock: Clock) -> None:  # fmt: skip
        self._holes = holes
        self._store, self._client, self._peer, self._rules, self._stop = store, client, peer, rules, stop
        self._publish, self.state, self._clock = publish, state, clock
        self._puller = Puller(store, client, peer, max_mbit_s=rules.max_mbit_s, stop=stop, pause=stop.pause, clock=clock)
        self._damaged: list[Part] = []
        """Of the camera at hand: files that were set aside."""
        self._expected: dict[Place, bytes] = {}
        """Of the camera at hand: hashes that pulled chunks have to have.  One a damaged chunk, so MAX_ASIDE files' worth."""
        self.early = False
        """Something was left to the agents, because it is so new."""
        self.proven: set[str] = set()
        """Cameras whose doubtful files have been proven; those of others stay doubtful."""

    def run(self, *, camera: str = "", prove_all: bool = False, suspects: Suspects = ()) -> None:
        """Do the job; raises WatchkeepError when the peer or the store fails, and OutOfUseError at its end when a disk left a camera out.
        A stop ends it early, without an error."""
        cameras = [camera] if camera else self._cameras()
        self._change(phase=ConsolidationPhase.PROVING, cameras=len(cameras), files=self._count(cameras) if prove_all else 0)
        left = None
        for name in cameras:
            if self._stop():
                return
            self._expected, self._damaged = {}, []
            try:
                self._prove(name, self._to_prove(name, prove_all, suspects))
                self.proven.add(name)
                self._camera(name)
                self._count_incomplete()
            except OutOfUseError as error:  # others are on other disks
                left = error
            self._change(cameras_done=self.state.cameras_done + 1)
        if not camera:
            for name, hole in self._holes.gone(self._peer, cameras):
                self._tell(name, hole)
        if left is not None:
            raise left

    def _change(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        self._publish(self.state)

    def _cameras(self) -> list[str]:
        there = self._client.cameras()
        return sorted(name for name in there if self._rules.cameras == "all" or self._store.knows(name))

    # -- own files ---------------------------------------------------------------------------------------------

    def _count(self, cameras: Iterable[str]) -> int:
        return sum(1 for camera in cameras for _ in parts_of(self._store, camera))

    def _to_prove(self, camera: str, prove_all: bool, suspects: Suspects) -> Iterator[Part]:
        """Files that are known to be damaged, those that could not be given to a peer, or all."""
        doubtful = [(epoch, seq) for name, epoch, seq in suspects if name == camera]
        for part in parts_of(self._store, camera):
            suspect = any(epoch == part.epoch and part.first_seq <= seq <= part.last_seq for epoch, seq in doubtful)
            if prove_all or suspect or part.file_size > part.size:
                yield part

    def _prove(self, camera: str, parts: Iterable[Part]) -> int:
        """Prove files, set damaged ones aside; returns how many were."""
        asides = 0
        for part in list(parts):
            if self._stop():
                break
            started, now = self._clock.monotonic(), self._store.closed_part(part)
            finding = Finding(part) if now is None else prove_part(self._store, now)
            self._stop.pause(pause_s(part.size, self._clock.monotonic() - started, PROVE_MBIT_S))
            if not finding.good and (aside := self._set_aside(finding)) is not None:
                asides += 1
                self._expected |= finding.expected
                self._damaged.append(finding.part)
                self._change(set_aside=[*self.state.set_aside, aside])
            if self.state.files:
                self._change(files_done=self.state.files_done + 1)
        return asides

    def _set_aside(self, finding: Finding) -> SetAside | None:
        if len(self.state.set_aside) >= MAX_ASIDE:
            raise WatchkeepError(f"more than {MAX_ASIDE} damaged files: this is a broken disk", remedy="replace it, then start again")
        part = finding.part
        init = self._store.init_segment(part.camera, part.epoch) or self._init_there(part)
        if init is None:
            self._store.report(EventKind.DISK, f"{part.path}: {finding.why}; nobody has its init segment, so it stays as it is",
                               "keep the file, and look for another copy", part.camera)  # fmt: skip
            return None
        return set_aside(self._store, finding, init)

    def _count_incomplete(self) -> None:
        """What is still missing of the files that were set aside, whatever the reason."""
        patience = self._clock.monotonic() + WRITTEN_S
        while (missing := sum(map(self._missing, self._damaged))) and self._store.unsynced() and self._clock.monotonic() < patience:
            if self._stop():
                break
            self._stop.pause(WRITTEN_LOOK_S)
        self._change(incomplete=self.state.incomplete + missing)

    def _missing(self, part: Part) -> int:
        return part.chunks - sum(1 for _ in self._store.chunks_named(part.camera, part.epoch, part.first_seq, part.last_seq))

    def _init_there(self, part: Part) -> bytes | None:
        """The init segment that the part's chunks belong to, from the peer; None when it has another one or none."""
        body = self._client.records(part.camera, part.epoch, part.first_seq, part.last_seq)
        payload = b"" if body is None else bytes(next(iter_records(body))[1])
        return payload if blake3(payload).digest() == part.init_hash else None

    # -- one camera --------------------------------------------------------------------------------------------

    def _camera(self, camera: str) -> None:
        self._change(phase=ConsolidationPhase.COMPARING)
        found = self._compare(camera)
        doubtful = (*found.different, *found.unproven)
        if doubtful and self._prove(camera, self._parts_in(camera, doubtful)):
            found = self._compare(camera)
        if found.different:
            self._report_different(camera, found.different)
        self._change(same=self.state.same + found.same,
                     different=self.state.different + sum(last - first + 1 for _, first, last in found.different))  # fmt: skip
        self._fill(camera, found)

    def _compare(self, camera: str) -> Compared:
        theirs = self._client.runs(camera)
        mine = own_runs(self._store, camera)
        ask_here, ask_there = questions(mine, theirs)
        seals = {place: self._store.seal_of(camera, *place) for place in ask_here}
        here = {place: None if seal is None else seal.chunk_hash for place, seal in seals.items()}
        return compare(mine, theirs, here, self._client.hashes(camera, ask_there))

    def _parts_in(self, camera: str, spans: Iterable[Span]) -> list[Part]:
        wanted = list(spans)
        return [part for part in parts_of(self._store, camera)
                if any(part.epoch == epoch and part.first_seq <= last and part.last_seq >= first
                       for epoch, first, last in wanted)]  # fmt: skip

    def _report_different(self, camera: str, spans: Iterable[Span]) -> None:
        for epoch, first, last in spans:
            text = f"chunks {first} to {last} of epoch {epoch} differ from those of {self._peer}, and the own ones prove themselves"
            self._store.report(EventKind.TAMPER, text, "find out which recorder or archiver changed its past; nothing was replaced", camera)

    def _fill(self, camera: str, found: Compared) -> None:
        now_ns, settle_ns = self._clock.wall_ns(), int(self._rules.settle_s * NS)
        bounds = Bounds(self._store.horizon_ns(camera), now_ns - settle_ns, now_ns + settle_ns, self._store.kept(camera))
        wanted = sort_missing(found.missing_here, bounds, found.different)
        self.early |= wanted.early > 0
        self._change(phase=ConsolidationPhase.PULLING, missing=self.state.missing + wanted.chunks,
                     expiring=self.state.expiring + wanted.expiring, contested=self.state.contested + wanted.contested)  # fmt: skip
        hole, before = HoleAt(self._peer, camera), self.state.pulled
        self._tell(camera, self._holes.missing(hole, wanted.chunks))
        for pull in pulls(camera, wanted):
            if self._stop():
                break
            self._pull(pull)
        if wanted.chunks:
            self._tell(camera, self._holes.missing(hole, wanted.chunks - (self.state.pulled - before)))

    def _tell(self, camera: str, hole: str) -> None:
        if hole:
            self._store.report(EventKind.HOLE, hole, "", camera)

    def _pull(self, pull: Pull) -> None:
        done = self._puller.pull(pull, self._expected)
        self._holes.pulled(HoleAt(self._peer, pull.camera), done.stored)
        state = self.state
        self._change(pulled=state.pulled + done.stored, pulled_bytes=state.pulled_bytes + done.bytes,
                     refused=state.refused + done.refused, unavailable=state.unavailable + done.unavailable)  # fmt: skip
