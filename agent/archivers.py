"""Which archivers the agent knows, from four sources.  No I/O.

    static list   >   directory   >   mDNS now   >   last known list

Rules: discovery adds addresses, it never takes one away: a dead host stays listed for up to 75 minutes and a live
one may be missing, so health is judged by acknowledgements alone (invariants 9 and 11).
"""

from collections.abc import Mapping

MAX_KNOWN = 64
"""Archivers kept: a site has a handful; anybody on the LAN can announce, so the list is bounded, oldest first out."""


class ArchiverBook:
    """Addresses by archiver id."""

    def __init__(self, static: Mapping[str, str], last_known: Mapping[str, str]) -> None:
        self._static = dict(static)
        self._told: dict[str, str] = {}
        self._found: dict[str, str] = dict(list(last_known.items())[-MAX_KNOWN:])

    def listed(self, urls: Mapping[str, str]) -> bool:
        """The operator's static list is another one; True when it really is."""
        before, self._static = self._static, dict(urls)
        return before != self._static

    def told(self, urls: Mapping[str, str]) -> bool:
        """The directory's list is another one; True when it really is."""
        before, self._told = self._told, dict(urls)
        return before != self._told

    def found(self, urls: Mapping[str, str]) -> bool:
        """Take over what mDNS shows now; True when an address is new or has changed."""
        before = dict(self._found)
        for archiver, url in urls.items():
            self._found.pop(archiver, None)
            self._found[archiver] = url
        while len(self._found) > MAX_KNOWN:
            del self._found[next(iter(self._found))]
        return self._found != before

    def urls(self) -> dict[str, str]:
        """Every known archiver's address; the operator's static list wins."""
        return {**self._found, **self._told, **self._static}

    def last_known(self) -> dict[str, str]:
        """What to keep on disk for the next start."""
        return dict(self._found)
