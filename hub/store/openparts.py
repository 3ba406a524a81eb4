"""Which open part a chunk goes to, and which open parts are complete.  No I/O, no threads.

    direct successor of what a part holds, same segment      appended to it
    direct successor, another segment                        the part is complete, a new one opens
    anything else (after a hole, a new epoch, out of order)  a new one opens, named by its own first chunk

Rules: every open part is complete sooner or later: by its successor, by a newer epoch of its camera, by being idle, or by
being the least recently used of too many.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from .model import Name, Write
from .partfile import PartFile

MAX_OPEN: Final = 256
"""Open files of one volume: two for each of 128 cameras, live and catch-up."""


class OpenParts:
    """The parts that a writer appends to, least recently used first."""

    def __init__(self) -> None:
        self._parts: OrderedDict[str, PartFile] = OrderedDict()
        self._by_next: dict[Name, PartFile] = {}
        self._listed: dict[str, Name] = {}
        """Path to the key in `_by_next`: a part's next chunk goes back when its volume hangs, its key here does not."""
        self._newest_epoch: dict[str, int] = {}

    def __iter__(self) -> Iterator[PartFile]:
        return iter(list(self._parts.values()))

    def __len__(self) -> int:
        return len(self._parts)

    def find(self, write: Write) -> PartFile | None:
        """The part that the chunk is to be appended to, None when a new one has to be opened."""
        part = self._by_next.get(write.name)
        if part is None or part.segment_seq == write.seal.segment_seq:
            return part
        self.complete(part)
        return None

    def add(self, part: PartFile) -> None:
        """A part that was just opened."""
        if part.epoch > self._newest_epoch.get(part.camera, -1):
            self._newest_epoch[part.camera] = part.epoch
            for other in self:
                if other.camera == part.camera:
                    self.complete(other)
        self._parts[part.path] = part
        if len(self._parts) > MAX_OPEN:
            self.complete(next(iter(self._parts.values())))

    def appended(self, part: PartFile, now: float) -> None:
        """The part has grown."""
        self._unlist(part)
        self._listed[part.path] = key = part.next_key
        self._by_next[key] = part
        self._parts.move_to_end(part.path)
        part.used_at = now

    def complete(self, part: PartFile) -> None:
        """Nothing is appended to the part any more; the next sync closes it."""
        part.complete = True
        self._unlist(part)

    def _unlist(self, part: PartFile) -> None:
        key = self._listed.pop(part.path, None)
        if key is not None and self._by_next.get(key) is part:
            del self._by_next[key]

    def complete_idle(self, since: float) -> None:
        """Complete the parts that were not used since then."""
        for part in self:
            if part.used_at >= since:
                return  # the rest was used later
            self.complete(part)

    def remove(self, part: PartFile) -> None:
        self.complete(part)
        self._parts.pop(part.path, None)

    @property
    def too_many(self) -> bool:
        return len(self._parts) > MAX_OPEN

    @property
    def to_close(self) -> bool:
        return any(part.complete for part in self._parts.values())

    def dirty(self) -> list[PartFile]:
        return [part for part in self._parts.values() if part.dirty]
