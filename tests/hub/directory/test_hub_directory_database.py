"""The journal in SQLite and in PostgreSQL: durable, chained, cut and set aside, snapshots that are only a cache, damage that is named."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from postgres import PASSWORD, USER, Server
from site_kit import Book, camera
from sqlalchemy import URL

from watchkeep.hub.directory import database
from watchkeep.hub.directory.database import ConflictError, Database, DatabaseError, sqlite_url
from watchkeep.hub.directory.entry import Entry
from watchkeep.hub.directory.site import Site
from watchkeep.wire.errors import DigestError, FormatError, UsageError

NUMBERS = count()
"""Of databases on one server."""


def books(edits: int) -> Book:
    book = Book()
    for number in range(edits):
        book.edit(camera(number % 7, name=f"edit {number}"))
    return book


class Store:
    """Where a journal is: `url` for the product, `raw` for what a disk, a power cut or a person may do to it."""

    def __init__(self, url: URL | str, raw: Callable[[str], list[tuple[object, ...]]], kind: str) -> None:
        self.url, self.raw, self.kind = url, raw, kind

    def open(self) -> tuple[Database, Site]:
        found = Database(self.url)
        return found, found.open()

    def digest(self) -> str:
        found, site = self.open()
        found.close()
        return site.digest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.sqlite"


def in_file(path: Path, sql: str) -> list[tuple[object, ...]]:
    """In the file itself, beside the journal: committed and closed, which sqlite3's own context manager does not do."""
    with closing(sqlite3.connect(path)) as raw, raw:
        return raw.execute(sql).fetchall()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, path: Path) -> Store:
    if request.param == "sqlite":
        return Store(sqlite_url(path), partial(in_file, path), "sqlite")
    made: Server = request.getfixturevalue("postgres")
    name = f"t{next(NUMBERS)}"
    made.run(f"CREATE DATABASE {name} TEMPLATE template0")
    return Store(made.url(name), lambda sql: made.run(sql, name), "postgres")


@pytest.fixture
def journal(store: Store) -> Iterator[Database]:
    found, _ = store.open()
    yield found
    found.close()


def test_what_was_appended_is_there_after_a_kill(store: Store, journal: Database) -> None:
    book = books(5)
    journal.append(book.entries)
    other, site = store.open()  # without closing the first one: as after SIGKILL
    assert site.digest() == book.site.digest()
    assert other.entries() == book.entries
    assert other.last() == book.entries[-1]
    other.close()


def test_only_the_next_entries_are_taken_and_all_of_them_or_none(journal: Database) -> None:
    book = books(6)
    journal.append(book.entries[:2])
    for wrong in (book.entries[3:], book.entries[1:3], [book.entries[2], book.entries[4]]):
        with pytest.raises(ConflictError):
            journal.append(wrong)
        assert journal.count() == 2
    journal.append(book.entries[2:])
    assert journal.count() == 6


def test_an_empty_journal_is_filled_as_a_whole_or_stays_empty(journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    book = books(6)

    def torn() -> Iterator[list[Entry]]:
        yield book.entries[:2]
        raise UsageError("the next page cannot be read", remedy="")

    def rotten(entry: Entry) -> dict[str, object]:
        return {"number": entry.index, "term": entry.term, "at_s": entry.at_s, "hash": entry.hash, "body": entry.body()[:-1]}

    with pytest.raises(UsageError):
        journal.fill(torn())
    assert journal.count() == 0
    with pytest.raises(ConflictError, match="does not follow"):
        journal.fill([book.entries[:2], book.entries[3:]])
    assert journal.count() == 0
    with monkeypatch.context() as patch:
        patch.setattr(database, "_row", rotten)
        with pytest.raises(FormatError):
            journal.fill([book.entries])
    assert journal.count() == 0, "it is proven before it stands"
    assert journal.fill([book.entries[:2], book.entries[2:]]).digest() == book.site.digest()
    with pytest.raises(ConflictError, match="has entries"):
        journal.fill([book.entries])
    assert journal.entries() == book.entries


def test_of_two_servers_on_one_database_one_appends(store: Store, journal: Database) -> None:
    book = books(1)
    journal.append(book.entries)
    other, _ = store.open()
    rivals = [books(1), books(1)]
    for number, rival in enumerate(rivals):
        rival.edit(camera(9, name=f"of {number}"))
    results: list[str] = []

    def write(where: Database, rival: Book) -> None:
        try:
            where.append(rival.entries[1:])
            results.append("written")
        except ConflictError:
            results.append("refused")

    threads = [threading.Thread(target=write, args=pair) for pair in zip((journal, other), rivals, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == ["refused", "written"]
    other.close()


def test_entries_that_are_cut_off_are_set_aside_until_they_are_delivered(store: Store, journal: Database) -> None:
    book = books(6)
    journal.append(book.entries)
    assert journal.cut(4) == book.entries[4:]
    assert journal.count() == 4
    again, site = store.open()
    assert site.index == 4
    assert again.aside() == book.entries[4:]
    again.delivered(book.entries[4:5])
    assert again.aside() == book.entries[5:]
    again.append(book.entries[4:])
    assert again.cut(6) == []
    again.close()


def test_a_start_reads_a_snapshot_and_says_the_same_without(store: Store, journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SNAPSHOT_EVERY", 10)
    book = Book()
    kept = 0
    for number in range(45):
        journal.append([book.edit(camera(number % 3, name=str(number)))])
        kept += journal.keep_snapshot(book.site)
    assert kept == 4
    assert store.raw("SELECT number FROM snapshot ORDER BY 1") == [(30,), (40,)]
    assert store.digest() == book.site.digest()
    assert journal.state(until=35).index == 35
    assert journal.check().digest() == book.site.digest()
    for damage in ("UPDATE snapshot SET body = 'x' WHERE number = 40", "UPDATE snapshot SET body = '{}'", "DELETE FROM snapshot"):
        store.raw(damage)
        assert store.digest() == book.site.digest()


def test_a_snapshot_of_what_was_cut_off_is_not_believed(store: Store, journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SNAPSHOT_EVERY", 1)
    book = books(5)
    journal.append(book.entries)
    assert journal.keep_snapshot(book.site)
    journal.cut(3)
    other = books(3)
    other.edit(camera(1, name="the new leader's"))
    other.edit(camera(2, name="the new leader's"))
    journal.append(other.entries[3:])
    assert store.digest() == other.site.digest()


def test_a_state_at_any_point_of_time_can_be_made_again(journal: Database) -> None:
    book = books(8)
    journal.append(book.entries)
    assert journal.state(until=5).digest() == books(5).site.digest()


@pytest.mark.parametrize("damage", [
    {"sqlite": "UPDATE entry SET body = CAST(replace(body, 'edit 3', 'edit X') AS BLOB) WHERE number = 4",
     "postgres": "UPDATE entry SET body = convert_to(replace(convert_from(body, 'UTF8'), 'edit 3', 'edit X'), 'UTF8') WHERE number = 4"},
    "UPDATE entry SET hash = 'f' || substr(hash, 2) WHERE number = 4",
    "UPDATE entry SET body = 'text' WHERE number = 4",
    "DELETE FROM entry WHERE number = 4",
])  # fmt: skip
def test_a_damaged_journal_is_named_and_not_believed(store: Store, journal: Database, damage: str | dict[str, str]) -> None:
    book = books(8)
    journal.append(book.entries)
    store.raw(damage if isinstance(damage, str) else damage[store.kind])
    with pytest.raises((DigestError, FormatError), match=r"does not follow|not the one|holds text|cannot be read"):
        journal.check()
    broken = Database(store.url)
    with pytest.raises((DigestError, FormatError)):
        broken.open()
    broken.close()


def test_a_file_that_is_no_database_is_refused_with_a_remedy(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    broken = Database(sqlite_url(path))
    with pytest.raises(DatabaseError, match="not a database") as caught:
        broken.open()
    assert "restore" in caught.value.remedy
    broken.close()


def test_damage_where_no_start_reads_is_found_before_a_server_takes_part(path: Path) -> None:
    journal = Database(sqlite_url(path))
    journal.open()
    journal.append(books(8).entries)
    journal.check_pages()
    journal.close()
    (root,) = in_file(path, "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'entry'")[0]
    assert isinstance(root, int)
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 2000)
    journal.open()
    with pytest.raises(DatabaseError, match=r"directory\.sqlite is damaged: ") as caught:
        journal.check_pages()
    assert caught.value.remedy.startswith("move it away")
    journal.close()


def test_a_database_of_another_layout_is_left_alone(store: Store, journal: Database) -> None:
    journal.append(books(1).entries)
    journal.close()
    store.raw("UPDATE about SET value = '99'")
    other = Database(store.url)
    with pytest.raises(DatabaseError, match="layout 99"):
        other.open()
    other.close()


def test_servers_that_start_at_once_on_an_empty_database_all_come_up(store: Store) -> None:
    """Each finds no tables: one makes them, the others wait for it."""
    if store.kind == "sqlite":
        Database(store.url).open()
    results: list[object] = []

    def start() -> None:
        found = Database(store.url)
        try:
            results.append(found.open().index)
        except DatabaseError as error:
            results.append(error.line())
        finally:
            found.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [0] * 4


@pytest.mark.parametrize("wrong", ["refused", "password", "database"])
def test_errors_do_not_show_credentials(postgres: Server, wrong: str) -> None:
    url = {"refused": f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:1/none",
           "password": postgres.url("postgres").replace(PASSWORD, "other-secret"), "database": postgres.url("none")}[wrong]  # fmt: skip
    broken = Database(url)
    with pytest.raises(DatabaseError) as caught:
        broken.open()
    broken.close()
    said = f"{caught.value.line()} {broken.where} {broken!r}"
    assert all(secret not in said for secret in (PASSWORD, "other-secret", USER)), said
    assert "127.0.0.1" in broken.where
    assert broken.where.endswith(("/none", "/postgres"))


def test_what_is_no_database_url_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError, match="no database URL") as caught:
        Database("postgres//keeper:hunter2@h")
    assert "hunter2" not in caught.value.line()


def test_nothing_goes_through_a_closed_database(journal: Database) -> None:
    journal.close()
    with pytest.raises(DatabaseError, match="closed"):
        journal.count()
