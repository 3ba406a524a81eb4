"""The processes of a site on this machine: started, killed, started again, always ended.

Rules: every process is a `watchkeep` command in its own session, is known by its pid, logs to a file, and is gone when
the cast is closed.  Addresses are free ports of 127.0.0.1, chosen when a member is added.
"""

import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...wire.errors import WatchkeepError

STOP_S = 15.0
"""A clean stop takes at most 10 s by contract; then the process is killed and that is an error."""
PORT_BLOCK: Final = 64
"""A site has about ten; two processes at once have different blocks unless their pids differ by a multiple of 199."""
PORTS: Final = range(20_000, 20_000 + 199 * PORT_BLOCK)
"""Below 32768, from where Linux takes ports for outgoing connections: one of those would keep a member from being started again."""
_asked = itertools.count()
_COMMAND = [sys.executable, "-m", "watchkeep.wire.shell.cli"]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, from a block of this process's own; raises WatchkeepError when none is free."""
    for _ in range(PORT_BLOCK):
        port = PORTS[os.getpid() * PORT_BLOCK % len(PORTS) + next(_asked) % PORT_BLOCK]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise WatchkeepError(f"no port is free near {port}", remedy="try again: another process takes other ports")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition with a deadline; raises WatchkeepError naming what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise WatchkeepError(f"{what} did not happen within {seconds:g} s", remedy="look at the logs in the working folder")
        time.sleep(0.05)


def listening(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Member:
    """One process of the cast and what it takes to start it again."""

    name: str
    arguments: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    reaped: bool = False
    """Whether the end of this process was waited for."""
    exits: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def failure(self) -> str:
        """Why the process ended although nobody asked it to: its exit code and its last words; empty when it did not."""
        code = None if self.process is None or self.reaped else self.process.poll()
        if not code:
            return ""
        said = self.log.read_text(errors="replace").strip().splitlines()
        return f"{self.name} ended with exit code {code}: {said[-1] if said else 'it said nothing'}"


class Cast:
    """Owner of all processes of one site; use as a context manager."""

    def __init__(self, folder: Path, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        """`interrupted` says whether the user wants it to end; `check` acts on that, and nothing else does."""
        self.folder, self._interrupted = folder, interrupted
        self.site = f"demo-{secrets.token_hex(4)}"
        """One of its own: mDNS on loopback shows every site of this machine, and agents look at their own site only."""
        self.members: dict[str, Member] = {}
        self.ports: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Cast":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, name: str, arguments: Sequence[str], *, start: bool = True) -> Member:
        """A member that runs `watchkeep ARGUMENTS`."""
        member = self.members[name] = Member(name, arguments, self.folder / f"{name}.log")
        if start:
            self.start(name)
        return member

    def start(self, name: str) -> Member:
        """Start a member, again if it has ended."""
        member = self.members[name]
        with member.log.open("ab") as log:
            member.reaped = False
            member.process = subprocess.Popen([*_COMMAND, *member.arguments], stdin=subprocess.DEVNULL,  # noqa: S603 our own command
                                              stdout=log, stderr=log, start_new_session=True)  # fmt: skip
        return member

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL the process is waited for."""
        member = self.members[name]
        os.kill(member.pid, number)
        if number == signal.SIGKILL:
            self._reap(member, STOP_S)

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit code; raises WatchkeepError when the process does not end in time."""
        member = self.members[name]
        if member.running:
            os.kill(member.pid, signal.SIGTERM)
        return self._reap(member, STOP_S)

    def check(self) -> None:
        """Raise WatchkeepError when a member has failed by itself, waiting for it would be in vain; KeyboardInterrupt when interrupted."""
        if self._interrupted():
            raise KeyboardInterrupt
        for member in self.members.values():
            if failure := member.failure:
                raise WatchkeepError(failure, remedy=f"look at {member.log}")

    def wait_listening(self, name: str, what: str, seconds: float = 30) -> None:
        """Wait until the port of a member is served; raises WatchkeepError when it is not in time, or when a member failed."""

        def served() -> bool:
            self.check()
            return listening(self.port(name))

        wait_until(served, seconds, f"the start of {what}")

    def close(self) -> None:
        """Kill whatever still runs."""
        for member in self.members.values():
            if member.running:
                os.kill(member.pid, signal.SIGCONT)
                os.kill(member.pid, signal.SIGKILL)
                self._reap(member, STOP_S)

    def _reap(self, member: Member, seconds: float) -> int:
        assert member.process is not None
        try:
            code = member.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise WatchkeepError(f"{member.name} did not end within {seconds:g} s", remedy=f"look at {member.log}") from error
        member.reaped = True
        member.exits.append(code)
        return code

    # the parts of a site

    def port(self, name: str) -> int:
        """The port of a member; the same over restarts."""
        return self.ports.setdefault(name, free_port())

    @property
    def broker_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port('broker')}"

    def broker(self) -> Member:
        """A hub that is only the MQTT broker."""
        member = self._hub("hub", ["broker"], "")
        self.wait_listening("broker", "the broker")
        return member

    def archiver(self, name: str, *, extra: str = "") -> Member:
        """A hub with the archiver role and one volume; waits until it answers."""
        self.archivers(name, extra=extra)
        return self.members[name]

    def archivers(self, *names: str, extra: str = "") -> None:
        """Several of them; they start at once and are then waited for, because most of a start is imports."""
        for name in names:
            volume = self.folder / f"volume-{name}"
            volume.mkdir(exist_ok=True)
            self._hub(name, ["archiver"], f'[archiver]\nvolumes = ["{volume}"]\nmin_free_bytes = 100_000_000\n{extra}')
        for name in names:
            self.wait_listening(name, f"archiver {name}")

    def _hub(self, name: str, roles: list[str], sections: str) -> Member:
        data = self.folder / f"hub-{name}"
        data.mkdir(exist_ok=True)
        config = self.folder / f"hub-{name}.toml"
        listed = ", ".join(f'"{role}"' for role in roles)
        lines = ["[hub]", f'id = "{name}"', f'site = "{self.site}"', f"roles = [{listed}]", f'listen = "127.0.0.1:{self.port(name)}"',
                 f'data_dir = "{data}"', "[mqtt]", f'url = "{self.broker_url}"', "[discovery]", 'interfaces = ["127.0.0.1"]',
                 sections]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        return self.add(name, ["hub", "run", "-c", str(config)])

    def agent(self, cameras: Mapping[str, str], *, archivers: Sequence[str], copies: int, name: str = "edge-1",
              static: bool = False, extra: str = "", ingest: str = "", profile: str = "generic",
              beacon_s: float = 1.0) -> Member:  # fmt: skip
        """An agent recording cameras (id to URL) with copies on the named archivers, found by mDNS or listed; ingest: not the default."""
        config = self.folder / f"{name}.toml"
        lines = ["[agent]", f'id = "{name}"', f'site = "{self.site}"', f'data_dir = "{self.folder / name}"',
                 f'profile = "{profile}"', "[mqtt]", f'url = "{self.broker_url}"', f"beacon_s = {beacon_s}", "[discovery]",
                 f"mdns = {str(not static).lower()}",
                 'interfaces = ["127.0.0.1"]', "[journal]", "max_bytes = 2_000_000_000", extra]  # fmt: skip
        lines += [f'[[archiver]]\nid = "{one}"\nurl = "http://127.0.0.1:{self.port(one)}"' for one in archivers if static]
        listed = ", ".join(f'"{one}"' for one in archivers)
        for camera, url in cameras.items():
            lines.append(f'[[camera]]\nid = "{camera}"\nurl = "{url}"\ncopies = {copies}\narchivers = [{listed}]')
            lines += [f'ingest = "{ingest}"'] if ingest else []
        config.write_text("\n".join(lines) + "\n")
        return self.add(name, ["agent", "run", "-c", str(config)])

    def source(self, *options: str, cameras: int) -> dict[str, str]:
        """A test source; returns its cameras' URLs by id once it listens.  Its report goes to source.json."""
        port = self.port("source")
        report = self.folder / "source.json"
        self.add("source", ["source", "--port", str(port), "--cameras", str(cameras), "--report", str(report), *options])
        self.wait_listening("source", "the test source", 60)
        return {f"cam{number}": f"rtsp://127.0.0.1:{port}/cam{number}" for number in range(cameras)}

    def volume(self, name: str) -> Path:
        return self.folder / f"volume-{name}"
