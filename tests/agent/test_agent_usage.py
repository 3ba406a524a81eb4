"""What the agent's process costs: agent/usage.py."""

import errno
import threading
import time
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from watchkeep.agent import usage
from watchkeep.agent.status import Identity, beacon
from watchkeep.agent.usage import Usage, UsageMeter


def test_a_process_without_a_descriptor_still_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beacons and camera states came to an end with it, just when an operator needs them."""
    meter = UsageMeter()
    before = meter.read()
    assert before.rss_mb > 1

    def refused() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(usage, "_resident", refused)
    assert meter.read().rss_mb == before.rss_mb


def wake_each_other(times: int) -> None:
    """Two threads, of which each sleeps until the other one has answered."""
    there, back = SimpleQueue[int](), SimpleQueue[int]()

    def answer() -> None:
        for _ in range(times):
            back.put(there.get())

    answering = threading.Thread(target=answer)
    answering.start()
    for number in range(times):
        there.put(number)
        back.get()
    answering.join()


@pytest.mark.parametrize(("times", "least", "most"), [(0, 0.0, 50.0), (1000, 500.0, 5000.0)])
def test_wake_ups_are_those_of_all_threads_between_two_readings(
    monkeypatch: pytest.MonkeyPatch, times: int, least: float, most: float
) -> None:
    now = [100.0]
    monkeypatch.setattr(usage, "time", SimpleNamespace(monotonic=lambda: now[0], process_time=time.process_time))
    meter = UsageMeter()
    wake_each_other(times)
    now[0] += 0.9
    assert meter.read().wakeups_s == 0.0, "too short a time to tell"
    now[0] += 0.1
    assert least <= meter.read().wakeups_s <= most


def test_the_beacon_says_what_was_measured_and_the_share_of_a_camera() -> None:
    made = beacon(Identity("edge-1", "demo", "b"), beat=7, sent_s=1.0, uptime_s=2.0, cameras=(), links=(), journal_bytes=3,
                  journal_max_bytes=4, oldest_owed_age_s=5.0, usage=Usage(cpu_percent=12.5, wakeups_s=34.5, rss_mb=56.5))  # fmt: skip
    assert (made.cpu_percent, made.cpu_percent_per_camera, made.wakeups_s, made.rss_mb) == (12.5, 12.5, 34.5, 56.5)
