"""Own files proven chunk by chunk; a damaged one is set aside, what is good of it is stored again.

    1. read every chunk of a closed file and prove it                     nothing is changed
    2. rename a file that is damaged to `<name>.damaged`, sync the directory: its chunks are missing now
    3. append those that were good, from the file that was set aside, as if they had just arrived
    4. the rest comes from a peer, and has to fit: `expected` holds their hashes as far as good neighbours prove them

Rules: what cannot be read is damaged only where its volume is in use: a disk that hangs or is gone says nothing about its files, nor does
a process that has no descriptor left for them, and nothing is set aside for that.  The damaged file is kept, never repaired in place and
never taken for the truth (never re-baselined).  A crash between 2 and 3 leaves the good chunks in the file that was set aside: a peer has
them, too.  More than MAX_ASIDE damaged files in one job are a broken disk and not damaged files: it stops and says so.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from blake3 import blake3

from ...wire.causes import EventKind
from ...wire.errors import FormatError, GoneError, VolumeError, WatchkeepError
from ...wire.messages import SetAside
from ...wire.seal import parse_seal
from ...wire.shell.files import says_nothing
from ..store import Record, Store
from ..store.model import Entry, Part
from ..store.scan import stored_chunk, stored_init
from .compare import Place
from .share import proven

log = logging.getLogger(__name__)

MAX_ASIDE: Final = 64
"""Files set aside by one job."""
_APPEND_BYTES: Final = 8 << 20


class OutOfUseError(VolumeError):
    """The volume of a file is out of use, or there was no room to open it, so nothing is known about the file."""


@dataclass(slots=True)
class Finding:
    """What proving one file found."""

    part: Part
    damaged: dict[int, str] = field(default_factory=dict)
    """Why, by seq."""
    expected: dict[Place, bytes] = field(default_factory=dict)
    """Hashes that damaged chunks have to have, as their good successors or the catalog say."""
    tail: str = ""
    """What is wrong behind the last chunk; the chunks that were there are not known by name."""

    @property
    def good(self) -> bool:
        return not self.damaged and not self.tail

    @property
    def why(self) -> str:
        return next(iter(self.damaged.values()), self.tail)


def prove_part(store: Store, part: Part) -> Finding:
    """Prove a closed part, which has its index; reads the whole file, changes nothing.  Raises OutOfUseError alone."""
    finding = Finding(part)
    init = _read(store, part, 0, part.init_bytes)
    if init is None or blake3(init).digest() != part.init_hash:
        finding.tail = "the init segment is damaged"
    last = None
    for entry in part.entries():
        why = _problem(store, part, entry)
        if why:
            finding.damaged[entry.seq] = why
        else:
            data = _read(store, part, entry.offset, entry.length) if entry.seq - 1 in finding.damaged else None
            if data is not None:
                finding.expected[part.epoch, entry.seq - 1] = parse_seal(data).prev_hash
        last = entry.seq
    if last in finding.damaged:
        finding.expected[part.epoch, part.last_seq] = part.last_hash
    if part.file_size > part.size:
        finding.tail = finding.tail or f"{part.file_size - part.size} bytes behind chunk {part.last_seq} cannot be used"
    return finding


def _problem(store: Store, part: Part, entry: Entry) -> str:
    data = _read(store, part, entry.offset, entry.length)
    if data is None:
        return "it cannot be read"
    try:
        proven(data, part.camera, part.epoch, entry.seq)
    except FormatError as error:
        return error.message
    return ""


def _read(store: Store, part: Part, offset: int, length: int) -> bytes | None:
    """None when the disk does not give it, twice: between the first look and the volume's state a disk may have come back."""
    for _ in range(2):
        try:
            return store.read(store.path_of(part), offset, length)
        except VolumeError as error:
            why = store.out_of_use(part) or (error.message if says_nothing(error.__cause__) else "")
            if why:
                raise OutOfUseError(f"{part.path} cannot be proven: {why}", remedy="look for the disk in dmesg") from error
    return None


def set_aside(store: Store, finding: Finding, init: bytes) -> SetAside | None:
    """Steps 2 and 3, with the epoch's init segment; None when the file was replaced meanwhile or cannot be renamed."""
    part = finding.part
    try:
        aside = store.set_aside(part)
    except GoneError:
        return None
    except (OSError, VolumeError) as error:
        store.report(EventKind.DISK, f"{part.path} is damaged and cannot be set aside: {error}", "check the disk", part.camera)
        return None
    listed = ", ".join(str(seq) for seq in finding.damaged) or "none by name"
    kept = f"kept as {aside.name}" if aside else "the file is gone"
    store.report(EventKind.TAMPER, f"{part.path}: {finding.why}; damaged chunks of epoch {part.epoch}: {listed}; {kept}",
                 "compare it with a peer's copy, and look at the disk", part.camera)  # fmt: skip
    if aside is not None:
        _store_again(store, finding, init, aside)
    return SetAside(camera=part.camera, epoch=part.epoch, path=str(aside or store.path_of(part)), damaged=list(finding.damaged),
                    why=finding.why)  # fmt: skip


def _store_again(store: Store, finding: Finding, init: bytes, aside: Path) -> None:
    """Append the good chunks of a file that was set aside; what fails is missing, and comes from a peer."""
    part = finding.part
    first = stored_init(part.camera, part.epoch, init)
    for batch in _batches(store, finding, aside):
        try:
            store.append([first, *batch])
        except WatchkeepError as error:
            log.warning("good chunks of a damaged file are not stored again", extra={"path": str(aside), "why": str(error)})
            return


def _batches(store: Store, finding: Finding, aside: Path) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    read = partial(store.read, aside)
    for entry in finding.part.entries():
        if entry.seq in finding.damaged:
            continue
        try:
            data = read(entry.offset, entry.length)
            batch.append(stored_chunk(finding.part.camera, finding.part.epoch, entry.seq, data))
        except (VolumeError, FormatError):
            continue  # it got worse since it was proven: it is missing now
        size += len(data)
        if size >= _APPEND_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
