"""What somebody else says on our own beacon's topic, and what to make of it.  No I/O.

    payload                                     is                                              do
    ─────────────────────────────────────────   ─────────────────────────────────────────────   ─────────────────────────────
    with our boot                               the echo of our own beacon                      nothing
    offline, another boot                       the late will of the process before us          say again at once who is here
    online, another boot, for the first time    what the process before us left retained, or    nothing yet
                                                the first word of a namesake
    online, another boot, and a later beat      a namesake: two recorders with one id           tell the operator, once a boot

Rules: advisory, as everything on MQTT: a namesake changes nothing in recording, and is answered with no beacon out of turn, or
the two would talk for ever.
"""

from enum import Enum, auto
from typing import Final

from pydantic import ValidationError

from ..wire.messages import AgentBeacon

MAX_BOOTS: Final = 8
"""Other boots remembered: a namesake or two, and what was before; anybody can publish, so the oldest goes."""
_TOLD: Final = 1 << 62


class Heard(Enum):
    NOTHING = auto()
    STALE = auto()
    NAMESAKE = auto()


class NamesakeWatch:
    """Give it every payload of the topic; belongs to one thread."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._beats: dict[str, int] = {}
        """The first beat heard of other boots; _TOLD once it is known to be alive."""

    def hear(self, payload: bytes) -> Heard:
        try:
            said = AgentBeacon.model_validate_json(payload)
        except ValidationError:
            return Heard.STALE  # whatever it is, it stands retained where our state belongs
        if said.boot == self._boot:
            return Heard.NOTHING
        if not said.online:
            return Heard.STALE
        first = self._beats.setdefault(said.boot, said.beat)
        if len(self._beats) > MAX_BOOTS:
            del self._beats[next(iter(self._beats))]
        if said.beat <= first:
            return Heard.NOTHING
        self._beats[said.boot] = _TOLD
        return Heard.NAMESAKE
