"""The leak check of conftest.py fails the tests that it is there to fail, and no others."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "import os, socket, threading\nkept = []\n"
LEAKS = {
    "thread": "def test_it():\n    threading.Thread(target=threading.Event().wait, args=(4,), name='leaked').start()\n",
    "daemon of ours": "def test_it():\n    threading.Thread(target=threading.Event().wait, name='wk-leaked', daemon=True).start()\n",
    "socket": "def test_it():\n    kept.append(socket.socket())\n",
    "file": "def test_it(tmp_path):\n    kept.append(os.open(tmp_path / 'leaked', os.O_CREAT))\n",
}
CLEAN = """
def test_thread():
    thread = threading.Thread(target=threading.Event().wait, args=(0.2,), name='wk-late')
    thread.start()

def test_library_daemon():
    threading.Thread(target=threading.Event().wait, args=(60,), daemon=True).start()

def test_files(tmp_path, free_port, capfd):
    with (tmp_path / 'closed').open('w') as stream, socket.create_server(('127.0.0.1', free_port())):
        stream.write('x')
"""


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run text as a test file under a copy of our conftest."""
    (folder / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (folder / "test_sample.py").write_text(HEAD + text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_fails_the_test(leak: str, tmp_path: Path) -> None:
    shown = run(LEAKS[leak], tmp_path)
    assert shown.returncode == 1, shown.stdout
    assert "leaked" in shown.stdout or "socket:" in shown.stdout


def test_what_is_closed_in_time_is_no_leak(tmp_path: Path) -> None:
    shown = run(CLEAN, tmp_path)
    assert shown.returncode == 0, shown.stdout
