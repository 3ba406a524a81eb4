"""Which volume a chunk goes to.  Reads no disk, only the catalog: where a segment began.

Rules: parts of one segment go to one volume, so that they can be joined there; a new segment goes to the usable volume
with the most free space; a segment whose volume has failed, or is late (pulse.py), goes on elsewhere.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from ...wire.errors import VolumeError
from .catalog import Catalog
from .model import SegmentKey, StoreBusy, StoreFull, Write
from .writer import VolumeWriter

MAX_HOMES: Final = 4096
"""Segments whose volume is remembered: an hour of 64 cameras; older ones are looked up in the catalog."""


class Placement:
    """`learn` outside of the register's lock, then `pick` under it."""

    def __init__(self, writers: list[VolumeWriter], catalog: Catalog) -> None:
        self._writers, self._catalog = writers, catalog
        self._homes: OrderedDict[SegmentKey, str | None] = OrderedDict()

    def learn(self, keys: Iterable[SegmentKey]) -> None:
        """Look up where these segments began; with a single volume there is nothing to learn."""
        if len(self._writers) > 1:
            for key in set(keys) - self._homes.keys():
                self._remember(key, self._catalog.home_of(key))

    def _remember(self, key: SegmentKey, volume: str | None) -> None:
        self._homes[key] = volume
        self._homes.move_to_end(key)
        while len(self._homes) > MAX_HOMES:
            self._homes.popitem(last=False)

    def pick(self, writes: list[Write]) -> dict[VolumeWriter, list[Write]]:
        """Split the writes over the volumes; raises StoreFull, StoreBusy or VolumeError when a chunk has no place."""
        picked: dict[VolumeWriter, list[Write]] = {}
        sizes = dict.fromkeys(self._writers, 0)
        for write in writes:
            key = (write.seal.camera, write.seal.epoch, write.seal.segment_seq)
            size = len(write.payload) + len(write.init)
            writer = self._choose(key, sizes, size)
            sizes[writer] += size
            picked.setdefault(writer, []).append(write)
            if len(self._writers) > 1:
                self._remember(key, writer.volume.id)
        return picked

    def _choose(self, key: SegmentKey, sizes: dict[VolumeWriter, int], size: int) -> VolumeWriter:
        online = [writer for writer in self._writers if writer.volume.online]
        if not online:
            why = "; ".join(writer.volume.why for writer in self._writers)
            raise VolumeError(f"no volume is usable: {why}", remedy="repair or mount the disk")
        roomy = [writer for writer in online if writer.volume.has_room(sizes[writer] + size)]
        if not roomy:
            raise StoreFull("no volume has room", remedy="make room or lower retention_days")
        ready = [writer for writer in roomy if writer.room_for(sizes[writer] + size)]
        if not ready:
            raise StoreBusy("the disks do not keep up", remedy="send it again in a moment")
        timely = [writer for writer in ready if not writer.volume.pulse.late] or ready
        home = self._homes.get(key)
        at_home = next((writer for writer in timely if writer.volume.id == home), None)
        return at_home or max(timely, key=lambda writer: writer.volume.free_bytes)
