"""What kind of disk a folder stands on, as far as the kernel tells: the word that recorder profiles use for it.

    /sys/dev/block/<major>:<minor> ─▶ .../mmcblk0/mmcblk0p1   sd
                                      .../nvme0n1             nvme
                                      .../sda/sda1            hdd when queue/rotational is 1, else ssd

Rules: reads /sys, writes nothing.  None rather than a guess: virtual disks call themselves rotational whatever they stand on, and
what lies below RAID, LVM, encryption, overlays or a network mount is not looked for.
"""

import os
from pathlib import Path
from typing import Final

from ..profiles import Storage

_BLOCKS: Final = Path("/sys/dev/block")


def storage_of(folder: Path, blocks: Path = _BLOCKS) -> Storage | None:
    """The kind of disk under folder, which exists; None when it cannot be told."""
    try:
        device = folder.stat().st_dev
        place = (blocks / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
        disk = place.parent if (place / "partition").exists() else place
        if disk.name.startswith("mmcblk"):
            return "sd"
        if disk.name.startswith("nvme"):
            return "nvme"
        if disk.name.startswith("sd"):
            return "hdd" if (disk / "queue" / "rotational").read_text().strip() == "1" else "ssd"
    except OSError:
        return None
    return None
