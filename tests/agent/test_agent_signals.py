"""Waiting for signals: agent/signals.py."""

import signal
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from watchkeep.agent import signals
from watchkeep.agent.signals import AGAIN, Signals


@pytest.fixture(autouse=True)
def handlers_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(signals, "LOOK_S", 0.05)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signals_wait_until_they_are_asked_for_in_their_order() -> None:
    came = Signals(signal.SIGTERM, signal.SIGHUP)
    assert isinstance(came._came, SimpleQueue), "its put may interrupt its get"
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert (came.next(), came.next()) == (signal.SIGHUP, signal.SIGTERM)


def test_another_thread_may_ask_for_a_new_beginning() -> None:
    came = Signals(signal.SIGTERM)
    thread = threading.Thread(target=came.again)
    thread.start()
    assert came.next() == AGAIN
    thread.join()


@pytest.mark.timeout(20)
def test_a_signal_that_the_kernel_gives_to_another_thread_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM at the same instant as SIGHUP: the thread that waited went on waiting, and nothing but SIGKILL ended the agent."""
    waiting = threading.Event()

    class Queue(SimpleQueue):
        def get(self, **options):
            waiting.set()
            return super().get(**options)

    monkeypatch.setattr(signals, "SimpleQueue", Queue)
    came = Signals(signal.SIGTERM)

    def elsewhere() -> None:
        assert waiting.wait(10)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert came.next() == signal.SIGTERM
    thread.join()
