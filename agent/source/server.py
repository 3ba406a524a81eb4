"""The RTSP server: listens, keeps its clients, and hands every unit of the feed to those that play.

Rules: all of it runs on one event loop; clients beyond MAX_CLIENTS are turned away; `stop` says goodbye to everybody
and leaves no socket behind.
"""

import asyncio
import errno
import random
import socket
import time
from collections.abc import Mapping
from typing import Final

from ...wire.errors import UsageError
from .auth import Credentials
from .camera import Camera
from .client import LEAVE_S, Client
from .media import Unit
from .protocol import Connection
from .sender import Burst, Now
from .udp import UdpPair

MAX_CLIENTS: Final = 512
"""Two for each of 256 cameras; each may buffer client.MAX_LAG_BYTES."""
_TICK_S: Final = 1.0
_WHY = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more rights", errno.EADDRNOTAVAIL: "is not an address of this machine"}


class Server:
    """Order of calls: bind, set `cameras`, start, deliver (many times), stop."""

    def __init__(self, credentials: Credentials | None, rng: random.Random) -> None:
        self._credentials, self._rng, self._origin = credentials, rng, time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._clients: set[Client] = set()
        self._tick: asyncio.TimerHandle | None = None
        self.cameras: Mapping[str, Camera] = {}
        self.turned_away = 0

    async def bind(self, host: str, port: int) -> int:
        """Take the TCP port and a pair of UDP ports; gives the port; raises UsageError when they cannot be had."""
        try:
            self._tcp = await self._loop.create_server(lambda: Client(self, self._loop), host, port, start_serving=False)
        except OSError as error:
            known = "is not a host name" if isinstance(error, socket.gaierror) else _WHY.get(error.errno or 0, error.strerror or str(error))
            raise UsageError(f"{host}:{port} {known}", remedy="choose another --port or --host (--port 0 takes a free one)") from error
        first = self._tcp.sockets[0]
        try:
            self._udp = UdpPair.open(first.getsockname()[0], first.family)
        except BaseException:
            self._tcp.close()
            raise
        return int(first.getsockname()[1])

    async def start(self, origin: float) -> None:
        """Answer clients from now on; the feed begins at `origin` by the monotonic clock."""
        self._origin = origin
        await self._tcp.start_serving()
        self._udp.listen(self._loop, self._heard)
        self._tick = self._loop.call_later(_TICK_S, self._on_tick)

    def deliver(self, unit: Unit) -> None:
        """Send one unit to every client that plays."""
        now = self.now()
        for client in list(self._clients):
            play = client.play
            if play is not None:
                client.deliver(play, play.handle(unit, now))
        for camera in self.cameras.values():
            camera.store(unit, now)

    async def stop(self) -> None:
        """Say goodbye, give clients LEAVE_S to leave and as long to read the rest, then close what is left."""
        self._tcp.close()
        if self._tick is not None:
            self._tick.cancel()
        for step in (_goodbye, Client.close, Client.abort):
            for client in list(self._clients):
                step(client)
            await self._until_gone(LEAVE_S)
        await self._tcp.wait_closed()
        self._udp.close(self._loop)

    async def _until_gone(self, seconds: float) -> None:
        deadline = self._loop.time() + seconds
        while self._clients and self._loop.time() < deadline:
            await asyncio.sleep(0.01)

    def connection(self, host: str) -> Connection:
        return Connection(self.cameras, host=host, server_ports=self._udp.ports, credentials=self._credentials,
                          rng=self._rng, now=self._loop.time())  # fmt: skip

    def camera(self, name: str) -> Camera:
        return self.cameras[name]

    def now(self) -> Now:
        return Now(time.time_ns(), time.monotonic() - self._origin)

    def joined(self, client: Client) -> bool:
        """Take a client in; False when there are too many."""
        if len(self._clients) >= MAX_CLIENTS:
            self.turned_away += 1
            return False
        self._clients.add(client)
        return True

    def left(self, client: Client) -> None:
        self._clients.discard(client)

    def send_udp(self, burst: Burst, address: str) -> int:
        transport = burst.outlet.transport
        port = transport.rtcp if burst.control else transport.rtp
        return self._udp.send(burst.datagrams(), (address, port), control=burst.control)

    def _heard(self, address: tuple[str, int]) -> None:
        now = self._loop.time()
        for client in self._clients:
            if client.play is not None and client.address == address[0] and any(
                outlet.transport.kind == "udp" and outlet.transport.rtcp == address[1] for outlet in client.play.outlets
            ):
                client.rtsp.heard(now)

    def _on_tick(self) -> None:
        now = self._loop.time()
        for client in list(self._clients):
            client.tick(now)
        self._tick = self._loop.call_later(_TICK_S, self._on_tick)


def _goodbye(client: Client) -> None:
    client.end("stopped", goodbye=True)
