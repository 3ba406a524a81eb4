"""`watchkeep demo` as a user runs it: the verdict on the screen, in the report, and in the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
DEMO = [sys.executable, "-m", "watchkeep.wire.shell.cli"]
ROBBED = """
from watchkeep.hub.demo.cast import Cast
from watchkeep.wire.shell.cli import main

def stop(cast, name, original=Cast.stop):
    code = original(cast, name)
    if name == "source":  # the last one: the proof comes next
        [lost] = cast.volume("b").glob("cam1/**/*.mp4")
        lost.unlink()
        changed = max(cast.volume("a").glob("cam0/**/*.mp4"), key=lambda path: path.stat().st_size)
        data = bytearray(changed.read_bytes())
        data[len(data) // 2] ^= 1
        changed.write_bytes(data)
    return code

Cast.stop = stop
main()
"""
"""The demo, but for a file that is gone from one archive and a byte that is another in the other when it proves them."""


def demo(command: list[str], folder: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    options = ["demo", "--seconds", "12", "--cameras", "2", "--size", "320x180", "--report", str(folder.with_suffix(".json"))]
    return subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "TMPDIR": str(folder)})  # fmt: skip


def test_the_demo_loses_nothing_and_says_so_and_says_what_is_missing_when_an_archive_was_robbed(tmp_path):
    """Two demos at once, which is another thing that has to go well."""
    folders = [tmp_path / "good", tmp_path / "robbed"]
    runs = [demo(command, folder) for command, folder in zip((DEMO, [sys.executable, "-c", ROBBED]), folders, strict=True)]
    try:
        good, robbed = (run.communicate(timeout=150)[0] for run in runs)
    finally:
        for run in runs:
            run.terminate()
            run.wait(30)
    assert [run.returncode for run in runs] == [0, 1], good + robbed
    assert "NOTHING LOST" in good
    assert "NOTHING LOST" not in robbed
    verdicts = [json.loads(folder.with_suffix(".json").read_text()) for folder in folders]
    assert [verdict["good"] for verdict in verdicts] == [True, False]
    for verdict in verdicts:
        assert verdict["sent"] == {"cam0": 300, "cam1": 300}
        assert verdict["takeover"]["detected_s"] < 5
    assert all(archive["frames"] == {"cam0": 300, "cam1": 300} for archive in verdicts[0]["archives"])
    for problem in ("archive b: 300 of 300 frames of cam1 are missing", "archive a: cam0: ", "the archives differ"):
        assert any(problem in found for found in verdicts[1]["problems"]), verdicts[1]["problems"]
        assert problem in robbed
    assert [len(list(folder.iterdir())) for folder in folders] == [0, 1], "what is needed to find out why stays, and nothing else"
