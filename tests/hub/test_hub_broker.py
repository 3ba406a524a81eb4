"""The embedded broker, used by real paho clients."""

import asyncio
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from amqtt.contexts import Action
from amqtt.session import Session
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage

from watchkeep.hub import broker as module
from watchkeep.hub.broker import MAX_PACKET_BYTES, EmbeddedBroker

DEADLINE_S = 10.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        threading.Event().wait(0.01)


class Peer:
    """A paho client that keeps what it receives."""

    def __init__(self, name: str, port: int, *, topics: str = "", will: tuple[str, bytes] | None = None) -> None:
        self.got: list[MQTTMessage] = []
        self.subscribed, self.disconnected = threading.Event(), threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.on_message = lambda _client, _data, message: self.got.append(message)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_disconnect = lambda *_: self.disconnected.set()
        if will:
            self.client.will_set(*will, qos=1, retain=True)
        self.client.connect("127.0.0.1", port, keepalive=10)
        self.client.loop_start()
        if topics:
            self.client.subscribe(topics, qos=1)
            assert self.subscribed.wait(DEADLINE_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in self.got if message.topic == topic]

    def kill(self) -> None:
        """Vanish without a DISCONNECT, as a box that lost its power does."""
        self.client.loop_stop()
        self._drop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self._drop()

    def _drop(self) -> None:
        """paho leaves its socket open when its thread ended first, and its socket pair until the client is collected."""
        left = self.client.socket()
        if isinstance(left, socket.socket):
            left.close()
        del self.client


@contextmanager
def serving() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    served = EmbeddedBroker(listener)
    served.start()
    try:
        yield port
    finally:
        started = time.monotonic()
        served.stop()
        assert time.monotonic() - started < 2 * module._STOP_S, "farewells of 4 s, connections cut off for 1 s more"


@contextmanager
def peer(name: str, port: int, *, topics: str = "") -> Iterator[Peer]:
    made = Peer(name, port, topics=topics)
    try:
        yield made
    finally:
        made.close()


def test_messages_reach_subscribers() -> None:
    with serving() as port, peer("reader", port, topics="site/#") as reader, peer("writer", port) as writer:
        writer.publish("site/a", b"1")
        writer.publish("other/a", b"2")
        writer.publish("site/b", b"3")
        wait_for(lambda: len(reader.got) == 2, "two messages")
        assert [(message.topic, bytes(message.payload)) for message in reader.got] == [("site/a", b"1"), ("site/b", b"3")]
        assert not any(message.retain for message in reader.got)


def test_retained_messages_reach_late_subscribers_until_they_are_cleared() -> None:
    with serving() as port, peer("writer", port) as writer:
        writer.publish("site/state", b"old", retain=True)
        writer.publish("site/state", b"new", retain=True)
        writer.publish("site/event", b"gone")
        with peer("late", port, topics="site/#") as late:
            wait_for(lambda: bool(late.got), "the retained message")
            assert (late.payloads("site/state"), late.got[0].retain) == ([b"new"], True)
            assert late.payloads("site/event") == []
        writer.publish("site/state", b"", retain=True)
        with peer("later", port, topics="site/#") as later:
            writer.publish("site/marker", b"x")
            wait_for(lambda: bool(later.payloads("site/marker")), "the marker")
            assert later.payloads("site/state") == []


def test_a_will_fires_when_its_client_is_killed_and_stays_retained() -> None:
    with serving() as port, peer("reader", port, topics="site/#") as reader:
        doomed = Peer("doomed", port, will=("site/beacon", b"offline"))
        doomed.publish("site/beacon", b"online", retain=True)
        doomed.kill()
        wait_for(lambda: reader.payloads("site/beacon") == [b"online", b"offline"], "the will")
        with peer("late", port, topics="site/#") as late:
            wait_for(lambda: late.payloads("site/beacon")[-1:] == [b"offline"], "the retained will")


def test_no_will_after_a_clean_goodbye() -> None:
    with serving() as port, peer("reader", port, topics="site/#") as reader:
        Peer("polite", port, will=("site/beacon", b"offline")).close()
        with peer("marker", port) as marker:
            marker.publish("site/marker", b"x")
        wait_for(lambda: bool(reader.payloads("site/marker")), "the marker")
        assert reader.payloads("site/beacon") == []


def test_a_packet_over_the_bound_costs_its_sender_the_connection_and_nobody_else() -> None:
    with serving() as port, peer("reader", port, topics="site/#") as reader, peer("writer", port) as writer:
        greedy = Peer("greedy", port)
        greedy.client.publish("site/huge", bytes(MAX_PACKET_BYTES + 1), qos=0)
        assert greedy.disconnected.wait(DEADLINE_S)
        greedy.close()
        writer.publish("site/small", b"x")
        wait_for(lambda: bool(reader.payloads("site/small")), "the small message")
        assert reader.payloads("site/huge") == []


def test_a_full_broker_takes_no_new_topics_and_keeps_the_known_ones_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RETAINED", 2)
    with serving() as port, peer("writer", port) as writer:
        for topic, payload in (("a", b"1"), ("b", b"1"), ("c", b"1"), ("a", b"2")):
            writer.publish(topic, payload, retain=True)
        with peer("late", port, topics="#") as late:
            wait_for(lambda: len(late.got) == 2, "the two that fit")
            assert sorted((message.topic, bytes(message.payload)) for message in late.got) == [("a", b"2"), ("b", b"1")]


def test_clients_over_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 1)
    with serving() as port, peer("first", port, topics="site/#"), socket.create_connection(("127.0.0.1", port), DEADLINE_S) as second:
        assert second.recv(1) == b""


def test_garbage_is_no_trouble_and_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), serving() as port, peer("reader", port, topics="site/#") as reader:
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(4096):
                continue
        reader.publish("site/a", b"x")
        wait_for(lambda: bool(reader.got), "a message")
    assert not [record for record in caplog.records if record.name.startswith(("amqtt", "transitions")) and record.levelno < logging.ERROR]


def test_a_client_that_leaves_while_a_message_is_sent_on_keeps_it_from_nobody() -> None:
    asked: list[str] = []

    async def story() -> None:
        broker = module._make_broker(asyncio.get_running_loop())
        for topic_filter in ("site/#", "+/x", "#"):
            broker._subscriptions[topic_filter] = [(Session(), 0)]

        async def leaves(_session: Session, topic: str, action: Action) -> bool:
            asked.append(f"{action.name} {topic}")
            broker._subscriptions.pop("+/x", None)
            return False

        broker._topic_filtering = leaves
        broker._broadcast_queue.put_nowait({"session": Session(), "topic": "site/x", "data": b""})
        await broker._run_broadcast(deque())
        assert list(broker._subscriptions) == ["site/#", "#"]

    asyncio.run(story())
    assert asked == ["RECEIVE site/x"] * 3


def test_clients_that_are_connected_do_not_delay_the_stop() -> None:
    with serving() as port:
        left = [Peer(f"left-{number}", port, topics="#") for number in range(5)]
    for made in left:
        assert made.disconnected.wait(DEADLINE_S)
        made.close()
