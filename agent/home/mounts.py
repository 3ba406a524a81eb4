"""Whether the disk that belongs under a folder is there, as far as this machine's own list of disks tells.

Rules: reads /etc/fstab and the kernel's table of mounts, writes nothing, and looks at no other disk than the folder's: that may hang.  A
disk that nobody listed there is not missed: its folder is taken as it is found.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_FSTAB: Final = Path("/etc/fstab")
_TABLE: Final = Path("/proc/self/mountinfo")
_BY_HAND: Final = "noauto"


class _Mount(NamedTuple):
    number: str
    parent: str
    device: str
    root: str
    """Which of the device's directories it shows."""
    place: str


def unmounted(folder: Path, fstab: Path = _FSTAB, table: Path = _TABLE) -> Path | None:
    """The place at or above folder that has a disk in fstab and none mounted now; what is written there lands on the disk below.

    Links are followed, in folder and in fstab: mount and systemd do so too.
    """
    above = {str(place) for one in (folder.absolute(), Path(os.path.realpath(folder))) for place in (one, *one.parents)}
    missing = [place for place in _places(fstab) if place in above]
    if missing and (mounts := _mounts(table)):
        missing = [place for place in missing if not _mounted(os.path.realpath(place), mounts)]
        return Path(missing[0]) if missing else None
    return None


def _places(fstab: Path) -> list[str]:
    """Where file systems are mounted at each boot, whether that went well or not."""
    rows = [line.split() for line in _lines(fstab) if not line.lstrip().startswith("#")]
    return [os.path.normpath(_unescaped(row[1])) for row in rows
            if len(row) > 3 and row[1].startswith("/") and _BY_HAND not in row[3].split(",")]  # fmt: skip


def _mounts(table: Path) -> list[_Mount]:
    """proc(5), mountinfo; empty where it cannot be read."""
    return [_Mount(*map(_unescaped, row[:5])) for row in (line.split() for line in _lines(table)) if len(row) > 4]


def _mounted(place: str, mounts: Sequence[_Mount]) -> bool:
    """Not by st_dev, as os.path.ismount does: a bind within one file system is a mount too.

    A sandbox lays a directory onto itself to make it writable (systemd's ReadWritePaths); a disk that comes later is mounted under that and
    on it.  So the topmost counts, and only if it shows something else than what would be there without any.
    """
    here = {one.number: one for one in mounts if one.place == place}
    if not here or place == "/":
        return place == "/"
    below = next((one for one in mounts if one.number in {each.parent for each in here.values()} - here.keys()), None)
    top = next((one for one in here.values() if one.number not in {each.parent for each in here.values()}), None)
    if below is None or top is None:
        return True
    bare = os.path.normpath(Path(below.root, os.path.relpath(place, below.place)))
    return (top.device, top.root) != (below.device, bare)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _unescaped(text: str) -> str:
    """fstab(5): a space is written as its octal number."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
