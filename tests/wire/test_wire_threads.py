"""Supervised threads: they start again after a failure, back off, and end when told."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import get_native_id

import pytest

from watchkeep.wire.shell import threads
from watchkeep.wire.shell.threads import Supervised

WAIT_S = 5.0


class Body:
    """Fails a number of times, then waits for its stop."""

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self.runs = 0
        self.steady = threading.Event()

    def __call__(self, stop: threading.Event) -> None:
        self.runs += 1
        if self.runs <= self._failures:
            raise RuntimeError("rtsp://admin:SECRET@cam went away")
        self.steady.set()
        stop.wait()


@pytest.fixture
def supervised() -> Iterator[list[Supervised]]:
    """Threads put into this list are stopped and joined after the test."""
    started: list[Supervised] = []
    yield started
    for thread in started:
        thread.stop()
    for thread in started:
        assert thread.join(WAIT_S)


def test_a_failure_is_logged_with_its_name_and_the_body_runs_again(supervised: list[Supervised], caplog: pytest.LogCaptureFixture) -> None:
    body = Body(failures=3)
    thread = Supervised("wk-test", body, first_pause_s=0.001, max_pause_s=0.01)
    supervised.append(thread)
    with caplog.at_level(logging.ERROR):
        thread.start()
        assert body.steady.wait(WAIT_S)
    assert (body.runs, thread.failures, thread.alive) == (4, 3, True)
    assert [vars(record)["worker"] for record in caplog.records] == ["wk-test"] * 3
    assert all(record.exc_info for record in caplog.records)


def test_a_thread_that_is_stopped_before_its_first_turn_still_does_its_last_write(supervised: list[Supervised]) -> None:
    body = Body(failures=0)
    thread = Supervised("wk-test", body)
    supervised.append(thread)
    thread.stop()
    thread.start()
    assert thread.join(WAIT_S)
    assert body.runs == 1


def test_the_kernel_knows_the_first_15_bytes_of_a_threads_name(supervised: list[Supervised]) -> None:
    names: list[str] = []
    thread = Supervised("wk-send-archiver-1", lambda _stop: names.append(Path(f"/proc/self/task/{get_native_id()}/comm").read_text()))
    supervised.append(thread)
    thread.start()
    assert thread.join(WAIT_S)
    assert names == ["wk-send-archive\n"]


def test_a_body_that_returns_is_not_run_again(supervised: list[Supervised]) -> None:
    runs: list[int] = []
    thread = Supervised("wk-test", lambda _stop: runs.append(1))
    supervised.append(thread)
    thread.start()
    assert thread.join(WAIT_S)
    assert runs == [1]
    assert not thread.alive


def test_stop_ends_a_long_pause_at_once(supervised: list[Supervised], caplog: pytest.LogCaptureFixture) -> None:
    failed = threading.Event()

    def body(_stop: threading.Event) -> None:
        failed.set()
        raise RuntimeError("x")

    thread = Supervised("wk-test", body, first_pause_s=600.0, max_pause_s=600.0)
    supervised.append(thread)
    thread.start()
    assert failed.wait(WAIT_S)
    thread.stop()
    assert thread.join(WAIT_S)
    assert len(caplog.records) == 1


def test_join_tells_when_the_thread_did_not_end_in_time(supervised: list[Supervised]) -> None:
    body = Body(failures=0)
    thread = Supervised("wk-test", body)
    supervised.append(thread)
    thread.start()
    assert body.steady.wait(WAIT_S)
    assert not thread.join(0.01)


def test_a_thread_that_never_started_can_be_joined() -> None:
    assert Supervised("wk-test", Body(failures=0)).join(0.01)


class FakeStop:
    """An event that never waits: it records the pauses and is set after the last one."""

    def __init__(self, pauses: int) -> None:
        self.pauses: list[float] = []
        self._most = pauses

    def is_set(self) -> bool:
        return len(self.pauses) >= self._most

    def wait(self, timeout: float) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


def pauses_of(run_s: list[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses after runs of these lengths, without jitter."""
    now, stop = [0.0], FakeStop(len(run_s))
    lengths = iter(run_s)

    def body(_stop: object) -> None:
        now[0] += next(lengths)
        raise RuntimeError("x")

    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(threads.random, "uniform", lambda _low, high: high)
    thread = Supervised("wk-test", body, first_pause_s=1.0, max_pause_s=5.0)
    thread.stop_event = stop  # type: ignore[assignment]
    thread._run()
    return stop.pauses


@pytest.mark.usefixtures("caplog")
def test_pauses_double_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_of([0.0] * 5, monkeypatch) == [1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.usefixtures("caplog")
def test_a_long_good_run_forgets_old_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_of([0.0, 0.0, 6.0, 0.0], monkeypatch) == [1.0, 2.0, 1.0, 2.0]
