"""The sockets of one RTSP session: its connection, and pairs of UDP ports.

Rules: every wait is bounded, and there is none to send while `patient` is off; opened, used and closed by one thread at a time; what fails
is an OSError, which the session makes a state of.
"""

import socket
from contextlib import suppress
from typing import Final

from ..udp_ports import RECEIVE_BUFFER, udp_pair

_TRIES: Final = 20
_READ: Final = 64 << 10
_LEAST_RTP: Final = bytes([0x80, *bytes(11)])
"""A head alone, of no payload type that a camera takes; what VLC, GStreamer and FFmpeg send is the same."""
_LEAST_RTCP: Final = bytes([0x80, 201, 0, 1, *bytes(4)])
"""A receiver report about nobody."""


class Link:
    """One camera's sockets; `connection` is there after connect."""

    def __init__(self) -> None:
        self.connection: socket.socket | None = None
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.patient = True
        self.backlog = bytearray()
        """What the connection did not take at once, while not patient: bounded by whoever reads, who stops at the first."""

    def connect(self, host: str, port: int, seconds: float) -> None:
        """Connect anew; raises OSError."""
        self.close()
        try:
            self.connection = socket.create_connection((host, port), timeout=seconds)
        except UnicodeError as error:  # such as a..b
            raise OSError("no host can have such a name") from error

    def send(self, data: bytes, seconds: float) -> None:
        """All of it and what waits before it, within that time; while not patient, what the connection takes at once."""
        if self.connection is None:
            raise OSError("there is no connection")
        self.backlog += data
        if not self.patient:
            self.connection.settimeout(0)
            with suppress(BlockingIOError):
                del self.backlog[: self.connection.send(self.backlog)]
            return
        whole, self.backlog = self.backlog, bytearray()
        self.connection.settimeout(seconds)
        self.connection.sendall(whole)

    def read(self, seconds: float) -> bytes:
        """What comes within that time, b"" at the end; raises TimeoutError."""
        if self.connection is None:
            raise OSError("there is no connection")
        self.connection.settimeout(max(seconds, 0.001))
        return self.connection.recv(_READ)

    def open_pair(self) -> tuple[int, int]:
        """Bind an even UDP port and the next one, on the address that the camera sees us at."""
        if self.connection is None:
            raise OSError("there is no connection")
        pair = udp_pair(self.connection.getsockname(), self.connection.family, option=socket.SO_RCVBUF, buffer_bytes=RECEIVE_BUFFER,
                        tries=_TRIES)  # fmt: skip
        if pair is None:
            raise OSError("no pair of UDP ports is free")
        self.pairs.append(pair)
        return pair[0].getsockname()[1], pair[1].getsockname()[1]

    def keep_pairs(self, count: int) -> None:
        """Close what is beyond: ports of a track that the camera refused, or of UDP altogether, take packets from anybody."""
        for one in (one for pair in self.pairs[count:] for one in pair):
            one.close()
        del self.pairs[count:]

    def open_way(self, pair: int, server: tuple[int, int]) -> None:
        """The least that is RTP and RTCP, from where they are to come."""
        for own, data, port in zip(self.pairs[pair], (_LEAST_RTP, _LEAST_RTCP), server, strict=True):
            self._send_from(own, data, port)

    def send_report(self, pair: int, data: bytes, port: int) -> None:
        """RTCP to the camera's port."""
        self._send_from(self.pairs[pair][1], data, port)

    def _send_from(self, own: socket.socket, data: bytes, port: int) -> None:
        """To the camera's port, without waiting; a network that does not take it is silent about it."""
        if self.connection is not None and port:
            with suppress(OSError):  # a firewall that refuses it, a link that is down: the session ends when nothing comes, not for this
                host = self.connection.getpeername()
                own.sendto(data, socket.MSG_DONTWAIT, (host[0], port, *host[2:]))

    def close(self) -> None:
        for one in ([] if self.connection is None else [self.connection], *self.pairs):
            for each in one:
                each.close()
        self.connection, self.pairs, self.backlog = None, [], bytearray()
