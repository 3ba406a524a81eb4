"""A pair of UDP ports for RTP and RTCP (RFC 3550, 11): an even one, and the one after it.

Rules: both sockets are the caller's, who closes them; neither ever blocks.
"""

import socket
from typing import Any

Pair = tuple[socket.socket, socket.socket]


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
