"""What is on its way to another directory server for somebody who waits here, and when that is given up.

    connecting ──CONNECT_S──▶ not sent        sent ──that server is heard no more──▶ given up: nobody knows what became of it
                                                └──this server stops──────────────▶ the same

Rules: each is sent over a link of its own, by the thread that waits.  Whoever is cut off looks like one that thinks: so the waiting ends
when this server itself takes the other one for dead, and not by a time that is long enough for every disk.  One that was not heard when it
began is given up only after it was heard and is no more.  look() is called all the time by the thread that knows who lives.

Bounds: as many as the API has threads for edits.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from .cluster.sight import SILENT_S
from .cluster.status import Member
from .link import Link

CONNECT_S: Final = SILENT_S
"""A machine that is there answers at once, and after a lost packet within a second."""


@dataclass(eq=False, slots=True)
class _Way:
    """One that is under way; heard: the server has been heard since it began, or lived then."""

    server: str
    link: Link
    heard: bool


class Forwards:
    """Everything from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ways: set[_Way] = set()
        self._over = False

    def __bool__(self) -> bool:
        """Whether something is under way."""
        return bool(self._ways)

    @contextmanager
    def to(self, server: Member, *, heard: bool) -> Iterator[Link]:
        """A link for one request; heard: whether that server lives, as far as is known."""
        way = _Way(server.id, Link(server.url, connect_s=CONNECT_S), heard)
        with self._lock:
            self._ways.add(way)
            if self._over:
                way.link.abort()
        try:
            yield way.link
        finally:
            with self._lock:
                self._ways.discard(way)
            way.link.close()

    def look(self, living: Collection[str]) -> None:
        """These other servers live."""
        with self._lock:
            for way in self._ways:
                if way.server in living:
                    way.heard = True
                elif way.heard:
                    way.link.abort()

    def end(self) -> None:
        """Give up all that is under way, and all that comes."""
        with self._lock:
            self._over = True
            for way in self._ways:
                way.link.abort()
