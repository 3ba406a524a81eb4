"""Which servers there are, as one of them knows it.  No I/O.

    of the configuration    as long as the site names no servers: at the first start, or after the loss of the disk
    of the site             from then on; a leader puts those of the configuration there when it finds none
    guests                  servers that speak for themselves, and whose journal is further than ours: they were added there

Rules: without guests a server could not follow a leader that was added while it was away.  One that is not of the site any more says so
(Status.able), and is no guest.

Bounds: MAX_SERVERS guests.
"""

from collections.abc import Iterable

from ..entities import MAX_SERVERS, Server
from ..site import Site
from .status import Member, Status


class Members:
    """Servers by id."""

    def __init__(self, me: Member, configured: Iterable[Member]) -> None:
        self._me = me
        self._configured = {one.id: one for one in configured}
        self._guests: dict[str, Status] = {}
        self.known = dict(self._configured)

    @property
    def me(self) -> Member:
        """This server as the site describes it."""
        return self.known.get(self._me.id, self._me)

    @property
    def others(self) -> set[str]:
        return self.known.keys() - {self._me.id}

    def refresh(self, site: Site) -> bool:
        """The site has changed; returns whether the servers have."""
        named = ((name, record.entity) for name, record in site.entities.get("server", {}).items())
        found = {name: Member(name, one.url, one.rank, one.recovery) for name, one in named if isinstance(one, Server)}
        found = found or self._configured
        self._guests = {name: one for name, one in self._guests.items() if name not in found and one.position > (site.term, site.index)}
        found = found | {name: Member(name, one.url, one.rank, one.recovery) for name, one in self._guests.items()}
        changed, self.known = found != self.known, found
        return changed

    def welcome(self, status: Status, site: Site) -> bool:
        """A server has spoken; returns whether it is a guest from now on."""
        further = status.able and status.url and status.position > (site.term, site.index)
        if status.server in self.known or not further or len(self._guests) >= MAX_SERVERS:
            return False
        self._guests[status.server] = status
        return self.refresh(site)
