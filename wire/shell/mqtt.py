"""MQTT 3.1.1 client: one connection to the site's broker.  The only file that imports paho.

    publish() ─▶ Outbox (bounded) ─▶ wk-mqtt thread ─▶ paho, at most WINDOW unacknowledged ─▶ broker

Rules: advisory only (DESIGN 6): nothing waits for the broker, and nothing raises because it is away.  Everything is
sent with QoS 1.  The will stands on the birth's topic, retained, and a clean stop publishes a goodbye in its place.
No lock of ours is held while paho is called: paho calls `_on_publish` under its own mutex, and that takes ours.
"""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from ..broker import parse_url
from ..errors import redact
from ..outbox import Outbox, Outgoing
from .threads import Supervised

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 10
"""The broker fires the will after 1.5 times this: a dead client shows as offline within 15 s."""
MAX_QUEUED: Final = 1000
"""Messages kept while the broker is away: 1000 of about 2 kB are 2 MB."""
WINDOW: Final = 20
"""Messages handed to paho and not acknowledged: what a reconnect sends again, and paho's own default for in-flight."""
REFILL: Final = WINDOW // 2
"""Once full, the window is filled again from here on: one waking for ten messages, not one for each acknowledgement."""
CONNECT_TIMEOUT_S: Final = 3.0
DRAIN_S: Final = 2.0
"""stop() gives the goodbye this long; with joining and a connect under way it returns within about 7 s."""
CLOSE_S: Final = 1.0
LOOP_END_S: Final = CONNECT_TIMEOUT_S + 1.0
"""A connect under way ends by then; only a look-up of a name takes longer."""
MAX_PAYLOAD_BYTES: Final = 256 << 10
"""A beacon of 256 links is 64 kB; what is larger is a mistake and is dropped on arrival."""

_ENDED: Final = {
    "Unspecified error": "connection lost: the broker stopped or restarted, or cut this client off, as for another one with its id",
    "Keep alive timeout": "connection lost: the broker or the network to it is silent",
    "Normal disconnection": "disconnected from here",
}
"""paho's names for what it knows of an end, in words that help; MQTT 3.1.1 has no reason in a DISCONNECT."""

Topical = tuple[str, bytes]
OnMessage = Callable[[str, bytes], None]


class MqttClient:
    """A connection that comes and goes by itself; start() once, stop() once, everything else from any thread.

    birth is called after every successful connect, on the client's own thread.  What it returns is published retained,
    before anything that waited and after anything that paho sends again from the last connection, so that nothing
    old stands over it.  will is (topic, payload): the broker publishes it, retained, when we vanish.
    Raises UsageError for a url that is not valid; a broker that is away is no error.
    """

    def __init__(self, url: str, *, client_id: str, will: Topical | None, birth: Callable[[], list[Topical]],
                 keepalive_s: int = KEEPALIVE_S, max_queued: int = MAX_QUEUED) -> None:  # fmt: skip
        self._broker = parse_url(url)
        self._client_id, self._will, self._birth, self._keepalive_s = client_id, will, birth, keepalive_s
        self._changed = threading.Condition()
        self._outbox = Outbox(max_queued)
        self._unacked: set[int] = set()
        self._acked_early: set[int] = set()
        self._filters: dict[str, OnMessage] = {}
        self._connected = self._stopping = self._full = False
        self._connects = self._births = 0  # a birth is due while they differ
        self._since_s, self._since, self._why = time.time(), time.monotonic(), "not started"
        self._client: paho.Client | None = None
        self._sender = Supervised(f"wk-mqtt-{client_id}", self._send)

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def since_s(self) -> float:
        """UTC seconds of the last change of `connected`."""
        return self._since_s

    @property
    def since(self) -> float:
        """Monotonic time of the same; a connect is noted before anything can arrive by it."""
        return self._since

    @property
    def why(self) -> str:
        """Why there is no connection; empty while there is one."""
        return self._why

    @property
    def dropped(self) -> int:
        """Messages that were given up because too many waited for the broker."""
        return self._outbox.dropped

    def start(self) -> None:
        """Connect in the background and keep trying, 1 to 30 s apart, until stop()."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_disconnect, self._on_publish
        client.on_connect_fail, client.on_socket_open = self._on_connect_fail, self._on_socket_open
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._will is not None:
            client.will_set(*self._will, qos=1, retain=True)
        client.reconnect_delay_set(1, 30)
        client.max_queued_messages_set(WINDOW)
        client.max_inflight_messages_set(WINDOW)
        client.connect_timeout = CONNECT_TIMEOUT_S
        with self._changed:
            self._client, self._why, filters = client, "connecting", dict(self._filters)
        for topic_filter, callback in filters.items():
            client.message_callback_add(topic_filter, _guarded(callback))
        client.connect_async(self._broker.host, self._broker.port, self._keepalive_s)
        client.loop_start()
        self._sender.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send as soon as the broker is there; of a retained topic only the newest waits.  Never blocks, never raises."""
        self.publish_all([(topic, payload)], retain=retain)

    def publish_all(self, messages: Iterable[Topical], *, retain: bool = False) -> None:
        """The same for many: those who send them are woken once."""
        with self._changed:
            for topic, payload in messages:
                self._outbox.put(Outgoing(topic, payload, retain))
            self._changed.notify_all()

    def subscribe(self, topic_filter: str, callback: OnMessage) -> None:
        """Call `callback(topic, payload)` for every message, on paho's thread: it may only enqueue.  Survives reconnects."""
        with self._changed:
            self._filters[topic_filter] = callback
            client, connected = self._client, self._connected
        if client is not None:
            client.message_callback_add(topic_filter, _guarded(callback))
            if connected:
                client.subscribe(topic_filter, qos=1)

    def stop(self, goodbye: bytes | None = None) -> None:
        """Publish goodbye on the will's topic, retained, disconnect and join; bounded even when the broker hangs."""
        client = self._client
        if client is None:
            return
        if goodbye is not None and self._will is not None:
            self.publish(self._will[0], goodbye, retain=True)
        with self._changed:
            self._changed.wait_for(self._drained, DRAIN_S)
            self._stopping = True
            self._sender.stop()
            self._changed.notify_all()
        self._sender.join(DRAIN_S)
        client.disconnect()
        with self._changed:
            self._changed.wait_for(lambda: not self._connected, CLOSE_S)
        _cut(client.socket())
        _end_loop(client)
        self._client = None  # ends the reference cycle with its callbacks, so that paho closes its socket pair now

    def _drained(self) -> bool:
        return not self._connected or not (self._outbox or self._unacked or self._connects != self._births)

    # The sender thread.

    def _sendable(self) -> bool:
        if self._sender.stop_event.is_set():
            return True
        if not self._connected:
            return False
        if self._connects != self._births:
            return not self._unacked
        self._full = len(self._unacked) > (REFILL if self._full else WINDOW - 1)
        return bool(self._outbox) and not self._full

    def _send(self, stop: threading.Event) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._sendable)
                if stop.is_set():
                    return
                connect = self._connects
                message = self._outbox.take() if connect == self._births else None
            if message is not None:
                self._hand_over(message)
            else:
                self._give_birth(connect)

    def _give_birth(self, connect: int) -> None:
        """A connect that comes while birth() runs makes the next birth due: the number tells them apart."""
        messages = self._birth()
        with self._changed:
            self._outbox.put_first(messages)
            self._births = connect

    def _hand_over(self, message: Outgoing) -> None:
        client = self._client
        if client is None:
            return
        info = client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        with self._changed:
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._outbox.dropped += 1  # WINDOW keeps paho's queue from filling up; counted all the same
            elif info.mid in self._acked_early:
                self._acked_early.discard(info.mid)
            else:
                self._unacked.add(info.mid)

    # Callbacks on paho's thread: they note and notify, no more.

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:  # paho calls this on refusal too, and goes on trying
            self._note(False, f"refused by the broker: {reason}")
            return
        with self._changed:
            filters = list(self._filters)
            self._connects += 1
        self._note(True, "")
        for topic_filter in filters:
            client.subscribe(topic_filter, qos=1)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if self._connected:  # after a refusal the reason is known already
            self._note(False, _ENDED.get(str(reason), f"disconnected: {reason}"))

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        self._note(False, "no broker answers there")

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        """A connect that was under way when stop() came would otherwise live until the keepalive ends it."""
        if self._stopping:
            _cut(sock)

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        """The acknowledgement may overtake `_hand_over`, which then finds it in _acked_early."""
        with self._changed:
            if mid in self._unacked:
                self._unacked.discard(mid)
            else:
                self._acked_early.add(mid)
            if len(self._unacked) in (0, REFILL):
                self._changed.notify_all()

    def _note(self, connected: bool, why: str) -> None:
        why = redact(why)
        with self._changed:
            if (connected, why) != (self._connected, self._why):
                log.info("mqtt connected" if connected else "mqtt away", extra={"broker": str(self._broker), "why": why})
            if connected != self._connected:
                self._since_s, self._since = time.time(), time.monotonic()
            self._connected, self._why = connected, why
            self._changed.notify_all()


def _end_loop(client: paho.Client) -> None:
    """loop_stop() waits for paho's thread however long that looks up the broker's name; the thread is a daemon, so no exit waits for it."""
    ending = threading.Thread(target=client.loop_stop, name="wk-mqtt-end", daemon=True)
    ending.start()
    ending.join(LOOP_END_S)
    if ending.is_alive():
        log.warning("mqtt: the name of the broker is still being looked up, its thread is left behind")


def _guarded(callback: OnMessage) -> Callable[[Any, Any, paho.MQTTMessage], None]:
    """The callback as paho wants it."""

    def deliver(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        _deliver(callback, message)

    return deliver


def _deliver(callback: OnMessage, message: paho.MQTTMessage) -> None:
    """An exception on paho's thread would end the connection for good: one bad message must not (invariant 7)."""
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        log.warning("mqtt message is too large, dropped", extra={"topic": message.topic, "size_bytes": len(message.payload)})
        return
    try:
        callback(message.topic, bytes(message.payload))
    except Exception:  # noqa: BLE001 - a record with exc_info would hold frames, and with them paho's client and its sockets
        log.error("mqtt callback failed, its message is lost", extra={"topic": message.topic, "trace": traceback.format_exc()})  # noqa: TRY400


def _cut(sock: Any) -> None:
    """End a socket that paho owns, so that paho's thread sees it and closes it."""
    if sock is not None:
        with suppress(OSError):  # it may have been closed in between: that is the aim
            sock.shutdown(socket.SHUT_RDWR)
