"""A small file that is in RAM until the disk which it belongs to is there.

    write ─┬─ no disk yet ───────▶ RAM, and VolumeError: nothing is kept over a power cut
           └─ after arrived(disk) ─▶ joined to what the disk has; RAM may be full, or taken away, by then

Rules: what the disk held already is never lost by writing to it: numbers only rise, and a loss is told twice rather than not at all.
"""

import json
import threading
from collections.abc import Callable
from typing import Final

from ...wire.errors import VolumeError
from ...wire.mdns import remembered
from ..epochs import Slots

Join = Callable[[bytes | None, bytes], bytes]
"""(what the disk has, what is newer) to what it is to have."""
MAX_LOSS_BYTES: Final = 250_000
"""Of both lists together; lossbook.py keeps no more either."""


class LateSlots:
    """Slots (agent/epochs.py); any thread."""

    def __init__(self, ram: Slots, why: VolumeError, join: Join) -> None:
        self._ram, self._why, self._join = ram, why, join
        self._disk: Slots | None = None
        self._lock = threading.Lock()
        """Held over I/O: whoever writes waits for the disk anyhow."""

    def read(self) -> bytes | None:
        return self._ram.read()

    def write(self, data: bytes) -> None:
        """Raises VolumeError as long as there is no disk, and what the disk raises then."""
        with self._lock:
            if self._disk is not None:
                self._disk.write(self._join(self._disk.read(), data))
                return
            self._ram.write(data)
            raise VolumeError(self._why.message, remedy=self._why.remedy)

    def arrived(self, disk: Slots) -> None:
        """Its place on the disk is there from now on; whoever could not write tries again."""
        with self._lock:
            self._disk = disk


def bring(data: bytes | None, disk: Slots, join: Join) -> None:
    """Join what was in RAM to what the disk has; raises what the disk raises."""
    if data is not None:
        disk.write(join(disk.read(), data))


def archivers(old: bytes | None, new: bytes) -> bytes:
    """Both lists of addresses (agent/archivers.py), the newer address of each."""
    return json.dumps({**remembered("archiver", old), **remembered("archiver", new)}).encode()


def losses(old: bytes | None, new: bytes) -> bytes:
    """Both lists (agent/replicate/lossbook.py), the newer one alone where they are too long together or one cannot be read."""
    try:
        rows, more = json.loads(old or b"[]"), json.loads(new)
        joined = json.dumps([*(row for row in rows if row not in more), *more]).encode()
    except (ValueError, TypeError):
        return new
    return joined if len(joined) <= MAX_LOSS_BYTES else new
