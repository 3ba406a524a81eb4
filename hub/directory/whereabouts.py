"""Where a site's archivers are: at the address that the site gives, else where mDNS shows them.

Rules: an address by mDNS is for questions alone, whether an archiver is there and what it has: whoever announces himself under its id on
this network can answer them, so an address in the site goes first.  Who is shown no more stays known: a dead archiver is to be missed.

Bounds: MAX_SHOWN addresses; beyond them those that are shown no more are forgotten first.
"""

import threading
from collections.abc import Mapping
from typing import Final

from .site import Site

MAX_SHOWN: Final = 1000


class Whereabouts:
    """shown() by one thread, of() by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}

    def shown(self, archivers: Mapping[str, str]) -> None:
        """Addresses by id of all that mDNS shows now."""
        with self._lock:
            kept = {name: url for name, url in self._shown.items() if name not in archivers}
            self._shown = dict([*archivers.items(), *kept.items()][:MAX_SHOWN])

    def of(self, site: Site) -> dict[str, str]:
        """Addresses of the site's archivers, of those that have one."""
        with self._lock:
            found = ((name, one.url or self._shown.get(name)) for name, one in site.stores.items())
            return {name: url for name, url in found if url is not None}
