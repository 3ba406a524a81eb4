"""Declared losses in memory and as lines of a file: which of them explains a gap.  No I/O, no clock, no threads.

    a line    first 32 hex digits of the BLAKE3 of the JSON, a space, the JSON of a wire.losses.Loss, a line feed

    between two chunks                            the gap is explained when
    numbers are missing                           all of them are declared lost; else it stays a hole: the rest may be on its way
    none is, and chunks in between were declared  the end of the earlier epoch, or whole epochs, were lost
    none is, and the ring had overflowed,         a window of lost frames overlaps it
    or nothing says why (verify)

Rules: every line proves itself: a damaged one is skipped and counted, a torn last one is cut.  At most MAX_LOSSES are known, the
oldest told go first; what they explained is a hole again.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final, NamedTuple

from blake3 import blake3
from pydantic import ValidationError

from ...wire.losses import Loss
from ...wire.ranges import RangeSet

MAX_LOSSES: Final = 10_000
"""About 2.5 MB as lines, 12 MB at worst.  Agents join what follows, so an outage is a few lines for each camera and epoch."""
_DIGITS: Final = 32


class Place(NamedTuple):
    """A gap: from the last chunk before it to the first one behind it, UTC seconds."""

    before: tuple[int, int]
    after: tuple[int, int]
    start_s: float
    end_s: float


class Declared:
    """The losses of all cameras."""

    def __init__(self, losses: Iterable[Loss] = ()) -> None:
        self._all: dict[Loss, None] = {}
        """In the order of telling."""
        self._numbered: dict[str, list[tuple[int, int, int, str]]] = {}
        self._windows: dict[str, list[Loss]] = {}
        for loss in losses:
            self.add(loss)

    def __contains__(self, loss: Loss) -> bool:
        return loss in self._all

    def __len__(self) -> int:
        return len(self._all)

    def all(self) -> list[Loss]:
        return list(self._all)

    def add(self, loss: Loss) -> None:
        """Take a loss; one that is known already changes nothing."""
        if loss in self._all:
            return
        self._all[loss] = None
        if loss.seqs is not None:
            insort(self._numbered.setdefault(loss.camera, []), (loss.epoch, *loss.seqs, loss.text))
        else:
            self._windows.setdefault(loss.camera, []).append(loss)
        if len(self._all) > MAX_LOSSES:
            self._forget(next(iter(self._all)))

    def why(self, camera: str, gap: Place, *, unnumbered: bool) -> str | None:
        """The agent's words about what is missing in a gap, None when it is not declared.  `unnumbered`: frames may be missing there that
        never had a number."""
        (last_epoch, last_seq), (epoch, seq) = gap.before, gap.after
        numbered = self._numbered.get(camera, [])
        low = last_seq + 1 if epoch == last_epoch else 0
        at = bisect_left(numbered, (last_epoch, 0, 0, ""))
        lost, words = RangeSet(), ""
        for there, first, last, text in numbered[at : bisect_left(numbered, (epoch, seq, 0, ""))]:
            if there == last_epoch and last <= last_seq:
                continue
            words = text
            if there == epoch:
                lost.add(first, last)
        if low < seq and not lost.covers(low, seq - 1):
            return None
        if words or not unnumbered:
            return words or None
        found = [one for one in self._windows.get(camera, []) if one.window and one.window[0] < gap.end_s and one.window[1] > gap.start_s]
        return _counted(found) if found else None

    def _forget(self, loss: Loss) -> None:
        del self._all[loss]
        if loss.seqs is not None:
            self._numbered[loss.camera].remove((loss.epoch, *loss.seqs, loss.text))
        else:
            self._windows[loss.camera].remove(loss)


def _counted(windows: list[Loss]) -> str:
    """What overlapping windows, in the order of telling, say together.  One that begins where another one does is the same, grown since."""
    text = windows[-1].text
    frames: dict[float | None, int] = {}
    for one in windows:
        if one.text == text:
            frames[one.start_s] = max(one.frames, frames.get(one.start_s, 0))
    return f"{sum(frames.values())} {text}"


class Lines(NamedTuple):
    """What a file of losses holds: its good lines, bytes up to the end of the last whole one, and how many are damaged."""

    losses: list[Loss]
    size: int
    damaged: int


def to_line(loss: Loss) -> bytes:
    text = loss.model_dump_json(exclude_defaults=True).encode()
    return _digest(text) + b" " + text + b"\n"


def read_lines(data: bytes) -> Lines:
    size = data.rfind(b"\n") + 1
    lines = data[:size].split(b"\n")[:-1]
    found = [loss for line in lines if (loss := _parsed(line)) is not None]
    return Lines(found, size, len(lines) - len(found))


def _digest(text: bytes) -> bytes:
    return blake3(text).hexdigest()[:_DIGITS].encode()


def _parsed(line: bytes) -> Loss | None:
    if line[: _DIGITS + 1] != _digest(line[_DIGITS + 1 :]) + b" ":
        return None
    try:
        return Loss.model_validate_json(line[_DIGITS + 1 :])
    except ValidationError:
        return None
