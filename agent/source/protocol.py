"""One client's RTSP conversation: bytes in, actions out.  No I/O, no clock, no randomness of its own.

              SETUP             PLAY
     INIT ───────────▶ READY ──────────▶ PLAYING      OPTIONS, DESCRIBE, GET_PARAMETER and SET_PARAMETER are
       ▲                 │                 │          allowed in every state and leave it as it is
       └────TEARDOWN─────┴────TEARDOWN─────┘

Rules: a method that is not in the table answers 455; a connection holds one session; the caller performs the
actions in order; after Close nothing more comes.  A session over UDP ends after SESSION_TIMEOUT_S without a request
or RTCP from the client; over TCP it lives as long as its connection (RFC 2326, A.2 leaves that to us).  PAUSE is not
offered, as a live camera has nothing to pause; GStreamer would send it on its way out and fail over a closed connection.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol
from urllib.parse import urlsplit

from ...wire.errors import FormatError
from ..rtsp.framing import Interleaved
from . import sdp
from .auth import Credentials, accepts, challenge
from .media import Track
from .message import Parser, Request, response
from .transport import Transport, choose

SESSION_TIMEOUT_S: Final = 60
"""Announced in every Session header; also the patience with a connection that never plays."""


class State(Enum):
    INIT = auto()
    READY = auto()
    PLAYING = auto()


class CameraView(Protocol):
    """What a conversation has to know of a camera."""

    @property
    def name(self) -> str: ...
    @property
    def tracks(self) -> tuple[Track, ...]: ...
    @property
    def available(self) -> bool: ...
    @property
    def wrap_s(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Outlet:
    """One track on its way to the client, with the RTP numbers that the answer to PLAY promised."""

    track: Track
    transport: Transport
    ssrc: int
    sequence: int = 0
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Play:
    camera: str
    outlets: tuple[Outlet, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """End what Play began; `why` goes into the report."""

    why: str


@dataclass(frozen=True, slots=True)
class Close:
    pass


Action = Send | Play | Stop | Close


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    actions: tuple[Action, ...] = ()


class Connection:
    """See the module's docstring.  `host` is our address as the client sees it; `now` is monotonic seconds."""

    def __init__(self, cameras: Mapping[str, CameraView], *, host: str, server_ports: tuple[int, int], credentials: Credentials | None,
                 rng: random.Random, now: float) -> None:  # fmt: skip
        self._cameras, self._host, self._ports, self._credentials, self._rng = cameras, host, server_ports, credentials, rng
        self._nonce = f"{rng.getrandbits(128):032x}"
        self._parser = Parser()
        self._heard = now
        self._closed = False
        self._reset()

    @property
    def state(self) -> State:
        return self._state

    def feed(self, data: bytes, now: float) -> list[Action]:
        """Take bytes from the client; what is not RTSP is answered with 400 and Close."""
        self._heard = now
        self._parser.feed(data)
        actions: list[Action] = []
        try:
            while not self._closed and (event := self._parser.next_event()) is not None:
                if not isinstance(event, Interleaved):
                    actions += self._request(event)
        except FormatError:
            actions += [Send(response(400, "")), *self._end("the client sent something that is not RTSP")]
        return actions

    def heard(self, now: float) -> None:
        """The client gave a sign of life elsewhere: RTCP over UDP."""
        self._heard = now

    def expire(self, now: float) -> list[Action]:
        """Call about once a second; ends what has been silent for too long."""
        over_tcp = self._state is State.PLAYING and all(outlet.transport.kind == "tcp" for outlet in self._outlets.values())
        if self._closed or over_tcp or now < self._heard + SESSION_TIMEOUT_S:
            return []
        return self._end("no sign of life from the client")

    def _end(self, why: str) -> list[Action]:
        playing, self._closed = self._state is State.PLAYING, True
        self._reset()
        return [*([Stop(why)] if playing else []), Close()]

    def _reset(self) -> None:
        self._state, self._session, self._camera = State.INIT, "", ""
        self._outlets: dict[int, Outlet] = {}

    def _request(self, request: Request) -> list[Action]:
        answer = self._answer(request)
        headers = dict(answer.headers)
        if self._session and answer.status == 200:
            headers.setdefault("Session", f"{self._session};timeout={SESSION_TIMEOUT_S}")
        return [Send(response(answer.status, request.header("cseq"), headers, answer.body)), *answer.actions]

    def _answer(self, request: Request) -> _Answer:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        row = _TABLE.get((self._state, request.method))
        if row is None:
            return _Answer(455)
        handler, after = row
        answer = handler(self, request)
        if answer.status == 200:
            self._state = after
            if after is State.INIT and request.method == "TEARDOWN":
                self._reset()
        return answer

    def _refusal(self, request: Request) -> _Answer | None:
        """What is wrong with a request whatever the state, or None."""
        named = request.header("session").partition(";")[0].strip()
        faults = (
            (request.version != "RTSP/1.0", _Answer(505)),
            (not request.header("cseq"), _Answer(400)),
            (request.method not in _METHODS, _Answer(501, {"Public": _PUBLIC})),
            (bool(request.header("require")), _Answer(551, {"Unsupported": request.header("require")})),
            (not self._may(request), _Answer(401, {"WWW-Authenticate": challenge(self._nonce)})),
            (named != self._session and (bool(named) or request.method in _IN_SESSION), _Answer(454)),
        )
        return next((answer for wrong, answer in faults if wrong), None)

    def _may(self, request: Request) -> bool:
        if self._credentials is None or request.method == "OPTIONS":
            return True
        return accepts(self._credentials, self._nonce, request.method, request.header("authorization"))

    def _options(self, _: Request) -> _Answer:
        return _Answer(200, {"Public": _PUBLIC})

    def _keep_alive(self, _: Request) -> _Answer:
        return _Answer(200)

    def _set_parameter(self, request: Request) -> _Answer:
        return _Answer(451 if request.body else 200)

    def _describe(self, request: Request) -> _Answer:
        name, _ = locate(request.uri)
        camera = self._cameras.get(name)
        if camera is None or not camera.available:
            return _Answer(404 if camera is None else 503)
        body = sdp.build(name, self._host, camera.tracks).encode()
        return _Answer(200, {"Content-Type": "application/sdp", "Content-Base": f"{self._base(name, request.uri)}/"}, body)

    def _setup(self, request: Request) -> _Answer:
        name, number = locate(request.uri)
        camera = self._cameras.get(name)
        track = next((track for track in camera.tracks if track.kind == (number or 0)), None) if camera else None
        if camera is None or track is None:
            return _Answer(404)
        if not camera.available:
            return _Answer(503)
        if self._camera not in ("", name):
            return _Answer(459)
        transport = choose(request.header("transport"), track.kind)
        if transport is None or any(outlet.transport.kind != transport.kind for outlet in self._outlets.values()):
            return _Answer(461)
        outlet = Outlet(track, transport, self._rng.getrandbits(32))
        self._outlets[track.kind], self._camera = outlet, name
        self._session = self._session or f"{self._rng.getrandbits(64):016x}"
        return _Answer(200, {"Transport": transport.header(outlet.ssrc, self._ports)})

    def _play(self, request: Request) -> _Answer:
        if not self._cameras[self._camera].available:
            return _Answer(503)
        self._outlets = {
            kind: Outlet(outlet.track, outlet.transport, outlet.ssrc, self._rng.getrandbits(16), self._first_timestamp(outlet.track))
            for kind, outlet in self._outlets.items()
        }
        base = self._base(self._camera, request.uri)
        info = ",".join(
            f"url={base}/{sdp.CONTROL}{kind};seq={outlet.sequence};rtptime={outlet.timestamp}" for kind, outlet in self._outlets.items()
        )
        return _Answer(200, {"Range": "npt=0.000-", "RTP-Info": info}, actions=(Play(self._camera, tuple(self._outlets.values())),))

    def _first_timestamp(self, track: Track) -> int:
        """Random, as RFC 3550, 5.1 wants it, or so that it wraps when the camera is to."""
        wrap_s = self._cameras[self._camera].wrap_s
        return self._rng.getrandbits(32) if wrap_s is None else (1 << 32) - wrap_s * track.clock

    def _teardown(self, _: Request) -> _Answer:
        return _Answer(200, {"Session": self._session}, actions=(Stop("teardown"),) if self._state is State.PLAYING else ())

    def _base(self, name: str, uri: str) -> str:
        """The camera's URL by the name that the client used for us, without credentials."""
        host = _netloc(uri).rpartition("@")[2] or self._host
        return f"rtsp://{host}/{name}"


def locate(uri: str) -> tuple[str, int | None]:
    """(camera, track number or None) of a request's URI; ("", None) when it cannot be one of ours."""
    try:
        parts = urlsplit(uri).path.strip("/").split("/")
    except ValueError:
        return "", None
    if len(parts) == 1:
        return parts[0], None
    number = parts[1].removeprefix(sdp.CONTROL)
    return (parts[0], int(number)) if len(parts) == 2 and number in ("0", "1") and number != parts[1] else ("", None)


def _netloc(uri: str) -> str:
    try:
        return urlsplit(uri).netloc
    except ValueError:
        return ""


_ANY = {
    "OPTIONS": Connection._options,
    "DESCRIBE": Connection._describe,
    "GET_PARAMETER": Connection._keep_alive,
    "SET_PARAMETER": Connection._set_parameter,
}
_TABLE = {
    **{(state, method): (handler, state) for state in State for method, handler in _ANY.items()},
    (State.INIT, "SETUP"): (Connection._setup, State.READY),
    (State.READY, "SETUP"): (Connection._setup, State.READY),
    (State.READY, "PLAY"): (Connection._play, State.PLAYING),
    (State.PLAYING, "PLAY"): (Connection._keep_alive, State.PLAYING),
    (State.READY, "TEARDOWN"): (Connection._teardown, State.INIT),
    (State.PLAYING, "TEARDOWN"): (Connection._teardown, State.INIT),
}
_METHODS: Final = frozenset(method for _, method in _TABLE)
_PUBLIC: Final = ", ".join(sorted(_METHODS))
_IN_SESSION: Final = frozenset({"PLAY", "TEARDOWN"})
