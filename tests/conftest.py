"""What every test gets: repeatable examples, a free port, and a check that nothing is left behind.

Rules: a test that leaves a thread, socket or file open fails, because the product may not leak them either
(habit 17).  Helper modules that several parts share live in tests/helpers; others stand beside their tests.
"""

import gc
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

_PORTS, _PORT_BLOCK = range(10_000, 19_950), 50
"""Each process of tests takes turns in a block of its own.  Below 32768, from where Linux takes ports for outgoing connections and for
port 0: one of those, of a test beside this one, would keep a server from its start.  hub/demo/cast.py has those above."""
_asked = itertools.count()
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
    """Fail a test after which a thread, socket or file of it is still there, or another priority.  Set up first, so torn down last."""
    threads, handles, policy = _threads(), _handles(), os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == policy, "this process has been given another scheduling policy"
    deadline = time.monotonic() + _GRACE_S
    while (left := _threads() - threads) and time.monotonic() < deadline:
        next(iter(left)).join(0.05)
    if _handles() - handles:
        gc.collect()
    while (opened := _handles() - handles) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not left, f"threads left behind: {sorted(thread.name for thread in left)}"
    assert not opened, f"files or sockets left open: {sorted(opened)}"


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that returns TCP ports free on 127.0.0.1, never the same twice in one test; for programs that cannot bind port 0
    themselves, or that start again on the same one."""

    def port() -> int:
        for _ in range(_PORT_BLOCK):
            number = _PORTS[os.getpid() * _PORT_BLOCK % len(_PORTS) + next(_asked) % _PORT_BLOCK]
            with socket.socket() as probe, suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a server has closed a minute ago is free
                probe.bind(("127.0.0.1", number))
                return number
        raise AssertionError("none of this process's ports is free")

    return port
