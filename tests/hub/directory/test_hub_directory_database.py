"""The journal in SQLite: durable, chained, cut and set aside, snapshots that are only a cache, damage that is named."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from site_kit import Book, camera

from watchkeep.hub.directory import database
from watchkeep.hub.directory.database import ConflictError, Database, DatabaseError, sqlite_url
from watchkeep.hub.directory.site import Site
from watchkeep.wire.errors import DigestError, FormatError, UsageError


def books(count: int) -> Book:
    book = Book()
    for number in range(count):
        book.edit(camera(number % 7, name=f"edit {number}"))
    return book


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Database]:
    found = Database(sqlite_url(path))
    found.open()
    yield found
    found.close()


def reopened(path: Path) -> tuple[Database, Site]:
    found = Database(sqlite_url(path))
    return found, found.open()


def test_what_was_appended_is_there_after_a_kill(path: Path, journal: Database) -> None:
    book = books(5)
    journal.append(book.entries)
    other, site = reopened(path)  # without closing the first one: as after SIGKILL
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


def test_of_two_servers_on_one_database_one_appends(path: Path, journal: Database) -> None:
    book = books(1)
    journal.append(book.entries)
    other, _ = reopened(path)
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


def test_entries_that_are_cut_off_are_set_aside_until_they_are_delivered(path: Path, journal: Database) -> None:
    book = books(6)
    journal.append(book.entries)
    assert journal.cut(4) == book.entries[4:]
    assert journal.count() == 4
    again, site = reopened(path)
    assert site.index == 4
    assert again.aside() == book.entries[4:]
    again.delivered(book.entries[4:5])
    assert again.aside() == book.entries[5:]
    again.append(book.entries[4:])
    assert again.cut(6) == []
    again.close()


def test_a_start_reads_a_snapshot_and_says_the_same_without(path: Path, journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SNAPSHOT_EVERY", 10)
    book = Book()
    kept = 0
    for number in range(45):
        journal.append([book.edit(camera(number % 3, name=str(number)))])
        kept += journal.keep_snapshot(book.site)
    assert kept == 4
    with opened(path) as raw:
        assert [row[0] for row in raw.execute("SELECT number FROM snapshot ORDER BY 1")] == [30, 40]
    assert reopened_digest(path) == book.site.digest()
    assert journal.state(until=35).index == 35
    assert journal.check().digest() == book.site.digest()
    for damage in ("UPDATE snapshot SET body = 'x' WHERE number = 40", "UPDATE snapshot SET body = '{}'", "DELETE FROM snapshot"):
        with opened(path) as raw:
            raw.execute(damage)
        assert reopened_digest(path) == book.site.digest()


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file itself, beside the journal: committed and closed, which sqlite3's own context manager does not do."""
    with closing(sqlite3.connect(path)) as raw, raw:
        yield raw


def reopened_digest(path: Path) -> str:
    found, site = reopened(path)
    found.close()
    return site.digest()


def test_a_snapshot_of_what_was_cut_off_is_not_believed(path: Path, journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SNAPSHOT_EVERY", 1)
    book = books(5)
    journal.append(book.entries)
    assert journal.keep_snapshot(book.site)
    journal.cut(3)
    other = books(3)
    other.edit(camera(1, name="the new leader's"))
    other.edit(camera(2, name="the new leader's"))
    journal.append(other.entries[3:])
    assert reopened_digest(path) == other.site.digest()


def test_a_state_at_any_point_of_time_can_be_made_again(journal: Database) -> None:
    book = books(8)
    journal.append(book.entries)
    assert journal.state(until=5).digest() == books(5).site.digest()


@pytest.mark.parametrize("sql", [
    "UPDATE entry SET body = CAST(replace(body, 'edit 3', 'edit X') AS BLOB) WHERE number = 4",
    "UPDATE entry SET hash = 'f' || substr(hash, 2) WHERE number = 4",
    "UPDATE entry SET body = 'text' WHERE number = 4",
    "DELETE FROM entry WHERE number = 4",
])  # fmt: skip
def test_a_damaged_journal_is_named_and_not_believed(path: Path, journal: Database, sql: str) -> None:
    journal.append(books(8).entries)
    with opened(path) as raw:
        assert raw.execute(sql).rowcount == 1
    with pytest.raises((DigestError, FormatError), match=r"does not follow|not the one|holds text"):
        journal.check()
    broken = Database(sqlite_url(path))
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


def test_a_database_of_another_layout_is_left_alone(path: Path, journal: Database) -> None:
    journal.append(books(1).entries)
    journal.close()
    with opened(path) as raw:
        raw.execute("UPDATE about SET value = '99'")
    other = Database(sqlite_url(path))
    with pytest.raises(DatabaseError, match="layout 99"):
        other.open()
    other.close()


def test_errors_do_not_show_credentials() -> None:
    secret = "hunter2"
    broken = Database(f"postgresql+psycopg://keeper:{secret}@127.0.0.1:1/none")
    with pytest.raises(DatabaseError) as caught:
        broken.open()
    assert secret not in caught.value.line()
    assert broken.where == "127.0.0.1/none"
    broken.close()
    with pytest.raises(UsageError, match="no database URL"):
        Database("nonsense")


def test_nothing_goes_through_a_closed_database(journal: Database) -> None:
    journal.close()
    with pytest.raises(DatabaseError, match="closed"):
        journal.count()
