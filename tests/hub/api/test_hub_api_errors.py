"""What each error of the tree is to an HTTP client, and the gates that refuse what would be too much."""

import asyncio
import threading

import pytest

from watchkeep.hub.api.errors import STATUS, ApiError, api_error
from watchkeep.hub.api.workers import Gate, Workers
from watchkeep.hub.store import Conflict, StoreBusy, StoreFull
from watchkeep.wire import http
from watchkeep.wire.errors import (
    DigestError,
    FormatError,
    IdError,
    OversizeError,
    TruncatedError,
    VersionError,
    VolumeError,
    WatchkeepError,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TruncatedError("x"), 400, http.TRUNCATED), (FormatError("x"), 400, http.MALFORMED), (IdError("x"), 400, http.MALFORMED),
        (VersionError("x"), 400, http.UNKNOWN_VERSION), (OversizeError("x"), 413, http.OVERSIZE),
        (DigestError("x"), 422, http.HASH_MISMATCH),
        (StoreFull("x"), 507, http.STORAGE_FULL), (StoreBusy("x"), 503, http.BUSY), (VolumeError("x"), 503, http.STORAGE_FAILED),
        (Conflict([("cam0", 1, 2)], "x"), 409, http.CONFLICT), (WatchkeepError("x"), 500, http.INTERNAL),
    ],
)  # fmt: skip
def test_errors(error: WatchkeepError, status: int, code: str) -> None:
    found = api_error(error)
    assert (found.status, found.code, found.answer().code) == (status, code, code)
    assert ("Retry-After" in found.headers) is (status == 503)


def test_a_conflict_names_its_chunks() -> None:
    (name,) = api_error(Conflict([("cam0", 1, 2)], "x")).answer().names
    assert (name.camera, name.epoch, name.seq) == ("cam0", 1, 2)


def test_an_answer_shows_no_credentials() -> None:
    assert "hunter2" not in ApiError(http.INTERNAL, "rtsp://me:hunter2@cam", remedy="x").answer().reason


def test_every_code_has_a_status_that_is_no_success() -> None:
    assert all(400 <= status < 600 for status in STATUS.values())


def test_a_gate_counts_requests_and_bytes_and_lets_go() -> None:
    gate = Gate("things", requests=2, size=100)
    with gate.admit(60):
        with pytest.raises(ApiError) as caught, gate.admit(41):
            pass
        assert caught.value.code == http.BUSY
        with gate.admit(40), pytest.raises(ApiError), gate.admit(0):
            pass
    with pytest.raises(ValueError, match="inside"), gate.admit(100):
        raise ValueError("inside")
    assert (gate.requests, gate.bytes) == (0, 0)


def test_workers_have_their_threads_from_the_start_and_end_with_close() -> None:
    before = threading.active_count()
    workers = Workers("test", 3)
    assert threading.active_count() == before + 3
    name = asyncio.run(workers.run(lambda: threading.current_thread().name))
    assert name.startswith("wk-hub-test")
    workers.close()
    assert threading.active_count() == before
