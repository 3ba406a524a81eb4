"""A site on a terminal: who leads, who stores, by which rules, who records what, as one tree.

Rules: a dot says how something is (health.py), in colour where there is colour and in words where something is wrong, so that nothing
is told by colour alone.  Everything that comes from the site is shown as it is, never as markup.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from rich.text import Text
from rich.tree import Tree

from ..directory.entities import Agent, Archiver, Camera, Entity, Group, Role
from ..directory.health.standing import absences
from ..directory.roles import NOWHERE, ROLES
from ..directory.rules import priority
from ..directory.site import Key
from ..directory.uselast import kept_by, used_last
from . import health, saved
from .client import Seen
from .health import Health, Level

STYLE: Final = {Level.GOOD: "green", Level.WARN: "yellow", Level.BAD: "bold red", Level.UNKNOWN: "dim"}
DOT: Final = {Level.GOOD: "●", Level.WARN: "◐", Level.BAD: "○", Level.UNKNOWN: "·"}
NOBODY: Final = ""


class By(StrEnum):
    """What cameras are listed under."""

    RECORDER = "recorder"
    LOCATION = "location"
    GROUP = "group"


def tree(seen: Seen, by: By, now_s: float) -> Tree:
    return _Drawing(seen, by, now_s).root


class _Drawing:
    """One tree; looks everything up once, because a site may have ten thousand cameras."""

    def __init__(self, seen: Seen, by: By, now_s: float) -> None:
        self._seen, self._site, self._by, self._now_s = seen, seen.site, by, now_s
        self._all = seen.site.cameras
        self._away, self._last = absences(seen.site, now_s), used_last(seen.site)
        self._leave = Counter(one.agent for leaves in seen.site.leaving.values() for one in leaves)
        self.root = Tree(_head(seen), guide_style="dim")
        self._some("directory", map(self._server, self._ranked()))
        self._some("archivers", (self._archiver(name, one) for name, one in self._site.stores.items()))
        members = Counter(one.group for one in self._all.values())
        self._some("groups", (self._group(name, one, members[name]) for name, one in self._site.groups.items()))
        self._some("roles", (self._role(name, one) for name, one in self._site.roles.items()))
        self._some("backups", self._backups())
        self._places()
        self._cameras()
        self._watched()
        self._waiting()

    def _some(self, title: str, lines: Iterable[Text]) -> None:
        """A branch, when there is something in it."""
        branch: Tree | None = None
        for line in lines:
            branch = branch or self.root.add(Text(title, "bold cyan"))
            branch.add(line)

    def _ranked(self) -> list[str]:
        known = self._site.servers
        return sorted(known, key=lambda name: (known[name].rank, name)) + sorted(set(self._seen.servers) - set(known))

    def _server(self, name: str) -> Text:
        one, said = self._site.servers.get(name), self._seen.servers.get(name, {})
        behind = self._site.index - int(said.get("index", self._site.index))
        facts = [one.url if one else "not in the site", "recovery" if one and one.recovery else "",
                 f"{behind} entries behind" if behind > 0 else "", self._until("server", name)]  # fmt: skip
        return _line(health.server(name, self._seen.servers), name, one, facts)

    def _archiver(self, name: str, one: Archiver) -> Text:
        facts = [one.url or "found by mDNS", one.location or "", _days(one), "used last until it is given back" if one.used_last else "",
                 self._until("archiver", name)]  # fmt: skip
        how = health.member(Key("archiver", name), self._seen.stores, self._away, "does not answer the last question")
        return _line(how, name, one, facts)

    @staticmethod
    def _group(name: str, one: Group, members: int) -> Text:
        where = "archivers as planned" if one.archivers is None else f"on {', '.join(one.archivers)}"
        facts = [f"{_copies(one.copies)} {where}", f"priority {one.priority}", *_returns(one), _own_days(one), _count(members)]
        return _line(Health(Level.UNKNOWN), name, one, facts)

    def _role(self, name: str, one: Role) -> Text:
        lease = self._site.leases.get(name)
        holder = lease.holder if lease else ""
        how = Health(Level.GOOD, f"held by {holder}") if holder else Health(Level.BAD, "held by nobody")
        how = how if name in ROLES else Health(Level.WARN, NOWHERE)
        return _line(how, name, one, [f"of {', '.join(one.servers)}", one.holder])

    def _backups(self) -> Iterator[Text]:
        """Each folder of them, or that there are none."""
        found = self._seen.saved
        if found is None:
            if self._seen.unsaved:
                yield Text(f"how they are is not known: {self._seen.unsaved}", "dim")
        elif not found.configured:
            yield Text(f"{saved.NONE} {found.server}", "yellow")
        elif not found.folders:
            yield Text(f"{found.server} {saved.YET}", "dim")
        else:
            yield from (_line(saved.how(one, self._now_s), one.folder, None, [saved.newest(one)]) for one in found.folders)

    def _places(self) -> None:
        """Locations inside each other."""
        locations = self._site.locations
        inside: dict[str, list[str]] = {}
        for name, one in locations.items():
            inside.setdefault(one.parent or NOBODY, []).append(name)
        if not inside:
            return
        counted = Counter(one.location for one in self._all.values())
        branch = self.root.add(Text("locations", "bold cyan"))
        todo = [(branch, name) for name in inside.get(NOBODY, [])]
        while todo:
            under, name = todo.pop()
            here = [_count(counted[name])] if counted[name] else []
            grown = under.add(_line(Health(Level.UNKNOWN), name, locations[name], here))
            todo.extend((grown, child) for child in reversed(inside.get(name, [])))

    def _cameras(self) -> None:
        """Under their agents, with agents that have none; or under what else was asked for."""
        by, agents = self._by, self._site.agents
        under: dict[str, list[str]] = {name: [] for name in (agents if by is By.RECORDER else ())}
        for name, one in self._all.items():
            under.setdefault(self._belongs(name, one), []).append(name)
        if not under:
            return
        branch = self.root.add(Text("agents" if by is By.RECORDER else f"cameras by {by}", "bold cyan"))
        for owner, names in sorted(under.items(), key=lambda item: (item[0] == NOBODY, item[0])):
            agent = agents.get(owner) if by is By.RECORDER else None
            grown = branch.add(self._owner(owner, names) if agent is None else self._agent(owner, agent, names))
            for name in names:
                grown.add(self._camera(name, self._all[name]))

    def _belongs(self, name: str, one: Camera) -> str:
        if self._by is By.RECORDER:
            return self._recorder(name)
        return (one.location if self._by is By.LOCATION else one.group) or NOBODY

    def _recorder(self, name: str) -> str:
        recording = self._site.recorders.get(name)
        return recording.agent if recording else NOBODY

    def _owner(self, owner: str, names: list[str]) -> Text:
        if owner:
            return _line(Health(Level.UNKNOWN), owner, None, [_count(len(names))])
        titles = {By.RECORDER: "not assigned to an agent", By.LOCATION: "without a location", By.GROUP: "without a group"}
        return Text.assemble((titles[self._by], "italic"), (f"  {_count(len(names))}", "dim"))

    def _before(self, camera: str) -> str:
        """Who had a camera that is being moved, and goes on."""
        agents = [one.agent for one in self._site.leaving.get(camera, ())]
        return f"{' and '.join(agents)} until it has begun" if agents else ""

    def _agent(self, name: str, agent: Agent, names: list[str]) -> Text:
        rate = sum(self._all[camera].mbit_s for camera in names)
        leave = f"records {_count(self._leave[name])} more until another agent has begun" if self._leave[name] else ""
        facts = [agent.location or "", f"{len(names)} of {agent.max_cameras} cameras", leave, f"{rate:g} of {agent.max_mbit_s:g} Mbit/s",
                 "stands by" if agent.standby else "", f"then {', '.join(agent.standbys)}" if agent.standbys else "",
                 self._until("agent", name)]  # fmt: skip
        how = health.member(Key("agent", name), self._seen.lives, self._away, "its connection was closed")
        return _line(how, name, agent, facts)

    def _camera(self, name: str, one: Camera) -> Text:
        by, recorder = self._by, self._recorder(name)
        copies, planned = kept_by(self._site, name, one, self._last)
        facts = [one.group or "" if by is not By.GROUP else "", one.location or "" if by is not By.LOCATION else "",
                 f"by {recorder}" if by is not By.RECORDER and recorder else "", self._before(name),
                 f"{_copies(copies)} on {', '.join(planned)}" if planned else f"{_copies(copies)}, archivers not planned yet",
                 f"priority {priority(self._site, one)}", *_returns(one), _own_days(one)]  # fmt: skip
        watched = self._seen.health.cameras.get(name) if self._seen.health is not None else None
        return _line(health.camera(self._site, name, one, self._seen.lives, self._seen.without, watched), name, one, facts)

    def _watched(self) -> None:
        """What is wrong with video, in one line, since a tree of ten thousand cameras has more than a screen."""
        found = self._seen.health
        if found is None:
            self.root.add(Text(f"how video goes is not known: {self._seen.unseen}", "dim"))
        elif found.blind:
            self.root.add(Text(f"nothing can be said of any camera's video: {found.blind}", "bold red"))
        elif found.alarms:
            self.root.add(Text(f"{_count(len(found.alarms))} without durable video: watchkeep site health", "bold red"))

    def _waiting(self) -> None:
        count = len(self._site.contingencies)
        if count:
            text = f"{count} edit{'s wait' if count > 1 else ' waits'} for your decision: watchkeep site contingency list"
            self.root.add(Text(text, "bold yellow"))

    def _until(self, kind: str, name: str) -> str:
        end_s = self._away.get(Key(kind, name))
        return "" if end_s is None else f"until {datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M}Z"


def _head(seen: Seen) -> Text:
    site = seen.site
    found = Text.assemble(("site", "bold"), "  ")
    found.append(f"leader {seen.leader}" if seen.leader else "no leader", "green" if seen.leader else "bold red")
    return found.append(f"  term {site.term}, entry {site.index}, as {seen.url} tells it", "dim")


def _line(how: Health, name: str, one: Entity | None, facts: Iterable[str]) -> Text:
    """`● name  what people call it  facts · facts  why`."""
    found = Text.assemble((DOT[how.level], STYLE[how.level]), " ", (name, "bold"))
    if one is not None and one.name:
        found.append(f"  {one.name}")
    told = " · ".join(fact for fact in facts if fact)
    if told:
        found.append(f"  {told}", "dim")
    if how.why and how.level is not Level.UNKNOWN:
        found.append(f"  {how.why}", STYLE[how.level])
    return found


def _own_days(one: Camera | Group) -> str:
    return "" if one.retention_days is None else f"{one.retention_days:g} days"


def _days(one: Archiver) -> str:
    """The plan's default is no setting: an archiver that nobody gave days keeps to its own file."""
    return f"{one.retention_days:g} days" if "retention_days" in one.model_fields_set else "days by its hub.toml, else 30"


def _returns(one: Camera | Group) -> list[str]:
    """What is not the default of whether it returns to archivers and recorders."""
    default = None if isinstance(one, Camera) else "sticky"
    return [f"failback {one.failback}" if one.failback else "",
            f"recorder failback {one.recorder_failback}" if one.recorder_failback != default else ""]  # fmt: skip


def _copies(count: int) -> str:
    return f"{count} cop{'y' if count == 1 else 'ies'}"


def _count(cameras: int) -> str:
    return f"{cameras} camera{'' if cameras == 1 else 's'}"
