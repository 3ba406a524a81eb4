"""mDNS names of `_watchkeep._tcp` (RFC 6763).

Rules: discovery only (invariant 11): identity is the TXT `id`, never the instance name or the address.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .errors import FormatError, IdError
from .ids import check_id

SERVICE_TYPE: Final = "_watchkeep._tcp.local."
MAX_ROLES: Final = 8
"""Three roles exist; a TXT record with more is not ours."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a hub says about itself: TXT `id role site ver`; roles are comma-separated in `role`."""

    id: str
    roles: tuple[str, ...]
    site: str
    version: str

    def txt(self) -> dict[str, str]:
        return {"id": self.id, "role": ",".join(self.roles), "site": self.site, "ver": self.version}

    def instance(self, port: int) -> str:
        """Preferred instance name, with the port, because a responder does not see its rivals on the same machine.

        At most 63 bytes (RFC 1035, 2.3.4).  The responder may change it when another machine has it already.
        """
        return f"{self.id[:57]}-{port}.{SERVICE_TYPE}"


def parse_txt(txt: Mapping[str, str]) -> Announcement:
    """Read a TXT record; raises FormatError or IdError.  Unknown keys are ignored."""
    roles = tuple(txt.get("role", "").split(","))
    if len(roles) > MAX_ROLES:
        raise FormatError("too many roles in an mDNS announcement", remedy="look for a foreign device that announces _watchkeep._tcp")
    for role in roles:
        check_id("role", role)
    return Announcement(check_id("hub", txt.get("id", "")), roles, check_id("site", txt.get("site", "")), txt.get("ver", "")[:32])


MAX_SIGHTINGS: Final = 1024
"""Instances remembered, ours or not: anyone on the network can announce, and a site has some dozens of hubs."""


@dataclass(frozen=True, slots=True)
class Found:
    """A hub as its announcement shows it; not authenticated, and possibly long dead (mDNS caches last up to 75 minutes)."""

    id: str
    url: str
    roles: tuple[str, ...]
    site: str
    version: str


class Sightings:
    """Who is announced under which instance name, and which of them stands for an id.  No I/O.

    Two instances with one id and one address are the same hub under an old name and a new one.  Two with different
    addresses are a conflict: the one seen first is kept until it is gone or another is preferred.
    """

    def __init__(self, site: str | None) -> None:
        """site: None for all of them; then ids may be those of several sites."""
        self._site = site
        self._seen: dict[str, Found] = {}
        self.ignored = 0

    def saw(self, instance: str, found: Found) -> None:
        """Note an announcement; those of other sites, and those beyond MAX_SIGHTINGS, are ignored."""
        if self._site is not None and found.site != self._site:
            self._seen.pop(instance, None)
        elif instance in self._seen or len(self._seen) < MAX_SIGHTINGS:
            self._seen[instance] = found
        else:
            self.ignored += 1

    def gone(self, instance: str) -> None:
        self._seen.pop(instance, None)

    def prefer(self, hub: str, url: str) -> None:
        """Let this address stand for the hub from now on, and the others behind it."""
        self._seen = dict(sorted(self._seen.items(), key=lambda item: item[1].id == hub and item[1].url != url))

    def all(self) -> tuple[Found, ...]:
        """Whoever is announced, each once."""
        return tuple(dict.fromkeys(self._seen.values()))

    def hubs(self) -> dict[str, Found]:
        """The hub of each id."""
        found: dict[str, Found] = {}
        for sighting in self._seen.values():
            found.setdefault(sighting.id, sighting)
        return found

    def conflicts(self) -> dict[str, tuple[str, ...]]:
        """Ids that are announced with several addresses: the url in use, then the others."""
        urls: dict[tuple[str, str], dict[str, None]] = {}
        for sighting in self._seen.values():
            urls.setdefault((sighting.site, sighting.id), {})[sighting.url] = None
        return {hub: tuple(several) for (_, hub), several in urls.items() if len(several) > 1}


def remembered(kind: str, data: bytes | None) -> dict[str, str]:
    """Addresses by id from what was kept on disk of those found; what is damaged there is left out, because nothing depends on it.

    kind: a word for the ids, such as archiver.
    """
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return {name: url for name, url in found.items() if _usable(kind, name, url)} if isinstance(found, dict) else {}


def _usable(kind: str, name: str, url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        check_id(kind, name)
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except (IdError, ValueError):  # ValueError: a port that is no number
        return False
