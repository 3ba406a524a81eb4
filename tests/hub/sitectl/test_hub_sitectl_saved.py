"""What `watchkeep site show` and `site health` say of the directory's backups, in 80 columns."""

from rich.console import Console
from site_kit import Book, put

from watchkeep.hub.directory.backup.model import SiteBackups
from watchkeep.hub.sitectl.client import Seen
from watchkeep.hub.sitectl.saved import lines
from watchkeep.hub.sitectl.tree import By, tree
from watchkeep.wire.messages import BackupState

NOW = 1_790_000_000.0
GOOD = BackupState(folder="/mnt/nas", health="good", since_s=NOW - 60, newest_s=NOW - 900, newest_index=27)
BAD = BackupState(folder="/mnt/usb", health="failing", since_s=NOW - 1200, why="cannot be listed (Input/output error)")
NEW = BackupState(folder="/mnt/new", health="waiting", since_s=NOW)


def said(found: SiteBackups, *, every: bool = False) -> list[str]:
    return [line.plain for line in lines(found, NOW, every=every)]


def branch(found: SiteBackups | None, unsaved: str = "") -> list[str]:
    seen = Seen("http://a:1", Book(put("server/a", url="http://a:1", rank=0)).site, "a", {}, {}, {}, {}, b"", saved=found, unsaved=unsaved)
    to = Console(width=80, no_color=True, highlight=False)
    with to.capture() as captured:
        to.print(tree(seen, By.RECORDER, NOW))
    shown = [line.strip("│├└─ ") for line in captured.get().splitlines()]
    return shown[shown.index("backups") + 1 : -1] if "backups" in shown else []


def test_a_folder_that_fails_is_named_with_why_and_the_others_are_counted() -> None:
    found = SiteBackups(server="a", configured=True, folders=[GOOD, BAD, NEW])
    assert said(found) == ["backups  1 failing, 1 waiting, 1 good",
                           "  /mnt/usb  no backup known  failing for 20 min: cannot be listed (Input/output error)"]  # fmt: skip
    assert said(found, every=True)[1] == "  /mnt/nas  newest 2026-09-21 13:58:20Z, entry 27"
    shown = " ".join(branch(found))
    assert shown.startswith("● /mnt/nas  newest 2026-09-21 13:58:20Z, entry 27 ○ /mnt/usb  no backup known  failing for 20 min:")
    assert "· /mnt/new" in shown


def test_a_site_that_nobody_backs_up_says_so() -> None:
    none, early = SiteBackups(server="a", configured=False), SiteBackups(server="a", configured=True)
    assert said(none) == ["backups  none: no [directory.backup] in the hub.toml of a"]
    assert said(early) == ["backups  a has not looked yet"]
    assert branch(none) == ["none: no [directory.backup] in the hub.toml of a"]
    assert branch(early) == ["a has not looked yet"]
    assert branch(None, "an older version") == ["how they are is not known: an older version"]
    assert branch(None) == []
