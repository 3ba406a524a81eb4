"""`watchkeep demo` that is interrupted, mostly on a terminal: nothing stays, neither a process nor its folder."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from watchkeep.hub.demo.cast import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def heeding() -> None:
    """Take every signal again: the tests may have been started by nohup or in the background, which a demo respects."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing(tmp_path, number):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "demo", "--cameras", "1"]
    demo = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                            preexec_fn=heeding,  # noqa: PLW1509 no lock in it
                            env={**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm"})  # fmt: skip
    os.close(theirs)
    shown, started = bytearray(), []
    try:
        while b"starting cameras" not in shown:
            shown += os.read(ours, 65_536)
        started = children(demo.pid)
        assert len(started) >= 3  # broker and archivers
        if number == signal.SIGHUP:  # the terminal goes first, as when a connection breaks
            os.close(ours)
        demo.send_signal(number)
        if number != signal.SIGHUP:
            read_all(ours)
        assert demo.wait(30) == 130
    finally:
        demo.kill()
        demo.wait()
        if number != signal.SIGHUP:
            os.close(ours)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 10, "the end of every process of the demo")
    assert list(tmp_path.iterdir()) == []


def read_all(terminal: int) -> None:
    """Take what is drawn until the other side closes, or it would wait for us."""
    try:
        while os.read(terminal, 65_536):
            pass
    except OSError:  # EIO: nobody has the terminal open any more
        return


IN_A_CALLBACK = """
class Thing: pass

def swallowed(reference):
    os.kill(os.getpid(), signal.SIGINT)
    len([])  # the handler runs here at the latest; what it raises is shown and ignored

def source(cast, *options, original=Cast.source, **more):
    thing = Thing()
    reference = weakref.ref(thing, swallowed)
    del thing
    return original(cast, *options, **more)

Cast.source = source
"""
IN_A_START = """
class Popen(subprocess.Popen):
    def __init__(self, command, **options):
        super().__init__(command, **options)
        if "source" in command:
            os.kill(os.getpid(), signal.SIGINT)
            len([])  # nobody but this frame knows the process

subprocess.Popen = Popen
"""
DEMO = """
import os, signal, subprocess, weakref
from watchkeep.hub.demo.cast import Cast
from watchkeep.wire.shell.cli import main
{moment}
main()
"""


@pytest.mark.parametrize("moment", [IN_A_CALLBACK, IN_A_START], ids=["callback", "start"])
def test_an_interrupt_at_a_moment_at_which_python_loses_exceptions_ends_the_demo_all_the_same(tmp_path, moment):
    command = [sys.executable, "-c", DEMO.format(moment=moment), "demo", "--cameras", "1", "--seconds", "10"]
    done = subprocess.run(command, timeout=60, env={**os.environ, "TMPDIR": str(tmp_path)}, preexec_fn=heeding,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "")
    assert "Interrupted" in done.stdout
    assert running(str(tmp_path)) == []  # at once: the demo has waited for each of them
    assert list(tmp_path.iterdir()) == []


def running(mentioned: str) -> list[bytes]:
    """Commands of this machine's processes that mention a folder."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            found.append((process / "cmdline").read_bytes() if process.name.isdigit() else b"")
    return [command for command in found if mentioned.encode() in command]
