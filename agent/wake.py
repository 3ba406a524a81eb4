"""The adapter of Wake-on-LAN: one magic packet, sent as a UDP broadcast.

    6 bytes FF, then the MAC address 16 times, to <broadcast>:<port>

Rules: sending never waits and nobody confirms it; whoever needs the machine sends again (agent/replicate/standby.py).  A broadcast
stays in its own network: through a router, give the router's directed broadcast, or a relay's address.
"""

import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from ..wire.errors import UsageError

log = logging.getLogger(__name__)
DEFAULT_BROADCAST: Final = "255.255.255.255:9"


@dataclass(frozen=True, slots=True)
class Sleeper:
    """How one machine is woken."""

    mac: bytes
    host: str
    port: int

    @property
    def packet(self) -> bytes:
        return b"\xff" * 6 + self.mac * 16


def sleeper(mac: str, broadcast: str) -> Sleeper:
    """From `aa:bb:cc:dd:ee:ff` (or with dashes) and `address:port` in IPv4; raises UsageError."""
    digits = mac.replace(":", "").replace("-", "")
    try:
        raw = bytes.fromhex(digits) if len(mac) in (12, 17) else b""
    except ValueError:
        raw = b""
    if len(raw) != 6:
        raise UsageError(f"{mac!r} is no MAC address", remedy="write it as aa:bb:cc:dd:ee:ff")
    host, _, port = broadcast.rpartition(":")
    with suppress(ValueError):  # a name would be looked up at each packet, which may take long
        if 0 < int(port) < 65_536:
            return Sleeper(raw, str(IPv4Address(host)), int(port))
    raise UsageError(f"{broadcast!r} is no IPv4 address and port", remedy=f"write it as {DEFAULT_BROADCAST}")


def send(to: Sleeper) -> None:
    """One packet; raises OSError when the network does not take it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        out.setblocking(False)
        out.sendto(to.packet, (to.host, to.port))


class Alarm:
    """Wakes machines by their names."""

    def __init__(self, sleepers: Mapping[str, Sleeper]) -> None:
        self._sleepers = sleepers
        self.names = sleepers.keys()

    def ring(self, name: str) -> None:
        """One packet; one that does not go out is told: whoever needs the machine rings again soon."""
        try:
            send(self._sleepers[name])
        except OSError as error:
            log.warning("a magic packet is not sent", extra={"archiver": name, "why": error.strerror or str(error),
                                                             "remedy": "check wake_broadcast and the network"})  # fmt: skip
