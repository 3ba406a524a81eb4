"""Which backups belong together, which may go, and when the next one is due.  No I/O, no clock.

    full 0-1200 ── incremental 1200-1350 ── incremental 1350-1351 ┄ chain: what a restore reads, in this order
    full 0-1400 ── incremental 1400-1402                          ┄ the next one

Rules: a restore takes the chain whose end has the greatest (term, index), which is how servers judge their journals: a branch that was
given up, or that an operator went back from, may have more entries and is not the newer state.  To come to an earlier point it reads
less of the same chain.  Retention keeps the newest `keep` full backups and all that goes on from the oldest of
these: an incremental without its full one proves nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

from ....wire.errors import UsageError
from .layout import Backup, Kind


@dataclass(frozen=True, slots=True)
class Schedule:
    """Two cron expressions in the server's time zone; None: never by itself."""

    full: str | None = "0 3 * * *"
    incremental: str | None = "*/15 * * * *"

    def next(self, kind: Kind, after: datetime) -> datetime | None:
        """When the next backup of a kind is due behind a moment with a time zone."""
        expression = self.full if kind == "full" else self.incremental
        return None if expression is None else next(CronSim(expression, after), None)


def check_cron(expression: str) -> str:
    """The expression; raises UsageError when it is none, or does not come within the fifty years that cronsim looks ahead."""
    try:
        due = next(CronSim(expression, datetime(2026, 1, 1)), None)
    except CronSimError as error:
        remedy = 'write it as "minute hour day month weekday", for example "0 3 * * *"'
        raise UsageError(f"{expression!r} is no cron expression ({error})", remedy=remedy) from error
    if due is None:
        raise UsageError(f"{expression!r} never comes", remedy="correct its day and month")
    return expression


def chain(backups: Iterable[Backup], until: int | None = None) -> list[Backup]:
    """What a restore reads to come as far as it can, or to entry `until` and a little more; empty without a full backup."""
    known = list(backups)
    steps: dict[int, list[Backup]] = {}
    for one in known:
        if one.kind == "incremental" and one.last > one.after:
            steps.setdefault(one.after, []).append(one)
    best: list[Backup] = []
    for full in sorted((one for one in known if one.kind == "full"), key=_newer, reverse=True):
        found = _onward(full, steps)
        if not best or found[-1].position > best[-1].position:
            best = found
    needed = next((place for place, one in enumerate(best, 1) if until is not None and one.last >= until), len(best))
    return best[:needed]


def _newer(one: Backup) -> tuple[int, int, int]:
    return *one.position, one.made_s


def _onward(full: Backup, steps: dict[int, list[Backup]]) -> list[Backup]:
    found = [full]
    while ways := [one for one in steps.get(found[-1].last, ()) if one.made_s >= full.made_s and one.term >= found[-1].term]:
        found.append(max(ways, key=_newer))
    return found


def expired(backups: Iterable[Backup], keep: int) -> list[Backup]:
    """What retention may delete, oldest first; never the newest full backup, nor what goes on from a kept one."""
    known = sorted(backups, key=lambda one: (one.made_s, one.last))
    full = [one for one in known if one.kind == "full"]
    if len(full) <= max(keep, 1):
        return []
    oldest = full[-max(keep, 1)]
    return [one for one in known if one.made_s < oldest.made_s]
