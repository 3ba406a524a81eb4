"""Where backups are kept: a folder, on a disk of its own or a mounted share.

Rules: a file appears under its name when it is whole and on disk (temp, write, fsync, rename, fsync of the folder).  Only files whose name
is a backup's are looked at or removed.  Every failure is a VolumeError that names folder and remedy.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from ....wire.errors import VolumeError
from ....wire.shell.files import sync_dir
from .layout import Backup, parse_name


class Folder:
    """One destination."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def list(self) -> list[Backup]:
        """What is there, oldest first."""
        with self._named("listed"):
            names = [entry.name for entry in os.scandir(self.path)]
        return sorted((one for name in names if (one := parse_name(name)) is not None), key=lambda one: (one.made_s, one.last))

    def size(self, backup: Backup) -> int:
        with self._named("read"):
            return (self.path / backup.name).stat().st_size

    def write(self, backup: Backup, lines: Iterable[bytes]) -> int:
        """Store a backup; returns its bytes.  What makes the lines may raise: nothing is left then."""
        temp = self.path / f".{backup.name}.{token_hex(4)}.tmp"  # another server may write one of this name at the same time
        size = 0
        try:
            with self._named("written"), temp.open("wb") as stream:
                for line in lines:
                    stream.write(line)
                    size += len(line)
                stream.flush()
                os.fsync(stream.fileno())
            with self._named("written"):
                temp.replace(self.path / backup.name)
                sync_dir(self.path)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        return size

    def read(self, backup: Backup) -> Iterator[bytes]:
        """The lines of a backup, each with its line end as far as it has one."""
        with self._named("read"), (self.path / backup.name).open("rb") as stream:
            yield from stream

    def remove(self, backup: Backup) -> None:
        with self._named("cleaned up"):
            (self.path / backup.name).unlink(missing_ok=True)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "mount it, make room or correct its permissions"
            raise VolumeError(f"{self.path} cannot be {what} ({error.strerror})", remedy=remedy) from error
