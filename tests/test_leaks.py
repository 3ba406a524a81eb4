"""The leak check of conftest.py fails the tests that it is there to fail, and no others."""

import re
import subprocess
import sys
from pathlib import Path

SAMPLE = """
import os, socket, threading
kept = []

def test_leaks_a_socket():
    kept.append(socket.socket())

def test_leaks_a_file(tmp_path):
    kept.append(os.open(tmp_path / "leaked", os.O_CREAT))

def test_leaks_a_daemon_of_ours():
    threading.Thread(target=threading.Event().wait, name="wk-leaked", daemon=True).start()

def test_leaks_a_thread():
    threading.Thread(target=threading.Event().wait, args=(1.5,), name="leaked").start()

def test_ends_its_thread_late():
    threading.Thread(target=threading.Event().wait, args=(0.2,), name="wk-late").start()

def test_leaves_a_librarys_daemon():
    threading.Thread(target=threading.Event().wait, daemon=True).start()

def test_closes_what_it_opens(tmp_path, free_port, capfd):
    with (tmp_path / "closed").open("w") as stream, socket.create_server(("127.0.0.1", free_port())):
        stream.write("x")
"""


def test_the_leaks_and_nothing_else_fail(tmp_path: Path) -> None:
    conftest = Path(__file__).with_name("conftest.py").read_text()
    assert "_GRACE_S = 3.0" in conftest
    (tmp_path / "conftest.py").write_text(conftest.replace("_GRACE_S = 3.0", "_GRACE_S = 0.5"))
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    failed = re.findall(r"^ERROR \S+::(\w+)", shown, re.MULTILINE)
    assert failed == [name for name in re.findall(r"def (\w+)", SAMPLE) if name.startswith("test_leaks")], shown
    assert "7 passed, 4 errors" in shown
