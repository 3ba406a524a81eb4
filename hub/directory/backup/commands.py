"""What `watchkeep hub backup | backups | restore` do, beside a hub that runs or in its place.

Rules: results go to standard output, progress to standard error and only when that is a terminal.  A restore into SQLite is made beside
the database's place and moved there when it is whole, one into PostgreSQL is one transaction; while the hub of the configuration runs,
both are refused.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ....wire.errors import UsageError, WatchkeepError
from ....wire.shell.files import sync_dir
from ...config import DirectorySection, HubConfig, http_address
from ...preflight import PassingError, bind
from ..database import Database, sqlite_url
from ..run import database
from .chains import Schedule, chain
from .clock import local_zone
from .job import Origin, Proof, make, prove
from .job import Progress as Told
from .layout import Backup, Kind
from .listing import Line, told
from .memory import Memory
from .place import Folder
from .point import lost, parse_point, shown
from .restore import Mark, restore

PIPE_COLUMNS: Final = 160
"""Width of the table where no terminal says one."""
WITHOUT_RANK: Final = 7
"""The place in a block of terms that no server has: a restore by a hub that is in no list."""


def back_up(config: HubConfig, *, full: bool) -> int:
    """One backup to every folder; 0, or 1 when one of them could not be written.

    All of them are of one moment, so of one name where they hold the same: lists and restores know them as copies of each other."""
    folders, journal, now_s = _folders(config, ()), database(config), time.time()
    if journal.file is not None and not journal.file.exists():
        raise UsageError(f"there is no database {journal.file}", remedy="start the directory first, or restore it")
    journal.open()
    try:
        good = [_backed_up(config, journal, folder, "full" if full else "incremental", now_s) for folder in folders]
        return int(not all(good))
    finally:
        journal.close()


def _backed_up(config: HubConfig, journal: Database, folder: Folder, kind: Kind, now_s: float) -> bool:
    section = (config.directory or DirectorySection()).backup
    assert section is not None, "it has folders"
    try:
        with _bar(f"writing to {folder}") as bar:
            if kind == "incremental":
                Memory(config.hub.data_dir).check(folder.path, empty=not any(one.site == config.hub.site for one in folder.list()))
            made = make(journal, folder, Origin(config.hub.site, config.hub.id), kind, now_s, keep=section.keep_full, progress=bar)
    except WatchkeepError as error:
        print(f"{folder}: failed: {error.line()}")
        return False
    if made is None:
        print(f"{folder}: nothing new since the newest backup there")
        return True
    why = f"; full, because {made.why}" if made.why else ""
    gone = f"; {len(made.removed)} old one(s) removed" if made.removed else ""
    print(f"{folder}: {made.backup.name}, {made.bytes} bytes, read back and proven{why}{gone}")
    return True


def show(config: HubConfig, from_: Sequence[Path], *, as_json: bool) -> int:
    """Every backup of every folder, each read and proven; 0, or 1 when one is damaged or a folder cannot be read."""
    found: list[tuple[Folder, Backup, int, Proof | str]] = []
    unreadable: dict[str, str] = {}
    for folder in _folders(config, from_):
        try:
            listed = [one for one in folder.list() if one.site == config.hub.site]
        except WatchkeepError as error:
            unreadable[str(folder)] = error.line()
            continue
        with _bar(f"proving {folder}") as bar:
            for number, backup in enumerate(listed, 1):
                found.append((folder, backup, *_looked(folder, backup)))
                bar(number, len(listed))
    way = chain({backup for _, backup, _, proof in found if isinstance(proof, Proof)})
    lines = [Line(str(folder), backup.name, backup.kind, backup.made_s, backup.after, backup.last, size,
                  proof if isinstance(proof, str) else "", proof.last_s if isinstance(proof, Proof) else None,
                  isinstance(proof, Proof) and backup in way) for folder, backup, size, proof in found]  # fmt: skip
    if as_json:
        print(json.dumps({"backups": [asdict(one) for one in lines], "unreadable": unreadable}, indent=2))
    else:
        console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
        told(lines, unreadable, console)
    return int(bool(unreadable) or any(one.why for one in lines))


def _looked(folder: Folder, backup: Backup) -> tuple[int, Proof | str]:
    try:
        return folder.size(backup), prove(folder, backup)
    except WatchkeepError as error:
        return 0, error.message


def bring_back(config: HubConfig, file: str, to: str | None, from_: Sequence[Path], actor: str) -> int:
    """Restore into the configuration's database; raises UsageError when it has entries, or when the hub runs."""
    point, folders, journal = parse_point(to), _folders(config, from_), database(config)
    try:
        bind(file, "hub.listen", http_address(config)).close()
    except PassingError as error:  # a start is tried again later; this is for a person, who has to stop the hub
        raise UsageError(error.message, remedy="stop the hub first, `systemctl stop watchkeep-hub`") from error
    _all_there(folders)
    listed = (config.directory or DirectorySection()).servers
    rank = next((one.rank for one in listed if one.id == config.hub.id), 0 if not listed else WITHOUT_RANK)
    mark = Mark(actor, rank, time.time())
    with _bar("restoring") as bar, _target(journal) as target:
        found = restore(folders, config.hub.site, target, mark, until=point.index, until_s=point.at_s, progress=bar)
    print(f"restored to entry {found.last} of {shown(found.last_s)} into {journal.where}; every entry is proven")
    print(f"from {len(found.used)} backup(s): {', '.join(found.used)}")
    for name, why in found.damaged.items():
        print(f"passed over, damaged: {name}: {why}")
    for line in lost(found, point, _schedule(config), local_zone()):
        print(line)
    return 0


def _all_there(folders: Sequence[Folder]) -> None:
    """Raises UsageError for a folder that cannot be read: without it a restore may lose what only that one has, so it has to be ordered."""
    away: dict[Folder, WatchkeepError] = {}
    for folder in folders:
        try:
            folder.list()
        except WatchkeepError as error:
            away[folder] = error
    if not away:
        return
    remedy = next(iter(away.values())).remedy
    if others := " ".join(f"--from {folder}" for folder in folders if folder not in away):
        remedy += f"; or restore what the others have, and lose what it alone has: {others}"
    raise UsageError("; ".join(error.message for error in away.values()), remedy=remedy)


def _schedule(config: HubConfig) -> Schedule | None:
    section = (config.directory or DirectorySection()).backup
    return None if section is None else section.schedule


@contextmanager
def _target(journal: Database) -> Iterator[Database]:
    """An open database to restore into; a file is in its place only when the block has ended well."""
    path = journal.file
    if path is None or path.exists():
        _open(journal)
        try:
            if path is None or journal.last() is not None:
                yield journal  # the restore itself refuses one with entries
                return
        finally:
            journal.close()
    assert path is not None
    temp = path.with_name(f".{path.name}.restoring")
    parts = [temp.with_name(temp.name + suffix) for suffix in ("", "-wal", "-shm")]
    path.parent.mkdir(exist_ok=True)
    for part in parts:
        part.unlink(missing_ok=True)  # of a restore that was interrupted
    other = Database(sqlite_url(temp))
    try:
        other.open()
        try:
            yield other
        finally:
            other.close()
        temp.replace(path)
        sync_dir(path.parent)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _open(journal: Database) -> None:
    try:
        journal.open()
    except WatchkeepError as error:
        remedy = f"move {journal.where}* away, and restore again" if journal.file else error.remedy
        raise UsageError(error.message, remedy=remedy) from error


def _folders(config: HubConfig, from_: Sequence[Path]) -> list[Folder]:
    section = (config.directory or DirectorySection()).backup
    paths = from_ or (section.folders if section is not None else ())
    if not paths:
        raise UsageError("no folder of backups is named", remedy="add [directory.backup] with its folders to hub.toml, or give --from")
    if not config.holds("directory"):
        raise UsageError("this hub holds no directory", remedy='add "directory" to hub.roles, or use another hub.toml')
    return [Folder(path) for path in paths]


@contextmanager
def _bar(text: str) -> Iterator[Told]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(text), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
