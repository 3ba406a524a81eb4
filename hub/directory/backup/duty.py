"""When one folder gets its next backup, and what there is to say about it.  No I/O, no clock.

    another server writes ──▶ IDLE ──this one is to write──▶ WAITING ──what is there, or a backup──▶ GOOD
                                                                │ ▲                               │ ▲
                                                   it fails, or nothing comes for HUNG_S          ▼ │ the next one works
                                                                └─────────────▶ FAILING, HANGING ───┘

Rules: what is due is judged by what lies in the folder, not by what this process remembers: so a new leader makes at once what the old one
did not come to make, and nothing twice.  One job is under way at a time.  What failed is tried again every RETRY_S.  A state is told when
it begins and when it has ended, not every minute.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final, Literal

from .chains import Schedule
from .layout import Backup, Kind
from .point import shown
from .spare import LOOK_S, Note, Seen

NEVER: Final = float("-inf")
RETRY_S: Final = 60.0
HUNG_S: Final = 60.0
"""Without one more page of entries: a share over a slow line brings one in seconds."""
Work = Literal["watch", "look", "full", "incremental"]
"""watch: by a server that does not write, for its own copy of what is there."""


class Health(StrEnum):
    """How it goes with one folder."""

    IDLE = "idle"
    WAITING = "waiting"
    GOOD = "good"
    FAILING = "failing"
    HANGING = "hanging"


class Duty:
    """One folder; now_s is wall time, now monotonic."""

    def __init__(self, folder: str, schedule: Schedule, zone: tzinfo) -> None:
        self.folder, self._schedule, self._zone = folder, schedule, zone
        self.health = Health.IDLE
        self.since_s = 0.0
        self.why = ""
        self.newest: Backup | None = None
        self._working: Work | None = None
        self._moved_at = 0.0
        self._looked = False
        self._retry_s = 0.0
        self._last: dict[Kind, float] = {}
        self._due: dict[Kind, float | None] = {}
        self._told = Health.GOOD
        self._watch_at = NEVER
        self.seen = Seen.NOT_YET

    # -- what to do ----------------------------------------------------------------------------------------------------

    def work(self, now_s: float, now: float, *, writing: bool) -> Work | None:
        """What to begin now; it is under way until looked(), made() or failed()."""
        if self._working is not None:
            if now - self._moved_at >= HUNG_S and self._working != "watch":
                self._turn(Health.HANGING, f"it has not answered for {HUNG_S:.0f} s", now_s)
            return None
        if not writing:
            self._looked = False
            self._turn(Health.IDLE, "", now_s)
            if now < self._watch_at:
                return None
            self._working, self._moved_at, self._watch_at = "watch", now, now + LOOK_S
            return "watch"
        if self.health is Health.IDLE:
            self._turn(Health.WAITING, "", now_s)
            self._retry_s = 0.0
        self._working = self._next(now_s)
        self._moved_at = now
        return self._working

    def _next(self, now_s: float) -> Work | None:
        if self._retry_s - RETRY_S > now_s:
            self._retry_s = 0.0  # the clock was set back
        if now_s < self._retry_s:
            return None
        if not self._looked:
            return "look"
        return next((kind for kind in ("full", "incremental") if self._is_due(kind, now_s)), None)

    def _is_due(self, kind: Kind, now_s: float) -> bool:
        if self._last[kind] > now_s:  # the clock was set back: what the future had is no reason to wait for it
            self._appoint(kind, now_s)
        due = self._due[kind]
        return due is not None and due <= now_s

    def _appoint(self, kind: Kind, last_s: float) -> None:
        due = self._schedule.next(kind, datetime.fromtimestamp(last_s, self._zone))
        self._last[kind], self._due[kind] = last_s, None if due is None else due.timestamp()

    def next_s(self, now_s: float) -> float | None:
        """Wall time of the next scheduled backup, as far as one is known."""
        return min((due for due in self._due.values() if due is not None and due > now_s), default=None)

    # -- how it went ---------------------------------------------------------------------------------------------------

    def went_on(self, now: float) -> None:
        """The job has got further."""
        self._moved_at = now

    def looked(self, here: Sequence[Backup], now_s: float) -> None:
        """What the folder has, oldest first."""
        self._working, self._looked, self.seen = None, True, Seen.READ
        full = [one for one in here if one.kind == "full"]
        self.newest = here[-1] if here else None
        self._appoint("full", float(full[-1].made_s) if full else 0.0)
        self._appoint("incremental", float(here[-1].made_s) if here else 0.0)
        if self.health is not Health.WAITING:
            self._turn(Health.GOOD, "", now_s)

    def watched(self) -> None:
        """What the folder has beyond this server's journal is in its copy."""
        self._working, self.seen = None, Seen.READ

    def made(self, kind: Kind, backup: Backup | None, now_s: float) -> None:
        """None: there was nothing new."""
        self._working = None
        self.newest = backup or self.newest
        self._appoint("incremental", now_s)
        if kind == "full" or (backup is not None and backup.kind == "full"):
            self._appoint("full", now_s)
        self._turn(Health.GOOD, "", now_s)

    def dropped(self) -> None:
        """The job was given up because another server writes; should this one be to write again, it looks at the folder first."""
        self._working, self._looked = None, False

    def failed(self, why: str, now_s: float) -> None:
        if self.seen is Seen.NOT_YET:
            self.seen = Seen.FAILED
        watching, self._working = self._working == "watch", None
        if not watching:
            self._retry_s = now_s + RETRY_S
            self._turn(Health.FAILING, why, now_s)

    def _turn(self, health: Health, why: str, now_s: float) -> None:
        if health is not self.health:
            self.health, self.since_s = health, now_s
        self.why = why

    # -- what to say ---------------------------------------------------------------------------------------------------

    def note(self) -> Note | None:
        """What has changed for operators since the last call."""
        if self.health is self._told or self.health in (Health.IDLE, Health.WAITING):
            return None
        self._told = self.health
        if self.health is Health.GOOD:
            return Note(f"backups of the directory to {self.folder} are made again")
        have = f"the newest there is of {shown(self.newest.made_s)}" if self.newest else "none is known to be there"
        return Note(f"no backup of the directory to {self.folder} since {shown(self.since_s)}: {self.why}; {have}",
                    "mount it, make room or correct its permissions; it is tried again every minute")  # fmt: skip
