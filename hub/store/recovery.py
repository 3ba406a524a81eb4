"""Start-up: make the catalog say what the files say, and the files end where their last good chunk ends.

For each volume, day by day, so that memory holds one day's names:

    1. a temporary file of an unfinished stitch is removed
    2. a file that the catalog knows as closed, with the same size, is believed
    3. any other file is scanned; one that was being written at the crash is proven chunk by chunk, its torn or
       zero-filled tail is cut, and file and directory are synced before its chunks count as durable (invariant 3); when that fails
       it is renamed, and what is in it is stored anew (anew.py)
    4. a file damaged in the middle, or one that we did not write lately, is left as it is: its good part is served
    5. rows without a file are removed
    6. a part whose chunks another file of the segment holds under the same hashes is removed: what a stitch left behind

"Was being written": its row is open or has another size, or it has no row and is among the last RECENT_S of its camera's
files.
Rules: files are the truth (invariant 6); a broken file or name never stops the start, it is named in the list of damage.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from ...wire.errors import FormatError, IdError
from ...wire.ids import check_id
from ...wire.paths import SEGMENT_SUFFIX, parse_segment_path
from .anew import UNSYNCED_SUFFIX, is_unsynced
from .catalog import Catalog
from .model import Damaged, Part, SegmentKey
from .scan import Scan, proven_hash, scan_file
from .stitch import TEMP_SUFFIX
from .volume import Volume

log = logging.getLogger(__name__)

RECENT_S: Final = 600.0
"""Files changed this long before the newest one may have been open at a crash: five times the idle time of a part."""
_BATCH: Final = 500
"""Parts per catalog transaction of a rebuild."""


class Recovery:
    """Recovers one volume; `damage` lists what cannot be served, `unsynced` the files of which everything has to be stored anew."""

    def __init__(self, volume: Volume, catalog: Catalog) -> None:
        self._volume, self._disk, self._catalog = volume, volume.disk, catalog
        self.damage: list[Damaged] = []
        self.unsynced: list[str] = []
        self.scanned = 0
        self._found: list[Part] = []
        self._gone: list[tuple[str, str]] = []
        self._touched: set[SegmentKey] = set()

    def run(self) -> None:
        folders = set()
        for camera in self._cameras():
            newest = 0.0
            for day in reversed(self._disk.names(camera)):
                folders.add(f"{camera}/{day}")
                newest = self._day(f"{camera}/{day}", newest)
        self._flush()
        self._catalog.keep_only(self._volume.id, folders)
        for key in sorted(self._touched):
            with self._volume.pulse:
                self._drop_repeats(key)
        self._flush()

    def _cameras(self) -> Iterator[str]:
        for name in self._disk.names("."):
            try:
                yield check_id("camera", name)
            except IdError:
                continue  # lost+found, our identity: not a camera's directory

    def _day(self, folder: str, newest: float) -> float:
        """Recover one day's directory; returns the newest change seen of this camera's files so far."""
        rows = self._catalog.day(self._volume.id, folder) if folder.isascii() else {}
        files = {}
        with self._volume.pulse:
            for path in self._disk.files_of_day(folder):
                if not path.isascii():
                    self._strange(path)
                elif path.endswith(TEMP_SUFFIX):
                    self._disk.unlink(path)
                elif is_unsynced(path):
                    self.unsynced.append(path)
                elif path.endswith(SEGMENT_SUFFIX):
                    files[path] = self._disk.stat(path)
        newest = max([newest, *(found.st_mtime for found in files.values())])
        for path, found in files.items():
            row = rows.pop(path, None)
            if row is None or row != (found.st_size, False):
                with self._volume.pulse:
                    self._file(path, found, written=row is not None or found.st_mtime > newest - RECENT_S)
        self._gone += [(self._volume.id, path) for path in rows]
        return newest

    def _strange(self, path: str) -> None:
        """All our names are ASCII, and one that is not even text, as in a rotten folder, can be put into no catalog and no message."""
        if not path.endswith(SEGMENT_SUFFIX):
            return  # somebody else's
        shown = path.encode("ascii", "backslashreplace").decode()
        self.damage.append(Damaged(self._volume.root / shown, 0, "its name is none of ours", 0))
        log.warning("file with a strange name", extra={"path": shown})

    def _file(self, path: str, found: os.stat_result, *, written: bool) -> None:
        self.scanned += 1
        try:
            parse_segment_path(path)
            scan = scan_file(partial(self._disk.read, path), volume=self._volume.id, path=path, file_size=found.st_size, prove=written)
            if written:
                scan = self._settle(path, scan)
        except (OSError, FormatError) as error:
            scan = Scan(None, 0, str(error))
        if scan.bad_at is not None:
            kept = scan.part.chunks if scan.part else 0
            self.damage.append(Damaged(self._volume.root / path, scan.bad_at, scan.reason, kept))
            log.warning("damaged segment file", extra={"path": path, "offset": scan.bad_at, "why": scan.reason, "kept_chunks": kept})
        if scan.part is None:
            self._gone.append((self._volume.id, path))
            return
        self._found.append(scan.part)
        self._touched.add(scan.part.segment)
        if len(self._found) >= _BATCH:
            self._flush()

    def _settle(self, path: str, scan: Scan) -> Scan:
        """Cut the torn tail of a file that was being written, and make what is left durable."""
        if scan.part is not None and scan.bad_at is not None and not scan.good_after:
            self._disk.cut(path, scan.part.size)
            log.info("torn tail cut", extra={"path": path, "bytes": scan.part.file_size - scan.part.size, "why": scan.reason})
            scan = Scan(replace(scan.part, file_size=scan.part.size))
        if scan.part is not None:
            try:
                self._disk.sync_path(path)
                self._sync_names(path)
            except OSError as error:
                self._give_up(path, error)
                scan = Scan(None)
        elif _is_torn_start(scan):
            self._disk.unlink(path)
            scan = Scan(None)
        return scan

    def _give_up(self, path: str, error: OSError) -> None:
        """The kernel may have dropped what it could not write, and would say "done" the next time (invariant 3)."""
        given_up = self._disk.unused(path + UNSYNCED_SUFFIX)
        self._disk.rename(path, given_up)
        log.warning("segment file cannot be synced", extra={"path": given_up, "why": str(error)})
        self.unsynced.append(given_up)

    def _sync_names(self, path: str) -> None:
        steps = path.split("/")
        for depth in range(len(steps)):
            self._disk.sync_dir("/".join(steps[:depth]) or ".")

    def _flush(self) -> None:
        self._catalog.change(closed=self._found, removed=self._gone)
        self._found, self._gone = [], []

    def _drop_repeats(self, key: SegmentKey) -> None:
        """Remove parts of a segment whose chunks all lie in a longer part, when the hashes agree."""
        parts = sorted((part for part in self._catalog.segment(key) if part.volume == self._volume.id), key=lambda part: -part.chunks)
        kept: list[Part] = []
        for part in parts:
            longer = next((other for other in kept if other.first_seq <= part.first_seq and part.last_seq <= other.last_seq), None)
            if longer is None:
                kept.append(part)
            elif self._same_chunks(part, longer):
                self._disk.unlink(part.path)
                self._gone.append((part.volume, part.path))
            else:
                why = f"holds names that {longer.path} has, and they do not agree"
                self.damage.append(Damaged(self._volume.root / part.path, 0, why, 0))

    def _same_chunks(self, part: Part, longer: Part) -> bool:
        """Each chunk carries the hash of the one before, so equal last hashes prove all before them (invariant 2)."""
        read = partial(self._disk.read, longer.path)
        shared = [entry for entry in longer.entries() if part.first_seq <= entry.seq <= part.last_seq]
        try:
            hashes = [proven_hash(read, entry) for entry in shared]
        except (OSError, FormatError):
            return False
        return hashes[-1] == part.last_hash


def _is_torn_start(scan: Scan) -> bool:
    """Whether the crash came before the file's first chunk was whole, so that nothing in it was ever durable."""
    return not scan.good_after and (scan.torn or bool(scan.bad_at))
