"""Directory servers that mDNS has shown: wire/servers.py, wire/shell/directory_finder.py."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.mdns import Found, remembered
from watchkeep.wire.servers import MAX_KNOWN, ServerBook
from watchkeep.wire.shell.directory_finder import KEPT, ServerFinder

ONE, TWO = "http://192.0.2.1:9701", "http://192.0.2.2:9701"


def many(count: int, prefix: str = "d") -> dict[str, str]:
    return {f"{prefix}{number}": f"http://192.0.2.{number}:1" for number in range(count)}


def test_what_mdns_shows_is_added_moved_and_never_taken_away() -> None:
    book = ServerBook({})
    assert book.urls() == ()
    assert book.found({"b": TWO})
    assert book.found({"a": ONE})
    assert book.urls() == (ONE, TWO), "by id, so that all who know the same ones spread over them"
    assert not book.found({})
    assert book.found({"b": "http://192.0.2.9:1"})
    assert not book.found({"b": "http://192.0.2.9:1"})
    assert ServerBook(book.last_known()).urls() == book.urls() == (ONE, "http://192.0.2.9:1")


def test_one_that_is_shown_no_more_makes_room_and_one_that_is_shown_does_not() -> None:
    real = many(MAX_KNOWN)
    book = ServerBook({})
    book.found(real)
    assert not book.found({**real, **many(500, "flood")})
    del real["d3"]
    assert book.found({**real, **many(500, "flood")})
    assert book.last_known().keys() == {*real, "flood0"}


@given(st.lists(st.dictionaries(st.sampled_from([*many(40)]), st.sampled_from([ONE, TWO]), max_size=40), max_size=6))
def test_a_server_that_was_known_and_is_announced_stays_and_there_is_an_end(rounds: list[dict[str, str]]) -> None:
    book = ServerBook({})
    for shown in rounds:
        before = book.last_known()
        assert book.found(shown) == (book.last_known() != before)
        known = book.last_known()
        assert before.keys() & shown.keys() <= known.keys()
        assert all(known[server] == shown[server] for server in known.keys() & shown.keys())
        assert len(known) <= MAX_KNOWN


def test_of_what_was_kept_only_what_can_be_an_address_is_used() -> None:
    kept = {"a": ONE, "../b": ONE, "c": 7, "d": "file:///etc", "e": "https://h:1", "f": "http://h:x", "g": "http://h:0", "h": "http://"}
    assert remembered("server", json.dumps(kept).encode()) == {"a": ONE}
    assert remembered("server", b"[" * 60_000) == remembered("server", None) == {}


def hub(name: str, url: str, *roles: str) -> Found:
    return Found(name, url, roles, "demo", "1")


def test_directory_servers_alone_are_found_and_kept_for_the_next_start(tmp_path: Path) -> None:
    finder = ServerFinder(tmp_path)
    finder.found({"a": hub("a", ONE, "archiver", "broker")})
    assert (finder.urls(), (tmp_path / KEPT).exists()) == ((), False)
    finder.found({"a": hub("a", ONE, "archiver", "broker"), "d": hub("d", TWO, "archiver", "directory")})
    assert finder.urls() == ServerFinder(tmp_path).urls() == (TWO,)
    finder.found({})
    assert finder.urls() == (TWO,)


def test_what_cannot_be_kept_or_read_is_told_and_used_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "watchkeep.wire.shell.directory_finder")
    (tmp_path / KEPT).mkdir()
    finder = ServerFinder(tmp_path)
    finder.found({"d": hub("d", TWO, "directory")})
    assert finder.urls() == (TWO,)
    assert [record.message for record in caplog.records] == [
        "the directory servers that mDNS showed last cannot be read",
        "the directory servers that mDNS shows cannot be kept for the next start"]  # fmt: skip
