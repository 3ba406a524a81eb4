"""Journal entries and the state that they fold to."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory import site
from watchkeep.hub.directory.entry import FIRST_HASH, MAX_ENTRY_BYTES, Entry, next_entry, parse
from watchkeep.hub.directory.site import Change, Contingency, Key, Lease, Recording, Site, fold
from watchkeep.wire.errors import DigestError, FormatError


def everything() -> Book:
    """A book with every kind of entry in it."""
    book = Book(put("location/hq"), put("archiver/a"), put("agent/edge-1", reaches=["hq"]),
                put("group/door", copies=1, archivers=["a"]), camera(0, location="hq", group="door"), camera(1),
                put("server/d1", url="http://d1:9701", rank=0), put("role/backup", servers=["d1"]))  # fmt: skip
    book.write("lead", term=2, server="d1")
    book.assign({"cam0": "edge-1", "cam1": "edge-1"}, {"cam1": ["a"]})
    book.write("lease", role="backup", holder="d1", number=1)
    book.write("keep", origin="f" * 64, entries=[{"index": 3}], why="both changed camera/cam1")
    book.write("settle", origin="f" * 64, verdict="ours", changes=[])
    return book


def test_every_entry_is_chained_to_the_one_before_it() -> None:
    book = everything()
    assert book.entries[0].prev == FIRST_HASH
    assert [entry.prev for entry in book.entries[1:]] == [entry.hash for entry in book.entries[:-1]]
    assert [entry.index for entry in book.entries] == [1, 2, 3, 4, 5, 6]
    assert book.site.hash == book.entries[-1].hash


def test_an_entry_comes_back_from_its_bytes() -> None:
    for entry in everything().entries:
        again = parse(entry.body(), entry.hash)
        assert again == entry
        assert again.hash == entry.hash


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_of_an_entry_is_found(at: int, byte: int) -> None:
    entry = everything().entries[0]
    body = bytearray(entry.body())
    if body[at] == byte:
        return
    body[at] = byte
    with pytest.raises((FormatError, DigestError)):
        parse(bytes(body), entry.hash)


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{}", b"null", b'{"term":1}', b"\xff", b"[" * 5000, b"x" * (MAX_ENTRY_BYTES + 1),
    json.dumps({"term": 1, "index": 1, "actor": "x", "at_s": 0, "kind": "burn", "payload": {}, "prev": FIRST_HASH}).encode(),
    json.dumps({"term": True, "index": 1, "actor": "x", "at_s": 0, "kind": "edit", "payload": {}, "prev": FIRST_HASH}).encode(),
    json.dumps({"term": 1, "index": 1, "actor": "x", "at_s": 0, "kind": "edit", "payload": [], "prev": FIRST_HASH}).encode(),
])  # fmt: skip
def test_what_is_no_entry_is_refused(body: bytes) -> None:
    with pytest.raises(FormatError):
        parse(body)


@pytest.mark.parametrize(("more", "said"), [({"kind": "burn"}, "the kind 'burn'"), ({"colour": "red"}, "a field 'colour'")])
def test_an_entry_of_a_newer_version_asks_for_an_update_and_not_for_a_restore(more: dict[str, str], said: str) -> None:
    fields = {"term": 1, "index": 1, "actor": "x", "at_s": 0, "kind": "edit", "payload": {}, "prev": FIRST_HASH, **more}
    with pytest.raises(FormatError, match=said) as told:
        parse(json.dumps(fields).encode())
    assert told.value.remedy == "update this server"


def test_an_older_term_cannot_follow() -> None:
    book = everything()
    with pytest.raises(FormatError, match="older"):
        next_entry(book.entries[-1], term=1, actor="x", at_s=0, kind="edit", payload={"changes": []})


def test_only_the_next_entry_is_applied() -> None:
    book = everything()
    site = fold(book.entries[:3])
    before = site.digest()
    for wrong in (book.entries[2], book.entries[4], replace(book.entries[3], prev="1" * 64)):
        with pytest.raises(FormatError, match="does not follow"):
            site.apply(wrong)
    assert site.digest() == before


def test_the_fold() -> None:
    site = everything().site
    assert site.leader == "d1"
    assert site.term == 2
    assert site.cameras["cam0"].group == "door"
    assert site.recorders == {"cam0": Recording("edge-1", 1), "cam1": Recording("edge-1", 1)}
    assert site.archivers == {"cam1": ("a",)}
    assert site.leases == {"backup": Lease("d1", 1)}
    assert site.contingencies == {}, "settled"
    assert site.get(Key("camera", "cam1")).revision == 1  # type: ignore[union-attr]


def test_edits_that_contradict_are_kept_until_they_are_settled() -> None:
    book = everything()
    site = fold(book.entries[:5])
    assert site.contingencies == {"f" * 64: Contingency("f" * 64, ({"index": 3},), "both changed camera/cam1", 5)}


def test_a_removed_camera_keeps_its_term_so_that_it_never_goes_back() -> None:
    book = everything()
    book.edit(gone("camera/cam1"))
    assert book.site.recorders["cam1"] == Recording("", 1)
    assert "cam1" not in book.site.archivers
    book.edit(camera(1))
    book.assign({"cam1": "edge-1"})
    assert book.site.recorders["cam1"].term == 2


def test_a_snapshot_and_the_rest_of_the_journal_make_the_same_state() -> None:
    book = everything()
    for cut in range(len(book.entries) + 1):
        snapshot = json.loads(json.dumps(fold(book.entries[:cut]).to_json()))
        again = fold(book.entries[cut:], Site.from_json(snapshot))
        assert again.digest() == book.site.digest()


def test_a_fold_changes_neither_its_start_nor_a_copy() -> None:
    book = everything()
    start = fold(book.entries[:1])
    before = start.digest()
    fold(book.entries[1:], start)
    assert start.digest() == before


def test_what_a_newer_version_wrote_is_kept_and_does_no_harm() -> None:
    book = everything()
    book.edit(put("hologram/h1", depth=3), put("camera/cam1", url="rtsp://h/1", colour="red"))
    assert Site.from_json(book.site.to_json()).digest() == book.site.digest()
    assert book.site.cameras["cam1"].url == "rtsp://h/1"
    assert book.site.get(Key("hologram", "h1")).value == {"depth": 3}  # type: ignore[union-attr]


def test_a_word_of_a_newer_version_is_kept_and_counts_as_not_said() -> None:
    """It kept a server that was not updated yet from making any document, for any agent."""
    book = everything()
    said = {"url": "rtsp://h/1", "ingest": "holographic", "recorder_failback": "by-moonlight", "priority": 7}
    book.edit(put("camera/cam1", **said))
    camera = book.site.cameras["cam1"]
    assert (camera.url, camera.ingest, camera.recorder_failback, camera.priority) == ("rtsp://h/1", None, None, 7)
    assert book.site.get(Key("camera", "cam1")).value == said  # type: ignore[union-attr]
    book.edit(put("camera/cam1", **said, max_reconnects=3, channel="first"))
    with pytest.raises(ValidationError, match="channel"):
        _ = book.site.cameras


def test_removed_agents_are_remembered_until_they_are_back_and_so_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MAX_RETIRED", 2)
    book = Book(*(put(f"agent/edge-{number}") for number in range(4)), camera(1))
    book.edit(gone("agent/edge-0"), gone("camera/cam1"))
    book.edit(gone("agent/edge-1"), gone("agent/edge-2"))
    assert book.site.retired == {"edge-1": 3, "edge-2": 3}
    book.edit(put("agent/edge-1"))
    assert book.site.retired == {"edge-2": 3}
    assert Site.from_json(book.site.to_json()).digest() == book.site.digest()
    older = book.site.to_json()
    del older["retired"]
    with pytest.raises(FormatError):
        Site.from_json(older)


@pytest.mark.parametrize("data", [{}, [], None, {"index": 1}, {**Site().to_json(), "entities": {"camera": 3}}])
def test_what_is_no_state_is_refused(data: Any) -> None:
    with pytest.raises(FormatError):
        Site.from_json(data)


def test_any_history_folds_to_the_same_state_from_any_snapshot() -> None:
    """Random histories: the state depends on the entries alone."""
    for seed in range(30):
        draw = random.Random(seed)
        book = Book(*(camera(number) for number in range(5)))
        for _ in range(20):
            name = f"cam{draw.randrange(5)}"
            there = Key("camera", name) in book.site
            if draw.random() < 0.3 and there:
                book.edit(gone(f"camera/{name}"))
            elif draw.random() < 0.5:
                book.edit(put(f"camera/{name}", url=f"rtsp://h/{draw.random()}"))
            elif there:
                book.assign({name: draw.choice(["edge-1", "edge-2"])})
        cut = draw.randrange(len(book.entries))
        assert fold(book.entries[cut:], fold(book.entries[:cut])).digest() == fold(book.entries).digest() == book.site.digest()


def test_a_change_comes_back_from_its_json() -> None:
    for change in (put("camera/cam0", url="rtsp://h/0"), gone("camera/cam0", was=7)):
        assert Change.from_json(json.loads(json.dumps(change.to_json()))) == change


def test_the_hash_is_of_the_content_and_not_of_the_order_of_keys() -> None:
    first = Entry(1, 1, "x", 0.0, "edit", {"changes": [], "note": "ä"}, FIRST_HASH)
    assert first.hash == Entry(1, 1, "x", 0.0, "edit", {"note": "ä", "changes": []}, FIRST_HASH).hash
    assert first.hash != Entry(1, 1, "y", 0.0, "edit", {"note": "ä", "changes": []}, FIRST_HASH).hash
