"""The endpoints that peers and operators use: listing, hashes, records, orders."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_kit import hub_named
from hub_kit import Hub, film, running, wait_for

from watchkeep.hub.api.batch import prove
from watchkeep.wire import http
from watchkeep.wire.messages import ChunkListing

FILM = film(12)
CHUNKS, RECORDS, HASHES = http.chunks(FILM.camera), http.records(FILM.camera), http.hashes(FILM.camera)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub_named(tmp_path_factory.mktemp("api"), "a") as made:
        made.stored(FILM.batch())
        made.wait_durable(FILM)
        yield made


def listing(hub: Hub, query: str = "") -> ChunkListing:
    answer = hub.get(CHUNKS + query)
    assert answer.status == 200, answer.body
    return ChunkListing.model_validate_json(answer.body)


def test_a_listing_names_every_run_with_its_last_hash(hub: Hub) -> None:
    found = listing(hub)
    assert [(run.first_seq, run.last_seq) for run in found.runs] == [(0, 5), (6, 11)]
    assert [run.last_hash for run in found.runs] == [FILM.seals[5].chunk_hash.hex(), FILM.seals[11].chunk_hash.hex()]
    assert [run.bytes for run in found.runs] == [sum(map(len, FILM.chunks[:6])), sum(map(len, FILM.chunks[6:]))]
    assert found.runs[0].start_s == FILM.seals[0].wall_start_ns / 1e9
    assert found.next_epoch is None


def test_a_listing_in_pages(hub: Hub) -> None:
    first = listing(hub, "?limit=1")
    assert (first.next_epoch, first.next_seq) == (FILM.epoch, 6)
    second = listing(hub, f"?from_epoch={first.next_epoch}&from_seq={first.next_seq}")
    assert [run.first_seq for run in second.runs] == [6]
    assert listing(hub, f"?from_epoch={FILM.epoch + 1}").runs == []


def test_records_prove_themselves_and_start_with_the_init_segment(hub: Hub) -> None:
    answer = hub.get(f"{RECORDS}?epoch={FILM.epoch}&first_seq=4&last_seq=7")
    assert answer.headers["content-type"] == http.RECORDS_TYPE
    assert answer.body == FILM.batch(4, 5, 6, 7)
    assert [header.seq for header, _, _ in prove(answer.body)] == [0, 4, 5, 6, 7]


def test_an_answer_of_records_is_bounded_and_never_empty(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.consolidate.share.RECORDS_BYTES", 1)
    assert hub.get(f"{RECORDS}?epoch={FILM.epoch}&first_seq=4&last_seq=7").body == FILM.batch(4)


def test_hashes_of_single_chunks(hub: Hub) -> None:
    found = hub.get(f"{HASHES}?at={FILM.epoch}.3&at={FILM.epoch}.99").json()["hashes"]
    assert [(one["seq"], one["hash"]) for one in found] == [(3, FILM.seals[3].chunk_hash.hex()), (99, None)]


@pytest.mark.parametrize(("path", "status", "code"), [
    (http.chunks("no-such"), 404, "not-found"), (http.chunks("No_Such"), 400, "malformed"), (f"{CHUNKS}?limit=0", 400, "bad-request"),
    (f"{CHUNKS}?from_epoch=x", 400, "bad-request"), (f"{RECORDS}?epoch=1&first_seq=0&last_seq=1", 404, "not-found"),
    (f"{RECORDS}?epoch={FILM.epoch}&first_seq=5&last_seq=4", 400, "bad-request"), (HASHES, 400, "bad-request"),
    (f"{HASHES}?at=7", 400, "malformed"), (f"{HASHES}?{'at=1.1&' * 65}", 400, "bad-request"),
    (f"{http.CONSOLIDATE}?job=99", 404, "not-found"),
])  # fmt: skip
def test_a_wrong_question(hub: Hub, path: str, status: int, code: str) -> None:
    answer = hub.get(path)
    assert (answer.status, answer.json()["code"]) == (status, code), answer.body
    assert answer.json()["remedy"]


@pytest.mark.parametrize("body", [b"{}", b'{"url": "ftp://x"}', b'{"url": "http://x", "camera": "No_Such"}', b"nonsense"])
def test_a_wrong_order(hub: Hub, body: bytes) -> None:
    answer = hub.request("POST", http.CONSOLIDATE, body, Content_Type="application/json")
    assert answer.status == 400
    assert answer.json()["code"] in ("bad-request", "malformed")


def test_an_order_of_many_bytes_is_refused_before_it_is_read(hub: Hub) -> None:
    answer = hub.request("POST", http.CONSOLIDATE, b'{"url": "' + bytes(1 << 20), Content_Type="application/json")
    assert (answer.status, answer.json()["code"]) == (413, http.OVERSIZE)


def test_one_order_at_a_time(hub: Hub) -> None:
    """The peer takes the connection and never answers, so the first order is under way until the peer goes."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        order = f'{{"url": "http://127.0.0.1:{mute.getsockname()[1]}"}}'.encode()
        first = hub.request("POST", http.CONSOLIDATE, order, Content_Type="application/json")
        assert first.json()["phase"] == "waiting"
        second = hub.request("POST", http.CONSOLIDATE, order, Content_Type="application/json")
        assert (second.status, second.json()["code"]) == (503, "busy")
    job = f"{http.CONSOLIDATE}?job={first.json()['job']}"
    wait_for(lambda: hub.get(job).json()["phase"] == "failed", "the end of the order")
    assert hub.get(job).json()["why"]


def test_a_hub_without_archive_has_none_of_it(tmp_path: Path) -> None:
    with running(tmp_path, hub={"roles": ["broker"]}, broker={"listen": "127.0.0.1:0"}, archiver=None) as hub:
        assert hub.get(CHUNKS).status == 404
        assert hub.get(http.CONSOLIDATE).status == 404
