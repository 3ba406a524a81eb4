"""The broker role: an embedded MQTT 3.1.1 broker for a site that has none.  The only importer of amqtt.

Rules: it listens anonymously on the given socket, so that address decides who may talk; production sites run
Mosquitto or another broker instead.  It lives on its own thread and event loop and is never in the way of recording
(invariant 9).  Retained messages live in memory: they are gone after a restart, and every beacon renews its own.

Bounds: MAX_CLIENTS x MAX_QUEUED_BYTES of packets under way, MAX_RETAINED topics; what is over is refused and logged.
"""

import asyncio
import logging
import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker, BrokerContext
from amqtt.contexts import Action, BaseContext
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session

from ..wire.errors import WatchkeepError

log = logging.getLogger(__name__)

MAX_CLIENTS: Final = 512
"""A hub, its archivers and 500 agents; each costs about 100 kB here."""
MAX_PACKET_BYTES: Final = 256 << 10
"""An agent's beacon with 100 archiver links is 20 kB.  MQTT itself allows 256 MiB."""
MAX_RETAINED: Final = 20_000
"""10 000 cameras, their agents and archivers; at 1 kB each 20 MB."""
_START_S: Final = 5.0
_STOP_S: Final = 4.0
"""amqtt's own farewells are cut off after this: the whole service has 10 s to stop."""
_LISTENER = "default"


class _Subscriptions(dict[str, list[tuple[Session, int]]]):
    """Filters and who has them, that may change while amqtt goes through them.

    amqtt awaits inside `for ... in self._subscriptions.items()`; a client that leaves meanwhile ended that with "dictionary changed
    size": the message reached nobody of those left, and asyncio logged an exception that nobody had retrieved.
    """

    def items(self) -> Any:
        return [(topic_filter, list(sessions)) for topic_filter, sessions in super().items()]

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().__iter__()))


class RetainedBound(BaseTopicPlugin):  # type: ignore[misc] # amqtt has no types
    """Refuses a publish to a new topic when MAX_RETAINED topics are retained already.

    amqtt does not tell a filter whether a publish is retained, so a full broker refuses events as well: a site that
    gets there has a runaway publisher.
    """

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        assert isinstance(context, BrokerContext)
        self._broker = context
        self._told = False

    async def topic_filtering(self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None) -> bool:
        retained = self._broker.retained_messages
        if action is not Action.PUBLISH or topic in retained or len(retained) < MAX_RETAINED:
            return True
        if not self._told:
            log.error("the embedded broker refuses new topics: too many are retained", extra={"topics": len(retained)})
            self._told = True
        return False


class _BoundedReader(StreamReaderAdapter):  # type: ignore[misc] # amqtt has no types
    """Cuts off who sends a packet longer than MAX_PACKET_BYTES, before it is buffered; amqtt reads a body in one call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader)
        self._writer = writer

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET_BYTES:
            log.warning("an MQTT client was cut off: its packet is too long", extra={"bytes": n})
            self._writer.transport.abort()
            return b""
        return bytes(await super().read(n))


class EmbeddedBroker:
    """Serves MQTT on a bound socket, which it owns from here on.  start() once, then stop() once."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="wk-hub-broker", daemon=False)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Return once clients can connect; raises WatchkeepError when the broker does not come up."""
        self._thread.start()
        if not self._ready.wait(_START_S) or self._failure is not None:
            why = self._failure or "it did not start in time"
            self.stop()
            raise WatchkeepError(f"the embedded MQTT broker failed: {why}", remedy="take broker out of hub.roles and use another one")

    def stop(self) -> None:
        """Disconnect everybody and close the socket; wills of clients that are still connected are not sent."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(2 * _STOP_S)
        self._listener.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except (AMQTTError, OSError) as error:
            self._failure = error
            log.exception("the embedded broker failed")
        finally:
            self._ready.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        broker = _make_broker(self._loop)
        await broker.start()
        server = await asyncio.start_server(lambda reader, writer: self._client(broker, reader, writer), sock=self._listener)
        self._ready.set()
        await self._stopping.wait()
        server.close()
        await self._farewell(broker)
        await self._cut_off()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _cut_off(self) -> None:
        """End the connections that are left and wait for their tasks: cancelling those instead would leave sockets open."""
        for writer in self._clients.values():
            writer.transport.abort()
        if self._clients:
            await asyncio.wait(list(self._clients), timeout=1)

    async def _farewell(self, broker: Broker) -> None:
        try:
            await asyncio.wait_for(broker.shutdown(), _STOP_S)
        except (TimeoutError, AMQTTError, OSError) as error:
            log.warning("the embedded broker's clients were cut off", extra={"why": str(error) or "time-out"})

    async def _client(self, broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            log.warning("an MQTT client was refused: too many are connected", extra={"clients": len(self._clients)})
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            await broker.external_connected(_BoundedReader(reader, writer), StreamWriterAdapter(writer), _LISTENER)
        finally:
            writer.transport.abort()
            # The socket is closed on the loop's next turn.  wait_closed would not do: amqtt cancels the future under it.
            await asyncio.sleep(0)
            del self._clients[task]


def _make_broker(loop: asyncio.AbstractEventLoop) -> Broker:
    """A broker without listeners of its own and without the $SYS topics, which nobody here reads."""
    config: dict[str, Any] = {
        "listeners": {_LISTENER: {"type": "external"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
            f"{__name__}.{RetainedBound.__name__}": {},
        },
    }
    for noisy in ("amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.ERROR)  # every client that merely goes away is a warning there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        broker = Broker(config, loop=loop)
    broker._subscriptions = _Subscriptions()
    return broker
