"""Whether edits fit the site, as a whole: everything that one entity alone cannot know.  No I/O.

    refused because                                      code
    an entity is not of its kind's form                  malformed
    the revision it names is not the one it has now      stale
    it refers to something that does not exist           unknown
    something else refers to what is to be removed       in-use
    a list names something twice                         twice
    locations or standbys lead back to themselves        cycle
    copies asked for are more than archivers listed      copies
    a role is none that the hub has (roles.py)           unknown
    an archiver's or a server's address is not http      scheme
    there would be more of a kind than may be            too-many

Rules: changes are looked at together, so a group and its camera may come in one edit, in any order.  All problems are told, in the order
of the changes, at most MAX_PROBLEMS; when there is one, nothing is changed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ...wire.config import worded
from ...wire.desired import Failback
from ...wire.errors import FormatError, IdError
from ...wire.ids import check_id
from . import roles
from .entities import KINDS, MAX_ENTITIES, MAX_SERVERS, Agent, Archiver, Camera, Entity, Group, Location, Role, Server
from .site import Change, Key, Site, typed

MAX_PROBLEMS: Final = 50
MAX_CHANGES: Final = MAX_ENTITIES


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an edit is refused: which field of which entity, and what to do."""

    code: str
    path: str
    text: str
    remedy: str

    def line(self) -> str:
        return f"{self.path}: {self.text}; {self.remedy}"


def problems(site: Site, changes: tuple[Change, ...]) -> list[Problem]:
    """Everything that speaks against making all these changes to the site; empty when they fit."""
    found: list[Problem] = []
    for problem in _all(site, changes):
        found.append(problem)
        if len(found) == MAX_PROBLEMS:
            break
    return found


def _all(site: Site, changes: tuple[Change, ...]) -> Iterator[Problem]:
    if len(changes) > MAX_CHANGES:
        yield Problem("too-many", "", f"an edit of {len(changes)} changes is more than {MAX_CHANGES}", "split it")
        return
    formed = list(_formed(changes))
    if formed:
        yield from formed
        return
    yield from _stale(site, changes)
    after = site.copy()
    after.changed(changes, site.index + 1)
    yield from _counts(after)
    yield from _references(after, changes)
    for key in _looked_at(after, changes):
        record = after.get(key)
        if record is not None:
            yield from _fits(after, key, record.entity)


def _formed(changes: tuple[Change, ...]) -> Iterator[Problem]:
    seen: set[Key] = set()
    for change in changes:
        path = str(change.key)
        if change.key.kind not in KINDS:
            yield Problem("malformed", path, "there is no such kind of entity", f"known kinds: {', '.join(KINDS)}")
            continue
        try:
            check_id(change.key.kind, change.key.id)
        except IdError as error:
            yield Problem("malformed", path[:80], error.message, error.remedy)
            continue
        if change.key in seen:
            yield Problem("twice", path, "is changed twice in one edit", "leave one of them out")
        seen.add(change.key)
        if change.value is not None:
            yield from _malformed(path, change.key.kind, change.value)


def _malformed(path: str, kind: str, value: dict[str, Any]) -> Iterator[Problem]:
    try:
        typed(kind, value)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
            yield Problem("malformed", path + at, *worded(detail, KINDS[kind]))
    except FormatError as error:
        yield Problem("malformed", path, error.message, error.remedy)


def _stale(site: Site, changes: tuple[Change, ...]) -> Iterator[Problem]:
    for change in changes:
        record = site.get(change.key)
        now = record.revision if record else 0
        if change.was is not None and change.was != now:
            text = f"has revision {now} now, and this edit is of revision {change.was}" if now else "does not exist any more"
            yield Problem("stale", str(change.key), text if change.was else "exists already", "look at it again, and edit what it is now")
        elif change.value is None and record is None:
            yield Problem("unknown", str(change.key), "does not exist", "look at the list of those that do")


def _counts(after: Site) -> Iterator[Problem]:
    total = sum(len(records) for records in after.entities.values())
    if total > MAX_ENTITIES:
        yield Problem("too-many", "", f"{total} entities are more than the {MAX_ENTITIES} of a site", "make it two sites")
    servers = after.servers
    if len(servers) > MAX_SERVERS:
        yield Problem("too-many", "server", f"there may be {MAX_SERVERS} directory servers at most", "remove one first")
    ranks = Counter(server.rank for server in servers.values())
    for name, server in servers.items():
        if ranks[server.rank] > 1:
            yield Problem("twice", f"server/{name}.rank", f"{server.rank} is the rank of another server too", "give each server its own")


def _references(after: Site, changes: tuple[Change, ...]) -> Iterator[Problem]:
    removed = {change.key for change in changes if change.value is None}
    for change in changes:
        record = after.get(change.key)
        if record is None or change.value is None:
            continue
        for target in record.refers_to():
            if Key(*target) not in after and Key(*target) not in removed:
                text = f"names {target[0]} {target[1]!r}, which does not exist"
                yield Problem("unknown", str(change.key), text, "add it first, or correct it")
    if removed:
        for key in after.keys():  # noqa: SIM118 - a Site is no dict
            record = after.get(key)
            for target in record.refers_to() if record else ():
                if Key(*target) in removed:
                    yield Problem("in-use", f"{target[0]}/{target[1]}", f"is named by {key}", f"change {key} first")


def _looked_at(after: Site, changes: tuple[Change, ...]) -> Iterable[Key]:
    """The changed entities, and the cameras of changed groups."""
    keys = dict.fromkeys(change.key for change in changes)
    groups = {key.id for key in keys if key.kind == "group"}
    if groups:
        keys.update((Key("camera", name), None) for name, camera in after.cameras.items() if camera.group in groups)
    return keys


def _fits(after: Site, key: Key, entity: Entity) -> Iterator[Problem]:
    for name, value in entity:
        if isinstance(value, tuple) and len(set(value)) != len(value):
            yield Problem("twice", f"{key}.{name}", "names one twice", "name each once")
    if isinstance(entity, Role) and (why := roles.against(key.id)) is not None:
        yield Problem("unknown", str(key), why, f"known roles: {roles.known()}")
    if isinstance(entity, Archiver) and entity.url is not None and not entity.url.startswith("http://"):
        yield Problem("scheme", f"{key}.url", "agents reach archivers by http", "give http://host:9701, or no url: then mDNS finds it")
    if isinstance(entity, Server) and not entity.url.startswith("http://"):
        yield Problem("scheme", f"{key}.url", "agents and archivers reach directory servers by http", "give http://host:9701")
    if isinstance(entity, Location) and _leads_back(key.id, lambda name: _parents(after, name)):
        yield Problem("cycle", f"{key}.parent", "leads back to itself", "locations are a tree: choose another parent")
    if isinstance(entity, Agent) and _leads_back(key.id, lambda name: _standbys(after, name)):
        yield Problem("cycle", f"{key}.standbys", "leads back to itself", "a standby may not be stood in for by whom it stands in for")
    if isinstance(entity, Group) and entity.archivers is not None and entity.copies > len(entity.archivers):
        yield _copies(f"{key}.copies", entity.copies, len(entity.archivers))
    if isinstance(entity, Camera):
        copies, listed = copy_rule(after, entity)
        if listed is not None and copies > len(listed):
            yield _copies(f"{key}.copies", copies, len(listed))


def _copies(path: str, copies: int, listed: int) -> Problem:
    return Problem("copies", path, f"{copies} copies cannot stand on {listed} archivers", "list more archivers or ask for fewer copies")


def copy_rule(site: Site, camera: Camera) -> tuple[int, tuple[str, ...] | None]:
    """(copies, list) of a camera, its group's defaults taken in; a list of None is left to the plan."""
    group = _group(site, camera)
    return (group.copies if camera.copies is None else camera.copies,
            group.archivers if camera.archivers is None else camera.archivers)  # fmt: skip


def priority(site: Site, camera: Camera) -> int:
    """The camera's own, else its group's, else the default; higher is more important."""
    if camera.priority is not None:
        return camera.priority
    return _group(site, camera).priority


def retention_days(site: Site, camera: Camera) -> float | None:
    """The camera's own, else its group's; None is left to its archivers."""
    return camera.retention_days or _group(site, camera).retention_days


def failback(site: Site, camera: Camera) -> Failback | None:
    """The camera's own, else its group's; None is left to its agent."""
    return camera.failback or _group(site, camera).failback


def recorder_failback(site: Site, camera: Camera) -> Failback:
    """The camera's own, else its group's."""
    return camera.recorder_failback or _group(site, camera).recorder_failback


def any_returns(site: Site) -> bool:
    """Whether some camera might go back to a recorder by itself."""
    return any(record.value.get("recorder_failback") == "auto"
               for kind in ("group", "camera") for record in site.entities.get(kind, {}).values())  # fmt: skip


def _group(site: Site, camera: Camera) -> Group:
    record = site.get(Key("group", camera.group)) if camera.group else None
    group = record.entity if record else Group()
    assert isinstance(group, Group)
    return group


def _parents(site: Site, name: str) -> tuple[str, ...]:
    record = site.get(Key("location", name))
    location = record.entity if record else None
    return (location.parent,) if isinstance(location, Location) and location.parent else ()


def _standbys(site: Site, name: str) -> tuple[str, ...]:
    record = site.get(Key("agent", name))
    agent = record.entity if record else None
    return agent.standbys if isinstance(agent, Agent) else ()


def _leads_back(start: str, steps: Any) -> bool:
    """Whether following steps from start ever comes to start; looks at everything once."""
    todo, seen = list(steps(start)), set()
    while todo:
        name = todo.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            todo.extend(steps(name))
    return False
