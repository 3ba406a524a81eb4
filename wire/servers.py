"""Directory servers that mDNS has shown, for agents and archivers that have no list of them.  No I/O, no clock.

    mDNS shows                                      known
    ─────────────────────────────────────────────   ──────────────────────────────────────────────────────────────
    an id that is not known, and there is room      it too
    an id that is not known, MAX_KNOWN are          instead of the first that mDNS shows no more; is there none: as before
    an id that is known, at another address         at that one
    one no more, or nothing                         as before, and over a restart

Rules: identity is the id (invariant 11); who is shown is not authenticated, so it is asked, and believed as far as wire/follow.py goes.
A dead server stays listed for up to 75 minutes, and a living one may be missing: mDNS takes nobody away, and who does not answer is
passed over.  A flood of announcements costs MAX_KNOWN addresses, and displaces nobody who is announced.
"""

from collections.abc import Mapping
from typing import Final

MAX_KNOWN: Final = 16
"""A site has seven at most; the others are for those that were replaced by one of another id."""


class ServerBook:
    """Addresses by server id."""

    def __init__(self, last_known: Mapping[str, str]) -> None:
        self._known = dict(list(last_known.items())[:MAX_KNOWN])

    def found(self, shown: Mapping[str, str]) -> bool:
        """This is what mDNS shows now; True when somebody is known otherwise than before."""
        before = dict(self._known)
        for server, url in shown.items():
            if server in self._known or self._has_room(shown):
                self._known[server] = url
        return self._known != before

    def _has_room(self, shown: Mapping[str, str]) -> bool:
        """Whether one more may be known; makes room when it has to and can."""
        if len(self._known) < MAX_KNOWN:
            return True
        for server in self._known:
            if server not in shown:
                del self._known[server]
                return True
        return False

    def urls(self) -> tuple[str, ...]:
        """In the order of their ids, so that all who know the same ones spread over them (wire/follow.py)."""
        return tuple(self._known[server] for server in sorted(self._known))

    def last_known(self) -> dict[str, str]:
        """What to keep on disk for the next start."""
        return dict(self._known)
