"""What a camera says of its session, and how it is kept alive: id, time-out, and which request it takes for a sign of life.  No I/O.

    GET_PARAMETER, where the camera's OPTIONS names it ─refused─▶ OPTIONS, at once and from then on
    OPTIONS, where it does not, or refuses that itself ─refused─▶ GET_PARAMETER, at once and from then on

Rules: a sign of life is given at half of the time-out at the latest, and so it is due a tick before.  One that was refused does not
count, and the next turn would be as late as the time-out itself: so the other one follows at once.  That both are refused is nothing:
packets tell whether the session lives, and some cameras send on while they deny that there is one.
"""

from dataclasses import dataclass
from typing import Final

SESSION_S: Final = 60
"""RFC 2326, 12.37: when the camera names no time-out."""
MAX_SESSION_S: Final = 3600
MAX_SESSION_ID: Final = 512
EARLY_S: Final = 0.2
"""A tick of agent/pump.py at its longest: what falls due within one is said at its end."""


@dataclass(slots=True)
class KeepAlive:
    """Of one connection; `session` is the id that requests carry, empty before the camera gave one."""

    session: str = ""
    timeout_s: int = SESSION_S
    method: str = "OPTIONS"
    """What is given for a sign of life."""
    other: str = "GET_PARAMETER"
    """What is left to try; empty when nothing is."""

    def offers(self, public: str) -> None:
        """The Public header of OPTIONS, empty when there is none."""
        if "GET_PARAMETER" in public.upper():
            self.method, self.other = "GET_PARAMETER", "OPTIONS"

    def note(self, header: str) -> None:
        """A Session header: the first id stays; what cannot be read is left out."""
        identity, *parameters = (part.strip() for part in header.split(";"))
        if identity and len(identity) <= MAX_SESSION_ID and not self.session:
            self.session = identity
        for name, _, text in (one.partition("=") for one in parameters):
            value = text.strip().strip('"')
            if name.strip().lower() == "timeout" and value.isascii() and value.isdigit() and 0 < len(value) <= 6 and int(value):
                self.timeout_s = min(int(value), MAX_SESSION_S)

    @property
    def every_s(self) -> float:
        """From one sign of life to where the next is due: whoever waits for a tick then is not past half of the time-out.  At least 0.3."""
        return self.timeout_s / 2 - EARLY_S

    def refused(self) -> bool:
        """Whether another method is left to try."""
        if not self.other:
            return False
        self.method, self.other = self.other, ""
        return True
