"""How long a server may act for the roles that its journal says it holds, by what it hears of the leader itself.  No I/O, no clock.

    leader    hears the holder ──dead to it──▶ misses it ───────LEASE_S───────▶ gives the role to another server
    holder    hears the leader, has all its entries ──HOLD_S without either──▶ stops

Rules:
  - A holder counts from the last moment at which the leader said that it leads and how far its journal goes, and whose entries are in the
    own journal by now.  So whoever is cut off, or has a disk that takes no entries, does not act on a lease that may be over.
  - A leader counts from when it misses the holder, which is later, and a new one from when it leads, which is later too: under one leader
    after the other no two servers act for a role that one of them has lost by its silence.
  - What neighbours pass on counts for nothing here: a leader gives away by what it hears itself.
  - Time that this process was stopped counts, other than for the others' silence (sight.py).

Not promised: two leaders of a torn network have a holder each.  A role that goes on while its holder lives (an operator's order, `highest`)
is acted on by both until the old holder has that entry: milliseconds, HOLD_S at most.
"""

from typing import Final

from .sight import NEVER
from .status import Lead, Status

HOLD_S: Final = 4.0
"""A leader's death is noticed in 2 s at most, a round later another one claims the lead, and another one later it is heard of: 3.7 s with
the write between.  So a holder goes on through a change of leader."""
LEASE_S: Final = HOLD_S + 1.0
"""What the leader says may have been on its way for as long as a question waits for its answer (errands.py)."""

Position = tuple[int, int]
"""(term, index) of the last entry of a journal."""


class Tenure:
    """One server's."""

    def __init__(self) -> None:
        self._known_at = NEVER
        """When the leader said how far its journal went, as far as the own one goes by now."""
        self._owed: tuple[float, Position] | None = None
        """The same of the oldest such word that the own journal does not reach."""

    def hear(self, status: Status, lead: Lead, mine: Position, now: float) -> None:
        """A server has said this itself; lead: the newest leader that is known by now, mine: where the own journal ends."""
        self._look(mine)
        if self._owed is None and status.leads and status.server == lead.server:
            self._owed = now, status.position
            self._look(mine)

    def holds(self, mine: Position, now: float) -> bool:
        """Whether what the own journal says of roles can be acted on."""
        self._look(mine)
        return now - self._known_at < HOLD_S

    def _look(self, mine: Position) -> None:
        if self._owed is not None and mine >= self._owed[1]:
            self._known_at, self._owed = self._owed[0], None
