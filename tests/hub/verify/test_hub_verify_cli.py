"""The command as an operator and a machine use it: exit codes, the table, the JSON document."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from verify_archive import Recorder, volume

from watchkeep.hub.verify.report import MAX_LISTED, Report
from watchkeep.hub.verify.show import MAX_LINES, show
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire.causes import Cause


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
"""Colours and movements of the cursor."""


def on_a_terminal(*arguments: object) -> tuple[bytes, str]:
    """What `verify` draws on a terminal as its standard error, and what it says to a pipe as its standard output."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "verify", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    drawn = bytearray()
    try:
        while data := read(ours):
            drawn += data
        said = process.communicate(timeout=60)[0].decode()
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return bytes(drawn), said


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: nobody has the terminal open any more
        return b""


def shown(report: Report) -> str:
    out = io.StringIO()
    show(report, Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return volume(tmp_path / "volume")


def test_all_good_is_exit_0(root: Path) -> None:
    Recorder().record(7).write(root)
    done = run(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all good: 2 files, 7 chunks" in done.stdout
    assert "cam0" in done.stdout


def test_damage_is_exit_1_and_named(root: Path) -> None:
    path = Recorder().record(7).write(root)[1]
    data = bytearray(path.read_bytes())
    data[data.index(b"picture 25")] ^= 1
    path.write_bytes(data)
    done = run(root)
    assert done.returncode == 1
    assert "chunk 6 frame 1: frame does not match its hash" in done.stdout
    assert str(path) in done.stdout
    assert "not good" in done.stdout


def test_a_gap_is_exit_1_and_json_is_one_document(root: Path) -> None:
    Recorder().record(2).restart(Cause.AGENT_DOWN, 3).record(2).write(root)
    done = run(root, "--json")
    assert done.returncode == 1
    assert done.stderr == ""
    report = Report.model_validate_json(done.stdout)
    assert report == verify_paths([root])
    assert json.loads(done.stdout)["cameras"][0]["gaps"][0]["cause"] == "agent-down"


def test_progress_is_drawn_on_a_terminal_only_and_never_in_the_json(root: Path) -> None:
    Recorder().record(7).write(root)
    drawn, said = on_a_terminal(root, "--json")
    assert re.search(rb"verifying .* ([0-9.]+)/\1 kB", ESCAPES.sub(b"", drawn)), "a bar that ends at its total"
    assert json.loads(said) == json.loads(run(root, "--json").stdout)
    drawn, said = on_a_terminal(root)
    assert b"verifying" in drawn
    assert "verifying" not in said
    piped = run(root)
    assert (said, piped.stderr) == (piped.stdout, "")


@pytest.mark.parametrize("arguments", [[], ["/nowhere/at/all"], ["--wrong"]])
def test_usage_is_exit_2_with_a_reason(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_against_another_archive(root: Path, tmp_path: Path) -> None:
    other = volume(tmp_path / "other")
    Recorder().record(10).write(root)
    Recorder().record(5).write(other)
    same = run(root, "--against", root)
    assert same.returncode == 0
    assert "10 chunks are the same" in same.stdout
    differs = run(root, "--against", other)
    assert differs.returncode == 1
    assert "missing there" in differs.stdout
    document = Report.model_validate_json(run(root, "--json", "--against", other).stdout)
    assert document.against is not None
    assert not document.good


def test_the_screen_shows_gaps_sessions_and_frames(root: Path) -> None:
    recorder = Recorder().record(2)
    recorder.counter += 5
    recorder.record(1).restart(Cause.CAMERA_LOST, 4.25).record(1).write(root)
    text = shown(verify_paths([root]))
    assert "gap cam0: 4.250 s from 2026-01-01 00:00:03.000, camera-lost" in text
    assert "frames missing cam0 run 00c0ffee session 1: 8-12" in text
    assert "counters cam0: 16 in 2 session(s), 5 missing, 0 twice" in text


def test_long_lists_are_cut_and_say_so(root: Path) -> None:
    recorder = Recorder()
    for _ in range(MAX_LINES + 5):
        recorder.record(1).restart(Cause.CAMERA_LOST, 2)
    recorder.write(root)
    assert "... and 4 more; --json lists them all" in shown(verify_paths([root]))


def test_names_from_files_are_not_taken_for_markup(root: Path, tmp_path: Path) -> None:
    path = Recorder().record(1).write(root)[0]
    odd = tmp_path / "[bold]x.mp4"
    odd.write_bytes(path.read_bytes()[:-1])
    assert "[bold]x.mp4" in shown(verify_paths([odd]))


def test_damage_is_listed_up_to_a_bound_and_counted_beyond(root: Path) -> None:
    chunks = MAX_LISTED + 7
    path = Recorder(per_file=chunks, counted=False).record(chunks).write(root)[0]
    path.write_bytes(path.read_bytes().replace(b"plain picture", b"plain Picture"))
    (camera,) = verify_paths([path]).cameras
    assert len(camera.damage) == MAX_LISTED
    assert camera.damage_total == 4 * chunks
    assert "more" in shown(verify_paths([path]))
