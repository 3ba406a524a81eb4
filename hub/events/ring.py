"""The newest events in memory, numbered.  No I/O, no clock, no threads: the owner guards it.

Rules: numbers rise by one and are never given twice, so a reader that remembers the last one misses nothing and sees nothing
twice; what it has missed because it came too late it sees from `oldest`.  An event with the source, time, kind and text of one that
is listed is the same one, come twice by MQTT or come back from there: it is left out.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from ...wire.causes import EventKind
from ...wire.messages import Event, Message

MAX_EVENTS: Final = 10_000
"""As lines of JSON about 0.6 kB each in memory, at most 3 kB: 6 MB, at most 30 MB (as models 1.4 kB).  A week at one event
a minute."""
MAX_TEXT: Final = 300
"""Characters of a text or a remedy that are kept; the log has the rest."""


class ListedEvent(Event):
    """An event with its number on this archiver."""

    number: int


class EventPage(Message):
    """Answer to `GET /v1/events`."""

    events: list[ListedEvent]
    """In the order of their numbers."""
    next: int
    """What to ask for as `since` to get what follows."""
    oldest: int
    """Number of the oldest event that is still listed; 0 when there is none."""
    newest: int


class _Kept(NamedTuple):
    """What is looked for, and the rest as a line."""

    number: int
    kind: EventKind
    camera: str
    key: int
    line: bytes

    def event(self) -> ListedEvent:
        return ListedEvent.model_validate_json(self.line)


class Ring:
    """The last `limit` events."""

    def __init__(self, events: Iterable[ListedEvent] = (), *, limit: int = MAX_EVENTS) -> None:
        self._events: deque[_Kept] = deque(map(_kept, events), maxlen=limit)
        self._limit = limit
        self._listed = {kept.key for kept in self._events}

    def __len__(self) -> int:
        return len(self._events)

    @property
    def newest(self) -> int:
        return self._events[-1].number if self._events else 0

    @property
    def oldest(self) -> int:
        return self._events[0].number if self._events else 0

    def add(self, event: Event) -> ListedEvent | None:
        """Give the event its number; the oldest one goes when the ring is full.  None when it is listed already."""
        short = {"text": event.text[:MAX_TEXT], "remedy": event.remedy[:MAX_TEXT]}
        listed = ListedEvent(**{**event.model_dump(), **short, "number": self.newest + 1})
        kept = _kept(listed)
        if kept.key in self._listed:
            return None
        if len(self._events) == self._limit:
            self._listed.discard(self._events[0].key)
        self._listed.add(kept.key)
        self._events.append(kept)
        return listed

    def after(self, number: int) -> Iterator[ListedEvent]:
        """The events above a number, in order; found from the newest end, so that the few new ones are cheap."""
        return (kept.event() for kept in self._after(number))

    def lines_after(self, number: int) -> list[bytes]:
        """The same as lines of JSON, as they are kept."""
        return [kept.line for kept in self._after(number)]

    def _after(self, number: int) -> Iterator[_Kept]:
        count = min(max(self.newest - number, 0), len(self._events))
        return islice(self._events, len(self._events) - count, None)

    def page(self, *, since: int | None, kind: EventKind | None, camera: str | None, limit: int) -> EventPage:
        """The first `limit` events above since, or without it the newest ones, of a kind and of a camera."""

        def fits(kept: _Kept) -> bool:
            return kind in (None, kept.kind) and camera in (None, kept.camera)

        if since is None:
            found = list(islice(filter(fits, reversed(self._events)), limit))[::-1]
            following = self.newest
        else:
            found = list(islice(filter(fits, self._after(since)), limit))
            following = found[-1].number if len(found) == limit else max(self.newest, since)
        return EventPage(events=[kept.event() for kept in found], next=following, oldest=self.oldest, newest=self.newest)


def _kept(event: ListedEvent) -> _Kept:
    """Its key is 64 bits of hash: of 10 000 events one in 10^15 is taken for another."""
    key = hash((event.source, event.at_s, event.kind, event.text))
    return _Kept(event.number, event.kind, event.camera, key, event.model_dump_json().encode())
