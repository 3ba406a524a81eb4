"""HTTP to one peer: its listings, hashes, records and orders.

Rules: one thread owns a client; only abort() may be called by another.  Every request ends within DEADLINE_S and MAX_* bytes,
however the peer behaves (hub/request.py): a hung, babbling or trickling one is a PeerError like one that refuses.  What an answer says is
checked for its type here; what its chunks are is proven by whoever stores them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, TypeAdapter, ValidationError

from ...wire import http
from ...wire.errors import RemoteError, UsageError
from ...wire.ids import check_id
from ...wire.messages import CameraInfo, ChunkHashes, ChunkListing, ConsolidationOrder, ConsolidationState, ErrorAnswer, Message
from ...wire.record import MAX_PAYLOAD_BYTES
from ..request import Connection, RequestError, checked
from .compare import Place, Run, tidy
from .share import MAX_ASKED, MAX_RUNS, RECORDS_BYTES

CONNECT_S: Final = 3.0
READ_S: Final = 10.0
"""One silence; a peer may read 8 MiB from a slow disk first."""
DEADLINE_S: Final = 60.0
"""One request from its first byte to its last: 8 MiB at 1.1 Mbit/s."""
MAX_ANSWER_BYTES: Final = 16 << 20
"""A listing of 5000 runs is 1 MB, the list of 10 000 cameras 1.5 MB."""
MAX_RECORDS_BYTES: Final = RECORDS_BYTES + MAX_PAYLOAD_BYTES + (4 << 20)
MAX_PAGES: Final = 400
"""Listings of one camera: two million runs, nearly four years of minutes without a gap; 300 MB, so nobody sends more."""

M = TypeVar("M", bound=BaseModel)
_CAMERAS: Final = TypeAdapter(list[CameraInfo])


class PeerError(RemoteError):
    """An archiver cannot be reached, refuses, or answers nonsense."""

    exit_code = 2


class PeerHealth(Message):
    """What matters here of `GET /healthz`."""

    id: str
    site: str
    boot: str
    roles: tuple[str, ...] = ()


class PeerClient:
    """Requests to the archiver at a URL over one kept-alive connection; raises UsageError when the URL is none."""

    def __init__(self, url: str, *, read_s: float = READ_S, deadline_s: float = DEADLINE_S) -> None:
        self.url, self._read_s, self._deadline_s = checked(url, "archiver"), read_s, deadline_s
        self._connection = Connection(url, connect_s=min(CONNECT_S, read_s))

    def health(self) -> PeerHealth:
        return self._model(PeerHealth, self._get(http.HEALTH))

    def cameras(self) -> list[str]:
        """Ids of the cameras with video there."""
        body = self._get(http.CAMERAS)
        try:
            return [check_id("camera", info.camera) for info in _CAMERAS.validate_json(body)]
        except (ValidationError, UsageError) as error:
            raise self._nonsense(http.CAMERAS, error) from error

    def runs(self, camera: str) -> list[Run]:
        """Everything it holds of a camera, tidy."""
        found: list[Run] = []
        epoch = seq = 0
        for _ in range(MAX_PAGES):
            path = http.chunks(camera)
            page = self._model(ChunkListing, self._get(path, [("from_epoch", epoch), ("from_seq", seq), ("limit", MAX_RUNS)]))
            found += self._parse(path, page)
            if page.next_epoch is None:
                return tidy(found)
            if (page.next_epoch, page.next_seq) <= (epoch, seq):
                raise self._nonsense(path, "its pages do not advance")
            epoch, seq = page.next_epoch, page.next_seq
        return tidy(found)

    def _parse(self, path: str, page: ChunkListing) -> list[Run]:
        try:
            runs = [Run(run.epoch, run.first_seq, run.last_seq, bytes.fromhex(run.last_hash), int(run.start_s * 1e9), int(run.end_s * 1e9),
                        run.bytes) for run in page.runs]  # fmt: skip
        except (ValueError, OverflowError) as error:
            raise self._nonsense(path, error) from error
        if any(not 0 <= run.first <= run.last or run.epoch < 0 or run.bytes < 0 for run in runs):
            raise self._nonsense(path, "a run is none")
        return runs

    def hashes(self, camera: str, places: Sequence[Place]) -> dict[Place, bytes | None]:
        """Hashes of single chunks; in several requests when there are many."""
        found: dict[Place, bytes | None] = {}
        for at in range(0, len(places), MAX_ASKED):
            query = [("at", f"{epoch}.{seq}") for epoch, seq in places[at : at + MAX_ASKED]]
            answer = self._model(ChunkHashes, self._get(http.hashes(camera), query))
            try:
                found |= {(one.epoch, one.seq): None if one.hash is None else bytes.fromhex(one.hash) for one in answer.hashes}
            except ValueError as error:
                raise self._nonsense(http.hashes(camera), error) from error
        return found

    def records(self, camera: str, epoch: int, first: int, last: int) -> bytes | None:
        """A batch with the init segment and the first of these chunks, not proven; None when it can give none of them."""
        query = [("epoch", epoch), ("first_seq", first), ("last_seq", last)]
        try:
            return self._get(http.records(camera), query, limit=MAX_RECORDS_BYTES)
        except PeerError as error:
            if error.status == 404:
                return None
            raise

    def order(self, order: ConsolidationOrder) -> ConsolidationState:
        """Ask the archiver to consolidate; its progress is in job()."""
        return self._model(ConsolidationState, self._request("POST", http.CONSOLIDATE, order.model_dump_json().encode()))

    def job(self, number: int) -> ConsolidationState:
        """How far an order is."""
        return self._model(ConsolidationState, self._get(http.CONSOLIDATE, [("job", number)]))

    def close(self) -> None:
        self._connection.close()

    def abort(self) -> None:
        """Make a request under way fail at once; the client is of no use afterwards.  Called by another thread."""
        self._connection.abort()

    # -- one request -------------------------------------------------------------------------------------------

    def _get(self, path: str, query: Iterable[tuple[str, object]] = (), *, limit: int = MAX_ANSWER_BYTES) -> bytes:
        asked = urlencode(list(query))
        return self._request("GET", f"{path}?{asked}" if asked else path, limit=limit)

    def _request(self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES) -> bytes:
        """The body of a successful answer; raises PeerError."""
        try:
            reply = self._connection.request(method, path, body, limit_s=self._deadline_s, max_bytes=limit, silence_s=self._read_s)
        except RequestError as error:
            raise self._failed(error.why) from error
        if not 200 <= reply.status < 300:
            raise self._refused(reply.status, reply.body)
        return reply.body

    def _model(self, kind: type[M], body: bytes) -> M:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            raise self._nonsense(kind.__name__, error) from error

    def _refused(self, status: int, body: bytes) -> PeerError:
        try:
            answer = ErrorAnswer.model_validate_json(body)
            text, remedy = f"{answer.code}: {answer.reason[:300]}", answer.remedy[:300]
        except ValidationError:
            text, remedy = "and does not say why", "check that a Watchkeep archiver of this version answers there"
        return PeerError(f"{self.url} answers {status}, {text}", remedy=remedy, status=status)

    def _failed(self, why: str) -> PeerError:
        return PeerError(f"{self.url} cannot be used ({why})", remedy="check its address, and that it runs")

    def _nonsense(self, what: str, why: object) -> PeerError:
        return PeerError(f"{self.url} answers nonsense to {what} ({str(why)[:200]})", remedy="update the older of the two machines")
