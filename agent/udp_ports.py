"""A pair of UDP ports for RTP and RTCP (RFC 3550, 11): an even one, and the one after it.

Rules: both sockets are the caller's, who closes them; neither ever blocks.
"""

import socket
from pathlib import Path
from typing import Any, Final

Pair = tuple[socket.socket, socket.socket]
RECEIVE_BUFFER: Final = 2 << 20
"""Datagrams of a camera that wait for a tick: 4 s at 4 Mbit/s, or a key frame of an 8K camera, which comes as fast as the line is."""
_MOST: Final = Path("/proc/sys/net/core/rmem_max")


def most_buffer(most: Path = _MOST) -> int | None:
    """What the kernel lets a socket ask for, which Debian sets to 208 kB; None where it does not say."""
    try:
        return int(most.read_text())
    except (OSError, ValueError):
        return None


def cramped(pairs: list[Pair]) -> bool:
    """Whether sockets that asked for RECEIVE_BUFFER have so little that a key frame may not fit.  The kernel tells double of what it
    gives, and fills a datagram's place with books of its own."""
    return any(one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < RECEIVE_BUFFER for one, _ in pairs)


def udp_pair(address: tuple[Any, ...], family: int, *, option: int, buffer_bytes: int, tries: int) -> Pair | None:
    """Bind both on the host of `address`, with a buffer for `option`, SO_RCVBUF or SO_SNDBUF; None when no pair is free, OSError when
    not even one port is."""

    def bound(port: int) -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, option, buffer_bytes)
            made.bind((address[0], port, *address[2:]))
        except BaseException:
            made.close()
            raise
        return made

    for _ in range(tries):
        first = bound(0)
        port = first.getsockname()[1]
        if port % 2 == 0 and port < 65_535:
            try:
                return first, bound(port + 1)
            except OSError:
                pass  # the odd port is taken: another pair is tried, up to `tries`
        first.close()
    return None
