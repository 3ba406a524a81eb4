"""The folder in RAM that stands for data_dir: agent/home/refuge.py."""

import os
import stat

import pytest

from watchkeep.agent.epochs import STATE_BYTES
from watchkeep.agent.home import refuge
from watchkeep.agent.home.refuge import ARCHIVERS, EPOCHS, LOSSES, Refuge, bring_back, place, salvage
from watchkeep.agent.journal.slots import SlotFile


@pytest.fixture(autouse=True)
def ram(tmp_path, monkeypatch):
    folder = tmp_path / "ram"
    folder.mkdir()
    monkeypatch.setattr(refuge, "RAM", folder)
    return folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_it_is_its_owners_alone_one_agents_at_a_time_and_gone_at_the_end(data, ram):
    first = Refuge.take(data)
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    assert first.folder == place(data) != place(data.parent)
    with pytest.raises(BlockingIOError):
        Refuge.take(data)
    with pytest.raises(BlockingIOError):
        Refuge.left(data)
    first.close()
    assert list(ram.iterdir()) == []
    assert Refuge.left(data) is None


def test_what_a_killed_agent_left_is_found(data):
    killed = Refuge.take(data)
    killed.seed({"desired.json": b"new", "credentials.toml": b"secret"})
    killed.leave()
    left = Refuge.left(data)
    assert left is not None
    assert (left.folder / "desired.json").read_bytes() == b"new"
    assert stat.S_IMODE((left.folder / "credentials.toml").stat().st_mode) == 0o600
    left.close()


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_others_may_look_into_is_not_used(data, mode):
    place(data).mkdir()
    place(data).chmod(mode)
    with pytest.raises(PermissionError):
        Refuge.take(data)
    assert Refuge.left(data) is None


def test_another_users_folder_stands_in_nobodys_way_and_root_finds_agents_in_it(data, ram, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr("os.geteuid", lambda: 4711)
        theirs = place(data)
        theirs.mkdir(mode=0o700)
        assert refuge.places(data) == [], "it is root's, and says to be another's"
        os.chown(theirs, 4711, 4711)
        assert refuge.places(data) == [theirs]
    assert refuge.places(data) == [theirs]
    mine = Refuge.take(data)
    assert refuge.places(data) == [mine.folder, theirs]
    monkeypatch.setattr("os.geteuid", lambda: 4712)
    place(data).symlink_to(tmp_path)
    assert refuge.places(data) == []
    monkeypatch.undo()
    mine.close()


def test_a_link_in_its_place_is_not_followed(data, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place(data).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        Refuge.take(data)


def test_what_the_disk_still_gives_is_taken_along_and_what_it_does_not_is_done_without(data, caplog):
    (data / "desired.json").write_bytes(b"{}")
    (data / EPOCHS).mkdir()
    assert salvage(data) == {"desired.json": b"{}"}
    assert "epochs.slots" in str(caplog.records[-1].__dict__)


def test_what_lies_under_the_mount_point_of_a_disk_that_is_away_is_not_taken_along(data, monkeypatch):
    (data / "desired.json").write_bytes(b"of last year")
    monkeypatch.setattr(refuge, "unmounted", lambda folder: folder)
    assert salvage(data) == {}


def test_a_new_disk_gets_the_passwords_and_addresses_that_the_dying_one_still_gave(data):
    """Else cameras that the directory gives would stop, and archivers that mDNS does not show now be unknown, at going over to it."""
    held = Refuge.take(data)
    held.seed({"credentials.toml": b"secret"})
    SlotFile(held.folder / ARCHIVERS, STATE_BYTES).write(b'{"b": "http://10.0.0.2:9701"}')
    SlotFile(data / ARCHIVERS, STATE_BYTES).write(b'{"a": "http://10.0.0.1:9701", "b": "http://10.0.0.9:9701"}')
    bring_back(held.folder, data)
    assert (data / "credentials.toml").read_bytes() == b"secret"
    assert stat.S_IMODE((data / "credentials.toml").stat().st_mode) == 0o600
    assert SlotFile(data / ARCHIVERS, STATE_BYTES).read() == b'{"a": "http://10.0.0.1:9701", "b": "http://10.0.0.2:9701"}'
    held.close()


def test_everything_that_is_newer_in_ram_gets_to_the_disk_and_nothing_of_it_is_lost_there(data, caplog):
    held = Refuge.take(data)
    for folder, numbers, rows in ((held.folder, b'{"":9,"cam0":4}', b'["b"]'), (data, b'{"":5,"cam1":7}', b'["a"]')):
        SlotFile(folder / EPOCHS, STATE_BYTES).write(numbers)
        SlotFile(folder / LOSSES, STATE_BYTES).write(rows)
    held.seed({"desired.json": b"new", "credentials.toml": b"secret"})
    (data / "desired.json").write_bytes(b"old")
    (data / "credentials.toml").write_bytes(b"of the disk")
    bring_back(held.folder, data)
    bring_back(held.folder, data)
    assert SlotFile(data / EPOCHS, STATE_BYTES).read() == b'{"": 9, "cam0": 4, "cam1": 7}'
    assert SlotFile(data / LOSSES, STATE_BYTES).read() == b'["a", "b"]'
    assert (data / "desired.json").read_bytes() == b"new"
    assert (data / "credentials.toml").read_bytes() == b"of the disk"
    (data / EPOCHS).unlink()
    (data / EPOCHS).mkdir()
    bring_back(held.folder, data)
    assert "does not get from RAM to data_dir" in caplog.text
    held.close()
