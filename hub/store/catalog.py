"""The catalog: which parts exist and what is in them, in SQLite.  A cache of the files (invariant 6).

Rules: it can be deleted at any time while the archiver is stopped; a missing, damaged or differently versioned one is
made anew from the files.  A part has a row from its first sync on: `open` while it is being written, complete once it is
closed.  Numbers of an open row are out of date on purpose: a part that is being written is known from memory,
and after a crash from its file.  All methods may be called from any thread and raise CatalogError.
"""

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from .model import Part, SegmentKey

CatalogError = sqlite3.Error
"""What SQLite raises, under our name, so that this stays its only importer."""
_PASSING: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM})
SCHEMA_VERSION: Final = 1
CATALOG_FILE: Final = "catalog.sqlite"
LONGEST_NS: Final = 3600 * 1_000_000_000
"""No part is longer: a segment is about a minute.  Bounds how far behind a window a part that begins in it is looked for."""
_COLUMNS: Final = [field.name for field in fields(Part) if field.name != "index"]
_LIST: Final = ", ".join(_COLUMNS)
_VALUES: Final = attrgetter(*_COLUMNS)
_PUT: Final = (
    f"INSERT INTO part ({_LIST}, open) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))}) ON CONFLICT (volume, path) DO UPDATE SET "  # noqa: S608
    f"{', '.join(f'{name} = excluded.{name}' for name in (*_COLUMNS[2:], 'open'))} RETURNING id"
)
_SCHEMA: Final = f"""
CREATE TABLE part (
  id INTEGER PRIMARY KEY, volume TEXT NOT NULL, path TEXT NOT NULL, camera TEXT NOT NULL, epoch INTEGER NOT NULL,
  segment_seq INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, init_bytes INTEGER NOT NULL,
  init_hash BLOB NOT NULL, last_hash BLOB NOT NULL, cause INTEGER NOT NULL,
  size INTEGER NOT NULL, file_size INTEGER NOT NULL, open INTEGER NOT NULL, UNIQUE (volume, path)
);
CREATE TABLE chunk_index (part INTEGER PRIMARY KEY REFERENCES part ON DELETE CASCADE, entries BLOB NOT NULL);
CREATE INDEX part_by_name ON part (camera, epoch, first_seq, last_seq);
CREATE INDEX part_by_segment ON part (camera, epoch, segment_seq);
CREATE INDEX part_by_age ON part (volume, end_ns);
CREATE INDEX part_by_time ON part (camera, end_ns, start_ns, first_seq, last_seq, size);
PRAGMA user_version = {SCHEMA_VERSION};
"""


def is_passing(error: CatalogError) -> bool:
    """Whether its disk fails, is full, or somebody else reads it: the same may go well later."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING


class Catalog:
    """`catalog.sqlite` in the state directory.  Its lock is held for one statement or transaction, never while files are read."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / CATALOG_FILE
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def open(self) -> bool:
        """Open the catalog, or start an empty one in place of an unusable one; returns whether that was needed.  Raises CatalogError when
        its disk is full or fails, which says nothing of what stands in it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self._usable()
        if fresh:
            self.close()
            for name in (self._path, Path(f"{self._path}-wal"), Path(f"{self._path}-shm")):
                name.unlink(missing_ok=True)
            self._connect(alone=True)
            self._run.executescript(_SCHEMA)
            self._usable()
        return fresh

    def _usable(self) -> bool:
        try:
            return self._opens()
        except sqlite3.DatabaseError as error:
            return is_passing(error) and self._opens(alone=True)

    def _opens(self, *, alone: bool = False) -> bool:
        """Whether there is a catalog of ours."""
        self.close()
        self._connect(alone=alone)
        return self._is_ours()

    def _connect(self, *, alone: bool) -> None:
        """alone: with no file of shared memory beside it, so that nobody else can read it, and a full disk has room for it."""
        self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        self._db.execute(f"PRAGMA locking_mode = {'EXCLUSIVE' if alone else 'NORMAL'}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last rows: recovery finds their files
        self._db.execute("PRAGMA foreign_keys = ON")

    def _is_ours(self) -> bool:
        """Reads the whole file: a gigabyte, which is a month of sixteen cameras, takes seconds."""
        version = self._run.execute("PRAGMA user_version").fetchone()[0]
        return bool(version == SCHEMA_VERSION and self._run.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")

    @property
    def _run(self) -> sqlite3.Connection:
        if self._db is None:
            raise sqlite3.ProgrammingError("catalog is closed")
        return self._db

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def change(self, *, closed: Iterable[Part] = (), opened: Iterable[Part] = (), removed: Iterable[tuple[str, str]] = ()) -> None:
        """Put complete rows, open rows and remove (volume, path)s, all in one transaction."""
        with self._lock, self._run:
            self._run.execute("BEGIN")
            self._run.executemany("DELETE FROM part WHERE volume = ? AND path = ?", removed)
            for part in opened:
                self._put(part, is_open=True)
            for part in closed:
                self._put(part, is_open=False)

    def _put(self, part: Part, *, is_open: bool) -> None:
        row = self._run.execute(_PUT, [*_VALUES(part), is_open]).fetchone()[0]
        if not is_open:
            self._run.execute("INSERT OR REPLACE INTO chunk_index VALUES (?, ?)", (row, part.index))

    def _parts(self, rest: str, *values: Any, index: bool = False) -> list[Part]:
        """Closed parts that `rest` selects."""
        extra, join = (", entries", "JOIN chunk_index ON part = id") if index else ("", "")
        with self._lock:
            rows = self._run.execute(f"SELECT {_LIST}{extra} FROM part {join} WHERE open = 0 AND {rest}", values).fetchall()  # noqa: S608
        return [Part(*row) for row in rows]

    def window(self, camera: str, start_ns: int, end_ns: int) -> list[Part]:
        """Parts of a camera that overlap a time window."""
        return self._parts("camera = ? AND end_ns > ? AND start_ns < ?", camera, start_ns, end_ns)

    def beside(self, camera: str, start_ns: int, end_ns: int) -> list[Part]:
        """The part that ends last before a window and the one that starts first after it, as far as there are any."""
        return [*self._parts("camera = ? AND end_ns <= ? ORDER BY end_ns DESC LIMIT 1", camera, start_ns),
                *self._parts("camera = ? AND end_ns > ? AND start_ns >= ? ORDER BY start_ns LIMIT 1", camera, end_ns, end_ns)]  # fmt: skip

    def at(self, volume: str, path: str) -> Part | None:
        found = self._parts("volume = ? AND path = ?", volume, path)
        return found[0] if found else None

    def some(self, camera: str, epoch: int, limit: int = 3) -> list[Part]:
        """A few parts of an epoch, the newest ones."""
        return self._parts("camera = ? AND epoch = ? ORDER BY first_seq DESC LIMIT ?", camera, epoch, limit)

    def with_index(self, part: Part) -> Part | None:
        """The part with its index as it is now; None when it is gone or still open."""
        found = self._parts("volume = ? AND path = ?", part.volume, part.path, index=True)
        return found[0] if found else None

    def around(self, camera: str, epoch: int, low: int, high: int, *, index: bool = False) -> list[Part]:
        """Parts of an epoch that hold any of low..high, in order of their first chunk."""
        return self._parts("camera = ? AND epoch = ? AND first_seq <= ? AND last_seq >= ? ORDER BY first_seq",
                           camera, epoch, high, low, index=index)  # fmt: skip

    def segment(self, key: SegmentKey) -> list[Part]:
        """All parts of one segment, with their indexes, in order of their first chunk."""
        return self._parts("camera = ? AND epoch = ? AND segment_seq = ? ORDER BY first_seq", *key, index=True)

    def split_segments(self, volume: str) -> list[SegmentKey]:
        """Segments of more than one part on a volume; reads every row, so for the start only."""
        with self._lock:
            return self._run.execute("SELECT camera, epoch, segment_seq FROM part WHERE open = 0 AND volume = ?"
                                     " GROUP BY 1, 2, 3 HAVING count(*) > 1", (volume,)).fetchall()  # fmt: skip

    def home_of(self, key: SegmentKey) -> str | None:
        """The volume that holds a part of the segment."""
        with self._lock:
            row = self._run.execute("SELECT volume FROM part WHERE camera = ? AND epoch = ? AND segment_seq = ? LIMIT 1", key).fetchone()
        return str(row[0]) if row else None

    def oldest(self, volume: str, limit: int, after: tuple[int, str] = (-(1 << 62), "")) -> list[Part]:
        """Closed parts of a volume, oldest end first, of those behind (end ns, path)."""
        return self._parts("volume = ? AND end_ns >= ? AND (end_ns, path) > (?, ?) ORDER BY end_ns, path LIMIT ?",
                           volume, after[0], *after, limit)  # fmt: skip

    def inside(self, volume: str, camera: str, start_ns: int, end_ns: int, limit: int) -> list[Part]:
        """Closed parts of a camera on a volume that lie in a window as a whole, oldest end first."""
        return self._parts("+volume = ? AND camera = ? AND end_ns >= ? AND end_ns <= ? AND start_ns >= ? ORDER BY end_ns LIMIT ?",
                           volume, camera, start_ns, end_ns, start_ns, limit)  # + : the camera's index, not the volume's  # fmt: skip

    def extent(self, camera: str, start_ns: int, end_ns: int) -> tuple[int, int]:
        """(files, bytes) of a camera's closed parts that overlap a window."""
        with self._lock:
            row = self._run.execute("SELECT count(*), total(file_size) FROM part WHERE open = 0 AND camera = ? AND end_ns > ?"
                                    " AND end_ns < ? AND start_ns < ?",
                                    (camera, start_ns, end_ns + LONGEST_NS, end_ns)).fetchone()  # fmt: skip
        return int(row[0]), int(row[1])

    def day(self, volume: str, folder: str) -> dict[str, tuple[int, bool]]:
        """{path: (file size, open)} of the parts in a day's directory."""
        with self._lock:
            rows = self._run.execute("SELECT path, file_size, open FROM part WHERE volume = ? AND path >= ? AND path < ?",
                                     (volume, f"{folder}/", f"{folder}0")).fetchall()  # '0' is the character after '/'  # fmt: skip
        return {path: (size, bool(is_open)) for path, size, is_open in rows}

    def keep_only(self, volume: str, folders: set[str]) -> int:
        """Remove rows of a volume outside these day directories; returns how many."""
        with self._lock:
            rows = self._run.execute("SELECT path FROM part WHERE volume = ?", (volume,)).fetchall()
        gone = [(volume, path) for (path,) in rows if "/".join(path.split("/")[:2]) not in folders]
        self.change(removed=gone)
        return len(gone)

    def keep_volumes(self, volumes: list[str]) -> None:
        """Forget the parts of volumes that are not configured any more."""
        marks = ", ".join("?" * len(volumes))
        with self._lock, self._run:
            self._run.execute(f"DELETE FROM part WHERE volume NOT IN ({marks})", volumes)  # noqa: S608

    def runs_from(self, camera: str, epoch: int, seq: int, limit: int) -> list[Part]:
        """At most limit parts of a camera in order of epoch and first chunk, from the one on that holds or follows a chunk."""
        return self._parts("camera = ? AND epoch >= ? AND (epoch > ? OR last_seq >= ?) ORDER BY epoch, first_seq LIMIT ?",
                           camera, epoch, epoch, seq, limit)  # fmt: skip

    def epoch(self, camera: str, epoch: int) -> list[tuple[str, int, int, bytes, bytes]]:
        """(volume, first seq, last seq, init hash, last hash) of every closed part of an epoch, in order of their first chunk."""
        with self._lock:
            return self._run.execute("SELECT volume, first_seq, last_seq, init_hash, last_hash FROM part WHERE open = 0"
                                     " AND camera = ? AND epoch = ? ORDER BY first_seq", (camera, epoch)).fetchall()  # fmt: skip

    def newest(self, volume: str) -> dict[str, int]:
        """The newest epoch of each camera with a closed part on a volume; reads every row, so for the start only."""
        with self._lock:
            return dict(self._run.execute("SELECT camera, max(epoch) FROM part WHERE open = 0 AND volume = ? GROUP BY camera", (volume,)))

    def has(self, camera: str) -> bool:
        """Whether there is a closed part of the camera."""
        with self._lock:
            return self._run.execute("SELECT 1 FROM part WHERE open = 0 AND camera = ? LIMIT 1", (camera,)).fetchone() is not None

    def totals(self) -> list[tuple[str, int, int, int, int]]:
        """(camera, start ns, end ns, chunks, bytes) of each camera's closed parts, from one index alone."""
        with self._lock:
            return self._run.execute("SELECT camera, min(start_ns), max(end_ns), sum(last_seq - first_seq + 1), sum(size)"
                                     " FROM part WHERE open = 0 GROUP BY camera ORDER BY camera").fetchall()  # fmt: skip
