"""The ledgers of the epochs that are in use.  What an idle epoch has stands in the catalog, and is read from there when it is asked for.

    cold: in the catalog ──hold──▶ held: in memory, stays ──end of the hold──▶ idle ──the least recently used of too many──▶ cold

Rules: the register's lock guards everything here; methods whose name starts with `locked_` want the caller to hold it, and the catalog
is read without it.  A ledger goes only when the catalog tells all that it knows: nothing is on its way, nothing written that is not
durable, no part outside the catalog.  An epoch above all that its camera ever had is new, and nothing is read for it: live video goes
on without a catalog.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ...wire.errors import VolumeError
from .catalog import CatalogError
from .ledger import EpochLedger
from .model import EpochKey

MAX_LEDGERS: Final = 128
"""2 kB for an epoch of one chunk, 56 kB for one with all its recent hashes: 7 MB at most, whatever number of epochs is stored.  Beyond it
are only those that are held, on their way or in parts outside the catalog, so every epoch that is being recorded is here."""
Row = tuple[str, int, int, bytes, bytes]
"""(volume, first seq, last seq, init hash, last hash) of a closed part."""


class Ledgers:
    """`rows` reads the catalog; `busy` tells, under the lock, which epochs have parts outside it."""

    def __init__(self, lock: threading.Lock, rows: Callable[[str, int], list[Row]], busy: Callable[[], set[EpochKey]],
                 most: int = MAX_LEDGERS) -> None:  # fmt: skip
        self._lock, self._rows, self._busy, self._most = lock, rows, busy, most
        self.known: OrderedDict[EpochKey, EpochLedger] = OrderedDict()
        """Least recently used first."""
        self._holds: dict[EpochKey, list[int]] = {}
        """[how many hold it, changes of the catalog's rows since], of each epoch that is held."""
        self._newest: dict[str, int] = {}
        """By camera the highest epoch that it ever had here."""
        self._volumes: set[str] = set()
        """Those that are in use: rows of others do not count yet."""

    def __getitem__(self, key: EpochKey) -> EpochLedger:
        return self.known[key]

    def get(self, key: EpochKey) -> EpochLedger | None:
        return self.known.get(key)

    @contextmanager
    def hold(self, keys: Iterable[EpochKey]) -> Iterator[None]:
        """Inside the block these epochs have their ledgers in memory.  Raises VolumeError when the catalog cannot be read."""
        wanted = set(keys)
        with self._lock:
            for key in wanted:
                self._holds.setdefault(key, [0, 0])[0] += 1
        try:
            self._load(wanted)
            yield
        finally:
            with self._lock:
                for key in wanted:
                    self._holds[key][0] -= 1
                    if not self._holds[key][0]:
                        del self._holds[key]
                self.locked_trim()

    def _load(self, keys: set[EpochKey]) -> None:
        """Race: a row that was read may be removed before its ledger is here; then the change was counted, and it is read again."""
        while True:
            with self._lock:
                cold = {key: self._holds[key][1] for key in keys if not self._locked_find(key)}
            if not cold:
                return
            try:
                found = {key: self._rows(*key) for key in cold}
            except CatalogError as error:
                raise VolumeError(f"catalog cannot be read: {error}", remedy="check the disk of data_dir, then restart") from error
            with self._lock:
                for key, rows in found.items():
                    if self._holds[key][1] == cold[key] and key not in self.known:
                        self.known[key] = EpochLedger()
                        self._locked_add(key, rows, self._volumes)

    def _locked_find(self, key: EpochKey) -> bool:
        camera, epoch = key
        if key not in self.known and epoch > self._newest.get(camera, -1):
            self.known[key] = EpochLedger()
            self._newest[camera] = epoch
        if key in self.known:
            self.known.move_to_end(key)
        return key in self.known

    def _locked_add(self, key: EpochKey, rows: Iterable[Row], volumes: set[str]) -> None:
        ledger = self.known[key]
        for volume, low, high, init_hash, last_hash in rows:
            if volume in volumes:
                ledger.init_hash = ledger.init_hash or init_hash
                ledger.loaded(low, high)
                ledger.remember(high, last_hash)

    def take(self, volume: str, newest: Mapping[str, int]) -> None:
        """A volume is in use from now on: its rows count, also for the ledgers that are here.  `newest` are its cameras' epochs."""
        with self._lock:
            self._volumes.add(volume)
            for camera, epoch in newest.items():
                self._newest[camera] = max(epoch, self._newest.get(camera, -1))
            for hold in self._holds.values():
                hold[1] += 1
            here = list(self.known)
        for key in here:
            rows = self._rows(*key)
            with self._lock:
                if key in self.known:
                    self._locked_add(key, rows, {volume})

    def locked_changed(self, key: EpochKey) -> None:
        """A row of the epoch was removed from the catalog."""
        if key in self._holds:
            self._holds[key][1] += 1

    def locked_trim(self) -> None:
        """Let idle ledgers go, down to the bound; an eighth more before it is looked for them, which costs a look at each."""
        if len(self.known) <= self._most + self._most // 8:
            return
        busy = self._busy() | self._holds.keys()
        for key in [*self.known]:
            if len(self.known) <= self._most:
                return
            if key not in busy and self.known[key].at_rest:
                del self.known[key]
