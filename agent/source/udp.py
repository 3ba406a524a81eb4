"""The source's pair of UDP ports, shared by all its sessions: RTP from the even one, RTCP from the odd one.

Rules: sending never waits: a datagram that the kernel does not take now is dropped and counted, as on a real
network.  What clients send to the RTP port (hole punching) is read and ignored; RTCP is a sign of life.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Final

from ...wire.errors import UsageError
from ..udp_ports import udp_pair

_SEND_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""A second of 8 cameras at 4 Mbit/s; the kernel may grant less."""
_TRIES: Final = 50
_MAX_DATAGRAM: Final = 2048


class UdpPair:
    """Owns both sockets from `open` to `close`."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._rtp, self._rtcp = rtp, rtcp
        self.ports: tuple[int, int] = (rtp.getsockname()[1], rtcp.getsockname()[1])

    @classmethod
    def open(cls, host: str, family: socket.AddressFamily) -> "UdpPair":
        """Bind an even port and the one after it; raises UsageError when no pair is free."""
        pair = udp_pair((host, 0), family, option=socket.SO_SNDBUF, buffer_bytes=_SEND_BUFFER_BYTES, tries=_TRIES)
        if pair is None:
            raise UsageError(f"no pair of UDP ports is free on {host}", remedy="stop other servers on this machine")
        return cls(*pair)

    def listen(self, loop: asyncio.AbstractEventLoop, heard: Callable[[tuple[str, int]], None]) -> None:
        """Call `heard` with the sender's address for each RTCP datagram, until close."""
        loop.add_reader(self._rtp, self._drain, self._rtp, None)
        loop.add_reader(self._rtcp, self._drain, self._rtcp, heard)

    def send(self, datagrams: Iterable[memoryview], address: tuple[str, int], *, control: bool) -> int:
        """Send datagrams to one address; gives how many the kernel did not take."""
        sock, dropped = self._rtcp if control else self._rtp, 0
        for datagram in datagrams:
            try:
                sock.sendto(datagram, address)
            except OSError:  # full buffer, or the client's host said that nobody listens
                dropped += 1
        return dropped

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        for sock in (self._rtp, self._rtcp):
            loop.remove_reader(sock)
            sock.close()

    @staticmethod
    def _drain(sock: socket.socket, heard: Callable[[tuple[str, int]], None] | None) -> None:
        for _ in range(64):  # then the loop serves others first, and calls again
            try:
                _, address = sock.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier sendto is reported here; it was counted there
            if heard is not None:
                heard(address[:2])
