"""Faults that a camera of the test source can be told to have, to try what a recorder makes of them.

    mute            answers everything and never sends a packet after PLAY
    garbage         sends random bytes where RTP should be
    refuse          answers 503 from the start
    close-after=N   cuts the connection right after N frames, without a goodbye
    stall-after=N   sends N frames, then nothing more, with the connection left open
    jump=S          RTP timestamps jump by S seconds two seconds into each session; S may be negative
    param-change=N  after N frames goes on at half the picture size, with new parameter sets in the stream only
    burst=S         begins with up to S seconds of stored frames, all at once, as cameras with a pre-roll buffer do
    wrap=S          RTP timestamps pass 2^32 S seconds into each session

Rules: pure; a camera has at most one fault; numbers are checked here and nowhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ...wire.errors import UsageError


class FaultKind(StrEnum):
    MUTE = "mute"
    GARBAGE = "garbage"
    REFUSE = "refuse"
    CLOSE_AFTER = "close-after"
    STALL_AFTER = "stall-after"
    JUMP = "jump"
    PARAM_CHANGE = "param-change"
    BURST = "burst"
    WRAP = "wrap"


_MANY = 1_000_000_000
_RANGE = {
    FaultKind.CLOSE_AFTER: (1, _MANY), FaultKind.STALL_AFTER: (1, _MANY), FaultKind.PARAM_CHANGE: (1, _MANY),
    FaultKind.JUMP: (-86_400, _MANY),
    FaultKind.BURST: (1, 10),  # it leaves in one write, and client.MAX_LAG_BYTES are 16 s at 4 Mbit/s
    FaultKind.WRAP: (1, 40_000),  # 2^32 ticks of 90 kHz are 47 721 s
}  # fmt: skip
JUMP_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    value: int = 0


def parse_faults(texts: Iterable[str], cameras: int) -> dict[str, Fault]:
    """Faults by camera name from `cam1:close-after=100`; raises UsageError that quotes the wrong one."""
    found: dict[str, Fault] = {}
    for text in texts:
        camera, _, rest = text.partition(":")
        if camera not in {f"cam{index}" for index in range(cameras)}:
            raise UsageError(f"--fault {text}: there is no camera {camera!r}", remedy=f"use cam0 to cam{cameras - 1}, as in cam0:mute")
        if camera in found:
            raise UsageError(f"--fault {text}: {camera} has a fault already", remedy="give each camera one fault")
        found[camera] = _fault(text, rest)
    return found


def _fault(text: str, rest: str) -> Fault:
    name, equals, number = rest.partition("=")
    try:
        kind = FaultKind(name)
    except ValueError:
        raise UsageError(f"--fault {text}: {name!r} is not a known fault", remedy=f"use one of {', '.join(FaultKind)}") from None
    if kind not in _RANGE:
        if equals:
            raise UsageError(f"--fault {text}: {name} takes no number", remedy=f"write {name} alone")
        return Fault(kind)
    try:
        value = int(number)
    except ValueError:
        raise UsageError(f"--fault {text}: {name} needs a whole number", remedy=f"write {name}=100") from None
    lowest, highest = _RANGE[kind]
    if not lowest <= value <= highest:
        raise UsageError(f"--fault {text}: {value} is out of range", remedy=f"use {lowest} to {highest}")
    return Fault(kind, value)
