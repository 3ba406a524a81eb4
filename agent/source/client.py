"""One client's TCP connection: a thin shell around `protocol.Connection`.

    playing ──goodbye──▶ leaving ──LEAVE_S──▶ closing ──LINGER_S──▶ aborted
                            '──the client tears down and closes──▶ gone

Rules: runs on the event loop; takes no decision of its own but one: a client that lets MAX_LAG_BYTES pile up is
disconnected, because a live camera does not wait.  After a goodbye the client is left time to tear down, as GStreamer
does and wants an answer to; then only our half is closed, so that it can read what is left: closing at once would
reset the connection over a single unread byte, and the last frames would be lost in the kernel.
"""

import asyncio
from typing import Final, Protocol

from .camera import Camera
from .play import CUT, FINISHED, Play
from .protocol import Action, Close, Connection, Send, Stop
from .protocol import Play as Begin
from .report import SessionRecord
from .sender import Burst, Now

MAX_LAG_BYTES: Final = 8 * 1024 * 1024
"""16 s at 4 Mbit/s; with 64 stuck clients 512 MB at worst."""
LEAVE_S: Final = 0.5
LINGER_S: Final = 10.0
UDP_GOODBYE_S: Final = 0.3
"""BYE travels on a port of its own, and a client that reads it first drops the last frames that wait on the other."""


class Host(Protocol):
    """What a client needs of its server."""

    def connection(self, host: str) -> Connection: ...
    def camera(self, name: str) -> Camera: ...
    def now(self) -> Now: ...
    def joined(self, client: "Client") -> bool: ...
    def left(self, client: "Client") -> None: ...
    def send_udp(self, burst: Burst, address: str) -> int: ...


class Client(asyncio.Protocol):
    """`play` is what it watches now, or None."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host, self._loop = host, loop
        self.play: Play | None = None
        self.address = ""
        self._record: SessionRecord | None = None
        self._camera: Camera | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = transport.get_extra_info("peername")[0]
        self.rtsp = self._host.connection(transport.get_extra_info("sockname")[0])
        if not self._host.joined(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._closing:
            self._perform(self.rtsp.feed(data, self._loop.time()))

    def connection_lost(self, _: Exception | None) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self.end("client closed", goodbye=False)
        self._host.left(self)

    def tick(self, now: float) -> None:
        """Call about once a second."""
        self._perform(self.rtsp.expire(now))

    def send(self, bursts: list[Burst]) -> None:
        """Give packets to the network; disconnects a client that lags."""
        for burst in bursts:
            if burst.outlet.transport.kind == "tcp":
                self._transport.write(burst.data)
            elif self._record is not None:
                self._record.dropped_datagrams += self._host.send_udp(burst, self.address)
        self._check_lag()

    def deliver(self, play: Play, bursts: list[Burst]) -> None:
        """Send what a play made of one unit, and end it when that was its last."""
        if bursts:
            self.send(bursts)
        if play.ended and self.play is play:
            self.end(play.ended, goodbye=play.ended != CUT)
            if play.ended == CUT:
                self._transport.close()
            elif play.outlets[0].transport.kind == "tcp":
                self._timer = self._loop.call_later(LEAVE_S, self.close)

    def end(self, why: str, *, goodbye: bool) -> None:
        """End the play, if there is one, and note why."""
        play, record, camera = self.play, self._record, self._camera
        if play is None or record is None or camera is None:
            return
        self.play = None
        if goodbye and why == FINISHED and play.outlets[0].transport.kind == "udp":
            self._loop.call_later(UDP_GOODBYE_S, self._say_goodbye, play)
        elif goodbye:
            self._say_goodbye(play)
        camera.end(play, record, why, self._host.now().utc_ns / 1e9)

    def _say_goodbye(self, play: Play) -> None:
        self.send(play.goodbye(self._host.now()))

    def close(self) -> None:
        """Send what is buffered, then end our half; the rest follows when the client closes, or after LINGER_S."""
        if self._closing or self._transport.is_closing():
            return
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._transport.write_eof()
        self._timer = self._loop.call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        """Close at once; what is still buffered is noted as not sent."""
        if self._record is not None:
            self._record.unsent_bytes = self._transport.get_write_buffer_size()
        self._transport.abort()

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._transport.write(data)
                    self._check_lag()
                case Begin(name, outlets):
                    self._camera = self._host.camera(name)
                    self.play, self._record = self._camera.begin(outlets, self._host.now().utc_ns / 1e9)
                case Stop(why):
                    self.end(why, goodbye=why != "teardown")
                case Close():
                    self.close()

    def _check_lag(self) -> None:
        if self._transport.get_write_buffer_size() > MAX_LAG_BYTES:
            self.end("lagged", goodbye=False)
            self.abort()
