"""Directory servers as real processes, with Mosquitto: started, killed, cut off; and a client that keeps asking.

Rules: as wksite.py: everything by the commands that users have, gone when the block ends.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from directory_kit import CAMERA, Client
from faultrig import Namespace
from hub_kit import Answer
from wksite import Site, wait_until

from watchkeep.wire.messages import DirectoryBeacon

LEAD_S = 40.0
"""How long a busy machine may take to start three processes and to agree."""
_ASK = """
import json, sys, urllib.request
method, url, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, {"Content-Type": "application/json"}, method=method)
with urllib.request.urlopen(request, timeout=15) as answer:
    print(answer.read().decode())
"""


class DirectorySite(Site):
    """Servers by name in the order of their ranks; one of them may run in a namespace of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clients: dict[str, Client] = {}
        self.space: Namespace | None = None
        self._away = ""
        self.front: dict[str, str] = {}
        """Addresses of servers for agents, by name."""

    def servers(self, names: str, *, away: str = "", more: str = "") -> None:
        """Start them and wait until they agree; `away` runs in a namespace, behind a link that can be cut, and another one for agents;
        more: lines of hub.toml."""
        if away:
            self.space, self._away = Namespace(), away
        near = self.space.near if self.space else "127.0.0.1"
        second = self.space.second()[1] if self.space and away else ""
        if self.space and away:
            self.wrapped[away] = self.space.command
        hosts = {name: self.space.host if self.space and name == away else near for name in names}
        listed = ",\n".join(f'  {{ id = "{name}", url = "http://{hosts[name]}:{self.port(name)}", rank = {rank} }}'
                            for rank, name in enumerate(names))  # fmt: skip
        for name in names:
            config = self.folder / f"hub-{name}.toml"
            broker = "" if name == away else f'[mqtt]\nurl = "{self.broker_url}"\n'
            listen = "0.0.0.0" if name == away else hosts[name]
            config.write_text(f'[hub]\nid = "{name}"\nsite = "{self.site}"\nroles = ["directory"]\n'
                              f'listen = "{listen}:{self.port(name)}"\ndata_dir = "{self.folder / name}"\n'
                              f"{broker}[discovery]\nmdns = false\n"
                              f"[directory]\nservers = [\n{listed},\n]\n{more}")  # fmt: skip
            self.add(name, ["hub", "run", "-c", str(config)], start=False)
            self.clients[name] = Client(f"http://{hosts[name]}:{self.port(name)}", [])
            self.clients[name].name = name
            self.front[name] = f"http://{second if name == away else hosts[name]}:{self.port(name)}"
            self.start(name)
        wait_until(lambda: self.leader(names) != "", LEAD_S, "one leader")

    def leader(self, names: str) -> str:
        """The one that all of these name as their leader, with equal journals; empty when they do not agree."""
        said = {self._of(name) for name in names}
        return next(iter(said))[0] if len(said) == 1 else ""

    def _of(self, name: str) -> tuple[str, str]:
        with suppress(OSError):
            site = self.clients[name].site()
            return site["leader"], site["hash"]
        return "", name

    def takes(self, name: str, camera: str) -> bool:
        """Whether an edit at this server is answered as made."""
        with suppress(OSError):
            return self.clients[name].put(f"camera/{camera}", CAMERA).status == 200
        return False

    def cameras_at(self, name: str) -> set[str]:
        """The cameras that this server knows."""
        return set(self.clients[name].get("/v1/site/camera").json())

    def inside(self, method: str, path: str, value: object = None) -> Any:
        """Ask the server in the namespace from inside, where the cut link does not matter."""
        assert self.space is not None
        body = "" if value is None else json.dumps(value)
        command = [*self.space.command, sys.executable, "-c", _ASK, method, self.clients[self._away].url + path, body]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60, stdin=subprocess.DEVNULL).stdout)

    def beacons(self) -> dict[str, DirectoryBeacon]:
        """The newest beacon of each server."""
        found = {}
        for payload in list(self.heard):
            data = json.loads(payload)
            if "server" in data and "role" in data:
                found[data["server"]] = DirectoryBeacon.model_validate(data)
        return found

    def close(self) -> None:
        super().close()
        if self.space is not None:
            self.space.close()


class Reader:
    """Asks some servers for a camera, one after the other, all the time; `failed` are answers that were none."""

    def __init__(self, clients: list[Client], camera: str) -> None:
        self._clients, self._path = clients, f"/v1/site/camera/{camera}"
        self._stop = threading.Event()
        self.answered, self.failed = 0, []
        self.slowest_s = 0.0
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for client in self._clients:
                began = time.monotonic()
                try:
                    answer: Answer | None = client.get(self._path)
                except OSError as error:
                    self.failed.append(repr(error))
                    continue
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                self.answered += 1
                if answer.status != 200:
                    self.failed.append(answer.body)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)


@contextmanager
def directory_site(folder: Path) -> Iterator[DirectorySite]:
    with DirectorySite(folder) as site:
        site.mosquitto()
        yield site
