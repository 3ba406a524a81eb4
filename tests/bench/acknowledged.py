"""Edits that directory servers have answered as made, and whether their journals have them.  No I/O, no clock; used by any thread.

Rules: every edit has a name of its own, in the value that it gives to its camera, by which it is found in whatever it has become: an entry,
one that merges it from another branch, or one that keeps it for an operator.  Answers that refuse, or do not know, acknowledge nothing.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from directory_kit import CAMERA

SHOWN = 5
"""Of the edits that a server lacks."""


class Acknowledged:
    """One for all edits of a site."""

    def __init__(self) -> None:
        self._lock, self._asked = threading.Lock(), 0
        self._made: set[str] = set()

    @property
    def count(self) -> int:
        with self._lock:
            return len(self._made)

    def value(self) -> dict[str, str]:
        """What the next edit makes of its camera."""
        with self._lock:
            self._asked += 1
            return {**CAMERA, "name": f"edit {self._asked}"}

    def take(self, value: Mapping[str, str]) -> None:
        """This one was answered as made."""
        with self._lock:
            self._made.add(value["name"])

    def missing(self, journals: Mapping[str, Iterable[dict[str, Any]]]) -> dict[str, list[str]]:
        """By server, what its journal lacks of all that anybody has acknowledged; journals are payloads of entries."""
        with self._lock:
            made = set(self._made)
        lacks = {server: made.difference(*map(_named, payloads)) for server, payloads in journals.items()}
        return {server: sorted(names) for server, names in lacks.items() if names}


def told(missing: Mapping[str, list[str]]) -> str:
    """What is missing where, in a line; empty for nothing."""
    return "".join(f"; {server} lacks {len(names)}: {', '.join(names[:SHOWN])}" for server, names in sorted(missing.items()))


def lost(missing: Mapping[str, list[str]]) -> int:
    """How many edits at least one server lacks."""
    return len(set[str]().union(*missing.values()))


def _named(payload: dict[str, Any]) -> Iterator[str]:
    """The names of all edits in an entry: what it changes, and what it keeps of others."""
    for change in payload.get("changes", ()):
        yield (change["value"] or {}).get("name", "")
    for kept in payload.get("entries", ()):
        yield from _named(kept)
