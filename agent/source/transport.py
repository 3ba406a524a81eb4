"""The Transport header of SETUP (RFC 2326, 12.39): what the client offers, and what we take.

Rules: pure; the first offer that we can serve wins; multicast, record and anything but RTP/AVP are not served.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Transport:
    """Where one track goes: a pair of channels of the RTSP connection, or a pair of the client's UDP ports."""

    kind: Literal["tcp", "udp"]
    rtp: int
    rtcp: int

    def header(self, ssrc: int, server_ports: tuple[int, int]) -> str:
        """The Transport header of the answer."""
        if self.kind == "tcp":
            return f"RTP/AVP/TCP;unicast;interleaved={self.rtp}-{self.rtcp};ssrc={ssrc:08X}"
        ports = f"client_port={self.rtp}-{self.rtcp};server_port={server_ports[0]}-{server_ports[1]}"
        return f"RTP/AVP;unicast;{ports};ssrc={ssrc:08X}"


def choose(header: str, track: int) -> Transport | None:
    """The first offer that we serve, or None; channels that the client leaves open follow from the track's number."""
    return next((found for offer in header.split(",") if (found := _offer(offer, track)) is not None), None)


def _offer(text: str, track: int) -> Transport | None:
    protocol, *parameters = (part.strip() for part in text.split(";"))
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    if "multicast" in values or values.get("mode", "play").strip('"').lower() != "play":
        return None
    if protocol.upper() == "RTP/AVP/TCP":
        pair = _pair(values.get("interleaved", f"{2 * track}-{2 * track + 1}"), 255)
        return Transport("tcp", *pair) if pair else None
    if protocol.upper() in ("RTP/AVP", "RTP/AVP/UDP"):
        pair = _pair(values.get("client_port", ""), 65535)
        return Transport("udp", *pair) if pair and pair[0] > 0 else None
    return None


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    first, dash, second = text.partition("-")
    if not (first.isascii() and first.isdigit() and len(first) <= 5):
        return None
    low = int(first)
    if dash and not (second.isascii() and second.isdigit() and len(second) <= 5):
        return None
    high = int(second) if dash else low + 1
    return (low, high) if low != high and max(low, high) <= highest else None
