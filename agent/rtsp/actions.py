"""What happens to an RTSP client, and what it wants done.  No I/O.

Rules: plain values; the shell performs the actions in order and reports what came of them as events.
"""

from dataclasses import dataclass, field

from ...wire.causes import CameraStatus
from .choice import Chosen
from .transport import Transport


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection that Connect asked for stands."""


@dataclass(frozen=True, slots=True)
class Received:
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ports:
    """A pair of UDP ports of ours is open, as OpenPorts asked for."""

    rtp: int
    rtcp: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone, or never came about; `why` is for the reader."""

    why: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time has passed."""


@dataclass(frozen=True, slots=True)
class Stop:
    """We want to leave."""


Event = Connected | Received | Ports | Lost | Tick | Stop


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection; one that is open is closed first."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Send:
    """It may hold an answer to a challenge: never shown."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenPorts:
    """Bind two UDP ports, an even one and the next, for one track."""


@dataclass(frozen=True, slots=True)
class OpenWay:
    """Send a little from both ports of a pair to those of the camera: a firewall or router on the way lets in what answers."""

    pair: int
    server: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Media:
    """An interleaved frame that came among the answers."""

    channel: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Track:
    """One track that plays; sequence and timestamp of its first packet where the camera said so."""

    chosen: Chosen
    url: str
    transport: Transport
    sequence: int | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Playing:
    """Packets come from now on.  What Client.rest gives belongs in front of what is read next, if another reads it."""

    tracks: tuple[Track, ...]
    left_out: tuple[str, ...]
    """Which tracks of the camera are not recorded, and why."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be played now; the connection is to be closed, and nothing more comes."""

    status: CameraStatus
    why: str
    remedy: str
    unfit: bool = False
    """It is not the camera's fault but what this client cannot do: another engine may."""
    common: bool = False
    """Any engine would have met it: nobody answers, or the camera refuses before it has described what it has."""


@dataclass(frozen=True, slots=True)
class Close:
    """We have left; nothing more comes."""


Action = Connect | Send | OpenPorts | OpenWay | Media | Playing | Failed | Close
