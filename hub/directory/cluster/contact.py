"""Which followers a leader's request waits for: those that are in touch.  No I/O, no clock.

Rules: a follower is in touch while it pulls, or as long as it has had no time to begin to.  A recovery server may be far away, so it is
waited for only when no other one is in touch: an edit that only the leader has is lost with the leader's disk.
"""

from .leading import ACK_S
from .sight import NEVER, SILENT_S, Sight


class Contact:
    """Of one server, with those that follow it."""

    def __init__(self) -> None:
        self._fetched_at: dict[str, float] = {}

    def fetched(self, server: str, now: float) -> None:
        self._fetched_at[server] = now

    def touching(self, sight: Sight, begun: float, now: float) -> frozenset[str]:
        """begun: since when they could have pulled."""
        near: set[str] = set()
        far: set[str] = set()
        for name, one in sight.living(now).items():
            pulls = now - self._fetched_at.get(name, NEVER) < SILENT_S
            if one.able and (pulls or now - max(begun, sight.came_at(name)) < ACK_S):
                (far if one.recovery else near).add(name)
        return frozenset(near or far)
