"""The state of a site: a fold over the journal's entries.  No I/O, no clock.

Rules: `apply` is the only thing that changes a Site and cannot fail on an entry that rules.py and the leader let pass; what
the same entries make is the same Site on every server, bit by bit (`digest`).  A revision is the index of the entry that last changed
an entity.  What it does not know (a newer version's kind of entity) it keeps as it is, so mixed versions do not lose edits.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from blake3 import blake3
from pydantic import ValidationError

from ...wire.errors import FormatError
from .entities import KINDS, Agent, Archiver, Camera, Entity, Group, Location, MaintenanceWindow, Role, Server
from .entry import FIRST_HASH, Entry

MAX_RETIRED: Final = 1000
"""Removed agents that are remembered, those removed last."""
MAX_TAKEN: Final = 10_000
"""Entries of other branches that are remembered as taken in, the newest ones: 0.7 MB.  One that is delivered again after so many is
looked at anew: what it says is either there already or shown to an operator once more."""


class Key(NamedTuple):
    """Names one entity, written `camera/cam0`."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True)
class Record:
    """One entity as it is stored; `value` are its fields as JSON."""

    kind: str
    value: dict[str, Any]
    revision: int

    @cached_property
    def entity(self) -> Entity:
        """As this version understands it: fields and words of a newer one count as not said.  Raises FormatError for a kind that it does
        not know, and ValidationError for what it cannot understand at all."""
        known = KINDS[self.kind].model_fields if self.kind in KINDS else {}
        value = {name: item for name, item in self.value.items() if name in known}
        try:
            return typed(self.kind, value)
        except ValidationError as error:
            words = {detail["loc"][0] for detail in error.errors() if detail["type"] == "literal_error"}
            if not words:
                raise
        return typed(self.kind, {name: item for name, item in value.items() if name not in words})

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        """Entity.refers_to; nothing of a kind that this version does not know."""
        return self.entity.refers_to() if self.kind in KINDS else ()


def typed(kind: str, value: dict[str, Any]) -> Entity:
    """Fields as JSON to a model; raises FormatError or pydantic's ValidationError for what cannot be one."""
    model = KINDS.get(kind)
    if model is None:
        raise FormatError(f"there is no kind of entity {kind!r} in this version", remedy="update this server")
    return model.model_validate({name: tuple(item) if isinstance(item, list) else item for name, item in value.items()})


class Change(NamedTuple):
    """One entity put (value) or removed (None); `was` is the revision it must have now: 0 for none, None for any."""

    key: Key
    value: dict[str, Any] | None
    was: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {"entity": self.key.kind, "id": self.key.id, "value": self.value, "was": self.was}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Change":
        return cls(Key(data["entity"], data["id"]), data["value"], data["was"])


class Recording(NamedTuple):
    """Who records a camera, under which term of its epochs (wire/ids.py): the lease of the role `recorder of this camera`."""

    agent: str
    term: int


class Lease(NamedTuple):
    """Who holds a role; `number` rises with every holder, so that of two leases of a torn network one is the later.

    Nothing that a holder does names the number: it acts as long as the leader's word lasts (cluster/tenure.py), and what two of them do at
    once, in a torn network, is harmless (backup/job.py; an alarm is told twice).
    """

    holder: str
    number: int


@dataclass(frozen=True, slots=True)
class Contingency:
    """Edits of a server that led beside a newer leader, and that contradict what was edited there: kept until somebody decides."""

    origin: str
    """Hash of the first of them: names them for ever."""
    entries: tuple[dict[str, Any], ...]
    why: str
    index: int


@dataclass(slots=True)
class Site:
    """Everything that is known after `index` entries."""

    index: int = 0
    term: int = 0
    hash: str = FIRST_HASH
    leader: str = ""
    entities: dict[str, dict[str, Record]] = field(default_factory=dict)
    recorders: dict[str, Recording] = field(default_factory=dict)
    """By camera.  A camera that nobody records keeps its last term here, with no agent."""
    leaving: dict[str, tuple[Recording, ...]] = field(default_factory=dict)
    """By camera: those who had it before, and go on until the present one records it (leaving.py)."""
    archivers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Planned lists of cameras that name none themselves."""
    leases: dict[str, Lease] = field(default_factory=dict)
    contingencies: dict[str, Contingency] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    """Hashes of entries of another branch, to the index of the entry here that took them in (cluster/merge.py)."""
    retired: dict[str, int] = field(default_factory=dict)
    """Agents that somebody removed, to the entry that did it: they are told that nothing is theirs any more.  One that was never here is
    told nothing, and goes on with what another directory gave it."""

    def get(self, key: Key) -> Record | None:
        return self.entities.get(key.kind, {}).get(key.id)

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    def keys(self) -> Iterator[Key]:
        for kind, records in self.entities.items():
            for name in records:
                yield Key(kind, name)

    def _all(self, kind: str) -> Iterable[tuple[str, Any]]:
        return ((name, record.entity) for name, record in sorted(self.entities.get(kind, {}).items()))

    @property
    def cameras(self) -> dict[str, Camera]:
        return dict(self._all("camera"))

    @property
    def agents(self) -> dict[str, Agent]:
        return dict(self._all("agent"))

    @property
    def stores(self) -> dict[str, Archiver]:
        """The archivers; `archivers` are the planned lists."""
        return dict(self._all("archiver"))

    @property
    def groups(self) -> dict[str, Group]:
        return dict(self._all("group"))

    @property
    def locations(self) -> dict[str, Location]:
        return dict(self._all("location"))

    @property
    def servers(self) -> dict[str, Server]:
        return dict(self._all("server"))

    @property
    def roles(self) -> dict[str, Role]:
        return dict(self._all("role"))

    @property
    def windows(self) -> dict[str, MaintenanceWindow]:
        return dict(self._all("window"))

    def apply(self, entry: Entry) -> None:
        """Take in the next entry; raises FormatError when it is not the next one."""
        if entry.index != self.index + 1 or entry.prev != self.hash or entry.term < self.term:
            raise FormatError(f"entry {entry.index} of term {entry.term} does not follow entry {self.index} of term {self.term}",
                              remedy="read the journal from its start, or restore it from a backup")  # fmt: skip
        _FOLD[entry.kind](self, entry)
        for origin in entry.payload.get("of", ()):
            self.taken[origin] = entry.index
        while len(self.taken) > MAX_TAKEN:
            del self.taken[next(iter(self.taken))]
        self.index, self.term, self.hash = entry.index, entry.term, entry.hash

    def changed(self, changes: Iterable[Change], index: int) -> None:
        """Put and remove entities; what hung on a camera that is gone goes along, its term stays."""
        for change in changes:
            records = self.entities.setdefault(change.key.kind, {})
            if change.value is not None:
                records[change.key.id] = Record(change.key.kind, change.value, index)
                if change.key.kind == "agent":
                    self.retired.pop(change.key.id, None)
                continue
            if records.pop(change.key.id, None) is not None and change.key.kind == "agent":
                self._retire(change.key.id, index)
            if change.key.kind == "camera" and change.key.id in self.recorders:
                self.recorders[change.key.id] = Recording("", self.recorders[change.key.id].term)
                self.leaving.pop(change.key.id, None)
                self.archivers.pop(change.key.id, None)
            if change.key.kind == "role" and change.key.id in self.leases:
                self.leases[change.key.id] = Lease("", self.leases[change.key.id].number)

    def _retire(self, agent: str, index: int) -> None:
        self.retired[agent] = index
        while len(self.retired) > MAX_RETIRED:
            del self.retired[next(iter(self.retired))]

    def copy(self) -> "Site":
        """One that can be changed without this one; records are shared, they never change."""
        return Site(self.index, self.term, self.hash, self.leader, {kind: dict(records) for kind, records in self.entities.items()},
                    dict(self.recorders), dict(self.leaving), dict(self.archivers), dict(self.leases), dict(self.contingencies),
                    dict(self.taken), dict(self.retired))  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The whole state, for snapshots and `GET /v1/site`."""
        return {
            "index": self.index, "term": self.term, "hash": self.hash, "leader": self.leader,
            "entities": {kind: {name: {"value": record.value, "revision": record.revision} for name, record in sorted(records.items())}
                         for kind, records in sorted(self.entities.items()) if records},
            "recorders": {name: list(recording) for name, recording in sorted(self.recorders.items())},
            "leaving": {name: [list(one) for one in leaves] for name, leaves in sorted(self.leaving.items())},
            "archivers": {name: list(listed) for name, listed in sorted(self.archivers.items())},
            "leases": {name: list(lease) for name, lease in sorted(self.leases.items())},
            "contingencies": {one.origin: {"entries": list(one.entries), "why": one.why, "index": one.index}
                              for _, one in sorted(self.contingencies.items())},
            "taken": list(self.taken.items()), "retired": list(self.retired.items()),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Site":
        """What to_json made; raises FormatError for anything else."""
        try:
            return cls(
                data["index"], data["term"], data["hash"], data["leader"],
                {kind: {name: Record(kind, record["value"], record["revision"]) for name, record in records.items()}
                 for kind, records in data["entities"].items()},
                {name: Recording(*recording) for name, recording in data["recorders"].items()},
                {name: tuple(Recording(*one) for one in leaves) for name, leaves in data.get("leaving", {}).items()},
                {name: tuple(listed) for name, listed in data["archivers"].items()},
                {name: Lease(*lease) for name, lease in data["leases"].items()},
                {origin: Contingency(origin, tuple(one["entries"]), one["why"], one["index"])
                 for origin, one in data["contingencies"].items()},
                dict(data["taken"]), dict(data["retired"]))  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"this is no state of a site: {error!r}", remedy="take another snapshot") from error

    def digest(self) -> str:
        """Equal on two servers when, and only when, their states are."""
        return blake3(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _edit(site: Site, entry: Entry) -> None:
    site.changed((Change.from_json(change) for change in entry.payload["changes"]), entry.index)


def _assign(site: Site, entry: Entry) -> None:
    for camera, recording in entry.payload["recorders"].items():
        site.recorders[camera] = Recording(*recording)
    for camera, leaves in entry.payload.get("leaving", {}).items():
        site.leaving[camera] = tuple(Recording(*one) for one in leaves)
        if not leaves:
            del site.leaving[camera]
    for camera, listed in entry.payload["archivers"].items():
        if listed is None:
            site.archivers.pop(camera, None)
        else:
            site.archivers[camera] = tuple(listed)


def _lead(site: Site, entry: Entry) -> None:
    site.leader = entry.payload["server"]


def _lease(site: Site, entry: Entry) -> None:
    site.leases[entry.payload["role"]] = Lease(entry.payload["holder"], entry.payload["number"])


def _keep(site: Site, entry: Entry) -> None:
    kept = Contingency(entry.payload["origin"], tuple(entry.payload["entries"]), entry.payload["why"], entry.index)
    site.contingencies[kept.origin] = kept


def _settle(site: Site, entry: Entry) -> None:
    site.contingencies.pop(entry.payload["origin"], None)
    _edit(site, entry)


_FOLD: Final = {"edit": _edit, "assign": _assign, "lead": _lead, "lease": _lease, "keep": _keep, "settle": _settle}


def fold(entries: Iterable[Entry], start: Site | None = None) -> Site:
    """The state after all entries."""
    site = Site() if start is None else start.copy()
    for entry in entries:
        site.apply(entry)
    return site
