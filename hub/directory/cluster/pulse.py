"""The newest leader that one server knows of, and whether its beat still rises.  No I/O, no clock.

Rules: only the leader raises the beat and everybody passes on the highest one heard, so it tells that the leader lives to servers which
cannot reach it, and nobody can keep a dead one alive.  The leader is dead when the beat stands still for SILENT_S; for REFUSED_S,
when its machine itself says that nothing runs there.
"""

from typing import Final

from .sight import NEVER, POLL_S, SILENT_S
from .status import Lead, Status

REFUSED_S: Final = 2 * POLL_S
"""Two rounds: a beat that comes by way of a neighbour rises at least once in them."""


class Pulse:
    """What one server has heard of leaders."""

    def __init__(self, me: str, term: int) -> None:
        self._me = me
        self.lead = Lead()
        self.seen = term
        """The highest term that was ever heard of."""
        self._rose_at = NEVER

    @property
    def mine(self) -> bool:
        return self.lead.server == self._me

    def hear(self, status: Status, now: float, *, leading: Status | None) -> bool:
        """Take in what a server says; leading: what this one says, if it leads.  Returns whether there is another leader now."""
        before = self.lead
        self.seen = max(self.seen, status.term, status.lead.term)
        self._learn(status.lead, now, leading=leading is not None)
        if leading is not None and status.leads and status.term == leading.term and status.merit > leading.merit:
            self.lead, self._rose_at = status.lead, now
        if status.server == self.lead.server and not status.leads and max(status.term, status.lead.term) >= self.lead.term:
            self._rose_at = NEVER  # it knows of this term and does not lead: it has stepped down, or was started again
        return (self.lead.term, self.lead.server) != (before.term, before.server)

    def _learn(self, lead: Lead, now: float, *, leading: bool) -> None:
        if not lead.term or lead.server == self._me:
            return
        same = lead.term == self.lead.term
        beats = same and lead.server == self.lead.server and lead.beat > self.lead.beat
        instead = same and lead.server != self.lead.server and not leading and not self.beats(now, refused=False)
        if lead.term > self.lead.term or beats or instead:
            self.lead, self._rose_at = lead, now

    def beats(self, now: float, *, refused: bool) -> bool:
        """Whether the leader lives; refused: its machine says that nothing runs there."""
        return now < self.until(refused=refused)

    def until(self, *, refused: bool) -> float:
        """When the leader is dead, if its beat does not rise before."""
        return self._rose_at + (REFUSED_S if refused else SILENT_S)

    def woke(self, gap_s: float) -> None:
        """This process was not running for so long."""
        self._rose_at += gap_s

    def rise(self, server: str, term: int) -> None:
        """A `lead` of this server is durable here: when it is the leader, it goes on in a later term (witness.py)."""
        if server == self.lead.server and term > self.lead.term:
            self.lead, self.seen = Lead(term=term, server=server), max(self.seen, term)

    def take(self, term: int) -> None:
        """This server leads."""
        self.lead, self.seen = Lead(term=term, server=self._me), max(self.seen, term)

    def beat(self) -> None:
        self.lead = self.lead.model_copy(update={"beat": self.lead.beat + 1})

    def ended(self) -> None:
        """This server has stepped down."""
        if self.mine:
            self._rose_at = NEVER
