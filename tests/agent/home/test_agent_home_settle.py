"""A whole agent whose disk fails or hangs at its start: agent/home/settle.py, with the parts around it.  Needs root, for mounts."""

import errno
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agent_toml import written
from faultrig import frozen, read_only, small_disk

from watchkeep.agent.clock import Clock
from watchkeep.agent.config import read
from watchkeep.agent.control.client import ask
from watchkeep.agent.control.model import Request
from watchkeep.agent.control.server import short_path
from watchkeep.agent.epochs import RESERVE_S, STATE_BYTES, EpochBook
from watchkeep.agent.home import refuge, settle
from watchkeep.agent.home.refuge import EPOCHS, Refuge, place
from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.journal.slots import SlotFile
from watchkeep.agent.reporter import Reporter
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.agent.signals import AGAIN
from watchkeep.wire.causes import Cause, EventKind
from watchkeep.wire.errors import ConfigError, VolumeError


@pytest.fixture(autouse=True)
def ram(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(refuge, "RAM", tmp_path / "ram")
    monkeypatch.setattr("watchkeep.agent.home.watch.LOOK_S", 0.02)
    (tmp_path / "ram").mkdir()
    return tmp_path / "ram"


@pytest.fixture
def ready(tmp_path):
    file = written(tmp_path)
    return plan(file, read(file))


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    """A file system on folder that can be read alone, until the block ends."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "watchkeep-test", str(folder)], check=True)
    with read_only(folder):
        yield


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    with frozen(folder):
        yield


@pytest.fixture(params=["read-only", "hangs"])
def trouble(request, tmp_path, monkeypatch) -> Iterator[object]:
    """A disk under data_dir, and what makes it fail."""
    data = tmp_path / "data"
    if request.param == "read-only":
        yield mounted_read_only(data)
        subprocess.run(["umount", "-l", str(data)], check=True)
    else:
        monkeypatch.setattr(settle, "START_S", 0.3)
        with small_disk(tmp_path / "disk.img", data, 256):
            yield hanging(data)


def numbers(service) -> int:
    return service._epochs.next("cam0")


def test_an_agent_records_from_ram_says_so_and_is_started_anew_when_its_disk_is_well(tmp_path, ready, trouble, ram, monkeypatch):
    told, well, data = [], threading.Event(), tmp_path / "data"
    monkeypatch.setattr(Reporter, "event", lambda self, event: told.append((event.kind, event.text)))
    with trouble:
        service = AgentService(ready, well=well.set)
        line = service._crew.there()["cam0"].line
        entries = service._journal.append(chunk(line))
        service.__enter__()
        while not any("could not be used at the start" in text for _, text in told):
            threading.Event().wait(0.02)
        beacon = ask(data, Request(command="status")).status.beacon
        assert beacon.disk_why.startswith(f"journal cannot be written: {data} could not be used at the start")
        assert beacon.disk_since_s == pytest.approx(beacon.sent_s, abs=30)
        assert not well.is_set()
        with pytest.raises(ConfigError, match="from RAM because its disk fails") as caught:
            AgentService(ready)
        assert caught.value.exit_code == 1
        given = [numbers(service) for _ in range(2 * RESERVE_S)][-1]
    assert well.wait(20)
    assert service.run(lambda: AGAIN)
    service.close()
    assert service.stragglers == []
    assert list(ram.iterdir()) == []
    with AgentService(ready, kept=service.kept) as anew:
        assert [(entry.kind, *entry.name, entry.seq) for entry in anew._journal.recovered] == [
            (entry.kind, *entry.name, entry.seq) for entry in entries]  # fmt: skip
        assert numbers(anew) > given
        assert ask(data, Request(command="status")).status.beacon.disk_why == ""
    assert [kind for kind, text in told if "could not be used at the start" in text] == [EventKind.DISK] * 2


def chunk(line):
    """The records of a camera's first chunk."""
    epoch = line.begin(b"init", Cause.FIRST_START, 0)
    for pts in (0, 1):
        line.push(epoch, b"\x65", video=True, pts=pts, dts=pts, duration=0, key=True, damaged=False, arrival_ns=0, annexb=False, now=0.0)
    return line.take(10.0, 0, flush=True, early=False)


def test_small_files_that_the_disk_still_gives_hold_and_a_camera_that_was_known_has_no_first_start(tmp_path, ready):
    data = tmp_path / "data"
    data.mkdir()
    try:
        with mounted_read_only(data):
            subprocess.run(["mount", "-o", "remount,rw", str(data)], check=True)
            SlotFile(data / EPOCHS, STATE_BYTES).write(b'{"": 4000000000, "cam0": 7}')
            subprocess.run(["mount", "-o", "remount,ro", str(data)], check=True)
            service = AgentService(ready)
            assert not service._home.blind
            assert service._epochs.known("cam0")
            assert numbers(service) > 4_000_000_000
            service.close()
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def test_an_agent_that_can_read_nothing_of_before_does_not_say_that_it_is_the_first_start(ready, monkeypatch):
    monkeypatch.setattr(Disk, "sizes", broken)
    service = AgentService(ready)
    assert service._home.blind
    assert service._crew.there()["cam0"].ingest._cause is Cause.AGENT_DOWN
    service.close()


def broken(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_a_killed_agent_left_in_ram_is_taken_over_by_the_next_one_on_the_disk(tmp_path, ready, ram):
    killed = Refuge.take(tmp_path / "data")
    SlotFile(killed.folder / EPOCHS, STATE_BYTES).write(b'{"": 4000000000, "cam0": 7}')
    killed.leave()
    service = AgentService(ready)
    assert service._data == tmp_path / "data"
    assert numbers(service) > 4_000_000_000
    assert list(ram.iterdir()) == []
    service.close()


@pytest.mark.parametrize("utc_s", [None, 30.0], ids=["clock set", "1970"])
def test_one_that_is_stopped_in_ram_leaves_the_next_start_its_numbers_there(tmp_path, ready, ram, monkeypatch, utc_s):
    """Below them it would be heard as another run of before; what is drawn at random (epochs.py) would be, one time in two."""
    monkeypatch.setattr(Disk, "sizes", broken)
    given = []
    for below in (lambda _: 70_000, lambda _: 5):
        monkeypatch.setattr(EpochBook.__init__, "__kwdefaults__", {"newest_s": 0, "below": below})
        clock = Clock()
        clock.utc_s = clock.utc_s if utc_s is None else lambda: utc_s
        with AgentService(ready, clock) as service:
            given += [numbers(service) for _ in range(2)]
    assert given == sorted(set(given))
    assert [place(tmp_path / "data")] == list(ram.iterdir())
    monkeypatch.undo()
    monkeypatch.setattr(refuge, "RAM", ram)
    service = AgentService(ready)
    assert numbers(service) > max(given)
    assert list(ram.iterdir()) == []
    service.close()


def test_without_room_in_ram_either_it_is_started_again(ready, ram, monkeypatch):
    monkeypatch.setattr(Disk, "sizes", broken)
    ram.rmdir()
    with pytest.raises(VolumeError, match="nor is there room in RAM") as caught:
        AgentService(ready)
    assert caught.value.exit_code == 1


def test_ram_that_fills_up_at_once_is_left_empty(ready, ram, monkeypatch, tmp_path):
    monkeypatch.setattr(Disk, "sizes", broken)
    monkeypatch.setattr(Refuge, "seed", broken)
    with pytest.raises(VolumeError, match="nor is there room in RAM"):
        AgentService(ready)
    assert list(ram.iterdir()) == []


def test_a_socket_that_a_killed_agent_left_in_ram_hides_no_agent(tmp_path, ready, ram):
    with AgentService(ready):
        place(tmp_path / "data").mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as dead, short_path(place(tmp_path / "data")) as path:
            dead.bind(path)
        assert ask(tmp_path / "data", Request(command="status")).status.beacon.agent == "edge-1"


def test_a_start_that_fails_in_ram_leaves_nothing_there(ready, ram, monkeypatch):
    monkeypatch.setattr(Disk, "sizes", broken)
    monkeypatch.setattr(AgentService, "_build", broken)
    with pytest.raises(OSError, match="error"):
        AgentService(ready)
    assert list(ram.iterdir()) == []
