"""Which of the other servers live, by what they say and by their silence.  No I/O, no clock.

    asked every POLL_S ──answer──▶ living ──silent for SILENT_S──▶ dead ──answer──▶ living
                                      └──refused twice in a row──▶ dead at once

Rules: being asked counts as hearing, since a question carries the asker's Status: one direction of connections is enough for both to
see each other, and one that asks lives although its own port refuses.  Silence is measured by the own monotonic clock, and only while
this server itself was awake: one that was stopped for a minute has not heard anybody for a minute, and must not take that for
their death.  Followers that hear their leader ask each other half as often (`pace`): all that is urgent between them comes by way of it.

Bounds: MAX_SERVERS peers; one question under way to each.
"""

from dataclasses import dataclass
from typing import Final

from .status import Lead, Role, Status

POLL_S: Final = 0.6
EASY_S: Final = 1.0
"""Between two followers: half of SILENT_S, so that one late answer is nobody's death."""
NEAR_S: Final = 1.5 * POLL_S
"""A leader that was heard so lately is heard every round."""
SPARED: Final = 1.2
"""Whoever asks has told how it is, and is asked only when its next question is so many rounds late: of two servers one asks, which spares
half of it."""
SILENT_S: Final = 2.0
"""Three polls: a server that answers one in three is still there."""
REFUSALS: Final = 2
"""A port that is refused once may be a server that is just binding it; the second question comes at once."""
NEVER: Final = float("-inf")


@dataclass(slots=True)
class _Peer:
    status: Status | None = None
    heard_at: float = NEVER
    asked_us_at: float = NEVER
    refusals: int = 0
    came_at: float = NEVER
    """Since when it has been living without a break."""
    next_ask: float = NEVER
    asking: bool = False
    every_s: float = POLL_S
    asked_at: float = NEVER


class Sight:
    """The other servers as seen from here."""

    def __init__(self) -> None:
        self._peers: dict[str, _Peer] = {}

    def members(self, names: set[str]) -> None:
        """The others are these from now on."""
        for name in sorted(names - self._peers.keys()):
            self._peers[name] = _Peer()
        for name in self._peers.keys() - names:
            del self._peers[name]

    def due(self, now: float) -> list[str]:
        """Whom to ask now; each of them is to be answered with heard() or failed()."""
        names = [name for name, peer in self._peers.items() if not peer.asking and peer.next_ask <= now]
        for name in names:
            peer = self._peers[name]
            peer.asking, peer.asked_at, peer.next_ask = True, now, now + peer.every_s
        return names

    def pace(self, lead: Lead | None, now: float) -> None:
        """lead: whom this server follows.  Those that follow it too are asked every EASY_S while it is heard itself, else every POLL_S."""
        leader = None if lead is None else self._peers.get(lead.server)
        near = leader is not None and not leader.refusals and now - leader.heard_at < NEAR_S
        for peer in self._peers.values():
            easy = near and peer is not leader and _follows(peer.status, lead)
            if not easy and peer.every_s != POLL_S:
                peer.next_ask = min(peer.next_ask, max(peer.asked_at + POLL_S, peer.asked_us_at + SPARED * POLL_S))
            peer.every_s = EASY_S if easy else POLL_S

    def hurry(self, now: float) -> None:
        """Ask everybody at the next turn: there is something to tell."""
        for peer in self._peers.values():
            peer.next_ask = min(peer.next_ask, now)

    def heard(self, status: Status, now: float, *, answer: bool) -> None:
        """A server has said this; `answer`: to our question, else by its own."""
        peer = self._peers.get(status.server)
        if peer is None:
            return
        if answer:
            peer.asking, peer.refusals = False, 0
        else:
            peer.asked_us_at = now
            peer.next_ask = max(peer.next_ask, now + SPARED * peer.every_s)
        if not self._lives(peer, now) or (peer.status is not None and peer.status.boot != status.boot):
            peer.came_at = now
        peer.status, peer.heard_at = status, now

    def failed(self, name: str, now: float, *, refused: bool) -> None:
        """Our question was not answered; refused: something answered at once that nobody is there."""
        peer = self._peers.get(name)
        if peer is None:
            return
        peer.asking = False
        peer.refusals = peer.refusals + 1 if refused else 0
        if 0 < peer.refusals < REFUSALS:
            peer.next_ask = now

    def woke(self, gap_s: float) -> None:
        """This server itself was not running for so long: nobody could have been heard."""
        for peer in self._peers.values():
            peer.heard_at, peer.asked_us_at = peer.heard_at + gap_s, peer.asked_us_at + gap_s

    @staticmethod
    def _refuses(peer: _Peer, now: float) -> bool:
        return peer.refusals >= REFUSALS and now - peer.asked_us_at >= 2 * POLL_S

    def _lives(self, peer: _Peer, now: float) -> bool:
        return not self._refuses(peer, now) and now - peer.heard_at < SILENT_S

    def living(self, now: float) -> dict[str, Status]:
        """The last words of those that live."""
        return {name: peer.status for name, peer in self._peers.items() if peer.status is not None and self._lives(peer, now)}

    def refuses(self, name: str, now: float) -> bool:
        """Whether its machine says that it does not run."""
        peer = self._peers.get(name)
        return peer is not None and self._refuses(peer, now)

    def heard_since(self, name: str, when: float) -> bool:
        peer = self._peers.get(name)
        return peer is not None and peer.heard_at >= when

    def came_at(self, name: str) -> float:
        peer = self._peers.get(name)
        return NEVER if peer is None else peer.came_at

    def next_deadline(self) -> float | None:
        """When the next question is due."""
        return min((peer.next_ask for peer in self._peers.values() if not peer.asking), default=None)


def _follows(said: Status | None, lead: Lead | None) -> bool:
    """Whether a server says that it follows this leader."""
    return (said is not None and lead is not None and said.role is Role.FOLLOWING
            and (said.lead.term, said.lead.server) == (lead.term, lead.server))  # fmt: skip
