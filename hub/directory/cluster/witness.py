"""The latest term that agents have taken up, by which a leader learns that its own is too low.  No I/O, no clock.

    agent: "I have taken up term 18" ──▶ any server ──with every Status──▶ leader of term 17: one more `lead`, goes on in term 25

Why: a leader tells agents of its term at once, and may die before another server has heard of it.  Agents go back to no earlier term,
so all that the next leader says, be it to take up a dead agent's cameras, they would refuse.

A server that lost its disk may lead again in the very term that agents know, at an earlier entry: an agent that has taken up a later entry
of the leader's own term names the term above it.

Rules: a server believes an agent as far as REACH above what servers themselves know of, so that neither garbage nor lies use up
the numbers.  An agent beyond that is told what to do by its own log.  A leader rises once in RISE_S at most: somebody who keeps lying
costs an entry of the journal each time, and nobody an edit.
"""

from typing import Final

from .sight import NEVER
from .status import Status
from .terms import next_number

REACH: Final = 1 << 20
"""131 072 changes of leader that no server remembers: far beyond what a lost disk and old backups can hide.  At one rise in RISE_S the
63 bits of a term last for two million years."""
RISE_S: Final = 10.0
RISEN: Final = "agents had taken up a later term of a leader that is gone"


def named(at: tuple[int, int], status: Status) -> int | None:
    """The term that is news to a server of this status when an agent has taken up (term, index); None when there is nothing to learn.

    A follower may lag behind what its agents have from the leader, so a later entry of its own term says nothing there.
    """
    term, index = at
    if status.leads and term == status.term and index > status.index:
        return term + 1
    return term if term > status.term else None


class Witness:
    """What one server has heard of agents' terms, from them and from other servers."""

    def __init__(self) -> None:
        self.term = 0
        self._rose_at = NEVER

    def hear(self, term: int, known: int) -> bool:
        """An agent has taken up this term; known: the highest one that servers know of.  Returns whether it is news."""
        news = max(self.term, known) < term <= known + REACH
        if news:
            self.term = term
        return news

    def next_term(self, known: int, rank: int) -> int:
        """What a server of this rank leads in next: above all that servers know of, and agents."""
        return next_number(max(known, self.term), rank)

    def lifts(self, term: int, now: float) -> bool:
        """Whether the leader of this term has to rise above `self.term` now; counted as done."""
        due = self.term > term and now >= self._rose_at + RISE_S
        if due:
            self._rose_at = now
        return due
