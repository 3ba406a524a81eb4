"""A directory server's decisions for tests: fed by hand, with a database that does at once whatever it is told."""

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.cluster import Cluster
from watchkeep.hub.directory.cluster.status import Lead, Member, Role, Start, Status
from watchkeep.hub.directory.entry import Entry
from watchkeep.hub.directory.site import Site

UTC_S = 1_790_000_000.0
NAMES = "abcdefg"


def members(count: int = 3, recovery: str = "") -> tuple[Member, ...]:
    """a, b, c in the order of their ranks."""
    return tuple(Member(name, f"http://10.0.0.{rank}:1", rank, name in recovery) for rank, name in enumerate(NAMES[:count]))


def said(server: str, role: Role = Role.LOOKING, term: int = 0, index: int = 0, lead: Lead | None = None, **more: object) -> Status:
    """What another server tells of itself."""
    return Status(server=server, boot="1", rank=NAMES.index(server), role=role, term=term, index=index, lead=lead or Lead(), **more)


class One:
    """One server; `now` is its clock, `did` all actions but what the database did at once."""

    def __init__(self, name: str = "a", count: int = 3, *, recovery: str = "", site: Site | None = None, holds: bool = False,
                 spare: bool = False) -> None:  # fmt: skip
        everybody = members(count, recovery)
        self.now = 1000.0
        self.holds = holds
        """The database keeps entries waiting until `release`."""
        self.journal: list[Entry] = []
        self.did: list[steps.Action] = []
        self.asked: set[str] = set()
        me = next(one for one in everybody if one.id == name)
        self.cluster = Cluster(Start(me, everybody, site or Site(), {}, f"boot-{name}", "0", spare), lambda: UTC_S, self.now)

    def feed(self, *events: steps.Event) -> list[steps.Action]:
        """The actions that came of these events."""
        before = len(self.did)
        for event in events:
            for action in self.cluster.handle(event, self.now):
                self.did.append(action)
                if isinstance(action, steps.Ask):
                    self.asked.add(action.server)
                if isinstance(action, steps.Write) and not self.holds:
                    self.journal += action.entries
                    self.feed(steps.Wrote())
                if isinstance(action, steps.Forget):
                    self.feed(steps.Forgot())
        return self.did[before:]

    def release(self) -> None:
        """What waits in the database is durable now."""
        last = [action for action in self.did if isinstance(action, steps.Write)][-1]
        self.journal += last.entries
        self.feed(steps.Wrote())

    def wait(self, seconds: float, *others: Status) -> list[steps.Action]:
        """Let time pass; whoever is in `others` answers every question with that, everybody else is silent."""
        before, until = len(self.did), self.now + seconds
        while self.now < until:
            self.now = min(until, max(self.now + 0.01, self.cluster.next_deadline()))
            self.feed(steps.Tick())
            for server in sorted(self.asked):
                answer = next((one for one in others if one.server == server), None)
                self.asked.discard(server)
                self.feed(steps.Unheard(server, refused=False) if answer is None else steps.Heard(answer))
        return self.did[before:]

    def of(self, kind: type) -> list[object]:
        return [action for action in self.did if isinstance(action, kind)]

    @property
    def role(self) -> Role:
        return self.cluster.role
