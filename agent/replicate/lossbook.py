"""Which declared losses have yet to be told to which archivers.  No I/O, no clock, no threads.

    declare ─▶ owed to every archiver of the camera's list ─▶ due(archiver) ─▶ taken(archiver) ─▶ the last one: forgotten

Rules: what follows a loss for the same reason is joined to it, so an outage is one entry for each camera and epoch, and whoever had
been told the shorter one is told again.  At most MAX_OWED entries and MAX_BYTES of them: the oldest go first, and what they explained
is a hole on the timeline of whoever was not told.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ...wire.losses import MAX_LOSSES_A_REPORT, Loss

MAX_OWED: Final = 512
"""Of 300 bytes as a rule: 150 kB."""
MAX_BYTES: Final = 250_000
"""What fits a small file of data_dir; 12 kB less than its slot."""


@dataclass(slots=True)
class _Owed:
    loss: Loss
    archivers: set[str]
    """Empty before any archiver is known."""


class LossBook:
    """The losses that are remembered, oldest first."""

    def __init__(self, data: bytes | None = None) -> None:
        """`data` is what `dump` gave; what cannot be read there is left out, since recording does not depend on it."""
        self._owed = _parsed(data)
        self._lists: dict[str, tuple[str, ...] | None] = {}
        self._known: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._owed)

    def configure(self, lists: Mapping[str, tuple[str, ...] | None]) -> None:
        """The archivers of each camera's list; None means every known one."""
        self._lists = dict(lists)

    def know(self, archivers: Collection[str]) -> None:
        """The archivers that exist now."""
        self._known = frozenset(archivers)
        for owed in self._owed:
            owed.archivers = owed.archivers or self._wanted(owed.loss.camera)

    def declare(self, loss: Loss) -> None:
        """Remember a loss until each archiver of its camera's list has taken it."""
        before = next((owed for owed in reversed(self._owed) if _follows(owed.loss, loss)), None)
        if before is not None:
            before.loss, before.archivers = _joined(before.loss, loss), before.archivers | self._wanted(loss.camera)
            return
        self._owed.append(_Owed(loss, self._wanted(loss.camera)))
        del self._owed[:-MAX_OWED]

    def due(self, archiver: str) -> list[Loss]:
        """What to tell an archiver next; as many as one report holds."""
        return [owed.loss for owed in self._owed if archiver in owed.archivers][:MAX_LOSSES_A_REPORT]

    def taken(self, archiver: str, losses: Collection[Loss]) -> None:
        """An archiver has these on its disk; one that has grown since is told again."""
        for owed in self._owed:
            if archiver in owed.archivers and owed.loss in losses:
                owed.archivers.discard(archiver)
                if not owed.archivers:
                    self._owed = [other for other in self._owed if other is not owed]

    def dump(self) -> bytes:
        """What to keep on disk for the next start; the oldest are left out when it would be too long."""
        rows: list[str] = []
        room = MAX_BYTES
        for owed in reversed(self._owed):
            row = json.dumps([owed.loss.model_dump(exclude_defaults=True), sorted(owed.archivers)])
            room -= len(row) + 1
            if room < 2:
                break
            rows.append(row)
        return f"[{','.join(reversed(rows))}]".encode()

    def _wanted(self, camera: str) -> set[str]:
        listed = self._lists.get(camera)
        return set(self._known if listed is None else listed)


def _follows(before: Loss, loss: Loss) -> bool:
    if (before.camera, before.text) != (loss.camera, loss.text):
        return False
    if before.window and loss.window:
        return before.window[0] <= loss.window[0] <= before.window[1]
    if before.seqs is None or loss.seqs is None or before.epoch != loss.epoch:
        return False
    return before.seqs[0] <= loss.seqs[0] <= before.seqs[1] + 1


def _joined(before: Loss, loss: Loss) -> Loss:
    if before.window and loss.window:
        return before.model_copy(update={"end_s": max(before.window[1], loss.window[1]), "frames": before.frames + loss.frames})
    if before.seqs and loss.seqs:
        return before.model_copy(update={"last_seq": max(before.seqs[1], loss.seqs[1])})
    return before


def _parsed(data: bytes | None) -> list[_Owed]:
    try:
        rows = json.loads(data or b"[]")
        return [_Owed(Loss.model_validate(loss), {str(name) for name in archivers}) for loss, archivers in rows]
    except (ValueError, TypeError, ValidationError):
        return []
