"""Bytes of recently appended records in RAM: what live replication reads, and what a failed fsync is repaired from.

Rules: positions only rise, and everything up to `durable` is fsynced, so the records that must be kept are always the
newest ones.  Bound: durable records are dropped, oldest first, down to `max_bytes`; records that are not durable
are never dropped, the journal syncs before they pass the bound.  No I/O, no lock: the journal's lock guards it.
"""

from .entry import Item


class Held:
    """RAM copies by position."""

    def __init__(self, max_bytes: int, durable: int) -> None:
        self._max, self.durable = max_bytes, durable
        self._items: dict[int, Item] = {}
        self._done: set[int] = set()
        self.bytes = 0
        self.unsynced_bytes = 0

    def put(self, position: int, item: Item) -> None:
        """Keep a record that was just written; positions come in ascending order."""
        self._items[position] = item
        self.bytes += _size(item)
        self.unsynced_bytes += _size(item)
        self._trim()

    def get(self, position: int) -> Item | None:
        return self._items.get(position)

    def unsynced(self) -> list[tuple[int, Item]]:
        """What would be lost in a power cut now, ascending."""
        return [(position, item) for position, item in self._items.items() if position > self.durable]

    def release(self, position: int) -> None:
        """Nobody wants this record any more: it goes now, or as soon as it is durable."""
        if position > self.durable:
            self._done.add(position)
        else:
            self._drop(position)

    def synced(self, position: int) -> None:
        """Everything up to position is durable."""
        self.unsynced_bytes -= sum(_size(item) for at, item in self._items.items() if self.durable < at <= position)
        self.durable = position
        for done in [at for at in self._done if at <= position]:
            self._done.discard(done)
            self._drop(done)
        self._trim()

    def _trim(self) -> None:
        while self.bytes > self._max and (oldest := next(iter(self._items))) <= self.durable:
            self._drop(oldest)

    def _drop(self, position: int) -> None:
        item = self._items.pop(position, None)
        if item is not None:
            self.bytes -= _size(item)


def _size(item: Item) -> int:
    return len(item[0]) + len(item[1])
