"""How the site fares while one archiver is away: noticed when, caught up when, the oldest chunk.  No I/O, no clock.

Rules: learns from what the site says on MQTT and from nothing else; `now` is monotonic, `utc_s` is the clock that the
messages are stamped with, the same machine's.
"""

from ...wire.causes import CameraStatus, EventKind
from .follow import SiteView
from .verdict import Takeover


class Measure:
    """Call `look` often; `killed` just before it happens, `restarted` when it has."""

    def __init__(self, victim: str, survivor: str) -> None:
        self._victim, self._survivor = victim, survivor
        self._killed: tuple[float, float] | None = None
        self._restarted: tuple[float, float] | None = None
        self._detected: float | None = None
        self._caught_up: float | None = None
        self._worst_age = 0.0

    def killed(self, now: float, utc_s: float) -> None:
        self._killed = now, utc_s

    def restarted(self, now: float, utc_s: float) -> None:
        self._restarted = now, utc_s

    def look(self, view: SiteView, now: float) -> None:
        """Take in what the site says now."""
        ages = [state.chunk_age_s for state in view.cameras.values()
                if state.chunk_age_s is not None and state.status == CameraStatus.RECORDING]  # fmt: skip
        self._worst_age = max([self._worst_age, *ages])
        if self._killed is not None and self._detected is None and self._noticed(view, self._killed[1]):
            self._detected = now - self._killed[0]
        if self._restarted is not None and self._caught_up is None and self._whole(view, self._restarted[1]):
            self._caught_up = now - self._restarted[0]

    def takeover(self, *, settled: bool) -> Takeover:
        """The figures; unless the end was waited for, nothing has caught up."""
        dead = self._restarted[0] - self._killed[0] if self._killed and self._restarted else 0.0
        return Takeover(self._victim, self._survivor, _rounded(self._detected), round(dead, 2),
                        _rounded(self._caught_up) if settled else None, self._worst_age)  # fmt: skip

    def _noticed(self, view: SiteView, since_s: float) -> bool:
        """Whether an agent has told of it: as a takeover, or as an archiver that nobody stands in for."""
        kinds = (EventKind.TAKEOVER, EventKind.ARCHIVER)
        return any(event.archiver == self._victim and event.kind in kinds and event.at_s >= since_s for event in view.events)

    def _whole(self, view: SiteView, since_s: float) -> bool:
        """Whether a beacon since then owes the victim no more than what is always under way, a chunk of each camera."""
        return any(link.archiver == self._victim and link.healthy and link.missing <= beacon.cameras
                   for beacon in view.agents.values() if beacon.sent_s >= since_s for link in beacon.links)  # fmt: skip


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
