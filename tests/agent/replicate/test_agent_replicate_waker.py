"""A sleep that ends by a waking, by the peer's socket, or by itself."""

import socket
import threading
import time

import pytest

from watchkeep.agent.replicate.waker import Heard, Waker


@pytest.fixture
def waker():
    found = Waker()
    yield found
    found.close()


def test_without_a_reason_the_time_passes(waker):
    began = time.monotonic()
    assert waker.wait(0.05, None) is Heard.NOTHING
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("slept_before", [False, True])
def test_a_waking_ends_one_wait_and_no_more(waker, slept_before):
    if slept_before:
        waker.wait(0, None)
    waker.wake()
    waker.wake()
    assert waker.wait(60, None) is Heard.WOKEN
    assert waker.wait(0.01, None) is Heard.NOTHING


def test_another_thread_ends_the_wait_under_way(waker):
    waker.wait(0, None)
    timer = threading.Timer(0.05, waker.wake)
    timer.start()
    assert waker.wait(60, None) is Heard.WOKEN
    timer.join()


def test_a_peer_that_hangs_up_ends_the_wait_and_a_silent_one_does_not(waker):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            assert waker.wait(0.01, ours) is Heard.NOTHING
        assert waker.wait(60, ours) is Heard.PEER
        waker.wake()
        assert waker.wait(60, ours) == Heard.PEER | Heard.WOKEN


def test_a_wake_after_close_is_harmless(waker):
    waker.wait(0, None)
    waker.close()
    waker.wake()
