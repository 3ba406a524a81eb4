"""`watchkeep demo` as a user runs it: the verdict on the screen, in the report, and in the exit code."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def test_the_demo_loses_nothing_and_says_so(tmp_path):
    report = tmp_path / "verdict.json"
    done = subprocess.run([sys.executable, "-m", "watchkeep.wire.shell.cli", "demo", "--seconds", "12", "--cameras", "2", "--size",
                           "320x180", "--report", str(report)], capture_output=True, text=True, check=False, timeout=150,
                          stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOTHING LOST" in done.stdout
    verdict = json.loads(report.read_text())
    assert verdict["good"]
    assert verdict["sent"] == {"cam0": 300, "cam1": 300}
    assert all(archive["frames"] == {"cam0": 300, "cam1": 300} for archive in verdict["archives"])
    assert verdict["takeover"]["detected_s"] < 5
