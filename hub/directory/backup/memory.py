"""Which folders had backups in them, so that a disk that is not mounted is noticed: under its mount point lies an empty folder.

Rules: a cache of `data_dir`: without it an empty folder looks like a new one.  A folder that had backups and has none is refused, until a
backup is made by hand with --full.
"""

import json
import threading
from pathlib import Path
from typing import Final

from ....wire.errors import VolumeError
from ....wire.shell.files import publish

FILE: Final = "backup-folders.json"


class Memory:
    """Used by several threads."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._lock = threading.Lock()
        self._known = self._load()

    def _load(self) -> set[str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return set()
        return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()

    def check(self, folder: Path, *, empty: bool) -> None:
        """Raises VolumeError when an empty folder had backups before."""
        if empty and str(folder) in self._known:
            raise VolumeError(f"{folder} had backups and has none: it is probably not mounted",
                              remedy="mount it; if it was emptied on purpose: watchkeep hub backup --full")  # fmt: skip

    def keep(self, folder: Path) -> None:
        """This folder has backups; a disk without room for the note is no reason to fail."""
        with self._lock:
            if str(folder) in self._known:
                return
            try:
                publish(self._path, json.dumps(sorted({*self._known, str(folder)})).encode())
            except OSError:
                return
            self._known.add(str(folder))
