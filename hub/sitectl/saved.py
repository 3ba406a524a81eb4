"""How it goes with the backups of the directory, for `site show` and `site health`.  No I/O, no clock.

Rules: a folder that has no backup, or gets none, is as bad as one that nobody has named: both are said in words.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich.text import Text

from ...wire.messages import BackupState
from ..directory.backup.model import SiteBackups
from . import story
from .health import Health, Level

NONE: Final = "none: no [directory.backup] in the hub.toml of"
YET: Final = "has not looked yet"
STYLES: Final = {"failing": "bold red", "hanging": "bold red", "waiting": "dim", "good": "green"}
"""By what a folder says of itself (hub/directory/backup/duty.py), the worst first."""
FAILED: Final = ("failing", "hanging")


def how(one: BackupState, now_s: float) -> Health:
    """Of one folder."""
    if one.health in FAILED:
        return Health(Level.BAD, f"{one.health} for {story.lasting(max(0.0, now_s - one.since_s))}: {one.why}")
    return Health(Level.GOOD if one.health == "good" else Level.UNKNOWN)


def newest(one: BackupState) -> str:
    return f"newest {story.when(one.newest_s)}, entry {one.newest_index}" if one.newest_index else "no backup known"


def lines(found: SiteBackups, now_s: float, *, every: bool) -> Iterator[Text]:
    """For `site health`: how many are how, then those that fail; `every`: all of them."""
    if not found.configured:
        yield Text.assemble(("backups", "bold cyan"), "  ", (f"{NONE} {found.server}", "yellow"))
        return
    counts = Counter(one.health for one in found.folders)
    told = [(f"{counts[name]} {name}", style) for name, style in STYLES.items() if counts[name]] or [(f"{found.server} {YET}", "dim")]
    yield Text.assemble(("backups", "bold cyan"), "  ", *[piece for one in told for piece in (", ", one)][1:])
    for one in found.folders:
        state = how(one, now_s)
        if every or state.level is Level.BAD:
            yield Text.assemble("  ", (one.folder, "bold"), f"  {newest(one)}", (f"  {state.why}" if state.why else "", "bold red"))
