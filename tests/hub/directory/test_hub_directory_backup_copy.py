"""What a server keeps restored of its backups: further than its own journal, of the newest branch, made anew when it is damaged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from site_kit import Book, camera

from watchkeep.hub.directory.backup.copy import FILE, Copy
from watchkeep.hub.directory.backup.layout import Backup, Head, lines
from watchkeep.hub.directory.backup.place import Folder
from watchkeep.hub.directory.entry import FIRST_HASH

NOBODY = (0, 0)


class Rig:
    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.book, self.now = root, Folder(root / "b"), Book(), 1_790_000_000
        self.folder.path.mkdir()
        self.copy = Copy(root / "state")
        self.read = 0

    def backup(self, edits: int = 1) -> None:
        self.now += 60
        after = self.book.site.index
        end = self.book.site.hash if after else FIRST_HASH
        made = [self.book.edit(camera(number % 5, name=f"{self.now}")) for number in range(edits)]
        kind = "incremental" if after else "full"
        self.folder.write(Backup("demo", self.now, kind, after, made[-1].index, made[-1].term),  # type: ignore[arg-type]
                          lines(Head("demo", "a", float(self.now), kind, after, end), made))  # type: ignore[arg-type]

    def feed(self, own: tuple[int, int] = NOBODY) -> bool:
        return self.copy.feed(self.folder, self.folder.list(), own, lambda: None)

    def has(self) -> list[int]:
        return [entry.index for entry in self.copy.beyond(0, FIRST_HASH)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.copy.close()


def test_it_follows_the_folder_and_gives_what_continues_a_journal(rig: Rig) -> None:
    assert rig.has() == []
    rig.backup(3)
    assert rig.feed()
    rig.backup(2)
    assert rig.feed()
    assert not rig.feed(), "nothing new"
    assert rig.has() == [1, 2, 3, 4, 5]
    third = rig.book.entries[2]
    assert [entry.index for entry in rig.copy.beyond(3, third.hash)] == [4, 5]
    assert rig.copy.beyond(3, FIRST_HASH) == ()
    assert rig.copy.beyond(9, third.hash) == ()


def test_a_server_that_has_it_all_keeps_no_copy(rig: Rig) -> None:
    rig.backup(3)
    assert not rig.feed((1, 3))
    assert rig.has() == []
    assert rig.feed((1, 2))


def test_a_damaged_backup_gives_what_stands_before_it(rig: Rig) -> None:
    rig.backup(3)
    rig.backup(2)
    newest = rig.folder.list()[-1]
    (rig.folder.path / newest.name).write_bytes(b"nothing\n")
    assert rig.feed()
    assert rig.has() == [1, 2, 3]


def test_a_later_branch_takes_the_place_of_the_copy(rig: Rig) -> None:
    rig.backup(3)
    assert rig.feed()
    entries = rig.book.entries[:2]
    rig.book = Book()
    for entry in entries:
        rig.book.entries.append(entry)
        rig.book.site.apply(entry)
    later = rig.book.write("lead", term=16, server="b")
    rig.now += 60
    rig.folder.write(Backup("demo", rig.now, "full", 0, 3, 16), lines(Head("demo", "b", 1.0, "full", 0, FIRST_HASH), [*entries, later]))
    assert rig.feed()
    assert rig.copy.beyond(2, entries[-1].hash) == (later,)


def test_a_damaged_copy_is_made_anew(rig: Rig) -> None:
    rig.backup(3)
    assert rig.feed()
    rig.copy.close()
    (rig.root / "state" / FILE).write_bytes(b"x" * 5000)
    assert rig.has() == []
    assert rig.feed()
    assert rig.has() == [1, 2, 3]
