"""A site of real processes for one test: Mosquitto, hubs, agent, sources, and what they say on MQTT.

Rules: everything is started through the commands that users have, on loopback, and is gone when the block ends.
"""

import json
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeep.hub.demo.cast import Cast, Member, free_port, listening, wait_until
from watchkeep.hub.demo.follow import SiteView
from watchkeep.hub.verify.against import compare_paths
from watchkeep.hub.verify.report import CameraReport, Report
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import topics
from watchkeep.wire.shell.mqtt import MqttClient

_UNHEARD = re.compile(r"^(?:Exception ignored in|\w+Warning:)")


class Site(Cast):
    """A cast whose broker is Mosquitto, and a view of its messages."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.view = SiteView()
        self.heard: deque[bytes] = deque(maxlen=10_000)
        """Every message of the site as it came; a test hears some hundreds."""
        self.wrapped: dict[str, list[str]] = {}
        """Commands that members are started through, such as `ip netns exec`."""
        self._client: MqttClient | None = None
        self._others: list[subprocess.Popen[bytes]] = []

    def mosquitto(self, *more: str) -> None:
        """more: addresses beside 127.0.0.1."""
        config = self.folder / "mosquitto.conf"
        listeners = [f"listener {self.port('broker')} {host}\n" for host in ("127.0.0.1", *more)]
        config.write_text("".join(listeners) + "allow_anonymous true\n")
        self.other(["mosquitto", "-c", str(config)])
        wait_until(lambda: listening(self.port("broker")), 20, "Mosquitto's start")
        self._client = MqttClient(self.broker_url, client_id="test", will=None, birth=list)
        self._client.subscribe(topics.everything(self.site), self._take)
        self._client.start()

    def start(self, name: str) -> Member:
        if name not in self.wrapped:
            return super().start(name)
        member = self.members[name]
        command = [*self.wrapped[name], sys.executable, "-m", "watchkeep.wire.shell.cli", *member.arguments]
        with member.log.open("ab") as log:
            member.reaped = False
            member.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return member

    def _take(self, topic: str, payload: bytes) -> None:
        self.heard.append(payload)
        self.view.take(topic, payload)

    def other(self, command: list[str]) -> subprocess.Popen[bytes]:
        """A process that is not ours, ended with the site."""
        with (self.folder / f"{Path(command[0]).name}-{len(self._others)}.log").open("wb") as log:
            self._others.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return self._others[-1]

    def close(self) -> None:
        super().close()
        if self._client is not None:
            self._client.stop()
        for process in self._others:
            process.kill()
            process.wait()

    def __exit__(self, kind: object, *_: object) -> None:
        """A process that got a warning where none can be raised, such as an unclosed file, fails a test that is good otherwise."""
        super().__exit__(kind, *_)
        said = [line for member in self.members.values() if member.log.exists()
                for line in member.log.read_text(errors="replace").splitlines() if _UNHEARD.search(line)]  # fmt: skip
        assert kind is not None or not said, said

    def recording(self, cameras: int, seconds: float = 40) -> None:
        wait_until(lambda: self.view.recording() == cameras, seconds, f"recording of {cameras} cameras")

    def frames(self, camera: str) -> int:
        state = self.view.cameras.get(camera)
        return 0 if state is None else state.frames

    def told(self, camera: str, part: str) -> list[str]:
        """Texts of the events `camera` of one camera that have `part` in them."""
        return [event.text for event in list(self.view.events) if event.kind == "camera" and event.camera == camera and part in event.text]

    def retained(self, topic: str) -> bytes:
        """What the broker gives on a topic to whoever comes now."""
        client = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port("broker")), "-t", topic]
        return subprocess.run([*client, "-C", "1", "-W", "10", "--retained-only"], capture_output=True, check=True,
                              stdin=subprocess.DEVNULL).stdout  # fmt: skip

    def withdrawn(self, topic: str) -> bool:
        """Whether the broker gives nothing on a topic to whoever comes now: it is waited for a second."""
        client = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port("broker")), "-t", topic, "-C", "1", "-W", "1", "--retained-only"]
        return not subprocess.run(client, capture_output=True, check=False, stdin=subprocess.DEVNULL).stdout

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def restart_source(self, *options: str, cameras: int) -> None:
        """The test source ends, and another one takes its port."""
        self.stop_all("source")
        self.source(*options, cameras=cameras)

    def settled(self, seconds: float = 40) -> None:
        """Wait until a beacon from now on says that nothing is owed."""
        beats = {name: beacon.beat for name, beacon in self.view.agents.items()}
        wait_until(lambda: all(self.view.agents[name].beat > beat + 1 for name, beat in beats.items()) and self.view.settled(),
                   seconds, "every copy's becoming durable")  # fmt: skip

    def stop_all(self, *names: str) -> None:
        for name in names:
            assert self.stop(name) == 0, (self.folder / f"{name}.log").read_text()[-3000:]

    def sent(self) -> dict[str, list[dict]]:
        """The test source's own account, per camera and session."""
        return {camera: record["sessions"] for camera, record in json.loads((self.folder / "source.json").read_text())["cameras"].items()}

    def proof(self, name: str) -> Report:
        return verify_paths([self.volume(name)])

    def same(self, name: str, other: str) -> bool:
        """Whether two archives hold the same chunks with the same hashes."""
        return compare_paths([self.volume(name)], [self.volume(other)]).good


def segments(site: Site, name: str) -> list[Path]:
    """The segment files of an archiver that are finished."""
    return sorted(path for path in site.volume(name).rglob("*.mp4") if not path.name.startswith("."))


def plays(path: Path) -> None:
    """ffprobe and ffmpeg take the file without a word on stderr."""
    for command in (["ffprobe", "-v", "error", "-show_streams", str(path)], ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (0, ""), path


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    with Site(folder) as site:
        site.mosquitto()
        yield site


def all_frames(camera: CameraReport, count: int, session: int = 0) -> None:
    """Assert that exactly frames 0 to count-1 of one session are there, once each."""
    found = next(one for one in camera.sessions if one.session == session)
    assert (found.first, found.last, found.missing, found.duplicates) == (0, count - 1, (), ()), found


__all__ = ["Site", "all_frames", "free_port", "listening", "plays", "segments", "site_in", "wait_until"]
