"""What `watchkeep hub backups` shows: every backup, folder by folder, whether it is whole, and what a restore comes to.

Rules: as wide as 80 columns, since it is read on whatever terminal there is when all servers are lost.  Names of folders and reasons are
shown as they are, never as markup; nothing is told by colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .point import shown

USED: Final = "▸"
COLUMNS: Final = ("", "made", "kind", "entries", "bytes", "restores to")


@dataclass(frozen=True, slots=True)
class Line:
    """One backup in one folder; restores_to_s: the time of its last entry, None when it is not whole; used: read by a restore now."""

    folder: str
    name: str
    kind: str
    made_s: int
    after: int
    last: int
    bytes: int
    why: str
    restores_to_s: float | None
    used: bool


def told(lines: Sequence[Line], unreadable: Mapping[str, str], to: Console) -> None:
    """unreadable: folders that could not be listed, with why."""
    for folder in dict.fromkeys(one.folder for one in lines):
        to.print(Text(folder, "bold"), soft_wrap=True)
        to.print(_table([one for one in lines if one.folder == folder]))
    for folder, why in unreadable.items():
        to.print(Text(why if why.startswith(folder) else f"{folder}: {why}", "red"), soft_wrap=True)
    reach = max((one for one in lines if one.used), key=lambda one: one.last, default=None)
    text = "a restore finds nothing" if reach is None or reach.restores_to_s is None else (
        f"a restore comes to entry {reach.last} of {shown(reach.restores_to_s)}, by those marked {USED}")
    to.print(Text(text, "bold"), soft_wrap=True)


def _table(lines: Sequence[Line]) -> Table:
    """All times are UTC; a damaged one has its reason where the others have their end."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "bytes" else "left", overflow="fold")
    for one in lines:
        end = Text(f"damaged: {one.why}", "red") if one.restores_to_s is None else Text(_at(one.restores_to_s))
        made = f"{_at(one.made_s)[:-4]}Z"  # to the minute
        table.add_row(USED if one.used else "", made, one.kind, f"{one.after + 1}-{one.last}", str(one.bytes), end)
    return table


def _at(at_s: float) -> str:
    return shown(at_s).replace(" UTC", "Z")
