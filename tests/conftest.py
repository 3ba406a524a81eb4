"""What every test gets: repeatable examples, a free port, and a check that nothing is left behind.

Rules: a test that leaves a thread, socket or file open fails, because the product may not leak them either
(habit 17).  Helper modules that several parts share live in tests/helpers; others stand beside their tests.
"""

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

_GRACE_S = 3.0
"""A thread that was told to stop, or a socket that its peer still closes, gets this long to be gone."""


@pytest.fixture(scope="session", autouse=True)
def warnings_are_errors_in_children() -> Iterator[None]:
    """What a test starts is held to the same as the test, by `filterwarnings` in pyproject.toml; wksite.py reads what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "error")
        yield


def _threads() -> set[threading.Thread]:
    """Threads that somebody has to join: all but the daemons of libraries."""
    return {thread for thread in threading.enumerate() if not thread.daemon or thread.name.startswith("wk-")}


def _handles() -> set[str]:
    """`descriptor -> target` of each open socket and file; pipes, devices and epolls belong to pytest and asyncio."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # the descriptor of this very listing
            continue
        if target.startswith(("socket:", "/")) and not target.startswith(("/dev/", "/proc/")):
            found.add(f"{entry.name} -> {target}")
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which a thread, socket or file of it is still there.  Set up first, so torn down last."""
    threads, handles = _threads(), _handles()
    yield
    deadline = time.monotonic() + _GRACE_S
    while (left := _threads() - threads) and time.monotonic() < deadline:
        next(iter(left)).join(0.05)
    if _handles() - handles:
        gc.collect()
    while (opened := _handles() - handles) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not left, f"threads left behind: {sorted(thread.name for thread in left)}"
    assert not opened, f"files or sockets left open: {sorted(opened)}"


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that returns TCP ports free on 127.0.0.1, never the same twice in one test.

    For programs that cannot bind port 0 themselves; another process may still take the port first.
    """
    given: set[int] = set()

    def port() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                number = int(probe.getsockname()[1])
            if number not in given:
                given.add(number)
                return number

    return port
