"""Consolidation of one simulated archiver: the product's thread body, schedule, rounds and client; only the wire between them is simulated.

    due ─▶ Consolidator._next ─▶ Round, Puller ─▶ PeerClient ─▶ request (time passes, the world goes on) ─▶ Share of the peer
                                      └▶ Store.append ─▶ (time passes, the volumes' writers work) ─▶ check of invariant 5

Rules: a step is one event that lets others happen while it waits, so everything may go wrong in the middle of a round.  Between two
waits only the round's own code runs, and no file may be renamed, cut or deleted by that (`guarded`).  A process that ends takes its
round with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter
from sim_archiver import Incarnation, SimArchiver
from sim_engine import Loop

from watchkeep.hub.api.errors import ApiError, api_error
from watchkeep.hub.consolidate.client import CONNECT_S, MAX_ANSWER_BYTES, READ_S, PeerClient, PeerHealth
from watchkeep.hub.consolidate.round import Rules
from watchkeep.hub.consolidate.worker import Consolidator, Settings
from watchkeep.hub.store.model import Job
from watchkeep.hub.store.store import WRITE_WAIT_S
from watchkeep.wire import http
from watchkeep.wire.errors import WatchkeepError
from watchkeep.wire.messages import CameraInfo, ConsolidationState, ErrorAnswer

SITE = "sim"
SETTLE_S = 2.0
EVERY_S = 6.0
_CAMERAS = TypeAdapter(list[CameraInfo])


class Died(BaseException):
    """The process that a round runs in is gone."""


class Neighbours:
    """What the archivers of one world are to each other, and what goes wrong between them; checks hang into the hooks."""

    def __init__(self, loop: Loop, archivers: dict[str, SimArchiver], route: dict[str, str]) -> None:
        self.loop, self.archivers, self.route = loop, archivers, route
        rng = loop.random("neighbours")
        self.rules = Rules(rng.choice(("held", "all")), rng.choice((0.1, 1.0, 100.0)), SETTLE_S)
        self.all = rng.random() < 0.04
        """Whether everybody consolidates, not only who has lost its disks: seldom, because it costs most of what is found by it."""
        self.damage = self.deaths = 0.0
        """Chances of a request for chunks to be answered with damage, and to be the last one that its peer hears."""
        self.on_death: Callable[[SimArchiver], None] = lambda _: None
        self.on_pull: Callable[[SimArchiver, list[Any]], None] = lambda *_: None
        self.on_round: Callable[[SimArchiver, ConsolidationState], None] = lambda *_: None

    def started(self, archiver: SimArchiver) -> None:
        """A process begins: it consolidates if it has to."""
        if archiver.process is not None and (self.all or archiver.disks_lost):
            SimConsolidator(archiver, archiver.process, self)


class SimConsolidator(Consolidator):
    """One process's consolidation, from its start to its end."""

    def __init__(self, owner: SimArchiver, process: Incarnation, around: Neighbours) -> None:
        self._owner, self._process, self._around, self._loop = owner, process, around, around.loop
        self._rng: Random = around.loop.random(f"consolidation {process.boot}")
        self._disks = list(owner.disks)
        process.store.on_append = lambda records: around.on_pull(owner, records)
        process.store.on_wait = self._written
        self._waits: Any = _Waits(self)
        super().__init__(process.store, process.share, Settings(owner.name, SITE, around.rules, {name: f"http://{name}" for name in
                         around.archivers}, EVERY_S), clock=process.store.clock)  # fmt: skip
        self._loop.after(0, self._step)

    def _step(self) -> None:
        if not self._process.alive:
            return
        self._guard(True)
        try:
            more = self._next(self._waits)
        except Died:
            return
        finally:
            self._guard(False)
        deadline = self._schedule.next_deadline()
        if more:
            self._loop.after(0, self._step)
        elif deadline is not None:
            self._loop.at(max(deadline, self._loop.now + 0.001), self._step)

    def _guard(self, on: bool) -> None:
        for disk in self._disks:
            disk.guarded = on

    def wait(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let the world go on; raises Died when this process ends meanwhile."""
        self._guard(False)
        self._loop.wait(self._loop.now + seconds, lambda: not self._process.alive or done())
        if not self._process.alive:
            raise Died
        self._guard(True)

    def _written(self, jobs: list[Job]) -> None:
        self._process.pump()
        self.wait(WRITE_WAIT_S, lambda: all(job.done.is_set() for job in jobs))

    @contextmanager
    def _connected(self, url: str) -> Iterator[PeerClient]:
        yield SimPeerClient(url, self)

    def _finish(self, state: ConsolidationState) -> None:
        super()._finish(state)
        self._loop.say(self._owner.name, "consolidated with", state.peer, state.phase, f"{state.pulled} of {state.missing}", state.why)
        if self._process.alive:
            self._around.on_round(self._owner, state)

    # The wire.

    def request(self, client: PeerClient, path: str) -> bytes:
        """What a peer answers; raises what PeerClient raises."""
        peer = self._around.archivers[self._around.route[str(urlsplit(client.url).hostname)]]
        if peer.silent:
            self.wait(CONNECT_S)
            raise client._failed("no connection in time")
        self.wait(self._rng.uniform(0.001, 0.01))
        process = peer.process
        if process is None:
            raise client._failed("connection refused")
        if peer.hung:
            self.wait(READ_S, lambda: not peer.hung)
            if peer.hung:
                raise client._failed("no answer in time")
        spoil = self._trouble(peer, path)
        body = b"" if peer.failing or peer.process is not process else self._answer(client, peer, process, path)
        self.wait(self._rng.uniform(0.001, 0.02) + peer.slow_s)
        if peer.process is not process:
            raise client._failed("connection lost")
        if peer.failing or not body:
            raise client._refused(500, b"")
        return spoil(body)

    def _trouble(self, peer: SimArchiver, path: str) -> Callable[[bytes], bytes]:
        """What happens to this request: mostly nothing, and seldom where no chunks are asked for."""
        around, chunks = self._around, "/records?" in path
        chance = self._rng.random() * (1.0 if chunks else 4.0)
        if chance < around.deaths:
            self._loop.say(peer.name, "dies while", self._owner.name, "asks it")
            around.on_death(peer)
        elif chance < around.deaths + around.damage:
            return self._flipped if chunks and self._rng.random() < 0.7 else self._short
        return lambda body: body

    def _flipped(self, body: bytes) -> bytes:
        """Of chunks, which prove themselves; a listing is a claim anyway, and the peer's own disks do not rot here."""
        at = self._rng.randrange(len(body))
        return body[:at] + bytes([body[at] ^ 1 << self._rng.randrange(8)]) + body[at + 1 :]

    def _short(self, body: bytes) -> bytes:
        return body[: self._rng.randrange(len(body))]

    def _answer(self, client: PeerClient, peer: SimArchiver, process: Incarnation, path: str) -> bytes:
        try:
            return _answer(peer, process, urlsplit(path).path, parse_qs(urlsplit(path).query))
        except WatchkeepError as error:
            found = api_error(error)
            answer = ErrorAnswer(code=found.code, reason=found.message, remedy=found.remedy, names=list(found.names))
            raise client._refused(found.status, answer.model_dump_json().encode()) from error


class SimPeerClient(PeerClient):
    """The product's client without its sockets."""

    def __init__(self, url: str, wire: SimConsolidator) -> None:
        super().__init__(url)
        self._wire = wire

    def _request(self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES) -> bytes:
        del method, body, limit
        return self._wire.request(self, path)


class _Waits:
    """The thread's order to stop, which nobody gives here, and its pauses."""

    def __init__(self, wire: SimConsolidator) -> None:
        self._wire = wire

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self._wire.wait(seconds)


def _answer(peer: SimArchiver, process: Incarnation, path: str, query: dict[str, list[str]]) -> bytes:
    """As hub/api/peers.py and operations.py route it; raises what they raise."""
    store, share = process.store, process.share
    if path == http.HEALTH:
        return PeerHealth(id=peer.name, site=SITE, boot=process.boot, roles=("archiver",)).model_dump_json().encode()
    if path == http.CAMERAS:
        return _CAMERAS.dump_json(store.cameras())
    camera = path.removeprefix(f"{http.CAMERAS}/").partition("/")[0]
    if not store.knows(camera):
        raise ApiError(http.NOT_FOUND, f"camera {camera} is not in this archive", remedy="-")

    def number(name: str) -> int:
        return int(query[name][0])

    if path == http.chunks(camera):
        return share.listing(camera, number("from_epoch"), number("from_seq"), number("limit")).model_dump_json().encode()
    if path == http.hashes(camera):
        places = [(int(epoch), int(seq)) for epoch, _, seq in (at.partition(".") for at in query["at"])]
        return share.hashes(camera, places).model_dump_json().encode()
    assert path == http.records(camera), path
    return share.records(camera, number("epoch"), number("first_seq"), number("last_seq"))
