"""One camera's RTSP conversation from our side: events in, actions out.  No I/O, no clock, no randomness of its own.

    CONNECTING ─connected─▶ OPTIONS ─▶ DESCRIBE ─┬─udp─▶ PORTS ─opened─▶ SETUP ─▶ ... each track ... ─▶ PLAY ─▶ PLAYING
        ▲                                        └─tcp───────────────────▶┘                                      │ stop
        └── 3xx, up to MAX_REDIRECTS, rtsp:// only                      any fault ─▶ OVER ◀── LEAVING ◀──────────┘

Rules: one request is on its way at a time.  401 is answered once a nonce (auth.py) and twice a request at most; 461 asks for the other
transport once.  A sound track that is refused or sent elsewhere, has no address, or is given another transport or the picture's channels,
is left out, never the picture.  The session is kept alive (keepalive.py), and whether the camera answers is not asked: not all do, and
packets tell.
After Failed or Close nothing more comes.  Every wait has its deadline: ANSWER_S an answer, OPEN_S the whole of opening.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from ...wire.errors import FormatError
from . import actions, faults, rtp_info, sdp
from .actions import Action, Event, Failed, Track
from .auth import Authorizer
from .choice import Choice, Chosen, choose
from .framing import Interleaved
from .keepalive import KeepAlive
from .message import Parser, Request, Response, request, response
from .transport import Kind, Transport, granted
from .url import Address, address, joined, redirected

ANSWER_S: Final = 4.0
OPEN_S: Final = 12.0
LEAVE_S: Final = 1.0
MAX_REDIRECTS: Final = 4
MAX_CHALLENGED: Final = 2
AGENT: Final = "Watchkeep"
_MOVED: Final = frozenset({300, 301, 302, 303, 305, 307, 308})
"""RFC 2326, 11.3, and those of HTTP that cameras' web servers lend to RTSP."""


class State(Enum):
    CONNECTING = auto()
    OPTIONS = auto()
    DESCRIBE = auto()
    PORTS = auto()
    SETUP = auto()
    PLAY = auto()
    PLAYING = auto()
    LEAVING = auto()
    OVER = auto()


class Answer(Enum):
    OK = auto()
    MOVED = auto()
    CHALLENGE = auto()
    TRANSPORT = auto()
    REFUSED = auto()


def kind_of(answer: Response) -> Answer:
    """The row of the table that it belongs to; elsewhere without a word of where is a refusal."""
    if answer.status in _MOVED and answer.header("location"):
        return Answer.MOVED
    named = {401: Answer.CHALLENGE, 461: Answer.TRANSPORT}
    return Answer.OK if 200 <= answer.status < 300 else named.get(answer.status, Answer.REFUSED)


class Client:
    """See the module's docstring.  `start` first; then `handle` each event, with the monotonic time.

    Raises nothing for what a camera sends.  url: with its credentials, which stay inside; raises FormatError when it is none.
    cnonce: fresh random text at each call.
    """

    def __init__(self, url: str, transport: Kind, cnonce: Callable[[], str], *, whole: bool = False) -> None:
        """whole: fail, as unfit, when a track would be left out that libav could record."""
        self._address, self._kind, self._cnonce, self._whole = address(url), transport, cnonce, whole
        self._state = State.OVER
        self._redirects = self._cseq = 0
        self._mute = True
        self._tried: set[Kind] = {transport}
        self._begun = self._deadline = 0.0
        self._reset()

    def _reset(self) -> None:
        self._parser, self._auth = Parser(), Authorizer(self._address.credentials, self._cnonce)
        self._sent: tuple[str, str, dict[str, str]] = ("", "", {})
        self._challenged = 0
        self._alive = KeepAlive()
        self._base = self._aggregate = self._address.url
        self._left_out: list[str] = []
        self._waiting: list[Chosen] = []
        self._tracks: list[Track] = []
        self._asked: Transport | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def address(self) -> Address:
        return self._address

    def start(self, now: float) -> list[Action]:
        self._begun = now
        return self._connect(now)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Go on; the caller performs the actions in order."""
        if self._state is State.OVER:
            return []
        try:
            return self._handle(event, now)
        except FormatError as error:
            return self._fail(faults.malformed(error))

    def next_deadline(self) -> float | None:
        """Monotonic time at which the next Tick is wanted, or None when all is over."""
        return None if self._state is State.OVER else self._deadline

    def rest(self) -> bytes:
        """What was received of a message that is not complete: for whoever reads the connection from now on."""
        return self._parser.rest()

    def _handle(self, event: Event, now: float) -> list[Action]:
        done: list[Action] = []
        match event:
            case actions.Received(data):
                done = self._received(data, now)
            case actions.Connected() if self._state is State.CONNECTING:
                done = self._ask(State.OPTIONS, "OPTIONS", self._address.url, {}, now)
            case actions.Ports(rtp, rtcp) if self._state is State.PORTS:
                done = self._set_up(Transport("udp", rtp, rtcp), now)
            case actions.Lost(why):
                playing = self._state in (State.PLAYING, State.LEAVING)
                done = self._fail(faults.ended() if playing else faults.unreachable(why, mute=self._mute))
            case actions.Tick() if now >= self._deadline:
                done = self._due(now)
            case actions.Stop():
                done = self._leave(now)
        return done

    def _received(self, data: bytes, now: float) -> list[Action]:
        self._mute = False
        self._parser.feed(data)
        done: list[Action] = []
        while self._state is not State.OVER and (event := self._next(done)) is not None:
            if isinstance(event, Interleaved):
                done.append(actions.Media(event.channel, event.data))
            elif isinstance(event, Request):
                done += self._asked_by_camera(event)
            else:
                done += self._answered(event, now)
        return done

    def _next(self, done: list[Action]) -> Response | Request | Interleaved | None:
        """The next message; noise ends the session, and what came before it counts."""
        try:
            return self._parser.next_event()
        except FormatError as error:
            done += self._fail(faults.malformed(error))
            return None

    def _asked_by_camera(self, asked: Request) -> list[Action]:
        if asked.method in ("REDIRECT", "TEARDOWN"):
            return self._fail(faults.ended())
        known = asked.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "PLAY_NOTIFY")
        status, phrase = (200, "OK") if known else (501, "Not Implemented")
        return [actions.Send(response(status, phrase, asked.header("cseq")))]

    def _answered(self, answer: Response, now: float) -> list[Action]:
        number = answer.header("cseq")
        kind = kind_of(answer)
        late = number.isascii() and number.isdigit() and len(number) <= 9 and int(number) < self._cseq
        if self._state is State.PLAYING and kind is Answer.REFUSED:
            late = False  # only signs of life are on their way, and some cameras refuse one by the number of the request before it
        if answer.status < 200 or late:  # 100 Continue; or of a request that nobody waits for any more
            return []
        handler = _TABLE.get((self._state, kind))
        try:
            return self._refused(answer) if handler is None else handler(self, answer, now)
        except FormatError as error:
            return self._fail(faults.malformed(error))

    # requests

    def _ask(self, state: State, method: str, url: str, headers: Mapping[str, str], now: float) -> list[Action]:
        self._state, self._sent, self._challenged = state, (method, url, dict(headers)), 0
        return self._send(now)

    def _send(self, now: float) -> list[Action]:
        method, url, headers = self._sent
        self._cseq += 1
        self._deadline = min(now + ANSWER_S, max(self._begun + OPEN_S, now))
        proof = self._auth.header(method, url)
        every = {"CSeq": str(self._cseq), "User-Agent": AGENT, **({"Session": self._alive.session} if self._alive.session else {})}
        return [actions.Send(request(method, url, {**every, **({"Authorization": proof} if proof else {}), **headers}))]

    def _connect(self, now: float) -> list[Action]:
        self._reset()
        self._state, self._deadline = State.CONNECTING, min(now + ANSWER_S, self._begun + OPEN_S)
        return [actions.Connect(self._address.host, self._address.port)]

    def _next_track(self, now: float) -> list[Action]:
        if not self._waiting:
            ways = [actions.OpenWay(pair, track.transport.server) for pair, track in enumerate(self._tracks) if any(track.transport.server)]
            return [*ways, *self._ask(State.PLAY, "PLAY", self._aggregate, {"Range": "npt=0.000-"}, now)]
        if self._kind == "udp":
            self._state, self._deadline = State.PORTS, now + ANSWER_S
            return [actions.OpenPorts()]
        first = 2 * len(self._tracks)
        return self._set_up(Transport("tcp", first, first + 1), now)

    def _set_up(self, asked: Transport, now: float) -> list[Action]:
        self._asked = asked
        try:
            url = joined(self._base, self._waiting[0].media.control)
        except FormatError:
            if not self._of_sound:
                raise
            return self._without("the address that the camera gives it cannot be used", now)
        return self._ask(State.SETUP, "SETUP", url, {"Transport": asked.header()}, now)

    # answers

    def _describe(self, answer: Response, now: float) -> list[Action]:
        """To OPTIONS, whatever it was: some cameras refuse it and play all the same."""
        self._alive.offers(answer.header("public"))
        return self._ask(State.DESCRIBE, "DESCRIBE", self._address.url, {"Accept": "application/sdp"}, now)

    def _described(self, answer: Response, now: float) -> list[Action]:
        base, description = _base(answer, self._address.url), sdp.parse(answer.body)
        self._aggregate = joined(base, description.control)
        # RFC 2326 has tracks relative to the base in any case; what cameras are tried with takes a whole address of the session before it
        self._base = self._aggregate if "://" in description.control else base
        choice: Choice = choose(description)
        if choice.video is None:
            return self._fail(faults.without_video(choice.left_out, has_video=choice.has_video))
        if self._whole and choice.beyond:
            return self._fail(faults.beyond(choice.beyond))
        self._left_out = list(choice.left_out)
        self._waiting = [choice.video, *([choice.audio] if choice.audio is not None else [])]
        return self._next_track(now)

    def _granted(self, answer: Response, now: float) -> list[Action]:
        assert self._asked is not None
        self._alive.note(answer.header("session"))
        try:
            transport = granted(self._asked, answer.header("transport"))
        except FormatError:
            if not self._of_sound:
                raise
            return self._without("the camera gives it another transport than was asked for", now)
        if transport.kind == "tcp" and any(transport.channels & track.transport.channels for track in self._tracks):
            return self._without("the camera gives it the picture's channels", now)
        self._tracks.append(Track(self._waiting.pop(0), self._sent[1], transport))
        return self._next_track(now)

    @property
    def _of_sound(self) -> bool:
        """Whether it is about a track that the session can do without."""
        return bool(self._waiting) and not self._waiting[0].video

    def _without(self, why: str, now: float) -> list[Action]:
        """Go on without the sound track whose turn it is."""
        chosen = self._waiting.pop(0)
        self._left_out.append(f"{chosen.media.kind} {chosen.codec}: {why}")
        return self._next_track(now)

    def _track_refused(self, answer: Response, now: float) -> list[Action]:
        return self._without(f"the camera refuses it ({answer.status})", now) if self._of_sound else self._refused(answer)

    def _other_transport(self, answer: Response, now: float) -> list[Action]:
        """461.  A session does not mix transports, so only the first track decides."""
        if self._tracks:
            return self._track_refused(answer, now)
        other: Kind = "udp" if self._kind == "tcp" else "tcp"
        if other in self._tried:
            return self._fail(faults.no_transport())
        self._tried.add(other)
        self._kind = other
        return self._next_track(now)

    def _plays(self, answer: Response, now: float) -> list[Action]:
        self._alive.note(answer.header("session"))
        began = rtp_info.starts(answer.header("rtp-info"), [track.url for track in self._tracks])
        tracks = tuple(Track(track.chosen, track.url, track.transport, *start) for track, start in zip(self._tracks, began, strict=True))
        self._state, self._deadline = State.PLAYING, now + self._alive.every_s
        return [actions.Playing(tracks, tuple(self._left_out))]

    def _challenged_for(self, answer: Response, now: float) -> list[Action]:
        self._challenged += 1
        if self._challenged > MAX_CHALLENGED or not self._auth.challenged(answer.each("www-authenticate")):
            if self._state is State.PLAYING:
                return []  # packets come all the same; when they end, so does the session
            if self._of_sound:
                return self._track_refused(answer, now)
            known = self._address.credentials is not None
            return self._refused(answer) if known else self._fail(faults.anonymous(elsewhere=self._redirects > 0))
        deadline = self._deadline
        sent = self._send(now)
        if self._state is State.PLAYING:
            self._deadline = deadline
        return sent

    def _moved(self, answer: Response, now: float) -> list[Action]:
        if self._of_sound:
            return self._track_refused(answer, now)
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            return self._fail(faults.wandering())
        self._address = redirected(self._address, answer.header("location"))
        return self._connect(now)

    def _not_alive(self, _: Response, now: float) -> list[Action]:
        """A sign of life was refused."""
        return self._stay_alive(now) if self._alive.refused() else []

    def _nothing(self, _: Response, __: float) -> list[Action]:
        return []

    def _left(self, _: Response, __: float) -> list[Action]:
        self._state = State.OVER
        return [actions.Close()]

    # time, and the end

    def _due(self, now: float) -> list[Action]:
        if self._state is State.PLAYING:
            return self._stay_alive(now)
        if self._state is State.LEAVING:
            self._state = State.OVER
            return [actions.Close()]
        return self._fail(faults.unanswered(ANSWER_S, mute=self._mute))

    def _stay_alive(self, now: float) -> list[Action]:
        sent = self._ask(State.PLAYING, self._alive.method, self._aggregate, {}, now)
        self._deadline = now + self._alive.every_s
        return sent

    def _leave(self, now: float) -> list[Action]:
        if self._state is State.LEAVING:
            return []
        if not self._alive.session:
            self._state = State.OVER
            return [actions.Close()]
        sent = self._ask(State.LEAVING, "TEARDOWN", self._aggregate, {}, now)
        self._deadline = now + LEAVE_S
        return sent

    def _refused(self, answer: Response) -> list[Action]:
        return self._fail(faults.refused(answer.status, described=self._state not in (State.OPTIONS, State.DESCRIBE)))

    def _fail(self, failure: Failed) -> list[Action]:
        leaving, self._state = self._state is State.LEAVING, State.OVER
        return [actions.Close() if leaving else failure]


def _base(answer: Response, url: str) -> str:
    """What relative controls are relative to (RFC 2326, C.1.1); a base that is no rtsp url is passed over."""
    for name in ("content-base", "content-location"):
        try:
            return address(answer.header(name)).url
        except FormatError:  # not sent, or relative, which the request's own url stands for
            continue
    return url


Handler = Callable[[Client, Response, float], list[Action]]
_OPENING: Final = (State.OPTIONS, State.DESCRIBE, State.SETUP, State.PLAY)
_TABLE: Final[Mapping[tuple[State, Answer], Handler]] = {
    **{(state, Answer.CHALLENGE): Client._challenged_for for state in (*_OPENING, State.PLAYING)},
    **{(state, Answer.MOVED): Client._moved for state in _OPENING},
    **{(State.PLAYING, kind): Client._not_alive for kind in (Answer.REFUSED, Answer.MOVED, Answer.TRANSPORT)},
    **{(State.LEAVING, kind): Client._left for kind in Answer},
    **{(State.CONNECTING, kind): Client._nothing for kind in Answer},
    **{(State.PORTS, kind): Client._nothing for kind in Answer},
    (State.OPTIONS, Answer.OK): Client._describe,
    (State.OPTIONS, Answer.REFUSED): Client._describe,
    (State.DESCRIBE, Answer.OK): Client._described,
    (State.SETUP, Answer.OK): Client._granted,
    (State.SETUP, Answer.REFUSED): Client._track_refused,
    (State.SETUP, Answer.TRANSPORT): Client._other_transport,
    (State.PLAY, Answer.OK): Client._plays,
    (State.PLAYING, Answer.OK): Client._nothing,
}
"""What becomes of an answer; a pair that is not here is a refusal."""
