"""The MQTT client against a real Mosquitto: brokers that are late, killed, deaf or garbled, and clients that die."""

import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mosquitto import Mosquitto
from paho.mqtt import client as paho

from watchkeep.wire.errors import UsageError
from watchkeep.wire.shell import mqtt
from watchkeep.wire.shell.mqtt import REFILL, WINDOW, MqttClient

TOPIC = "watchkeep/v1/demo/agent/e/beacon"
WAIT_S = 15.0


def eventually(condition: Callable[[], bool], wait_s: float = WAIT_S) -> bool:
    deadline = time.monotonic() + wait_s
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    return condition()


@pytest.fixture
def broker(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path, free_port())
    yield server
    server.stop()


@pytest.fixture
def client(broker: Mosquitto) -> Iterator[MqttClient]:
    """Not started; says `online` as its birth and `offline` in its will."""
    one = MqttClient(broker.url, client_id="one", will=(TOPIC, b"offline"), birth=lambda: [(TOPIC, b"online")])
    yield one
    one.stop()


class Observer:
    """Another client of the same broker; what it hears arrives in a bounded queue."""

    def __init__(self, url: str, topic_filter: str = "watchkeep/#") -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue(10_000)
        self.client = MqttClient(url, client_id="observer", will=None, birth=list)
        self.client.subscribe(topic_filter, lambda topic, payload: self.heard.put_nowait((topic, payload)))
        self.client.start()

    def next(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=WAIT_S)

    def until(self, wanted: tuple[str, bytes]) -> list[tuple[str, bytes]]:
        """Everything heard up to and with the wanted message."""
        found = [self.next()]
        while found[-1] != wanted:
            found.append(self.next())
        return found

    def __enter__(self) -> "Observer":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop()


def test_birth_is_retained_and_stop_leaves_a_goodbye(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    client.start()
    assert eventually(lambda: client.connected)
    with Observer(broker.url) as late:
        assert late.next() == (TOPIC, b"online")
    client.stop(b"goodbye")
    assert not client.connected
    with Observer(broker.url) as later:
        assert later.next() == (TOPIC, b"goodbye")


def test_a_broker_that_comes_late_gets_birth_first_then_what_waited(broker: Mosquitto, client: MqttClient) -> None:
    client.start()
    began = time.monotonic()
    client.publish("watchkeep/state", b"old", retain=True)
    client.publish("watchkeep/state", b"new", retain=True)
    client.publish(TOPIC, b"older than the birth", retain=True)
    client.publish("watchkeep/event", b"happened")
    assert time.monotonic() - began < 0.5, "publish waited for a broker that is not there"
    assert eventually(lambda: "no broker" in client.why)
    broker.start()
    with Observer(broker.url) as observer:
        assert eventually(lambda: client.connected)
        heard = {observer.next() for _ in range(2)}
    assert heard == {(TOPIC, b"online"), ("watchkeep/state", b"new")}


def test_a_killed_broker_is_found_again_and_subscriptions_and_birth_are_renewed(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    client.start()
    with Observer(broker.url) as observer:
        observer.until((TOPIC, b"online"))
        before = client.since_s
        broker.kill()
        assert eventually(lambda: not client.connected)
        assert client.why.startswith("connection lost: the broker stopped")
        assert client.since_s > before
        client.publish("watchkeep/event", b"while away")
        broker.start()
        assert eventually(lambda: client.connected and observer.client.connected)
        client.publish("watchkeep/event", b"after")
        assert (TOPIC, b"online") in observer.until(("watchkeep/event", b"after"))


def test_nothing_old_stands_over_the_birth_after_a_broker_died_with_messages_in_flight(
    broker: Mosquitto, client: MqttClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paho sends unacknowledged messages again after on_connect; the birth has to wait until they are acknowledged."""
    in_flight: list[int] = []

    def birth() -> list[tuple[str, bytes]]:
        in_flight.append(len(client._unacked))
        return [(TOPIC, b"online")]

    monkeypatch.setattr(client, "_birth", birth)
    broker.start()
    client.start()
    assert eventually(lambda: client.connected)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    for number in range(5):
        client.publish(TOPIC, b"stale %d" % number, retain=True)
    client.publish("watchkeep/mark", b"")
    assert eventually(lambda: len(client._unacked) >= 2)
    broker.kill()
    assert eventually(lambda: not client.connected)
    broker.start()
    assert eventually(lambda: client.connected and client._drained())
    assert in_flight == [0, 0]
    with Observer(broker.url, TOPIC) as observer:
        assert observer.next() == (TOPIC, b"online")


def test_the_will_of_a_killed_client_carries_its_boot_id(broker: Mosquitto) -> None:
    broker.start()
    with Observer(broker.url) as observer:
        victim = subprocess.Popen([sys.executable, str(Path(__file__).with_name("mqtt_victim.py")), broker.url, TOPIC, "boot-7"])
        try:
            assert observer.next() == (TOPIC, b"online boot-7")
        finally:
            victim.kill()
            victim.wait(10)
        assert observer.next() == (TOPIC, b"offline boot-7")
    with Observer(broker.url) as late:
        assert late.next() == (TOPIC, b"offline boot-7"), "the will must be retained as the birth is"


def test_a_refusal_is_told_and_tried_again(tmp_path: Path, free_port: Callable[[], int]) -> None:
    server = Mosquitto(tmp_path, free_port(), "allow_anonymous false")
    client = MqttClient(f"mqtt://me:hunter2@127.0.0.1:{server.port}", client_id="x", will=None, birth=list)
    server.start()
    client.start()
    try:
        assert eventually(lambda: "refused" in client.why)
        assert not client.connected
        assert "hunter2" not in client.why
    finally:
        client.stop()
        server.stop()


def test_a_peer_that_is_no_broker_does_not_end_the_client(broker: Mosquitto, client: MqttClient) -> None:
    met = threading.Event()
    with socket.create_server(("127.0.0.1", broker.port)) as listener:
        listener.settimeout(WAIT_S)

        def garble() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"\x20\x02\x00\x00" + b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)))
                with suppress(ConnectionResetError):  # how it hangs up is its own affair
                    peer.recv(1000)
            met.set()

        thread = threading.Thread(target=garble)
        thread.start()
        client.start()
        thread.join(WAIT_S)
    assert met.is_set()
    broker.start()
    with Observer(broker.url) as observer:
        assert observer.next() == (TOPIC, b"online")


def test_a_callback_that_raises_loses_its_message_only(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    heard: queue.Queue[bytes] = queue.Queue(10)

    def callback(_topic: str, payload: bytes) -> None:
        if payload == b"bad":
            raise ValueError(payload)
        heard.put_nowait(payload)

    client.subscribe("watchkeep/command", callback)
    client.start()
    assert eventually(lambda: client.connected)
    for payload in (b"bad", b"x" * 300_000, b"good"):
        client.publish("watchkeep/command", payload)
    assert heard.get(timeout=WAIT_S) == b"good"


def test_a_subscription_made_while_connected_works_at_once(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    client.start()
    assert eventually(lambda: client.connected)
    heard: queue.Queue[tuple[str, bytes]] = queue.Queue(10)
    client.subscribe(TOPIC, lambda topic, payload: heard.put_nowait((topic, payload)))
    assert heard.get(timeout=WAIT_S) == (TOPIC, b"online")


def test_many_messages_arrive_once_and_in_order(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    with Observer(broker.url, "watchkeep/event") as observer:
        client.start()
        assert eventually(lambda: client.connected and observer.client.connected)
        client.publish("watchkeep/event", b"first", retain=True)
        observer.until(("watchkeep/event", b"first"))
        for number in range(500):
            client.publish("watchkeep/event", b"%d" % number)
        assert [observer.next()[1] for _ in range(500)] == [b"%d" % number for number in range(500)]
    assert client.dropped == 0


def test_a_hung_broker_delays_nobody_and_stop_returns(broker: Mosquitto, client: MqttClient) -> None:
    broker.start()
    client.start()
    assert eventually(lambda: client.connected)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for number in range(3000):
        client.publish("watchkeep/event", b"%d" % number * 500)
    assert time.monotonic() - began < 2
    assert client.dropped > 0
    client.stop(b"goodbye")
    assert time.monotonic() - began < 9


def test_stop_without_start_or_broker_is_clean(client: MqttClient) -> None:
    MqttClient("mqtt://127.0.0.1", client_id="never", will=None, birth=list).stop(b"")
    client.start()
    client.stop(b"goodbye")
    client.stop(b"goodbye")
    assert not [thread.name for thread in threading.enumerate() if "paho" in thread.name or "wk-mqtt" in thread.name]


def test_a_wrong_url_is_refused_before_anything_is_started() -> None:
    with pytest.raises(UsageError):
        MqttClient("mqtts://127.0.0.1", client_id="x", will=None, birth=list)


def test_a_full_window_is_filled_again_when_half_of_it_is_acknowledged() -> None:
    client = MqttClient("mqtt://127.0.0.1:1", client_id="full", will=None, birth=list)
    client.publish_all([("wk/x", b"1"), ("wk/y", b"2")])
    client._connected = True
    sendable = []
    for unacked in (WINDOW - 1, WINDOW, WINDOW - 1, REFILL + 1, REFILL, WINDOW - 1):
        client._unacked = set(range(unacked))
        sendable.append(client._sendable())
    assert sendable == [True, False, False, False, True, True]


def test_stopping_does_not_wait_for_a_name_that_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hung, go_on, loops = threading.Event(), threading.Event(), list[threading.Thread]()

    def look_up(_client: paho.Client) -> None:
        loops.append(threading.current_thread())
        hung.set()
        go_on.wait(20)
        raise OSError("no such name")

    monkeypatch.setattr(paho.Client, "_create_socket_connection", look_up)
    monkeypatch.setattr(mqtt, "LOOP_END_S", 0.2)
    one = MqttClient("mqtt://broker.example", client_id="one", will=(TOPIC, b"offline"), birth=list)
    one.start()
    try:
        assert hung.wait(10)
        began = time.monotonic()
        one.stop(b"goodbye")
        assert time.monotonic() - began < 3.0
        assert loops[0].daemon, "no exit waits for it"
    finally:
        go_on.set()
        for loop in loops:
            loop.join(10)
