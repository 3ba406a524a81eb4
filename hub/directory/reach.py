"""Which archivers answer the leader, by the questions that it asks them.  No I/O, no clock.

Rules: an archiver is gone after MISSES questions in a row without an answer.  When none of several answers, it is the leader that is cut
off, and all count as there.  One of which no address is known is taken to be there.  Nothing hurries: agents take over
within a camera's list by themselves; here it is only decided who stands in planned lists.

Bounds: the archivers of the site.
"""

from collections.abc import Collection
from typing import Final

MISSES: Final = 3


class Reach:
    """Questions in vain, by archiver."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}
        self._asked: set[str] = set()

    def know(self, archivers: Collection[str]) -> None:
        """Exactly these are asked."""
        self._asked &= set(archivers)
        self._missed = {name: self._missed.get(name, 0) for name in archivers}

    def asked(self, archiver: str, *, answered: bool) -> None:
        if archiver in self._missed:
            self._missed[archiver] = 0 if answered else self._missed[archiver] + 1
            self._asked.add(archiver)

    @property
    def lives(self) -> dict[str, str]:
        """In the words of liveness.py: what is known of those that were asked."""
        gone = self.gone
        return {name: "gone" if name in gone else "suspect" if self._missed[name] else "lives" for name in sorted(self._asked)}

    @property
    def gone(self) -> frozenset[str]:
        found = frozenset(name for name, missed in self._missed.items() if missed >= MISSES)
        cut_off = len(self._missed) > 1 and all(self._missed.values())
        return frozenset() if cut_off else found
