"""Evidence locks over HTTP: made, listed, removed, exported to the chunk, and every mistake answered with a remedy."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_kit import EPOCH, START_NS, Answer, Film, Hub, film, running, wait_for
from test_hub_api_operations import values

from watchkeep.hub.api import body as module
from watchkeep.hub.protect import shelf
from watchkeep.wire import http as names

FILM = film(8, segment_s=2)
WANTED: dict[str, Any] = {"camera": "cam0", "start": EPOCH + 3, "end": EPOCH + 5, "owner": "case 7", "reason": "a theft"}


@pytest.fixture(name="hub")
def hub_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    with running(tmp_path) as made:
        made.stored(FILM.batch())
        yield made


def add(hub: Hub, **changes: Any) -> Answer:
    wanted = {key: value for key, value in {**WANTED, **changes}.items() if value is not None}
    return hub.request("POST", names.LOCKS, json.dumps(wanted).encode())


def init_and(made: Film, *seqs: int) -> bytes:
    return made.init + b"".join(made.chunks[seq] for seq in seqs)


def test_a_lock_is_made_listed_and_removed(hub: Hub) -> None:
    answer = add(hub, start="2026-01-01T00:00:03Z", expires="2126-01-01T01:00:00+01:00")
    assert answer.status == 201
    made = answer.json()
    assert (made["id"], made["camera"], made["owner"], made["reason"]) == ("lock-1", "cam0", "case 7", "a theft")
    assert (made["start_s"], made["end_s"], made["expires_s"]) == (EPOCH + 3, EPOCH + 5, 4_922_899_200)
    assert made["export"] == names.lock_export("lock-1")
    assert hub.get(names.LOCKS).json()[0]["id"] == "lock-1"
    wait_for(lambda: hub.get(names.lock("lock-1")).json()["files"] == 2, "its two files are closed")
    assert add(hub).json()["id"] == "lock-2"
    gone = hub.request("DELETE", names.lock("lock-1"))
    assert (gone.status, gone.json()["id"]) == (200, "lock-1")
    assert [one["id"] for one in hub.get(names.LOCKS).json()] == ["lock-2"]
    found = values(hub)
    assert found["watchkeep_locks",] == 1


def test_a_repeated_request_is_answered_with_the_same_lock(hub: Hub) -> None:
    first, again = add(hub), add(hub)
    assert (first.status, again.status) == (201, 200)
    assert (first.json()["id"], first.json()["created_s"]) == (again.json()["id"], again.json()["created_s"])


def test_locks_events_and_the_file_survive_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        hub.stored(FILM.batch())
        add(hub)
    with running(tmp_path) as hub:
        assert [one["owner"] for one in hub.get(names.LOCKS).json()] == ["case 7"]
        hub.request("DELETE", names.lock("lock-1"))
        told = hub.get(f"{names.EVENTS}?kind=lock&camera=cam0").json()["events"]
        assert ["added" in told[0]["text"], "removed" in told[1]["text"]] == [True, True]
        assert all("lock-1 of case 7 (a theft)" in event["text"] for event in told)


def test_an_export_is_exactly_the_chunks_that_overlap_the_lock(hub: Hub) -> None:
    add(hub)
    answer = hub.get(names.lock_export("lock-1"))
    assert answer.status == 200
    assert answer.body == init_and(FILM, 3, 4), "chunk 3 is no key frame, and there all the same"
    assert answer.headers["content-disposition"] == 'attachment; filename="lock-1_cam0_2026-01-01T00-00-03Z.mp4"'
    assert add(hub, start=EPOCH + 3.5, end=f"{EPOCH + 4}.001").json()["id"] == "lock-2"
    assert hub.get(names.lock_export("lock-2")).body == init_and(FILM, 3, 4)
    assert hub.get(f"{names.lock_export('lock-1')}?start={EPOCH}&end={EPOCH + 4}").body == init_and(FILM, 3), "never more than the lock"
    nothing = hub.get(f"{names.lock_export('lock-1')}?start={EPOCH + 6}")
    assert (nothing.status, nothing.json()["code"]) == (404, names.NOT_FOUND)


def test_an_export_over_two_epochs_names_its_parts(hub: Hub) -> None:
    second = film(4, epoch=EPOCH + 1, start_ns=START_NS + 20 * 10**9)
    hub.stored(second.batch())
    add(hub, end=EPOCH + 22)
    answer = hub.get(names.lock_export("lock-1"))
    assert (answer.status, answer.json()["code"]) == (409, names.SEVERAL_PARTS)
    bodies = [hub.get(part["url"]).body for part in answer.json()["parts"]]
    assert bodies == [init_and(FILM, 3, 4, 5, 6, 7), init_and(second, 0, 1)]


def test_a_lock_of_days_is_exported_a_day_at_a_time(hub: Hub) -> None:
    add(hub, start=EPOCH - 3 * 86_400)
    answer = hub.get(names.lock_export("lock-1"))
    assert (answer.status, answer.json()["code"]) == (400, names.BAD_REQUEST)
    assert "start and end" in answer.json()["remedy"]
    assert hub.get(f"{names.lock_export('lock-1')}?start={EPOCH}").body == init_and(FILM, 0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("changes", "status", "code", "says"),
    [
        ({"camera": "cam9"}, 404, names.NOT_FOUND, "cam9"),
        ({"camera": "Cam 9"}, 400, names.MALFORMED, "Cam 9"),
        ({"end": EPOCH + 3}, 400, names.BAD_REQUEST, "end is not after start"),
        ({"start": "2026-01-01T00:00:03"}, 400, names.BAD_REQUEST, "time zone"),
        ({"start": True}, 400, names.BAD_REQUEST, "body.start"),
        ({"start": 1e300}, 400, names.BAD_REQUEST, "1970"),
        ({"expires": EPOCH}, 400, names.BAD_REQUEST, "expires"),
        ({"owner": None}, 400, names.BAD_REQUEST, "body.owner"),
        ({"owner": ""}, 400, names.BAD_REQUEST, "body.owner"),
        ({"reason": "two\nlines"}, 400, names.BAD_REQUEST, "one line"),
        ({"reason": "x" * 501}, 400, names.BAD_REQUEST, "body.reason"),
        ({"until": 5}, 400, names.BAD_REQUEST, "body.until"),
        ({"reason": "x" * 20_000}, 413, names.OVERSIZE, "body"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_code_and_a_remedy(hub: Hub, changes: dict[str, Any], status: int, code: str, says: str) -> None:
    answer = add(hub, **changes)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert says in answer.json()["reason"]
    assert answer.json()["remedy"]
    assert hub.get(names.LOCKS).json() == []


def test_what_is_not_there_and_what_is_too_much(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for method, path in (("GET", names.lock("lock-1")), ("DELETE", names.lock("lock-1")), ("GET", names.lock_export("lock-1"))):
        answer = hub.request(method, path)
        assert (answer.status, answer.json()["code"]) == (404, names.NOT_FOUND)
        assert names.LOCKS in answer.json()["remedy"]
    assert hub.request("POST", names.LOCKS, b"{").json()["code"] == names.BAD_REQUEST
    monkeypatch.setattr(shelf, "MAX_LOCKS", 0)
    full = add(hub)
    assert (full.status, full.json()["code"]) == (409, names.TOO_MANY)


def test_a_body_that_does_not_arrive_is_not_waited_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_S", 0.2)
    began = time.monotonic()
    answer = hub.request("POST", names.LOCKS, b"", Content_Length="100")
    assert (answer.status, answer.json()["code"]) == (400, names.TRUNCATED)
    assert time.monotonic() - began < 5


def test_locks_that_cannot_be_read_are_a_problem_that_healthz_names(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / shelf.LOCKS_FILE).write_text("{")
    with running(tmp_path) as hub:
        hub.stored(FILM.batch())
        health = hub.get(names.HEALTH)
        assert (health.status, health.json()["status"]) == (200, "degraded")
        assert "locks.json" in health.json()["why"][0]
        refused = add(hub)
        assert (refused.status, refused.json()["code"]) == (503, names.STORAGE_FAILED)
