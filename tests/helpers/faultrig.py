"""Faults for a site of real processes: a proxy that misbehaves, a namespace whose link is cut, and what an archive holds now.

Rules: everything that is made here is taken away again when the site closes, also after a failure; frames are judged
over the union of the archives, because copies = 1 leaves each frame on one of them.
"""

import http.client
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from faultproxy import FaultProxy
from wksite import Site, listening, wait_until

from watchkeep.hub.demo.cast import Member
from watchkeep.hub.verify.report import Report
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import WIRE_VERSION
from watchkeep.wire import http as names
from watchkeep.wire.messages import AppendAnswer, EpochState
from watchkeep.wire.record import ask

FPS = 25
SMALL = ("--fps", str(FPS), "--size", "320x180", "--bitrate", "300k", "--loop-seconds", "4")
"""Options of a test source that costs little."""
ALL_SEQS = 1 << 20


FIRST, SECOND = "wkpeer", "wkpeer2"
"""A namespace's links, as they are called inside."""


class Namespace:
    """A network namespace with one link to this machine; `host` is its address, `near` this machine's as it is seen from there."""

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        self.name = f"wk-{tag}"
        self.command = ["ip", "netns", "exec", self.name]
        """Before a command: it runs there."""
        _ip("netns", "add", self.name)
        try:
            _ip("-n", self.name, "link", "set", "lo", "up")
            self.near, self.host = self._link(tag, FIRST)
        except BaseException:
            self.close()
            raise

    def second(self) -> tuple[str, str]:
        """One more link, which is cut on its own: (this machine's address, the namespace's)."""
        return self._link(secrets.token_hex(3), SECOND)

    def _link(self, tag: str, inside: str) -> tuple[str, str]:
        """(this machine's address, the namespace's)."""
        net, last = f"10.{200 + int(tag[:2], 16) % 50}.{int(tag[2:4], 16)}", 4 * (int(tag[4:], 16) // 4)
        near, host = f"{net}.{last + 1}", f"{net}.{last + 2}"
        _ip("link", "add", f"wk{tag}", "type", "veth", "peer", "name", inside, "netns", self.name)
        _ip("addr", "add", f"{near}/30", "dev", f"wk{tag}")
        _ip("link", "set", f"wk{tag}", "up")
        _ip("-n", self.name, "addr", "add", f"{host}/30", "dev", inside)
        _ip("-n", self.name, "link", "set", inside, "up")
        return near, host

    def drop(self, *, on: bool, link: str = FIRST) -> None:
        """As if the machine behind the link had lost its power: every packet to it is dropped."""
        self._rule(on, "INPUT", "-i", link)

    def cut(self, *, on: bool, link: str = FIRST) -> None:
        """As if the cable was pulled: nothing comes in and nothing gets out."""
        self.drop(on=on, link=link)
        self._rule(on, "OUTPUT", "-o", link)

    def cut_from(self, port: int, *, on: bool) -> None:
        """As if one server out there was behind a link of its own, and that was cut: by its port."""
        self._rule(on, "INPUT", "-p", "tcp", "--sport", str(port))
        self._rule(on, "OUTPUT", "-p", "tcp", "--dport", str(port))

    def _rule(self, on: bool, *match: str) -> None:
        subprocess.run([*self.command, "iptables", "-I" if on else "-D", *match, "-j", "DROP"], check=True)

    def close(self) -> None:
        """Delete the namespace, its link and its rules with it."""
        _ip("netns", "del", self.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL)


class FaultSite(Site):
    """A site whose archivers may stand behind a proxy or in a namespace."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proxies: dict[str, FaultProxy] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.urls: dict[str, str] = {}
        """Where the agent is sent, by archiver id."""

    def archivers(self, *names: str, extra: str = "") -> None:
        super().archivers(*names, extra=extra)
        self.urls |= {name: f"http://127.0.0.1:{self.port(name)}" for name in names}

    def _hub(self, name: str, roles: list[str], sections: str) -> Member:
        """With no floor of free space, so that a small disk fills up instead of making room by retention."""
        return super()._hub(name, roles, sections.replace("min_free_bytes = 100_000_000", "min_free_bytes = 0"))

    def behind_proxy(self, name: str, *, keep_bodies: bool = False) -> FaultProxy:
        """The agent reaches this archiver through a proxy from now on."""
        proxy = self.proxies[name] = FaultProxy(("127.0.0.1", self.port(name)), keep_bodies=keep_bodies)
        self.urls[name] = f"http://127.0.0.1:{proxy.port}"
        return proxy

    def in_namespace(self, name: str) -> Namespace:
        """Move an archiver behind a link that can be cut; it is started again there."""
        space = self.namespaces[name] = Namespace()
        self.wrapped[name] = space.command
        self.stop(name)
        config = self.folder / f"hub-{name}.toml"
        here = f"127.0.0.1:{self.port(name)}"
        config.write_text(config.read_text().replace(f'listen = "{here}"', f'listen = "{space.host}:{self.port(name)}"'))
        self.urls[name] = f"http://{space.host}:{self.port(name)}"
        self.start(name)
        wait_until(lambda: durable(self.urls[name], {"cam0": 1}) is not None, 30, f"the start of archiver {name} in its namespace")
        return space

    def record(self, urls: dict[str, str], *, copies: int, to: Sequence[str] = (), name: str = "edge-1", extra: str = "",
               hold_s: float = 0.0, segment_s: float = 2.0, profile: str = "generic") -> Member:  # fmt: skip
        """An agent that knows only archivers of `self.urls`, all or those named; profile: a name, or a file's path."""
        chosen = list(to) or list(self.urls)
        listed = "\n".join(f'[[archiver]]\nid = "{one}"\nurl = "{self.urls[one]}"' for one in chosen)
        sections = f"[recording]\nsegment_s = {segment_s}\n[replication]\nfailback_hold_s = {hold_s}\n{listed}"
        return self.agent(urls, archivers=chosen, copies=copies, name=name, extra=f"{extra}\n{sections}", profile=profile)

    def again(self, name: str) -> None:
        """Start an archiver that was killed, and wait until it answers."""
        self.start(name)
        wait_until(lambda: name in self.namespaces or listening(self.port(name)), 30, f"the start of archiver {name}")

    def held(self, name: str) -> dict[str, int]:
        """The newest durable seq of every camera's present epoch on an archiver, asked directly; -1 for none."""
        epochs = {camera: state.epoch for camera, state in self.view.cameras.items()}
        return durable(self.direct(name), epochs) or dict.fromkeys(epochs, -1)

    def newest(self, name: str, camera: str = "cam0") -> int:
        return self.held(name)[camera]

    def states(self, name: str) -> dict[str, EpochState] | None:
        """What an archiver has of every camera's present epoch, asked directly; None when it does not answer."""
        return epoch_states(self.direct(name), {camera: state.epoch for camera, state in self.view.cameras.items()})

    def holes(self, name: str) -> dict[str, int]:
        """By camera, how many chunks below the newest durable one of its present epoch are not durable there; needs an answer."""
        states = self.states(name)
        assert states is not None, f"archiver {name} does not answer"
        return {camera: _holes(state.durable) for camera, state in states.items()}

    def direct(self, name: str) -> str:
        return self.urls[name] if name in self.namespaces else f"http://127.0.0.1:{self.port(name)}"

    def union(self, *names: str) -> Report:
        """What all the archives together prove."""
        return verify_paths([self.volume(name) for name in names])

    def close(self) -> None:
        try:
            super().close()
        finally:
            for thing in (*self.proxies.values(), *self.namespaces.values()):
                thing.close()


def durable(url: str, epochs: dict[str, int]) -> dict[str, int] | None:
    """By camera the newest durable seq of its epoch on an archiver, -1 for none of it; None when it does not answer."""
    states = epoch_states(url, epochs)
    return None if states is None else {camera: max((high for _, high in state.durable), default=-1) for camera, state in states.items()}


def epoch_states(url: str, epochs: dict[str, int]) -> dict[str, EpochState] | None:
    """What an archiver says when it is asked for one epoch of each camera; None when it does not answer."""
    body = b"".join(ask(camera, epoch, 0, ALL_SEQS) for camera, epoch in epochs.items())
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=1.0)
    try:
        connection.request("POST", names.APPEND, body, {"Content-Type": names.RECORDS_TYPE, names.VERSION_HEADER: str(WIRE_VERSION)})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status != 200:
        return None
    return {camera: states[0] for camera, states in AppendAnswer.model_validate_json(text).cameras.items()}


def _holes(durable: list[tuple[int, int]]) -> int:
    return durable[-1][1] + 1 - sum(high - low + 1 for low, high in durable) if durable else 0


def different_files(here: Path, there: Path) -> list[str]:
    """Which segment files of two volumes are not there twice with the same bytes, a line each; one file at a time is read."""
    names = sorted({path.relative_to(volume) for volume in (here, there) for path in volume.rglob("*.mp4")})
    found = []
    for name in names:
        lone = [str(volume) for volume in (here, there) if not (volume / name).exists()]
        if lone:
            found.append(f"{name} is missing in {lone[0]}")
        elif (here / name).read_bytes() != (there / name).read_bytes():
            found.append(f"{name} has other bytes in {there}")
    return found


@contextmanager
def small_disk(image: Path, folder: Path, megabytes: int = 64) -> Iterator[None]:
    """A small ext4 file system, mounted while the block runs."""
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    shutil.rmtree(folder / "lost+found")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def fill(path: Path) -> None:
    """Write this file until its disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A mounted file system that takes nothing while the block runs, as the kernel makes one that it found wrong."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """A disk that hangs: whatever writes to the file system does not return before the block ends, not even killed."""
    subprocess.run(["fsfreeze", "-f", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", str(folder)], check=True)


@contextmanager
def fault_site(folder: Path) -> Iterator[FaultSite]:
    with FaultSite(folder) as site:
        site.mosquitto()
        yield site
