"""Backups as the last source of a journal: asked before this server may lead.  No I/O, no clock.

    LOOKING ──Spare──▶ entries that continue the own journal: written, asked again
                  └──▶ none, ready: this server may lead by the usual rules ──another role──▶ asked anew the next time
                  └──▶ not ready (no folder has answered yet): asked again, and this server does not lead meanwhile

Rules: nothing is taken from backups while a leader is known: its journal is the newer one.  What a backup has was durable on a leader, so
taking it on is never wrong: should that branch have been given up, it is cut off, delivered and known, as everything that is set aside.
"""

from ..entry import Entry
from .steps import Action, Spare, Spared


class Reserve:
    """there: whether this server has backups at all."""

    def __init__(self, *, there: bool) -> None:
        self._there = there
        self._asking = self._settled = False

    @property
    def pending(self) -> bool:
        """Whether this server has to wait before it may lead."""
        return self._there and not self._settled

    def turn(self, index: int, end: str, *, looking: bool) -> list[Action]:
        """The next question; called at every event, with the end of the own journal, while nothing is being written."""
        if not looking:
            self._settled = False
        elif self.pending and not self._asking:
            self._asking = True
            return [Spare(index, end)]
        return []

    def answered(self, event: Spared) -> tuple[Entry, ...]:
        """Entries to be written, if they continue the own journal."""
        self._asking = False
        self._settled = event.ready and not event.entries
        return event.entries
