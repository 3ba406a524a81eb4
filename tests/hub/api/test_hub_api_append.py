"""POST /v1/append on a real hub: what good and bad input gets, and that a refused batch stores nothing."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import pytest
import sealed
from hub_kit import DEADLINE_S, Answer, Film, Hub, film, running, wait_for

from watchkeep.hub.api import append as module
from watchkeep.wire import http as names
from watchkeep.wire.record import MAX_BATCH_BYTES, MAX_PAYLOAD_BYTES, Header, RecordKind, ask, pack_header


@pytest.fixture(name="hub")
def hub_(tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture(name="made", scope="module")
def made_() -> Film:
    return film(6)


def refused(hub: Hub, answer: Answer, status: int, code: str) -> dict[str, object]:
    """Check the answer, and that nothing at all was stored."""
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.json()["reason"]
    assert answer.json()["remedy"]
    assert hub.files() == {}
    assert hub.get(names.CAMERAS).json() == []
    return answer.json()  # type: ignore[no-any-return]


def test_received_at_once_durable_soon_after(hub: Hub, made: Film) -> None:
    answer = hub.stored(made.batch())
    assert answer.archiver == "a"
    (state,) = answer.cameras["cam0"]
    assert (state.epoch, state.missing, state.need_init) == (made.epoch, [], False)
    assert sorted([*state.received, *state.durable]) == [(0, 5)]
    hub.wait_durable(made)


def test_an_append_that_asks_for_it_is_synced_at_once(tmp_path: Path, made: Film) -> None:
    with running(tmp_path, archiver={"sync_ms": 60_000}) as hub:
        hub.stored(made.init_record() + made.record(0))
        wait_for(lambda: hub.stored(ask("cam0", made.epoch, 0, 0)).cameras["cam0"][0].durable == [(0, 0)], "the sync of the first")
        hub.stored(made.record(1))
        assert hub.stored(ask("cam0", made.epoch, 0, 1)).cameras["cam0"][0].durable == [(0, 0)]
        assert hub.append(made.record(2), Watchkeep_Sync=names.SYNC_NOW).status == 200
        wait_for(lambda: hub.stored(ask("cam0", made.epoch, 0, 2)).cameras["cam0"][0].durable == [(0, 2)], "the sync of all")


def test_the_stored_bytes_are_the_sent_bytes(hub: Hub, made: Film) -> None:
    hub.stored(made.batch())
    (name,) = hub.files()
    assert (hub.volumes[0] / name).read_bytes() == made.init + b"".join(made.chunks)


def test_the_same_chunk_twice_is_one_chunk(hub: Hub, made: Film) -> None:
    hub.stored(made.batch())
    before = hub.files()
    hub.stored(made.batch())
    hub.stored(made.record(3) + made.record(3))
    hub.wait_durable(made)
    assert hub.files() == before


def test_missing_is_what_an_ask_asked_for(hub: Hub, made: Film) -> None:
    hub.stored(made.batch(0, 1))
    (state,) = hub.stored(ask("cam0", made.epoch, 0, 9)).cameras["cam0"]
    assert state.missing == [(2, 9)]
    (unknown,) = hub.stored(ask("other", 7, 3, 5)).cameras["other"]
    assert unknown.missing == [(3, 5)]


def test_chunks_before_their_init_are_not_stored_and_the_answer_says_so(hub: Hub, made: Film) -> None:
    (state,) = hub.stored(made.record(0)).cameras["cam0"]
    assert state.need_init
    assert (state.received, state.durable) == ([], [])
    assert hub.files() == {}
    assert not hub.stored(made.batch(0)).cameras["cam0"][0].need_init


def test_an_init_that_no_file_gives_any_more_is_asked_for_again(hub: Hub, made: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.register.MAX_INITS", 1)
    hub.stored(made.batch(0, 1))
    hub.wait_durable_of(made, [(0, 1)])
    (name,) = hub.files()
    hub.stored(film(1, camera="cam1").batch())  # and the first one's is in memory no more
    (hub.volumes[0] / name).rename(hub.volumes[0] / "elsewhere")
    (state,) = hub.stored(made.record(2)).cameras["cam0"]
    assert state.need_init
    (state,) = hub.stored(made.init_record() + made.record(2)).cameras["cam0"]
    assert (state.need_init, [*state.received, *state.durable]) == (False, [(2, 2)])


def test_a_good_record_before_a_bad_one_is_not_stored(hub: Hub, made: Film) -> None:
    damaged = bytearray(made.batch())
    damaged[-1] ^= 1
    answer = refused(hub, hub.append(bytes(damaged)), 422, names.HASH_MISMATCH)
    assert answer["names"] == [{"camera": "cam0", "epoch": made.epoch, "seq": 5}]
    hub.stored(made.batch())


def test_a_truncated_batch(hub: Hub, made: Film) -> None:
    refused(hub, hub.append(made.batch()[:-1]), 400, names.TRUNCATED)
    refused(hub, hub.append(b""), 400, names.TRUNCATED)


def test_an_unknown_version(hub: Hub, made: Film) -> None:
    body = bytearray(made.batch())
    body[4] = 2
    refused(hub, hub.append(bytes(body)), 400, names.UNKNOWN_VERSION)
    refused(hub, hub.append(made.batch(), Watchkeep_Wire="2"), 400, names.UNKNOWN_VERSION)
    refused(hub, hub.append(made.batch(), Watchkeep_Wire=""), 400, names.UNKNOWN_VERSION)


def test_another_content_type(hub: Hub, made: Film) -> None:
    refused(hub, hub.append(made.batch(), Content_Type="application/json"), 415, names.MEDIA_TYPE)


def test_garbage(hub: Hub) -> None:
    refused(hub, hub.append(bytes(range(256)) * 10), 400, names.MALFORMED)


def test_an_oversize_record(hub: Hub) -> None:
    header = pack_header(Header(RecordKind.CHUNK, "cam0", 1, 0, MAX_PAYLOAD_BYTES + 1, bytes(32)))
    refused(hub, hub.append(header + bytes(1000)), 413, names.OVERSIZE)


@pytest.mark.parametrize("name", [b"../../../etc/passwd", b"a/b", b"CAM0", b"..", b""])
def test_path_tricks_in_ids(hub: Hub, tmp_path: Path, name: bytes) -> None:
    seal, payload = sealed.chunk()
    header = bytearray(sealed.record(seal, payload)[:136])
    header[72:136] = name.ljust(64, b"\0")
    header[12:16] = bytes(4)
    header[12:16] = crc32(header).to_bytes(4, "little")
    before = {path for path in tmp_path.rglob("*") if path.is_dir()}
    refused(hub, hub.append(bytes(header) + payload), 400, names.MALFORMED)
    assert {path for path in tmp_path.rglob("*") if path.is_dir()} == before


def test_a_second_hash_for_a_known_name_is_tampering(hub: Hub, made: Film) -> None:
    hub.stored(made.batch())
    before = hub.files()
    other = film(6, width=80)
    answer = hub.append(other.init_record() + other.record(2))
    assert answer.status == 409
    assert answer.json()["code"] == names.CONFLICT
    assert {"camera": "cam0", "epoch": made.epoch, "seq": 2} in answer.json()["names"]
    assert hub.files() == before
    assert 'watchkeep_appends_total{code="conflict"} 1.0' in hub.get(names.METRICS).body.decode()


def raw(hub: Hub, head: str, body: bytes = b"") -> http.client.HTTPResponse:
    """Send exactly this and read the answer's head; the caller closes."""
    where = urlsplit(hub.url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), DEADLINE_S)
    try:
        text = f"POST {names.APPEND} HTTP/1.1\r\nHost: x\r\nContent-Type: {names.RECORDS_TYPE}\r\nWatchkeep-Wire: 1\r\n{head}\r\n"
        connection.sendall(text.encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer
    finally:
        connection.close()


def test_an_oversize_body_is_refused_by_its_length_without_reading_on(hub: Hub) -> None:
    with raw(hub, f"Content-Length: {MAX_BATCH_BYTES + 1}\r\n") as answer:
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert json.loads(answer.read())["code"] == names.OVERSIZE


def test_an_oversize_chunked_body_is_cut_off_at_the_bound(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_BYTES", 100_000)
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with raw(hub, "Transfer-Encoding: chunked\r\n", piece * 2) as answer:
        assert answer.status == 413
        answer.read()


def test_a_body_that_never_comes_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_S", 0.2)
    with raw(hub, "Content-Length: 1000\r\n", b"half") as answer:
        assert answer.status == 400
        assert json.loads(answer.read())["code"] == names.TRUNCATED


def test_a_sender_that_hangs_up_disturbs_nobody(hub: Hub, made: Film) -> None:
    where = urlsplit(hub.url)
    body = made.batch()
    for _ in range(5):
        with socket.create_connection((where.hostname or "", where.port or 0), DEADLINE_S) as connection:
            head = f"POST {names.APPEND} HTTP/1.1\r\nHost: x\r\nContent-Type: {names.RECORDS_TYPE}\r\nWatchkeep-Wire: 1\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    wait_for(lambda: 'code="truncated"} 5.0' in hub.get(names.METRICS).body.decode(), "five broken uploads")
    assert hub.files() == {}
    hub.stored(body)


def test_too_many_bytes_at_once_are_told_to_come_back(tmp_path: Path, made: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    body = made.batch()
    monkeypatch.setattr(module, "APPEND_BYTES", len(body) + 10)
    with running(tmp_path) as hub:
        where = urlsplit(hub.url)
        head = f"POST {names.APPEND} HTTP/1.1\r\nHost: x\r\nContent-Type: {names.RECORDS_TYPE}\r\nWatchkeep-Wire: 1\r\n"
        with socket.create_connection((where.hostname or "", where.port or 0), DEADLINE_S) as slow:
            slow.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
            wait_for(lambda: hub.append(body).status == 503, "the slow sender's place")
            answer = hub.append(body)
            assert answer.json()["code"] == names.BUSY
            assert int(answer.headers["retry-after"]) >= 1
        wait_for(lambda: hub.append(body).status == 200, "the place to be free again")


def test_many_senders_of_the_same_chunks_make_them_once(hub: Hub, made: Film) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(hub.append(made.batch()).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    hub.wait_durable(made)
    assert sum(hub.files().values()) == len(made.init) + sum(map(len, made.chunks))
