"""`watchkeep hub backup | backups | restore`: what they do to folders and databases, and what they say."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from directory_kit import directory_config
from rich.console import Console
from site_kit import Book, camera
from typer.testing import CliRunner

from watchkeep.hub.cli import app
from watchkeep.hub.config import HubConfig, load_hub
from watchkeep.hub.directory.backup.clock import local_zone
from watchkeep.hub.directory.backup.commands import back_up, bring_back, show
from watchkeep.hub.directory.backup.listing import Line, told
from watchkeep.hub.directory.backup.point import Point, parse_point
from watchkeep.hub.directory.database import Database, sqlite_url
from watchkeep.hub.service import HubService
from watchkeep.wire.errors import UsageError


class Rig:
    """One server's configuration with two folders, and its journal."""

    def __init__(self, root: Path, free_port: Callable[[], int]) -> None:
        self.root, self.book = root, Book()
        self.folders = [root / "disk", root / "share"]
        for folder in self.folders:
            folder.mkdir()
        self.file = root / "a" / "directory.sqlite"
        self.file.parent.mkdir()
        backup = {"folders": tuple(map(str, self.folders))}
        self.config: HubConfig = directory_config(root, "a", {"a": free_port()}, directory={"backup": backup})

    def edit(self, count: int) -> None:
        journal = Database(sqlite_url(self.file))
        journal.open()
        journal.append([self.book.edit(camera(number)) for number in range(count)])
        journal.close()

    def entries(self) -> list[int]:
        journal = Database(sqlite_url(self.file))
        journal.open()
        found = [entry.index for entry in journal.all()]
        journal.close()
        return found

    def restore(self, to: str | None = None) -> int:
        return bring_back(self.config, "hub.toml", to, [], "ops")


@pytest.fixture
def rig(tmp_path: Path, free_port: Callable[[], int]) -> Rig:
    return Rig(tmp_path, free_port)


def test_a_backup_goes_to_every_folder_and_a_full_disk_of_one_is_told(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.edit(3)
    assert back_up(rig.config, full=False) == 0
    said = capsys.readouterr().out
    assert said.count("read back and proven; full, because there is no full backup to go on from") == 2
    rig.edit(2)
    rig.folders[0].rename(rig.root / "away")
    assert back_up(rig.config, full=False) == 1
    said = capsys.readouterr().out
    assert f"{rig.folders[0]}: failed: " in said
    assert "incremental.3-5." in said
    assert back_up(rig.config, full=False) == 1
    assert "nothing new" in capsys.readouterr().out


def test_a_backup_has_one_name_in_all_folders_however_long_one_of_them_takes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they were two chains, of which a restore uses one."""
    rig.edit(3)
    clock = count(1_790_000_000, 60)
    monkeypatch.setattr("watchkeep.hub.directory.backup.commands.time.time", lambda: float(next(clock)))
    assert back_up(rig.config, full=True) == 0
    assert len({path.name for folder in rig.folders for path in folder.iterdir()}) == 1


def test_without_a_database_nothing_is_made(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no database"):
        back_up(rig.config, full=True)
    assert not rig.file.exists()


def test_the_list_proves_every_backup_and_says_what_a_restore_comes_to(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.edit(3)
    back_up(rig.config, full=True)
    rig.edit(2)
    back_up(rig.config, full=False)
    capsys.readouterr()
    assert show(rig.config, [], as_json=True) == 0
    found = json.loads(capsys.readouterr().out)["backups"]
    told = [(one["kind"], one["last"], one["why"], one["used"]) for one in found]
    assert told == [("full", 3, "", True), ("incremental", 5, "", True)] * 2
    assert found[1]["restores_to_s"] == rig.book.entries[-1].at_s
    assert found[0]["bytes"] == (rig.folders[0] / found[0]["name"]).stat().st_size
    for folder in rig.folders:
        (path,) = folder.glob("*.incremental.*")
        path.write_bytes(path.read_bytes()[:-9])
    assert show(rig.config, rig.folders[:1], as_json=False) == 1
    said = capsys.readouterr().out
    assert "damaged: the last line" in said
    assert "a restore comes to entry 3" in said


def test_the_list_fits_80_columns_with_a_million_entries_and_shows_names_as_they_are() -> None:
    to = Console(width=80, no_color=True, highlight=False)
    known = [Line(folder, kind, kind, 1_790_000_000, 1_234_566, 1_300_000, 123_456_789, why, None if why else 1_790_000_000.0, not why)
             for folder in ("/mnt/[bold]nas", "/srv/usb") for kind, why in (("full", ""), ("incremental", "entry 4 is not behind 3"))]
    with to.capture() as captured:
        told(known, {"/mnt/away": "/mnt/away cannot be listed", "/mnt/bad": "the share hangs"}, to)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0] == "/mnt/[bold]nas"
    assert lines[2] == "▸ 2026-09-21 14:13Z full        1234567-1300000 123456789 2026-09-21 14:13:20Z"
    assert "damaged: entry 4" in "".join(lines)
    assert lines[-3:] == ["/mnt/away cannot be listed", "/mnt/bad: the share hangs",
                          "a restore comes to entry 1300000 of 2026-09-21 14:13:20 UTC, by those marked ▸"]  # fmt: skip


def test_a_restore_fills_a_database_that_is_not_there_and_says_what_is_lost(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.edit(5)
    back_up(rig.config, full=True)
    rig.file.unlink()
    assert rig.restore() == 0
    said = capsys.readouterr().out
    assert "restored to entry 5 of 2026-" in said
    assert "lost: edits made after" in said
    assert "one incremental period at most" in said
    assert rig.entries() == [1, 2, 3, 4, 5, 6], "its mark is the sixth"
    assert [path.name for path in rig.file.parent.iterdir()] == [rig.file.name]


def test_a_restore_to_an_entry_or_a_moment_says_what_other_servers_would_do(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.edit(5)
    back_up(rig.config, full=True)
    rig.file.unlink()
    assert rig.restore("2") == 0
    assert "everything after entry 2" in capsys.readouterr().out
    assert rig.entries() == [1, 2, 3]
    rig.file.unlink()
    assert rig.restore(f"{rig.book.entries[3].at_s:.0f}") == 0
    assert rig.entries() == [1, 2, 3, 4, 5]
    assert "left out on purpose: everything after entry 4" in capsys.readouterr().out
    rig.file.unlink()
    assert rig.restore("2100-01-01T00:00:00Z") == 0
    said = capsys.readouterr().out
    assert "left out on purpose" not in said, "nothing was"
    assert "lost: edits made after" in said


def test_a_folder_that_is_away_stops_a_restore_until_it_is_left_out_by_name(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.edit(3)
    back_up(rig.config, full=True)
    rig.file.unlink()
    rig.folders[0].rename(rig.root / "away")
    with pytest.raises(UsageError, match="cannot be listed") as caught:
        rig.restore()
    assert caught.value.remedy.endswith(f"or restore what the others have, and lose what it alone has: --from {rig.folders[1]}")
    assert list(rig.file.parent.iterdir()) == []
    assert bring_back(rig.config, "hub.toml", None, rig.folders[1:], "ops") == 0
    assert "restored to entry 3" in capsys.readouterr().out
    with pytest.raises(UsageError) as caught:
        bring_back(rig.config, "hub.toml", None, rig.folders[:1], "ops")
    assert "--from" not in caught.value.remedy, "there are no others"


def test_an_entry_that_the_backups_do_not_reach_is_refused_and_less_is_not_restored(rig: Rig) -> None:
    rig.edit(3)
    back_up(rig.config, full=True)
    rig.edit(2)
    back_up(rig.config, full=False)
    rig.file.unlink()
    with pytest.raises(UsageError, match=r"^the backups end at entry 5, before entry 6$"):
        rig.restore("6")
    for folder in rig.folders:
        (path,) = folder.glob("*.incremental.*")
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UsageError, match=r"end at entry 3, before entry 5, since 2 damaged one\(s\) had to be passed over") as caught:
        rig.restore("5")
    assert "leave --to out" in caught.value.remedy
    assert list(rig.file.parent.iterdir()) == []


def test_a_database_with_entries_and_a_damaged_one_are_never_overwritten(rig: Rig) -> None:
    rig.edit(2)
    back_up(rig.config, full=True)
    with pytest.raises(UsageError, match="has entries"):
        rig.restore()
    rig.file.write_bytes(b"no database at all" * 100)
    with pytest.raises(UsageError, match=r"directory\.sqlite") as caught:
        rig.restore()
    assert "move" in caught.value.remedy
    assert rig.file.read_bytes().startswith(b"no database")


def test_an_interrupted_restore_leaves_nothing_and_can_be_repeated(rig: Rig) -> None:
    rig.edit(4)
    back_up(rig.config, full=True)
    rig.file.unlink()
    (rig.file.parent / ".directory.sqlite.restoring").write_bytes(b"half of one")
    assert rig.restore() == 0
    rig.file.unlink()
    for folder in rig.folders:
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UsageError, match="no backup of site"):
        rig.restore()
    assert list(rig.file.parent.iterdir()) == []


def test_a_restore_beside_a_hub_that_runs_is_refused(rig: Rig) -> None:
    rig.edit(1)
    back_up(rig.config, full=True)
    service = HubService(rig.config, "hub.toml")
    service.start()
    try:
        with pytest.raises(UsageError, match="in use"):
            rig.restore()
    finally:
        service.stop()


def test_the_commands_need_folders_and_the_role(rig: Rig, tmp_path: Path) -> None:
    bare = directory_config(tmp_path, "a", {"a": 1})
    with pytest.raises(UsageError, match="no folder of backups"):
        show(bare, [], as_json=True)
    config = tmp_path / "hub.toml"
    config.write_text('[hub]\nid = "a"\nsite = "demo"\nroles = ["broker"]\nlisten = "127.0.0.1:1"\ndata_dir = "/d"\n[mqtt]\nurl = "mqtt://h"\n')
    with pytest.raises(UsageError, match="holds no directory"):
        show(load_hub(config), [rig.folders[0]], as_json=True)
    assert CliRunner().invoke(app, ["backups", "-c", str(config), "--from", "/nowhere"]).exit_code == 1


@pytest.mark.parametrize(("text", "point"), [
    (None, Point()), ("7", Point(index=7)), ("1790000000", Point(at_s=1_790_000_000.0)),
    ("2026-09-21T16:13:20+02:00", Point(at_s=1_790_000_000.0)),
])  # fmt: skip
def test_points(text: str | None, point: Point) -> None:
    assert parse_point(text) == point


@pytest.mark.parametrize("text", ["", "0", "-3", "yesterday", "2026-09-21T15:13:20", "٣"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_point(text)
    assert "+01:00" in caught.value.remedy


def test_schedules_are_read_in_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert local_zone() == ZoneInfo("Europe/Berlin")
    monkeypatch.setenv("TZ", "no/where")
    assert local_zone().key == "UTC"
    monkeypatch.delenv("TZ")
    assert local_zone().key in ("localtime", "UTC")
