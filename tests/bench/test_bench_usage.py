"""What a process costs, as tests/bench/usage.py reads it: of this one, and of one that has ended."""

import os
import subprocess
import sys
import threading

import pytest
import usage
from wakeups import rates


def test_this_process_has_a_usage_and_each_thread_its_wakeups():
    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (begun.set(), over.wait(60)))
    thread.start()
    try:
        assert begun.wait(10)
        found = usage.read(os.getpid())
        assert found.rss_mb > 1
        assert found.wakeups > 0
        assert (thread.native_id in {number for number, _ in usage.wakeups_by_thread(os.getpid())}) is True
    finally:
        over.set()
        thread.join(10)


def test_a_process_that_has_ended_and_was_not_waited_for_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        with pytest.raises(ProcessLookupError, match="has ended"):
            usage.read(child.pid)
    finally:
        child.wait()
    with pytest.raises(FileNotFoundError):
        usage.read(child.pid)


def test_wakeups_of_the_cameras_threads_are_one_figure_and_those_that_come_and_go_are_left_out():
    before = {(1, "wk-pump"): 10, (2, "wk-cam-a"): 5, (3, "wk-cam-b"): 6, (4, "gone"): 7}
    after = {(1, "wk-pump"): 30, (2, "wk-cam-a"): 6, (3, "wk-cam-b"): 6, (5, "come"): 9}
    assert rates(before, after, 2.0) == {"wk-pump": 10.0, "wk-cam-*": 0.5}
