"""Connections on which no request comes: a peer that was cut off before it asked, a port scanner, half a header.  No I/O, no clock.

Rules: nothing else ends such a connection: the keep-alive time runs after an answer only, and TCP does not miss a peer that has been
told nothing.  Each of them is one of the MAX_CONNECTIONS, above which agents are refused as well.
"""

from collections.abc import Collection, Hashable
from typing import Final, TypeVar

C = TypeVar("C", bound=Hashable)

REQUEST_S: Final = 120.0
"""From the connection, or from the first byte of a further request, to the end of its header.  An agent connects before it reads from its
journal what it sends, so this is above the 20 to 40 s for which disks are known to stall."""


class Silent:
    """As many entries as connections wait."""

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}

    def due(self, waiting: Collection[C], now: float) -> list[C]:
        """Those that have waited for REQUEST_S at all times that were looked at; now is monotonic."""
        self._since = {one: self._since.get(one, now) for one in waiting}
        return [one for one in waiting if now - self._since[one] >= REQUEST_S]
