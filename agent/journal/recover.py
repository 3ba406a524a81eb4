"""What a crash left in the journal's folder: which records stand, and what is cut.

Steps: 1. read the head of every file; a file whose head does not prove itself, or names another number, holds nothing.
2. Walk the files from the last to the first.  A later file outranks an earlier one: positions from its first
on are taken from it, because it was begun after a failed fsync or write made the earlier ones void.
3. Delete the files that hold nothing, and set aside, as `<name>.unread`, those that hold nothing else than what the disk does not give
back.  Only this step writes, and doing it again changes nothing.

Rules: files and records are believed only on proof (scan.py); damage in the middle costs what is damaged, never
what stands behind it in later files.  A disk that gives back the head of none of several files fails as a whole, and
nothing on it is touched.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .disk import Disk
from .entry import Entry
from .layout import FILE_HEAD_BYTES, FileHead, file_name, file_number, parse_head
from .scan import BAD_MEDIUM, Cut, Walk, unread, walk

UNREAD: Final = ".unread"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file to be fsynced before it counts.  void: what stands behind `end` is cut off first, or it could come back one day."""

    number: int
    end: int
    void: bool
    block: int


@dataclass(slots=True)
class Found:
    """What stands: entries per file, both ascending; where to go on; and what does not stand, with the reason."""

    entries: dict[int, list[Entry]] = field(default_factory=dict)
    cuts: list[Cut] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    next_number: int = 1
    next_position: int = 1
    leftovers: list[Leftover] = field(default_factory=list)
    durable: int = 0
    """Every record up to here was fsynced before, as the heads say; of the others those in `leftovers` are fsynced now."""
    unsynced: set[int] = field(default_factory=set)
    """Leftovers whose fsync failed: FileSet notes them (doubt.py)."""
    tail: int | None = None
    """The file that the next record may be added to; None when it has to begin a new one."""


def recover(disk: Disk, folder: Path) -> Found:
    """Look through the folder; raises OSError when it cannot be read."""
    found = Found()
    found.sizes = {number: size for name, size in disk.sizes(folder).items() if (number := file_number(name)) is not None}
    found.next_number = max(found.sizes, default=0) + 1
    heads, aside = _heads(disk, folder, found)
    found.durable = max((head.durable for head in heads), default=0)
    found.next_position = max((head.first for head in heads), default=1)
    later: FileHead | None = None
    for head in reversed(heads):
        with disk.reader(folder / file_name(head.number)) as read:
            walked = walk(read, head, found.durable)
        if _take(found, head, walked, later):
            later = head
        elif walked.unread:
            aside.add(head.number)
    for number in [number for number in found.sizes if number not in found.entries]:
        _put_away(disk, folder / file_name(number), keep=number in aside)
        del found.sizes[number]
    found.entries = dict(sorted(found.entries.items()))
    found.cuts.sort(key=lambda cut: (cut.file, cut.offset))
    return found


def _put_away(disk: Disk, file: Path, *, keep: bool) -> None:
    if keep:  # another start, or another machine, may read it
        disk.rename(file, file.with_name(f"{file.name}{UNREAD}"))
    else:
        disk.unlink(file)


def _heads(disk: Disk, folder: Path, found: Found) -> tuple[list[FileHead], set[int]]:
    """The heads that prove themselves, ascending, and the files whose head cannot be read.

    A damaged one is noted, a recycled file's old one is none.
    """
    heads: list[FileHead] = []
    silent: dict[int, OSError] = {}
    for number in sorted(found.sizes):
        try:
            with disk.reader(folder / file_name(number)) as read:
                data = read(0, FILE_HEAD_BYTES)
        except OSError as error:
            if error.errno not in BAD_MEDIUM:
                raise
            silent[number] = error
            found.cuts.append(Cut(number, 0, found.sizes[number], unread(error), unread=True))
            continue
        head = parse_head(data)
        if head is not None and head.number == number:
            heads.append(head)
        elif head is None and any(data):
            found.cuts.append(Cut(number, 0, found.sizes[number], "the file's head is damaged"))
    if len(silent) == len(found.sizes) > 1:
        raise next(iter(silent.values()))
    return heads, set(silent)


def _take(found: Found, head: FileHead, walked: Walk, later: FileHead | None) -> bool:
    """Enter one file's walk; False when the file holds nothing that stands."""
    if _is_loss(head, walked, later):
        size = max(found.sizes[head.number] - walked.at, 0)
        found.cuts.append(Cut(head.number, walked.at, size, walked.stop or "records are missing here", walked.next,
                              unread=walked.unread and bool(walked.stop)))  # fmt: skip
    found.cuts += [cut for cut in walked.damaged if later is None or cut.position < later.first]
    if later is None:
        found.next_position = max(found.next_position, walked.next)
    entries = [entry for entry in walked.entries if later is None or entry.position < later.first]
    if not entries:
        return False
    found.entries[head.number] = entries
    if later is None and walked.next == found.next_position:
        found.tail = head.number
    outranked = len(entries) < len(walked.entries)
    torn = walked.next > found.durable and bool(walked.stop)
    if later is None or outranked or torn or walked.next > found.durable + 1:
        end = entries[-1].offset + entries[-1].record_bytes if outranked else walked.end
        found.leftovers.append(Leftover(head.number, end, void=later is None or outranked or torn, block=head.block))
    return True


def _is_loss(head: FileHead, walked: Walk, later: FileHead | None) -> bool:
    """Whether records stood behind the walk's end that no later file has."""
    if later is None:
        return bool(walked.stop)
    if later.first <= walked.next:
        return False
    return bool(walked.stop) or later.number == head.number + 1
