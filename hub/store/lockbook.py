"""A copy of the evidence locks on each volume, beside its identity: locks outlive data_dir, and a volume brings them along.

    load, before anything is deleted ─▶ shelf: which list counts
    shelf changes ─▶ keeper of each volume ─▶ is its copy of that change? ─▶ written anew
                                                └─ fails, or the volume is out of use: told, tried again

Rules: each volume's copy is read while it is opened, and written by the thread of its own keeper, so a disk that hangs holds up no other
(invariant 7).  An archiver that never had a lock writes nothing.  A copy that is damaged is overwritten once the list is known.
"""

import logging
from collections.abc import Sequence
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import VolumeError
from ...wire.paths import LOCKS_COPY
from ..protect.listing import Mark, read_copy, to_copy
from ..protect.shelf import MAX_FILE_BYTES, LockShelf
from .model import Report
from .volume import Volume

log = logging.getLogger(__name__)

RETRY_S: Final = 30.0
"""Between two tries to write a copy that failed."""
TELL_S: Final = 10.0
"""How long a copy may be behind before it is told: its keeper looks every two seconds, and may be deleting meanwhile."""


class LockBook:
    """`load` a volume while it is opened, `tend` on its keeper's thread, `look` on another one."""

    def __init__(self, volumes: Sequence[Volume], shelf: LockShelf, report: Report) -> None:
        self._volumes, self.shelf, self._report = volumes, shelf, report
        self._marks: dict[Volume, Mark | None] = {}
        """What the copy of each volume that was loaded is of."""
        self._failed: dict[Volume, tuple[float, str]] = {}
        """When writing last failed, and why."""
        self._behind: dict[Volume, float] = {}
        self._told: dict[Volume, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._told.values())

    def load(self, volume: Volume) -> None:
        """Read a volume's copy and let count what it says.  Raises OSError when data_dir does not take that."""
        found, broken = None, ""
        try:
            with volume.pulse:
                data = volume.disk.read(LOCKS_COPY, 0, MAX_FILE_BYTES)
            found = read_copy(data)
            broken = "" if found is not None else f"{volume.root / LOCKS_COPY} (it does not prove itself)"
        except FileNotFoundError:
            pass  # no copy on this volume yet
        except OSError as error:
            broken = f"{volume.root / LOCKS_COPY} ({error.strerror})"
        self._marks[volume] = None if found is None else found.mark
        if broken:
            self._report(EventKind.DISK, f"a copy of the evidence locks cannot be read: {broken}", "check the disk", "")
        if self.shelf.offer(str(volume.root), found, broken) and (listed := self.shelf.listed) is not None:
            self._report(EventKind.LOCK, f"evidence locks were taken from copies on volumes: {len(listed.locks)} count now",
                         "compare them with `watchkeep hub lock list`", "")  # fmt: skip

    def tend(self, volume: Volume, now: float) -> None:
        """Bring a volume's copy up to date; now is monotonic.  Touches no disk when there is nothing to do."""
        listed = self.shelf.listed
        failed_at, _ = self._failed.get(volume, (float("-inf"), ""))
        if listed is None or self._marks.get(volume, listed.mark) == listed.mark or not volume.online or now < failed_at + RETRY_S:
            return
        try:
            volume.check()
            volume.disk.publish(LOCKS_COPY, to_copy(listed))
        except (OSError, VolumeError) as error:
            self._failed[volume] = now, str(error)
            log.warning("evidence locks cannot be copied to a volume", extra={"volume": str(volume.root), "why": str(error)})
            return
        self._marks[volume] = listed.mark
        self._failed.pop(volume, None)

    def look(self, now: float) -> None:
        """Tell of copies that are behind, and of those that are so no longer; touches no disk."""
        listed = self.shelf.listed
        for volume in self._volumes:
            if listed is None or self._marks.get(volume) == listed.mark:
                self._behind.pop(volume, None)
                if self._told.pop(volume, ""):
                    self._report(EventKind.LOCK, f"volume {volume.root} has all evidence locks again", "", "")
            elif now >= self._behind.setdefault(volume, now) + TELL_S and volume not in self._told:
                _, why = self._failed.get(volume, (0.0, volume.why))
                text = f"volume {volume.root} has not the newest evidence locks{f' ({why})' if why else ''}"
                remedy = "bring it back, or free space on it; until then they are in data_dir and on the other volumes"
                self._told[volume] = f"{text}: {remedy}"
                self._report(EventKind.DISK, text, remedy, "")
