"""Sites for tests of the directory: made by the same edits that an operator would make."""

from typing import Any

from watchkeep.hub.directory.entry import Entry, next_entry
from watchkeep.hub.directory.leaving import leaving_after
from watchkeep.hub.directory.site import Change, Key, Site


def put(named: str, /, **value: Any) -> Change:
    """`put("camera/cam0", url=...)`: a change of whatever revision there is."""
    kind, _, entity = named.partition("/")
    return Change(Key(kind, entity), value)


def gone(name: str, was: int | None = None) -> Change:
    kind, _, entity = name.partition("/")
    return Change(Key(kind, entity), None, was)


def camera(number: int, **value: Any) -> Change:
    return put(f"camera/cam{number}", url=f"rtsp://10.0.0.{number % 250}/s{number}", **value)


class Book:
    """A journal in memory with its state: entries are made the way the leader makes them."""

    def __init__(self, *changes: Change) -> None:
        self.entries: list[Entry] = []
        self.site = Site()
        if changes:
            self.edit(*changes)

    def write(self, kind: Any, term: int | None = None, **payload: Any) -> Entry:
        last = self.entries[-1] if self.entries else None
        entry = next_entry(last, term=self.site.term or 1 if term is None else term, actor="ops",
                           at_s=1_790_000_000.0 + len(self.entries), kind=kind, payload=payload)  # fmt: skip
        self.site.apply(entry)
        self.entries.append(entry)
        return entry

    def edit(self, *changes: Change) -> Entry:
        return self.write("edit", changes=[change.to_json() for change in changes], note="")

    def assign(self, recorders: dict[str, str], archivers: dict[str, list[str] | None] | None = None,
               left: dict[str, int] | None = None) -> Entry:  # fmt: skip
        """Recorders by camera, each under the next term of its own; left: cameras that nobody leaves any more, with their terms."""
        terms = {name: self.site.recorders[name].term if name in self.site.recorders else 0 for name in recorders}
        given = {name: [agent, terms[name] + 1] for name, agent in recorders.items()}
        leaving = {name: [list(one) for one in leaves] for name, leaves in leaving_after(self.site, recorders, left or {}).items()}
        return self.write("assign", recorders=given, archivers=archivers or {}, leaving=leaving)
