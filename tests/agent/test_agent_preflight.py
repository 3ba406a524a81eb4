"""What `watchkeep agent check` and `run` say to a house that is not ready: agent/preflight.py, cli.py, datadir.py.

The command's own entry point is called, in this process; `run` of each obstacle is a process, because it handles signals.
"""

import errno
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchkeep.agent import preflight
from watchkeep.agent.config import read
from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.profiles import recorder_profile
from watchkeep.wire.errors import ConfigError
from watchkeep.wire.shell import cli

GENERIC = Path(sys.modules[recorder_profile.__module__].__file__ or "").parent / "recorders" / "generic.toml"
GOOD = """
[agent]
id = "edge-1"
site = "demo"
data_dir = "HERE/data"
[discovery]
mdns = false
[journal]
max_bytes = 300_000_000
[[archiver]]
id = "a"
url = "http://127.0.0.1:1"
[[camera]]
id = "cam0"
url = "rtsp://viewer:open-sesame@127.0.0.1:1/x"
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    file = folder / "agent.toml"
    file.write_text(GOOD.replace(old, new, 1).replace("HERE", str(folder)))
    return file


def traces(folder: Path) -> dict[str, int]:
    """Everything under folder and when it was changed."""
    return {str(path): path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))}


def check(file: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """`watchkeep agent check -c file`; its exit code."""
    monkeypatch.setattr(sys, "argv", ["watchkeep", "agent", "check", "-c", str(file), *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def run(file: Path) -> subprocess.CompletedProcess[str]:
    """`watchkeep agent run -c file`, which is expected to end by itself."""
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "agent", "run", "-c", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


@contextmanager
def disk(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own on folder, needs root; permissions alone do not stop root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "watchkeep-test", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


PROFILES = {
    "broken.toml": GENERIC.read_text() + "sync_msec = 1000\n",
    "wrong.toml": GENERIC.read_text().replace("ring_seconds = 60", "ring_seconds = 5"),
}


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('site = "demo"', 'sight = "demo"', "agent.sight", "did you mean site?"),
        ("max_bytes", "max_byte", "journal.max_byte", "did you mean max_bytes?"),
        ("[journal]", "[jurnal]", "jurnal", "did you mean journal?"),
        ("rtsp://viewer", "rtps://viewer", "camera[0].url", "rtsp://host:554/path"),
        ('url = "http://127.0.0.1:1"', 'url = "127.0.0.1:1"', "archiver[0].url", "http://host:9701"),
        ("[journal]", '[mqtt]\nurl = "http://u:open-sesame@h"\n[journal]', "mqtt.url", "mqtt://"),
        ("max_bytes = 300_000_000", "max_bytes = 3_000", "journal.max_bytes", "268435456"),
        ("[discovery]", 'profile = "raspbery-pi-5"\n[discovery]', "agent.profile", "did you mean raspberry-pi-5?"),
        ("[discovery]", 'profile = "HERE/none.toml"\n[discovery]', "agent.profile", "none.toml: cannot be read"),
        ("[discovery]", 'profile = "HERE/broken.toml"\n[discovery]', "agent.profile", "broken.toml: sync_msec: is not a known key; did"),
        ("[discovery]", 'profile = "HERE/wrong.toml"\n[discovery]', "agent.profile", "wrong.toml: ring_seconds: is "),
        ('id = "cam0"', 'id = "cam0"\nprofile = "axxis"', "camera[0].profile", "did you mean axis?"),
        ('url = "rtsp://viewer:open-sesame@127.0.0.1:1/x"', 'host = "a b"\nprofile = "axis"', "camera[0].host", "without scheme"),
        ('data_dir = "HERE/data"', 'data_dir = "HERE/a-file"', "agent.data_dir", "a-file is not a directory; choose"),
        ('data_dir = "HERE/data"', 'data_dir = "HERE/a-file/data"', "agent.data_dir", "a-file is not a directory; choose"),
        ('data_dir = "HERE/data"', 'data_dir = "HERE/half"', "agent.data_dir", "half/journal is not a directory; choose"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_one_line_with_file_key_and_remedy_and_nothing_is_touched(tmp_path, monkeypatch, capsys, old, new, key, says):
    for name, text in PROFILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "a-file").touch()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "journal").touch()
    file = written(tmp_path, old, new)
    before = traces(tmp_path)
    assert check(file, monkeypatch) == 2
    told = capsys.readouterr()
    assert check(file, monkeypatch, "--json") == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    ran = run(file) if key == "agent.data_dir" else None
    assert traces(tmp_path) == before
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith(f"watchkeep: {file}: {key}: ")
    assert says.replace("HERE", str(tmp_path)) in line
    assert "open-sesame" not in line
    assert line == f"watchkeep: {problem['problem']}; {problem['remedy']}"
    assert (problem["file"], problem["key"]) == (str(file), key)
    if ran is not None:
        assert (ran.returncode, ran.stderr) == (2, told.err)


@pytest.mark.parametrize(("folder", "says"), [("", " is on a file system that is read-only; mount it"), ("/x/data", "cannot be made: ")])
def test_a_disk_that_fails_is_a_problem_of_the_check_which_says_what_run_would_do(tmp_path, monkeypatch, capsys, folder, says):
    file = written(tmp_path, "HERE/data", f"HERE/read-only{folder}")
    with disk(tmp_path / "read-only", "ro,size=1m"):
        before = traces(tmp_path)
        assert check(file, monkeypatch) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert check(file, monkeypatch, "--json") == 2
        problems = json.loads(capsys.readouterr().out)["problems"]
        assert traces(tmp_path) == before
    assert says in first
    assert second.startswith(f"watchkeep: {file}: agent.data_dir: until then `agent run` records from RAM to the archivers; without any ")
    assert [first, second] == [f"watchkeep: {one['problem']}; {one['remedy']}" for one in problems]


def test_a_disk_that_is_not_mounted_fails_and_nothing_is_written_where_it_belongs(tmp_path, monkeypatch, capsys):
    (tmp_path / "data").mkdir()
    file, before = written(tmp_path), traces(tmp_path / "data")
    with monkeypatch.context() as patch:
        patch.setattr(preflight, "unmounted", lambda folder: folder)
        assert check(file, monkeypatch) == 2
        assert f"no disk is mounted on {tmp_path}/data, and /etc/fstab has one for it; mount it" in capsys.readouterr().err
        AgentService(plan(file, read(file))).close()
        assert traces(tmp_path / "data") == before


def test_a_good_file_leaves_no_trace_and_may_name_folders_that_are_not_there_yet(tmp_path, monkeypatch, capsys):
    file = written(tmp_path, "HERE/data", "HERE/not/yet/data")
    before = traces(tmp_path)
    assert check(file, monkeypatch) == 0
    said = capsys.readouterr().out
    assert "good. Agent edge-1 records 1 cameras with profile generic: any x86-64" in said
    assert "At cameras of profile generic (any RTSP camera):" in said
    assert "  - Set the key frame interval to 1 or 2 seconds" in said
    assert check(file, monkeypatch, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ok"], shown["problems"], shown["notes"], shown["agent"]) == (True, [], [], "edge-1")
    assert list(shown["at_the_cameras"]) == ["generic"]
    assert traces(tmp_path) == before


@pytest.mark.parametrize(("directory", "says"), [
    ('servers = ["http://10.0.0.1:9701", "http://10.0.0.2:9701"]', "the directory at http://10.0.0.1:9701, http://10.0.0.2:9701 gives"),
    ("mdns = true", "by whichever servers of the site mDNS shows"),
])  # fmt: skip
def test_a_directory_that_gives_more_cameras_is_named(tmp_path, monkeypatch, capsys, directory, says):
    file = written(tmp_path, "[discovery]\nmdns = false\n", f"[directory]\n{directory}\n")
    assert check(file, monkeypatch) == 0
    assert says in capsys.readouterr().out
    assert check(file, monkeypatch, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (len(shown["directory"]), shown["directory_mdns"]) == ((0, True) if "mdns" in directory else (2, False))


def test_a_folder_that_this_user_may_not_look_into_is_refused(tmp_path, monkeypatch, capsys):
    """As a plain user sees a folder under /root; root itself may look everywhere."""
    monkeypatch.setattr(os.path, "lexists", lambda path: str(tmp_path / "data") not in str(path))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != tmp_path)
    assert check(written(tmp_path), monkeypatch) == 2
    assert f"agent.data_dir: {tmp_path}/data cannot be made: {tmp_path} cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(("call", "number", "fails"), [
    ("open", errno.EIO, True), ("open", errno.EMFILE, True), ("open", errno.EACCES, False),
    ("mkdir", errno.ENOSPC, True), ("mkdir", errno.ENAMETOOLONG, False),
])  # fmt: skip
def test_a_disk_that_fails_keeps_no_recorder_down_and_a_wrong_path_does(tmp_path, monkeypatch, call, number, fails):
    ordinary, file = getattr(os, call), written(tmp_path)

    def broken(path, flags, *rest, **options):
        if str(path).startswith(f"{tmp_path}/data") if call == "mkdir" else flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(number, os.strerror(number))
        return ordinary(path, flags, *rest, **options)

    monkeypatch.setattr(os, call, broken)
    if fails:
        service = AgentService(plan(file, read(file)))
        assert "agent.data_dir" in service._home.why.message
        service.close()
    else:
        with pytest.raises(ConfigError, match=r"agent\.data_dir") as caught:
            AgentService(plan(file, read(file)))
        assert caught.value.exit_code == 2


def test_a_journal_that_its_disk_does_not_let_open_keeps_no_recorder_down(tmp_path, monkeypatch):
    def broken(_disk, _folder):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = written(tmp_path)
    monkeypatch.setattr(Disk, "sizes", broken)
    service = AgentService(plan(file, read(file)))
    assert "journal" in service._home.why.message
    service.close()


@pytest.mark.parametrize(
    ("size", "code", "says"),
    [
        ("150m", 2, "agent.data_dir: its disk has room for 157 MB of journal, and the smallest journal needs 201 MB; free space"),
        ("250m", 0, "journal.max_bytes: the journal may grow to 300 MB, and its disk has room for 262 MB; free space"),
    ],
)
def test_a_disk_with_less_room_than_the_journal_may_take_is_told_and_does_not_keep_a_recorder_down(
        tmp_path, monkeypatch, capsys, caplog, size, code, says):  # fmt: skip
    file = written(tmp_path, "HERE/data", "HERE/disk/data")
    with disk(tmp_path / "disk", f"size={size}"):
        assert check(file, monkeypatch) == code
        told = capsys.readouterr()
        assert says in told.out + told.err
        with caplog.at_level(logging.WARNING):
            AgentService(plan(file, read(file))).close()
    assert "the journal's disk is not what the configuration expects" in caplog.text


def test_what_the_journal_has_already_counts_as_its_room(tmp_path, monkeypatch, capsys):
    file = written(tmp_path, "HERE/data", "HERE/disk/data")
    with disk(tmp_path / "disk", "size=400m"):
        (tmp_path / "disk" / "data" / "journal").mkdir(parents=True)
        with (tmp_path / "disk" / "data" / "journal" / "000000000001.wkj").open("wb") as journal:
            os.posix_fallocate(journal.fileno(), 0, 250 << 20)
        assert check(file, monkeypatch) == 0
    assert "note" not in capsys.readouterr().out


def test_check_beside_an_agent_that_records_says_so_and_disturbs_nobody(tmp_path, monkeypatch, capsys):
    file = written(tmp_path)
    with AgentService(plan(file, read(file))):
        assert check(file, monkeypatch) == 0
        assert f"note: {file}: agent.data_dir: an agent records there now; stop it before another" in capsys.readouterr().out
        assert check(file, monkeypatch, "--json") == 0
        assert [note["key"] for note in json.loads(capsys.readouterr().out)["notes"]] == ["agent.data_dir"]
        ran = run(file)
        assert ran.returncode == 1
        assert "agent.data_dir" in ran.stderr.splitlines()[-1]
        assert "in use by another process" in ran.stderr.splitlines()[-1]
    assert check(file, monkeypatch) == 0
    assert "note" not in capsys.readouterr().out


def test_check_notes_archivers_that_nobody_lists_and_a_file_without_cameras(tmp_path, monkeypatch, capsys):
    assert check(written(tmp_path, 'id = "cam0"', 'id = "cam0"\narchivers = ["a", "b"]'), monkeypatch) == 0
    assert "camera[0].archivers: no [[archiver]] has the id 'b'; mDNS is off, so it is never used" in capsys.readouterr().out
    bare = tmp_path / "bare.toml"
    bare.write_text(GOOD.partition("[[camera]]")[0].replace("HERE", str(tmp_path)))
    assert check(bare, monkeypatch) == 0
    assert "nothing is recorded; add a [[camera]]" in capsys.readouterr().out
    bare.write_text(bare.read_text().replace("mdns = false", "mdns = true\n[directory]\nmdns = true"))
    assert check(bare, monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "directory.mdns: whoever announces a directory server on this network says what is recorded; list directory.servers" in shown
    assert "nothing is recorded" not in shown


@pytest.mark.parametrize(("most", "transport", "noted"), [(212_992, "udp", True), (212_992, "tcp", False), (2 << 20, "udp", False),
                                                          (None, "udp", False)])  # fmt: skip
def test_check_notes_a_kernel_that_keeps_few_datagrams_where_a_camera_sends_any(tmp_path, monkeypatch, capsys, most, transport, noted):
    monkeypatch.setattr("watchkeep.agent.preflight.most_buffer", lambda: most)
    assert check(written(tmp_path, 'id = "cam0"', f'id = "cam0"\ntransport = "{transport}"'), monkeypatch) == 0
    assert ("note: " in (shown := capsys.readouterr().out)) is noted
    assert ("camera[0].transport: the kernel keeps 212 kB" in shown) is noted
