"""The Transport header of SETUP (RFC 2326, 12.39): what we ask for, and what the camera grants.  No I/O.

Rules: unicast RTP/AVP only; what the camera does not repeat is as it was asked for; what it grants instead is followed, since
some number channels their own way.
"""

from dataclasses import dataclass
from typing import Final, Literal

from ...wire.errors import FormatError

Kind = Literal["tcp", "udp"]
MAX_PORT: Final = 65_535
MAX_CHANNEL: Final = 255


@dataclass(frozen=True, slots=True)
class Transport:
    """How one track comes: a pair of channels of the connection, or a pair of our UDP ports from a pair of the camera's."""

    kind: Kind
    rtp: int
    rtcp: int
    server: tuple[int, int] = (0, 0)
    """The camera's ports for UDP, 0 when it does not say."""
    ssrc: int | None = None

    @property
    def channels(self) -> frozenset[int]:
        return frozenset((self.rtp, self.rtcp))

    def header(self) -> str:
        """What SETUP asks for."""
        if self.kind == "tcp":
            return f"RTP/AVP/TCP;unicast;interleaved={self.rtp}-{self.rtcp}"
        return f"RTP/AVP;unicast;client_port={self.rtp}-{self.rtcp}"


def granted(asked: Transport, header: str) -> Transport:
    """What the camera answers to `asked`; raises FormatError when it is something else altogether."""
    protocol, *parameters = (part.strip() for part in header.partition(",")[0].split(";"))
    values = {name.strip().lower(): value.strip().strip('"') for name, _, value in (one.partition("=") for one in parameters)}
    tcp = protocol.upper().endswith("/TCP") or "interleaved" in values if header else asked.kind == "tcp"
    if "multicast" in values or tcp != (asked.kind == "tcp"):
        raise FormatError("the camera grants another transport than was asked for", remedy="set the other transport for this camera")
    ssrc = values.get("ssrc", "")
    found = int(ssrc, 16) if 0 < len(ssrc) <= 8 and all(one in "0123456789abcdefABCDEF" for one in ssrc) else None
    if tcp:
        rtp, rtcp = _pair(values.get("interleaved", ""), MAX_CHANNEL) or (asked.rtp, asked.rtcp)
        return Transport("tcp", rtp, rtcp, ssrc=found)
    server = _pair(values.get("server_port", ""), MAX_PORT) or (0, 0)
    return Transport("udp", asked.rtp, asked.rtcp, server, found)


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    """`4-5`, or `4`, which means `4-5`."""
    first, _, second = text.partition("-")
    if not all(one.isascii() and one.isdigit() and len(one) <= 5 for one in (first, second or "0")):
        return None
    low = int(first)
    high = int(second) if second else low + 1
    return (low, high) if low != high and max(low, high) <= highest else None
