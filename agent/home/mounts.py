"""Whether the disk that belongs under a folder is there, as far as this machine's own list of disks tells.

Rules: reads /etc/fstab, writes nothing.  A disk that nobody listed there is not missed: its folder is taken as it is found.
"""

import os
import re
from pathlib import Path
from typing import Final

_FSTAB: Final = Path("/etc/fstab")
_BY_HAND: Final = "noauto"


def unmounted(folder: Path, fstab: Path = _FSTAB) -> Path | None:
    """The place at or above folder that has a disk in fstab and none mounted now; what is written there lands on the disk below."""
    above = {str(place) for place in (folder.absolute(), *folder.absolute().parents)}
    return next((Path(place) for place in _places(fstab) if place in above and not os.path.ismount(place)), None)


def _places(fstab: Path) -> list[str]:
    """Where file systems are mounted at each boot, whether that went well or not."""
    try:
        lines = fstab.read_text(errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if not line.lstrip().startswith("#")]
    return [_unescaped(row[1]) for row in rows if len(row) > 3 and row[1].startswith("/") and _BY_HAND not in row[3].split(",")]


def _unescaped(text: str) -> str:
    """fstab(5): a space is written as its octal number."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
