"""The thread of consolidation: probes peers, runs a round when one is due or an operator asks, else walks on with the patrol.

    mDNS sightings ─┐
    listed peers ───┼─▶ schedule ─▶ probe (healthz) ─▶ round ─▶ schedule
    POST order ─────┘   an order ends a round under way, which is due again afterwards
    patrol ─▶ a damaged file ─▶ doubted, and every peer that is there is due now

Rules: one thread, one round at a time; recording never waits for it (invariant 7).  A peer is who its healthz says it is, of this
site, and not this archiver itself (invariant 11).  Whatever a peer or a disk does is a reason in the state, never the thread's end.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from ...wire import http
from ...wire.causes import ConsolidationPhase
from ...wire.errors import UsageError, WatchkeepError
from ...wire.ids import check_id
from ...wire.messages import ConsolidationOrder, ConsolidationState
from ...wire.shell.threads import Supervised
from ..api.errors import ApiError
from ..store import Store
from ..store.clock import Clock
from .client import PeerClient, PeerError, PeerHealth
from .holes import Holes
from .patrol import Patrol, PatrolSettings
from .pull import Stopper
from .round import Round, Rules
from .schedule import Peer, Schedule
from .share import Share

log = logging.getLogger(__name__)

JOIN_S: Final = 5.0
"""A request under way is cut, an append takes at most 1.5 s, proving one file of 60 s about a second."""
MAX_ENDED: Final = 16
"""Jobs whose outcome can still be asked for; each names at most scrub.MAX_ASIDE files."""
_IDLE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an archiver's configuration says about consolidation; peers are url by id."""

    archiver: str
    site: str
    rules: Rules = field(default_factory=Rules)
    peers: dict[str, str] = field(default_factory=dict)
    every_s: float = 3600.0
    auto: bool = True
    """False: only when an operator asks."""
    patrol: PatrolSettings | None = None
    """None: files are proven when somebody asks for them."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of this boot, for the metrics."""

    rounds: int = 0
    failed: int = 0
    pulled: int = 0
    pulled_bytes: int = 0
    refused: int = 0
    set_aside: int = 0
    proven: int = 0
    """Files that the patrol has proven."""
    proven_bytes: int = 0
    rotten: int = 0
    """Those of them that were damaged."""
    walks: int = 0


class Consolidator:
    """`start`, then `stop`; everything else may be called from any thread."""

    def __init__(self, store: Store, share: Share, settings: Settings, *, clock: Clock | None = None) -> None:
        self._store, self._share, self._settings, self._clock = store, share, settings, clock or Clock()
        self._lock = threading.Condition()
        peers = {name: url for name, url in settings.peers.items() if name != settings.archiver}
        self._schedule = Schedule(peers if settings.auto else {}, every_s=settings.every_s, settle_s=settings.rules.settle_s,
                                  now=self._clock.monotonic())  # fmt: skip
        self._patrol = None if settings.patrol is None else Patrol(store, settings.patrol, self._clock)
        self._holes = Holes()
        self._order: tuple[int, ConsolidationOrder] | None = None
        self._sighted: dict[str, str] | None = None
        self._listed: dict[str, str] | None = None
        self._state, self._totals, self._jobs = ConsolidationState(), Totals(), 0
        self._ended: deque[ConsolidationState] = deque(maxlen=MAX_ENDED)
        self._client: PeerClient | None = None
        self._stopping = False
        self._worker = Supervised("wk-hub-consolidate", self._body)

    # -- from any thread ---------------------------------------------------------------------------------------

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """End the round under way and the thread; what was pulled stays."""
        self._worker.stop()
        with self._lock:
            self._stopping = True
            if self._client is not None:
                self._client.abort()
            self._lock.notify()
        if not self._worker.join(JOIN_S):
            log.error("consolidation does not end: a disk hangs")

    @property
    def state(self) -> ConsolidationState:
        """The job under way, or the last one."""
        return self._state

    def job(self, number: int) -> ConsolidationState:
        """A job that waits, is under way, or was among the last; raises ApiError for another one."""
        order, state = self._order, self._state
        if state.job == number:
            return state
        if order is not None and order[0] == number:
            return ConsolidationState(job=number, phase=ConsolidationPhase.WAITING, peer=order[1].url)
        found = next((ended for ended in list(self._ended) if ended.job == number), None)
        if found is None:
            raise ApiError(http.NOT_FOUND, f"job {number} is not known any more", remedy="look into the log, or order it again")
        return found

    @property
    def totals(self) -> Totals:
        if self._patrol is None:
            return self._totals
        walked = self._patrol.walked
        return replace(self._totals, proven=walked.files, proven_bytes=walked.bytes, rotten=walked.damaged, walks=walked.walks)

    def sighted(self, announced: dict[str, str]) -> None:
        """The archivers of this site that mDNS shows now: url by id."""
        if self._settings.auto:
            with self._lock:
                self._sighted = {name: url for name, url in announced.items() if name != self._settings.archiver}
                self._lock.notify()

    def listed(self, peers: dict[str, str]) -> None:
        """The archivers of this site that the directory lists now: url by id."""
        if self._settings.auto:
            with self._lock:
                self._listed = {name: url for name, url in peers.items() if name != self._settings.archiver}
                self._lock.notify()

    def order(self, order: ConsolidationOrder) -> ConsolidationState:
        """Take an operator's order; raises ApiError when it makes no sense or when one is under way."""
        try:
            PeerClient(order.url).close()
            if order.camera:
                check_id("camera", order.camera)
        except UsageError as error:
            raise ApiError(http.BAD_REQUEST, error.message, remedy=error.remedy) from error
        with self._lock:
            if self._order is not None:
                raise ApiError(http.BUSY, "another order is under way", remedy=f"wait for it, see {http.CONSOLIDATE}")
            self._jobs += 1
            self._order = (self._jobs, order)
            self._lock.notify()
            return ConsolidationState(job=self._jobs, phase=ConsolidationPhase.WAITING, peer=order.url, since_s=self._clock.wall_ns() / 1e9)

    # -- the thread --------------------------------------------------------------------------------------------

    def _body(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self._next(stop):
                self._rest()
        if self._patrol is not None:
            self._patrol.save()

    def _next(self, stop: threading.Event) -> bool:
        """Do the next thing that is due; False when nothing is."""
        self._take_sightings()
        now = self._clock.monotonic()
        if self._order is not None:
            self._do_order(*self._order, stop)
        elif (peer := self._schedule.to_probe(now)) is not None:
            self._probe(peer)
        elif (peer := self._schedule.to_compare(now)) is not None:
            self._do_peer(peer, stop)
        elif self._patrol is not None and self._patrol.next_at <= now:
            self._do_patrol(self._patrol)
        else:
            return False
        return True

    def _do_patrol(self, patrol: Patrol) -> None:
        finding = patrol.step()
        if finding is None:
            return
        part = finding.part
        self._share.doubt([(part.camera, part.epoch, part.last_seq)])
        if not self._schedule.hurried(self._clock.monotonic()):
            patrol.tell(finding)

    def _take_sightings(self) -> None:
        with self._lock:
            announced, self._sighted = self._sighted, None
            listed, self._listed = self._listed, None
        if listed is not None:
            self._schedule.told(listed, self._clock.monotonic())
        if announced is not None:
            self._schedule.sighted(announced, self._clock.monotonic())

    def _rest(self) -> None:
        deadlines = [self._schedule.next_deadline(), None if self._patrol is None else self._patrol.next_at]
        deadline = min((at for at in deadlines if at is not None), default=None)
        pause = _IDLE_S if deadline is None else min(max(deadline - self._clock.monotonic(), 0.0), _IDLE_S)
        with self._lock:
            self._lock.wait_for(lambda: self._stopping or self._order is not None or self._sighted is not None
                                or self._listed is not None, pause)  # fmt: skip

    def _probe(self, peer: Peer) -> None:
        try:
            with self._connected(peer.url) as client:
                health = self._identify(client, peer.id)
        except WatchkeepError as error:
            if not peer.why:
                log.info("peer is away", extra={"peer": peer.id, "why": error.message})
            self._schedule.failed(peer.id, error.message, self._clock.monotonic())
            return
        if self._schedule.answered(peer.id, health.boot, self._clock.monotonic()):
            log.info("peer is there", extra={"peer": peer.id, "url": peer.url})

    def _identify(self, client: PeerClient, expected: str = "") -> PeerHealth:
        """Who answers at an address; raises PeerError unless it is the expected archiver of this site."""
        found = client.health()
        if found.site != self._settings.site or found.id == self._settings.archiver or (expected and found.id != expected):
            raise PeerError(f"{client.url} is {found.id!r} of site {found.site!r}, not {expected or 'another archiver'!r} of this one",
                            remedy="correct its address")  # fmt: skip
        return found

    def _do_peer(self, peer: Peer, stop: threading.Event) -> None:
        """A round that was due by itself."""
        with self._lock:
            self._jobs += 1
            job = self._jobs
        try:
            early = self._run(job, peer.url, peer.id, stop, lambda: self._order is not None)
        except WatchkeepError as error:
            log.warning("consolidation failed", extra={"peer": peer.id, "why": error.line()})
            self._schedule.faltered(peer.id, self._clock.monotonic())
        else:
            if self._order is None:  # otherwise it was cut short, and is still due
                self._schedule.compared(peer.id, self._clock.monotonic(), early=early)

    def _do_order(self, job: int, order: ConsolidationOrder, stop: threading.Event) -> None:
        try:
            self._run(job, order.url, "", stop, lambda: False, order)
        except WatchkeepError as error:
            log.warning("consolidation failed", extra={"peer": order.url, "why": error.line()})
        finally:
            with self._lock:
                self._order = None

    def _run(self, job: int, url: str, name: str, stop: threading.Event, also: Callable[[], bool],
             order: ConsolidationOrder | None = None) -> bool:  # fmt: skip
        """One round; returns whether something was left to the agents.  Raises WatchkeepError, with the reason in the state."""
        self._state = ConsolidationState(job=job, phase=ConsolidationPhase.WAITING, peer=name or url, since_s=self._clock.wall_ns() / 1e9)
        rules = self._settings.rules if order is None else replace(self._settings.rules, settle_s=0.0)
        suspects, proven = self._share.take_suspects(), set[str]()
        try:
            with self._connected(url) as client:
                name = self._identify(client, name).id
                found = Round(self._store, client, name, rules, Stopper(stop, also), self._publish,
                              self._state.model_copy(update={"peer": name}), self._holes, self._clock)  # fmt: skip
                proven = found.proven
                found.run(camera=order.camera if order else "", prove_all=order is not None, suspects=suspects)
        except BaseException as error:
            why = error.line() if isinstance(error, WatchkeepError) else f"{type(error).__name__}: {error}"
            self._finish(self._state.model_copy(update={"phase": ConsolidationPhase.FAILED, "why": why}))
            raise
        finally:
            self._share.doubt(suspect for suspect in suspects if suspect[0] not in proven)
        self._finish(found.state.model_copy(update={"phase": ConsolidationPhase.DONE}))
        return found.early

    @contextmanager
    def _connected(self, url: str) -> Iterator[PeerClient]:
        """A client that stop() can abort."""
        client = PeerClient(url)
        with self._lock:
            self._client = client
            if self._stopping:
                client.abort()
        try:
            yield client
        finally:
            with self._lock:
                self._client = None
            client.close()

    def _publish(self, state: ConsolidationState) -> None:
        self._state = state

    def _finish(self, state: ConsolidationState) -> None:
        failed = state.phase is ConsolidationPhase.FAILED
        old = self._totals
        self._totals = Totals(old.rounds + 1, old.failed + failed, old.pulled + state.pulled, old.pulled_bytes + state.pulled_bytes,
                              old.refused + state.refused, old.set_aside + len(state.set_aside))  # fmt: skip
        self._ended.append(state)
        self._state = state
        if state.missing or state.different or state.set_aside or failed:
            log.info("consolidated", extra={"peer": state.peer, "phase": str(state.phase), "missing": state.missing, "pulled": state.pulled,
                                            "different": state.different, "set_aside": len(state.set_aside), "why": state.why})  # fmt: skip
