"""Which archivers answer the server that watches, and what each said last of its cameras.  No I/O, no clock.

    asked ──an answer──▶ HEARD ──MISSES in vain──▶ SILENT ──an answer──▶ HEARD
      └──it answers, and does not know the question──▶ MUTE: an older version

Rules: an archiver is silent after MISSES questions in vain, and what it said before counts no more.  Who is silent is asked at every
PATIENTth round only: each costs a time-out, and the others are not to be seen late for it.

Bounds: the archivers of the site; of each what one answer of MAX_ANSWER_BYTES holds.
"""

from collections.abc import Collection, Mapping
from typing import Final

from ....wire.messages import CameraFreshness

MISSES: Final = 2
PATIENT: Final = 4
MAX_ANSWER_BYTES: Final = 2 << 20
"""10 000 cameras are 800 kB as a rule."""


class Reports:
    """Answers by archiver, round by round."""

    def __init__(self) -> None:
        self._round = 0
        self._missed: dict[str, int] = {}
        self._mute: set[str] = set()
        self.heard: dict[str, Mapping[str, CameraFreshness]] = {}

    def next(self, archivers: Collection[str]) -> list[str]:
        """A round begins; these have addresses.  Returns whom to ask."""
        self._round += 1
        self._missed = {name: self._missed.get(name, 0) for name in archivers}
        self._mute &= self._missed.keys()
        self.heard = {name: said for name, said in self.heard.items() if name in self._missed}
        return [name for name, missed in self._missed.items() if missed < MISSES or self._round % PATIENT == 0]

    def answered(self, archiver: str, cameras: Mapping[str, CameraFreshness] | None) -> None:
        """What it said; None: nothing, or no sense."""
        if archiver not in self._missed:
            return
        self._mute.discard(archiver)
        if cameras is not None:
            self._missed[archiver], self.heard[archiver] = 0, cameras
            return
        self._missed[archiver] += 1
        if self._missed[archiver] >= MISSES:
            self.heard.pop(archiver, None)

    def cannot(self, archiver: str) -> None:
        """It answers, and does not know the question."""
        if archiver in self._missed:
            self._missed[archiver] = 0
            self.heard.pop(archiver, None)
            self._mute.add(archiver)

    @property
    def silent(self) -> frozenset[str]:
        return frozenset(name for name, missed in self._missed.items() if missed >= MISSES)

    @property
    def sighted(self) -> bool:
        """Whether every archiver has answered, or is known not to."""
        return all(name in self.heard or name in self._mute or missed >= MISSES for name, missed in self._missed.items())
