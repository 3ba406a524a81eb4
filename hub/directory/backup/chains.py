"""Which backups belong together, which may go, and when the next one is due.  No I/O, no clock.

    full 0-1200 ── incremental 1200-1350 ── incremental 1350-1351 ┄ chain: what a restore reads, in this order
    full 0-1400 ── incremental 1400-1402                          ┄ the next one

Rules: a restore takes the newest full backup that does not go past the wanted point, then incrementals that go on from it; where a place
has several ways on, the one that leads furthest.  Retention keeps the newest `keep` full backups and all that goes on from the oldest of
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
    begin = [one for one in known if one.kind == "full" and (until is None or one.last <= until)]
    early = [one for one in known if one.kind == "full"]
    if not begin and early:
        begin = [min(early, key=lambda one: (one.last, one.made_s))]  # it holds the wanted point inside
    best: list[Backup] = []
    for full in sorted(begin, key=lambda one: (one.last, one.made_s), reverse=True):
        found = _onward(full, known, until)
        if not best or _reach(found, until) > _reach(best, until):
            best = found
    return best


def _reach(found: list[Backup], until: int | None) -> int:
    return found[-1].last if until is None else min(found[-1].last, until)


def _onward(full: Backup, known: list[Backup], until: int | None) -> list[Backup]:
    steps: dict[int, list[Backup]] = {}
    for one in known:
        if one.kind == "incremental" and one.last > one.after:
            steps.setdefault(one.after, []).append(one)
    found = [full]
    while until is None or found[-1].last < until:
        ways = [one for one in steps.get(found[-1].last, ()) if one.made_s >= full.made_s]
        if not ways:
            break
        found.append(max(ways, key=lambda one: (one.last, one.made_s)))
    return found


def expired(backups: Iterable[Backup], keep: int) -> list[Backup]:
    """What retention may delete, oldest first; never the newest full backup, nor what goes on from a kept one."""
    known = sorted(backups, key=lambda one: (one.made_s, one.last))
    full = [one for one in known if one.kind == "full"]
    if len(full) <= max(keep, 1):
        return []
    oldest = full[-max(keep, 1)]
    return [one for one in known if one.made_s < oldest.made_s]
