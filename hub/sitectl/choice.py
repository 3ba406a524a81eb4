"""Which of the hubs that mDNS shows a command that only looks may ask.  No I/O.

    mDNS shows directory servers of     asked
    ─────────────────────────────────   ─────────────────────────────────────────────────────────────
    one site                            those, by id: the first that says of itself what mDNS says of it
    several sites                       nobody: the operator names one
    none                                nobody

Rules: nobody who announces himself is authenticated, and he may be dead for an hour: so he is only looked at, and which one is told.
"""

from collections.abc import Iterable
from typing import Final

from ...wire.errors import RemoteError, UsageError
from ...wire.mdns import Found

ROLE: Final = "directory"
MAX_ASKED: Final = 7
"""As many as a site has; each that is dead costs a second."""
REMEDY: Final = "name one: --server http://host:9701"
MAX_NAMED: Final = 4
"""Sites in a message."""


def candidates(shown: Iterable[Found], here: str) -> tuple[Found, ...]:
    """Whom to ask, in turn; raises RemoteError when there is nobody, UsageError when it is not clear.  here: where nobody is."""
    found = sorted({hub for hub in shown if ROLE in hub.roles}, key=lambda hub: (hub.site, hub.id, hub.url))
    if not found:
        raise RemoteError(f"no directory server is at {here}, and mDNS shows none", remedy=REMEDY)
    first = {hub.site: hub for hub in reversed(found)}
    if len(first) > 1:
        named = [f"--server {hub.url} for {site}" for site, hub in sorted(first.items())[:MAX_NAMED]]
        raise UsageError(f"mDNS shows directory servers of {len(first)} sites", remedy=f"name one: {', or '.join(named)}")
    return tuple(found[:MAX_ASKED])
