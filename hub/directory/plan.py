"""plan(site, alive, now): which agent records which camera, and which archivers keep it.  No I/O, no clock.

    by priority, highest first:   keep      a camera stays where it is, if that agent lives, may record it and has room
                                  place     the rest: its own list of recorders, the standbys of who had it, then the emptiest
                                            agent that reaches it; agents that stand by come last
    room that lower priorities hold is used only when there is no other: they are placed again after it, or left without
    at the end                    return    at most `max_returns` cameras whose `recorder_failback` is auto go to a steady agent that they
                                            prefer: an earlier one of their list, else one that does not stand by
                                  balance   at most `max_moves` cameras go from the fullest agents to the emptiest

Rules: a pure function: the same arguments give the same plan.  Nothing moves without a reason: member gone, rule changed, no room,
return, or balance.  No return is to an agent that the camera prefers less, and balance moves no camera to one that stands by, so there
is no circle.  A camera for which there is no room is named with why; it never pushes out one of the same priority.  A dead agent in a
maintenance window keeps its cameras: it was announced.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .lists import Lists
from .recorders import Recorders
from .rules import priority
from .site import Recording, Site


@dataclass(frozen=True, slots=True)
class Alive:
    """Who is taken to live; whoever is not named is gone."""

    agents: frozenset[str]
    archivers: frozenset[str]
    doubtful: frozenset[str] = frozenset()
    """Agents that keep what they have, and get nothing more."""
    steady: frozenset[str] = frozenset()
    """Agents that cameras may return to (steady.py)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Recorders by camera, planned archiver lists by camera, cameras without a recorder or copies, with why; how many return."""

    recorders: dict[str, str]
    archivers: dict[str, tuple[str, ...]]
    without: dict[str, str]
    returns: int = 0

    def moves(self, before: Mapping[str, Recording]) -> list[str]:
        """Cameras that another agent recorded before."""
        return [name for name, agent in self.recorders.items() if name in before and before[name].agent not in ("", agent)]


def plan(site: Site, alive: Alive, now_s: float, *, max_moves: int = 0, max_returns: int = 0) -> Plan:
    """The best assignment of all cameras; max_moves bounds moves for balance alone, max_returns those to preferred agents."""
    cameras = site.cameras
    order = sorted(cameras, key=lambda name: (-priority(site, cameras[name]), name))
    hands = Recorders(site, alive.agents, alive.doubtful, now_s, cameras)
    hands.assign(order)
    returns = hands.give_back(order, alive.steady, max_returns)
    hands.balance(max_moves)
    lists, short = Lists(site, alive.archivers, cameras).assign(order)
    return Plan(hands.placed, lists, {**short, **hands.without}, returns)
