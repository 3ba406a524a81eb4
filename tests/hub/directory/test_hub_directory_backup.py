"""Backups: proven after writing, damage named, chains and retention, restore to an entry or a moment."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from site_kit import Book, camera

from watchkeep.hub.directory.backup.chains import Schedule, chain, check_cron, expired
from watchkeep.hub.directory.backup.job import Origin, make, prove
from watchkeep.hub.directory.backup.layout import Backup, Head, Reader, lines, parse_name
from watchkeep.hub.directory.backup.place import Folder
from watchkeep.hub.directory.backup.restore import Mark, Restored, restore
from watchkeep.hub.directory.database import Database, sqlite_url
from watchkeep.hub.directory.entry import FIRST_HASH, Entry
from watchkeep.hub.directory.site import Site
from watchkeep.wire.errors import FormatError, UsageError, VersionError, VolumeError, WatchkeepError

ORIGIN = Origin("demo", "d1")
NOW = 1_790_000_000
MARK = Mark("ops", 2, NOW + 9000.0)


class Rig:
    """A journal in a file, destinations, and a clock that goes on by a minute a backup."""

    def __init__(self, root: Path, places: int = 1) -> None:
        self.root, self.book, self.now = root, Book(), NOW
        self.database = Database(sqlite_url(root / "directory.sqlite"))
        self.database.open()
        self.places = [Folder(root / f"place{number}") for number in range(places)]
        for place in self.places:
            place.path.mkdir()

    def edit(self, count: int = 1) -> None:
        self.database.append([self.book.edit(camera(number % 5, name=f"{self.book.site.index}")) for number in range(count)])

    def backup(self, kind: str = "incremental", place: int = 0, keep: int = 9) -> Backup | None:
        self.now += 60
        made = make(self.database, self.places[place], ORIGIN, kind, self.now, keep=keep)  # type: ignore[arg-type]
        return None if made is None else made.backup

    def restored(self, name: str = "new", **options: float) -> tuple[int, str]:
        """(last index, digest) of what a restore from all places makes, without its mark."""
        target = Database(sqlite_url(self.root / f"{name}.sqlite"))
        target.open()
        try:
            last = restore(self.places, "demo", target, MARK, **options).last  # type: ignore[arg-type]
            return last, target.state(until=last).digest()
        finally:
            target.close()

    def restore(self, name: str = "new") -> tuple[Restored, list[Entry]]:
        """The same, as it is said, and the entries."""
        target = Database(sqlite_url(self.root / f"{name}.sqlite"))
        target.open()
        try:
            return restore(self.places, "demo", target, MARK), list(target.all())
        finally:
            target.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.database.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path, places=2)
    yield found
    found.database.close()


def test_full_and_incremental_backups_bring_back_every_entry(rig: Rig) -> None:
    rig.edit(5)
    assert rig.backup("full") == Backup("demo", NOW + 60, "full", 0, 5, 1)
    rig.edit(3)
    assert rig.backup() == Backup("demo", NOW + 120, "incremental", 5, 8, 1)
    rig.edit()
    assert rig.backup() == Backup("demo", NOW + 180, "incremental", 8, 9, 1)
    assert rig.restored() == (9, rig.book.site.digest())


def test_an_incremental_without_anything_new_is_not_written(rig: Rig) -> None:
    rig.edit()
    rig.backup("full")
    assert rig.backup() is None
    assert len(rig.places[0].list()) == 1


def test_the_first_incremental_is_a_full_one_and_says_why(rig: Rig) -> None:
    rig.edit(2)
    made = make(rig.database, rig.places[0], ORIGIN, "incremental", NOW, keep=1)
    assert made is not None
    assert made.backup.kind == "full"
    assert "no full backup" in made.why


def test_an_incremental_does_not_go_on_from_another_leaders_entries(rig: Rig) -> None:
    rig.edit(4)
    rig.backup("full")
    rig.database.cut(2)
    rival = Book(*(camera(number) for number in range(2)))
    rival.entries, rival.site = rig.book.entries[:2], rig.database.state()
    rig.book = rival
    rig.edit(5)
    made = rig.backup()
    assert made is not None
    assert (made.kind, made.last) == ("full", 7)
    assert rig.restored() == (7, rig.book.site.digest())


def test_an_incremental_does_not_go_on_from_a_damaged_backup(rig: Rig) -> None:
    rig.edit(4)
    first = rig.backup("full")
    assert first is not None
    damage(rig.places[0], first)
    rig.edit()
    again = rig.backup()
    assert again is not None
    assert again.kind == "full"


def damage(place: Folder, backup: Backup) -> None:
    path = place.path / backup.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_backup_is_taken_from_another_destination_and_named(two: Rig) -> None:
    two.edit(4)
    two.backup("full")
    two.now -= 60
    copy = two.backup("full", place=1)
    two.edit(2)
    two.backup()
    assert copy is not None
    damage(two.places[0], copy)
    found, entries = two.restore()
    assert entries[:-1] == two.book.entries
    assert [name.rpartition(": ")[2] for name in found.damaged] == [copy.name]


def test_a_restore_goes_as_far_as_the_chain_is_whole(rig: Rig) -> None:
    rig.edit(4)
    rig.backup("full")
    rig.edit(2)
    middle = rig.backup()
    rig.edit(2)
    rig.backup()
    assert middle is not None
    damage(rig.places[0], middle)
    assert rig.restored()[0] == 4


@pytest.mark.parametrize("until", [1, 4, 5, 6, 8, 9])
def test_a_restore_to_any_entry(rig: Rig, until: int) -> None:
    rig.edit(4)
    rig.backup("full")
    rig.edit(2)
    rig.backup()
    rig.edit(3)
    rig.backup()
    rig.backup("full")
    assert rig.restored(until=until) == (until, rig.database.state(until=until).digest())


def test_a_restore_to_a_moment_ends_before_the_first_entry_behind_it(rig: Rig) -> None:
    rig.edit(6)
    rig.backup("full")
    at = rig.book.entries[3].at_s
    assert rig.restored(until_s=at)[0] == 4
    assert rig.restored("earlier", until_s=at - 0.5)[0] == 3


def test_two_servers_that_write_at_once_leave_what_a_restore_understands(rig: Rig) -> None:
    """The role has gone to another server, whose retention takes the full one that the old holder's incremental goes on from."""
    rig.edit(3)
    rig.backup("full")
    rig.edit()
    rig.backup()
    stranded = rig.places[0].list()[-1]
    content = list(rig.places[0].read(stranded))
    rig.edit()
    rig.backup("full", keep=1)
    assert [one.kind for one in rig.places[0].list()] == ["full"]
    rig.places[0].write(stranded._replace(made_s=rig.now + 30), content)
    rig.edit()
    assert rig.backup() is not None
    assert rig.restored() == (6, rig.book.site.digest())


def test_a_restore_never_overwrites(rig: Rig) -> None:
    rig.edit(2)
    rig.backup("full")
    with pytest.raises(UsageError, match="has entries"):
        restore(rig.places, "demo", rig.database, MARK)


def test_a_restore_that_ends_between_two_pages_leaves_a_database_without_entries(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.directory.backup.restore.PAGE", 2)
    rig.edit(5)
    rig.backup("full")
    target = Database(sqlite_url(rig.root / "new.sqlite"))
    target.open()
    told: list[int] = []

    def away(done: int, total: int) -> None:
        told.append(done)
        if done == 4:
            raise VolumeError("the share is away", remedy="")

    with pytest.raises(VolumeError, match="away"):
        restore(rig.places, "demo", target, MARK, progress=away)
    assert (told, target.count()) == ([2, 4], 0)
    assert restore(rig.places, "demo", target, MARK).last == 5
    target.close()


def test_entries_that_another_server_writes_during_a_restore_are_not_overwritten(rig: Rig) -> None:
    rig.edit(2)
    rig.backup("full")
    target = Database(sqlite_url(rig.root / "new.sqlite"))
    target.open()
    fill = target.fill

    def late(pages: Iterator[list[Entry]]) -> Site:
        target.append(Book(camera(9)).entries)
        return fill(pages)

    target.fill = late  # type: ignore[method-assign,assignment]
    with pytest.raises(UsageError, match="has entries"):
        restore(rig.places, "demo", target, MARK)
    assert target.count() == 1
    target.close()


def test_a_restore_without_backups_says_so(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no backup of site demo"):
        rig.restored()


def test_a_backup_of_nothing_and_to_nowhere_is_refused(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no entries"):
        rig.backup("full")
    rig.edit()
    rig.places[0].path.rmdir()
    with pytest.raises(VolumeError, match="cannot be"):
        rig.backup("full")


def test_what_cannot_be_proven_after_writing_is_no_backup(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.edit(3)
    rig.backup("full")

    def rotten(place: Folder, backup: Backup) -> Iterator[bytes]:
        yield from [line.replace(b"rtsp", b"rstp") for line in (place.path / backup.name).read_bytes().splitlines(keepends=True)]

    monkeypatch.setattr(Folder, "read", rotten)
    with pytest.raises(FormatError):
        rig.backup("full", keep=1)
    monkeypatch.undo()
    assert [one.made_s for one in rig.places[0].list()] == [NOW + 60], "the new one is gone, the old one is not"
    assert not list(rig.places[0].path.glob(".*"))


def test_retention_keeps_the_newest_full_backups_with_what_goes_on_from_them(rig: Rig) -> None:
    for _ in range(4):
        rig.edit()
        rig.backup("full", keep=2)
        rig.edit()
        rig.backup(keep=2)
    kept = rig.places[0].list()
    assert [(one.kind, one.last) for one in kept] == [("full", 5), ("incremental", 6), ("full", 7), ("incremental", 8)]
    assert rig.restored() == (8, rig.book.site.digest())


def test_other_files_in_the_folder_are_left_alone(rig: Rig) -> None:
    stranger = rig.places[0].path / "photo.jpg"
    stranger.write_bytes(b"x")
    rig.edit()
    for _ in range(3):
        rig.backup("full", keep=1)
    assert stranger.exists()
    assert len(rig.places[0].list()) == 1


@given(st.data())
def test_any_changed_or_missing_byte_is_found(data: st.DataObject) -> None:
    book = Book(camera(0), camera(1))
    book.edit(camera(1, name="gate"))
    whole = b"".join(lines(Head("demo", "d1", 1.0, "full", 0, FIRST_HASH), book.entries))
    assert [entry.index for entry in Reader(whole.splitlines(keepends=True))] == [1, 2]
    broken = bytearray(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        broken[at] ^= data.draw(st.integers(1, 255))
    else:
        del broken[at:]
    if bytes(broken) == whole[:-1]:
        return  # the very last line end proves nothing
    with pytest.raises(WatchkeepError):
        for _ in Reader(bytes(broken).splitlines(keepends=True)):
            pass


def test_a_newer_layout_is_not_guessed_at() -> None:
    with pytest.raises(VersionError, match="layout 2"):
        Reader([b'{"watchkeep-backup":2}\n'])


@pytest.mark.parametrize("name", ["", "demo.full", "demo.20261399T000000Z.full.0-1.8.wkbackup", "../x.20260101T000000Z.full.0-1.wkbackup"])
def test_other_names_are_no_backups(name: str) -> None:
    assert parse_name(name) is None


def test_a_name_comes_back() -> None:
    one = Backup("demo", NOW, "incremental", 12, 40, 8)
    assert parse_name(one.name) == one


def test_a_backup_under_another_name_is_not_believed(rig: Rig) -> None:
    rig.edit(3)
    one = rig.backup("full")
    assert one is not None
    lie = one._replace(last=2)
    (rig.places[0].path / one.name).rename(rig.places[0].path / lie.name)
    with pytest.raises(FormatError, match="not what its name says"):
        prove(rig.places[0], lie)


def test_the_chain_with_the_newest_end_is_taken() -> None:
    full = Backup("demo", 10, "full", 0, 5, 8)
    later = Backup("demo", 40, "full", 0, 6, 8)
    steps = [Backup("demo", 20, "incremental", 5, 7, 8), Backup("demo", 30, "incremental", 7, 9, 8)]
    assert chain([full, later, *steps]) == [full, *steps]
    assert chain([full, later]) == [later]
    assert chain(steps) == []
    assert chain([full, later, *steps], until=6) == [full, steps[0]]
    assert chain([full, later, *steps], until=5) == [full]
    assert chain([later], until=2) == [later], "the wanted point lies inside it"


def test_a_branch_of_an_older_term_is_not_the_newer_state_however_long_it_is() -> None:
    old = [Backup("demo", 10, "full", 0, 50, 8), Backup("demo", 20, "incremental", 50, 60, 8)]
    new = [Backup("demo", 30, "full", 0, 41, 16), Backup("demo", 40, "incremental", 41, 42, 16)]
    assert chain([*old, *new]) == new
    assert chain([*old, *new], until=40) == new[:1]
    assert chain([old[0], Backup("demo", 35, "incremental", 50, 55, 8), old[1]])[-1] == old[1]


def test_a_backup_of_another_branch_is_not_taken_for_the_next_one(rig: Rig) -> None:
    """Its name fits: only the hash in it tells that it goes on from somewhere else."""
    rig.edit(4)
    rig.backup("full")
    rig.edit(2)
    rig.backup()
    stranger = Book()
    for number in range(6):
        stranger.edit(camera(number, name="of another branch"))
    head = Head("demo", "d2", NOW + 500.0, "incremental", 4, stranger.entries[3].hash)
    rig.places[0].write(Backup("demo", NOW + 500, "incremental", 4, 6, 1), lines(head, stranger.entries[4:]))
    found, entries = rig.restore()
    assert entries[:-1] == rig.book.entries
    assert "another branch" in next(iter(found.damaged.values()))


def test_a_restore_marks_its_journal_with_a_term_above_all_that_was_seen(rig: Rig) -> None:
    """Else an agent would refuse the restored state as earlier, and what the operator went back from would come again."""
    rig.edit(4)
    rig.backup("full")
    found, entries = rig.restore()
    mark = entries[-1]
    assert (found.last, mark.index, mark.actor, mark.payload["changes"]) == (4, 5, "ops", [])
    assert mark.term > 8000
    assert mark.term % 8 == MARK.rank
    assert found.newest.name in mark.payload["note"]
    assert found.site.term == mark.term


def test_a_restore_to_before_everything_is_refused(rig: Rig) -> None:
    rig.edit(2)
    rig.backup("full")
    with pytest.raises(UsageError, match="younger"):
        rig.restored(until_s=rig.book.entries[0].at_s - 1)


def test_retention_never_removes_the_last_full_backup() -> None:
    full = Backup("demo", 10, "full", 0, 5, 1)
    step = Backup("demo", 20, "incremental", 5, 7, 1)
    assert expired([full, step], keep=0) == []
    assert expired([full, step, Backup("demo", 30, "full", 0, 7, 1)], keep=1) == [full, step]


def test_schedules_are_cron_expressions_in_the_servers_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    schedule = Schedule("0 3 * * *", "*/15 * * * *")
    assert schedule.next("full", datetime(2026, 3, 28, 12, tzinfo=berlin)) == datetime(2026, 3, 29, 3, tzinfo=berlin)
    assert schedule.next("incremental", datetime(2026, 1, 1, 0, 1, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 15, tzinfo=UTC)
    assert Schedule(None, None).next("full", datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("expression", ["", "nightly", "61 * * * *", "0 0 31 2 *", "* * * *"])
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(UsageError):
        check_cron(expression)


def test_a_schedule_that_comes_is_let_pass() -> None:
    assert check_cron("*/5 * * * *") == "*/5 * * * *"
