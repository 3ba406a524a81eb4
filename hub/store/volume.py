"""One volume: opened, checked before every new file, fenced when it fails, and how much room it has.

    closed --open--> ONLINE --fence(why)--> OFFLINE --reopen--> ONLINE
                        '-------hang(why)------> HUNG --call returned--> OFFLINE

Rules: the identity file and the device are compared before every open of a new file (DESIGN 5), so an unmounted disk
is a VolumeError and never fills the root disk.  One archiver process owns a volume: it holds a lock on the root.
"""

import fcntl
import logging
import threading
from pathlib import Path
from typing import Final

from ...wire.errors import VolumeError
from ...wire.messages import VolumeState
from .clock import Clock
from .disk import Disk
from .identity import AwayError, Identity, KnownVolumes, force_command, init_volume, missing, read_identity, unidentified, unusable
from .pulse import Pulse

log = logging.getLogger(__name__)

PROBE_FILE: Final = ".watchkeep-probe"
FULL_MARGIN_BYTES: Final = 1 << 20
"""A volume counts as full with less than this free after a write: room for the directories and the truncation of the last write."""


class Volume:
    """One configured volume.  `free` and `full` are as of the last `measure`; only the writer's thread fences and reopens, and only
    a thread that never touches this disk hangs it."""

    def __init__(self, root: Path, archiver: str, known: KnownVolumes, disk: Disk, clock: Clock | None = None) -> None:
        self.root, self.disk = root, disk
        self.pulse = Pulse((clock or Clock()).monotonic)
        self.hung = False
        """Out of use because a call did not return; until the writer has tidied up after it."""
        self._archiver, self._known = archiver, known
        self.identity: Identity | None = None
        self._last_id = ""
        self.online, self.why, self.full = False, "not opened yet", False
        self._using = threading.Lock()
        """Who hangs it and who takes it into use are two threads; never held over I/O."""
        self.free_bytes = self.total_bytes = 0

    @property
    def id(self) -> str:
        """Of a volume that is not open yet, the one it had when it was last seen; empty when it never was."""
        return self.identity.volume if self.identity is not None else self._last_id

    @property
    def hangs(self) -> bool:
        """Whether it is given up for a call that does not return, or waits for one that is late."""
        return self.hung or self.pulse.late

    def recall(self) -> None:
        """Remember who it was, for what the catalog has of it; touches no volume."""
        self._last_id = self._known.load().get(str(self.root), "")

    def open(self) -> None:
        """Identify the volume and take it; a volume that is empty and new gets its identity now.  Raises VolumeError."""
        if not self.root.is_dir():
            raise missing(self.root, known=self._was_known())
        identity = read_identity(self.root) or self._first_identity()
        self._expect(identity)
        self._take()
        self.identity = identity
        self._known.remember(self.root, identity.volume)
        try:
            self._probe()
        except VolumeError:
            self.close()
            raise
        self._use()

    def _first_identity(self) -> Identity:
        if (problem := unidentified(self.root, known=self._was_known())) is not None:
            raise problem
        identity = init_volume(self.root, self._archiver, self._known.state_dir)
        log.info("new volume identified", extra={"volume": str(self.root), "volume_id": identity.volume})
        return identity

    def _was_known(self) -> bool:
        return str(self.root) in self._known.load()

    def _expect(self, found: Identity) -> None:
        if found.archiver != self._archiver:
            raise VolumeError(f"volume {self.root} belongs to archiver {found.archiver!r}, not to {self._archiver!r}",
                              remedy=f"mount the right disk, or run {force_command(self.root)} to take this one over")  # fmt: skip
        wanted = self.identity.volume if self.identity else self._known.load().get(str(self.root), found.volume)
        if found.volume != wanted:
            raise VolumeError(f"volume {self.root} is another disk than before",
                              remedy=f"mount the right disk, or run {force_command(self.root)} to use this one")  # fmt: skip

    def _take(self) -> None:
        try:
            self.disk.open()
            fcntl.flock(self.disk.root_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.disk.close()
            raise AwayError(f"volume {self.root} is in use by another process", remedy="stop the other archiver") from error
        except OSError as error:
            self.disk.close()
            raise unusable(error, f"volume {self.root} cannot be opened ({error.strerror})",
                           remedy="check the disk and its permissions") from error  # fmt: skip

    def check(self) -> None:
        """Is this still the volume that was opened?  Called before every open of a new file; raises VolumeError."""
        try:
            mounted = self.disk.is_mounted()
        except OSError as error:
            raise VolumeError(f"volume {self.root} is gone ({error.strerror})", remedy="mount the disk again") from error
        found = read_identity(self.root) if mounted else None
        if found is None:
            raise VolumeError(f"volume {self.root} is not mounted any more", remedy="mount the disk again")
        self._expect(found)

    def _probe(self) -> None:
        """Write, sync and remove a small file; raises VolumeError.  A full disk is no failure here."""
        try:
            self.measure()
            self.disk.unlink(PROBE_FILE)
            handle, _ = self.disk.create(PROBE_FILE)
            try:
                self.disk.write(handle, [PROBE_FILE.encode()])
                self.disk.sync(handle)
            finally:
                self.disk.close_file(handle)
            self.disk.unlink(PROBE_FILE)
        except OSError as error:
            if self.disk.is_full(error):
                self.full = True
                return
            raise unusable(error, f"volume {self.root} cannot be written ({error.strerror})",
                           remedy="mount it writable, check the disk and its permissions") from error  # fmt: skip

    def measure(self) -> None:
        """Read the free space, and so whether the volume is full; raises OSError."""
        self.free_bytes, self.total_bytes = self.disk.space()
        self.full = self.free_bytes < FULL_MARGIN_BYTES

    def has_room(self, size: int) -> bool:
        return self.online and not self.full and self.free_bytes - size >= FULL_MARGIN_BYTES

    def fence(self, why: str) -> None:
        """Take the volume out of use until `reopen` succeeds."""
        self.online, self.why = False, why
        log.error("volume is out of use", extra={"volume": str(self.root), "why": why})

    def hang(self, why: str) -> None:
        """Take the volume out of use while a call to it does not return."""
        with self._using:
            self.online, self.hung, self.why = False, True, why

    def _use(self) -> bool:
        """Take it into use, unless a call of the proof itself hung and it was given up meanwhile: then its writer tidies up first."""
        with self._using:
            if not self.hung:
                self.online, self.why = True, ""
            return self.online

    def reopen(self) -> bool:
        """Try a fenced volume again: whether it is in use now, not when it hung once more.  Raises VolumeError or OSError while it is
        still unusable."""
        self.disk.open()
        fcntl.flock(self.disk.root_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.check()
        self._probe()
        used = self._use()
        if used:
            log.info("volume is back in use", extra={"volume": str(self.root)})
        return used

    def prove(self) -> None:
        """After a failed write: is the volume as a whole still usable?  Raises VolumeError."""
        self.check()
        self._probe()

    def state(self) -> VolumeState:
        return VolumeState(path=str(self.root), online=self.online, why="storage is full" if self.online and self.full else self.why,
                           free_bytes=self.free_bytes, total_bytes=self.total_bytes)  # fmt: skip

    def close(self) -> None:
        self.disk.close()
        self.online, self.why = False, "closed"
