"""A site whose directory gives its cameras to two agents, as real processes: who records, and what the archives have of it.

Rules: as wksite.py.  Directory servers are named x, y, z, archivers a and b, agents edge-1 and edge-2; each agent has room for all cameras.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from directory_kit import Client
from directory_site import DirectorySite
from faultrig import SMALL, Namespace
from hub_kit import Hub
from wksite import wait_until

from watchkeep.hub.demo.cast import Member
from watchkeep.hub.verify.report import Report
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import http
from watchkeep.wire.ids import epoch_term
from watchkeep.wire.messages import Span, Timeline

AGENTS = ("edge-1", "edge-2")
ARCHIVERS = ("a", "b")
HERE = "127.0.0.1"
SETTLE_S = 60.0


class RecorderSite(DirectorySite):
    """record() once, then kill and continue members by name."""

    near = _cameras_at = HERE
    """Where agents find the hub, and cameras."""

    def apart(self, agent: str) -> None:
        """This agent will run in a namespace, behind a link to the hub (FIRST) and one to the cameras (SECOND).  Before record()."""
        self.space = Namespace()
        self.near, self._cameras_at = self.space.near, self.space.second()[0]
        self.wrapped[agent] = self.space.command

    @property
    def broker_url(self) -> str:
        return f"mqtt://{self.near}:{self.port('broker')}"

    def add(self, name: str, arguments: Sequence[str], *, start: bool = True) -> Member:
        """Archivers listen where an agent that is apart reaches them, too."""
        if self.near != HERE and name in ARCHIVERS:
            config = self.folder / f"hub-{name}.toml"
            config.write_text(config.read_text().replace(f'listen = "{HERE}:', 'listen = "0.0.0.0:'))
        return super().add(name, arguments, start=start)

    def record(self, servers: str, *, cameras: int, away: str = "", room: int = 0) -> None:
        """Start everything, and wait until all cameras are recorded; away: as of servers(); room: of each agent for more cameras."""
        self.names, self.cameras = servers, [f"cam{number}" for number in range(cameras)]
        self.servers(servers, away=away)
        self.archivers(*ARCHIVERS)
        listen = [] if self._cameras_at == HERE else ["--host", "0.0.0.0"]
        urls = {name: url.replace(HERE, self._cameras_at) for name, url in self.source(*SMALL, *listen, cameras=cameras).items()}
        changes = [{"entity": "agent", "id": name, "value": {"max_cameras": cameras + room}} for name in AGENTS]
        changes += [{"entity": "archiver", "id": name, "value": {"url": f"http://{self.near}:{self.port(name)}"}} for name in ARCHIVERS]
        changes += [{"entity": "camera", "id": name, "value": {"url": url, "copies": 2}} for name, url in urls.items()]
        assert self.ask().post("edit", {"changes": changes}).status == 200
        listed = ", ".join(f'"{url}"' for url in self.front.values())
        extra = f"[recording]\nsegment_s = 1.0\n[replication]\nfailback_hold_s = 0.0\n[directory]\nservers = [{listed}]"
        for name in AGENTS:
            self.agent({}, archivers=[], copies=1, name=name, static=True, extra=extra)
        wait_until(lambda: all(self.newest(name) for name in self.cameras), SETTLE_S, "recording")
        wait_until(lambda: self.lives() == dict.fromkeys(AGENTS, "lives"), SETTLE_S, "both agents")

    def ask(self) -> Client:
        """A server that answers."""
        return next(client for name, client in self.clients.items() if self.members[name].running)

    def site_now(self) -> dict:
        with suppress(OSError, StopIteration):
            return self.ask().site()
        return {}

    def lives(self) -> dict[str, str]:
        found: dict[str, str] = self.site_now().get("lives", {})
        return found

    def recorders(self) -> dict[str, str]:
        """Agents by camera, as the directory has it."""
        return {name: agent for name, (agent, _) in self.site_now().get("recorders", {}).items()}

    def spans(self, camera: str, archiver: str = "a") -> list[Span]:
        answer = Hub(f"http://127.0.0.1:{self.port(archiver)}", []).get(http.timeline(camera))
        return Timeline.model_validate_json(answer.body).spans if answer.status == 200 else []

    def newest(self, camera: str) -> Span | None:
        """The span of the highest epoch on archiver a."""
        return max(self.spans(camera), key=lambda span: span.epoch, default=None)

    def term(self, camera: str) -> int:
        """Of the newest epoch on archiver a; -1 for none."""
        span = self.newest(camera)
        return -1 if span is None else epoch_term(span.epoch)

    def fails(self, agent: str, number: int = signal.SIGKILL) -> dict[str, int]:
        """Kill or stop an agent; the terms under which its cameras were recorded."""
        before = {camera: self.term(camera) for camera, who in self.recorders().items() if who == agent}
        self.kill(agent, number)
        return before

    def taken_up(self, before: dict[str, int]) -> bool:
        """Whether each of these cameras is on archiver a under a higher term."""
        return all(self.term(camera) > term for camera, term in before.items())

    def finish(self) -> Report:
        """Wait until nothing is owed, also by who was killed, stop everybody, and prove both archives."""
        for name in AGENTS:
            if not self.members[name].running:
                boot = self.view.agents[name].boot
                self.start(name)
                wait_until(lambda name=name, boot=boot: self.view.agents[name].boot != boot, SETTLE_S, f"{name}'s return")
        self.settled(SETTLE_S)
        self.stop_all(*AGENTS, *ARCHIVERS, "source")
        self.stop_all(*(name for name in self.names if self.members[name].running))
        return verify_paths([self.volume(name) for name in ARCHIVERS])


@contextmanager
def recorder_site(folder: Path, *, apart: str = "") -> Iterator[RecorderSite]:
    """apart: an agent in a namespace."""
    with RecorderSite(folder) as site:
        if apart:
            site.apart(apart)
        site.mosquitto(*({site.near} - {HERE}))
        yield site
