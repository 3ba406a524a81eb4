"""What a worker waits for before its batch goes out delays no takeover: a name that is looked up, an answer to declared losses."""

import threading
import time
from collections.abc import Iterator
from random import Random

import pytest
from replicate_fakes import FakeSpool, refs
from replicate_http import HttpArchiver, wait_for

from watchkeep.agent.replicate import replicator
from watchkeep.agent.replicate.client import AppendClient
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.losses import LossDesk
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.replicator import Replicator
from watchkeep.agent.replicate.verdict import AppendError, Fault
from watchkeep.wire.shell.threads import Supervised

CAMERA = CameraPolicy("cam0", 1, ("a", "b"))


@pytest.fixture
def archivers() -> Iterator[dict[str, HttpArchiver]]:
    made = {name: HttpArchiver(name) for name in "ab"}
    yield made
    for one in made.values():
        one.close()


@pytest.mark.parametrize("call", ["connect", "declare"])
def test_what_hangs_before_a_batch_delays_no_takeover(
    archivers: dict[str, HttpArchiver], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, spool, hung, go_on = LossDesk(), FakeSpool(), threading.Event(), threading.Event()
    made = Replicator(spool, agent="edge-1", cameras=[CAMERA], limits=HealthLimits(ack_timeout_s=0.4), tick_s=0.02, losses=losses,
                      random=Random(1))  # fmt: skip
    made.start()
    made.set_archivers({name: one.url for name, one in archivers.items()})
    try:
        made.offer(spool.append(refs("cam0", 1, 0, 0)))
        assert wait_for(lambda: archivers["a"].stored == {("cam0", 1, 0)})
        ordinary, port = getattr(AppendClient, call), archivers["a"].port

        def hang(client: AppendClient, *args: object) -> object:
            if client._http.port == port:
                hung.set()
                go_on.wait(20)
            return ordinary(client, *args)

        monkeypatch.setattr(AppendClient, call, hang)
        if call == "declare":
            losses.chunks("cam0", 7, 2, 3, "full")
        else:
            archivers["a"].hang_up()
        assert hung.wait(10)
        made.offer(spool.append(refs("cam0", 1, 1, 1)))
        assert wait_for(lambda: ("cam0", 1, 1) in archivers["b"].stored)
        go_on.set()
        assert wait_for(lambda: next(link for link in made.links() if link.archiver == "a").healthy), "it is heard again"
    finally:
        go_on.set()
        made.stop()


def test_senders_that_look_up_names_are_waited_for_together_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicator, "JOIN_S", 0.3)
    hung, go_on = threading.Semaphore(0), threading.Event()

    def look_up(_client: AppendClient) -> None:
        hung.release()
        go_on.wait(20)
        raise AppendError("no connection", Fault.REFUSED, remedy="-")

    monkeypatch.setattr(AppendClient, "connect", look_up)
    spool = FakeSpool()
    made = Replicator(spool, agent="edge-1", cameras=[CameraPolicy("cam0", 4, tuple("abcd"))], tick_s=0.02, random=Random(1))
    made.start()
    made.set_archivers({name: f"http://{name}.example" for name in "abcd"})
    try:
        made.offer(spool.append(refs("cam0", 1, 0, 0)))
        assert all(hung.acquire(timeout=10) for _ in "abcd")
        began = time.monotonic()
        made.stop()
        assert time.monotonic() - began < 1.0
        assert made.stragglers == [f"wk-send-{name}" for name in "abcd"]
    finally:
        go_on.set()
    assert wait_for(lambda: made.stragglers == [])


def test_a_sender_for_whose_thread_there_was_no_room_begins_when_there_is(
    archivers: dict[str, HttpArchiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, ordinary = [1, 2], Supervised.start

    def start(thread: Supervised) -> None:
        if thread.name == "wk-send-a" and refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        ordinary(thread)

    monkeypatch.setattr(Supervised, "start", start)
    spool = FakeSpool()
    made = Replicator(spool, agent="edge-1", cameras=[CameraPolicy("cam0", 2, ("a", "b"))], tick_s=0.02, random=Random(1))
    made.start()
    try:
        with pytest.raises(RuntimeError):
            made.set_archivers({name: one.url for name, one in archivers.items()})
        made.offer(spool.append(refs("cam0", 1, 0, 0)))
        assert wait_for(lambda: all(one.stored == {("cam0", 1, 0)} for one in archivers.values()))
    finally:
        made.stop()
