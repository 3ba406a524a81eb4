"""From a directory's document to cameras as they are recorded.  No I/O, no clock, no threads.

    what is missing or wrong for one camera       status shown      everything else
    ───────────────────────────────────────────   ───────────────   ──────────────────────────────────
    its credentials are not in credentials.toml   unauthorized      is recorded as if it were not there
    its profile, or its address                   unsupported       the same
    a word of a newer version (WORDS)             as ever           it is recorded as if the word were not said, and that is told

Rules: cameras of agent.toml win over those of the directory with the same id, and come first when there is not room for all; those
that find none are named, but for one that is leaving anyway.  Credentials go only to the camera that names them, and are shown nowhere.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import quote, urlsplit

from ...profiles import CameraProfile
from ...wire.causes import CameraStatus
from ...wire.desired import AgentDesired, DesiredCamera, Failback, Ingest, Transport
from ...wire.errors import WatchkeepError
from ..engine_choice import DEFAULT_INGEST
from ..replicate.policy import CameraPolicy
from ..roster import Fault, Source, Wanted


class Login(NamedTuple):
    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(***)"


WORDS: Final = {"transport": get_args(Transport), "ingest": get_args(Ingest), "failback": get_args(Failback)}
"""What this version knows to do; a newer directory may say more."""


class Resolved(NamedTuple):
    """Which cameras are recorded, which are not for want of room, and words that are passed over: `cam0: ingest 'quic'`."""

    wanted: dict[str, Wanted]
    without_room: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    def told(self, limit: int) -> Iterator[tuple[str, str]]:
        """What operators have to know of it, each with a remedy."""
        if self.without_room:
            yield (f"{len(self.without_room)} cameras of the directory are not recorded, the first is {self.without_room[0]}: this "
                   f"recorder's profile has room for {limit}",
                   "lower max_cameras of this agent in the directory, or choose another profile")  # fmt: skip
        if self.passed_over:
            yield (f"the directory says {len(self.passed_over)} words that this version does not know, the first is {self.passed_over[0]}: "
                   "they count as not said", "update this agent")  # fmt: skip


def resolve(static: Mapping[str, Wanted], document: AgentDesired | None, logins: Mapping[str, Login],
            profile: Callable[[str], CameraProfile], limit: int) -> Resolved:  # fmt: skip
    """All cameras, at most `limit`; `profile` raises WatchkeepError for one that is not known."""
    cameras = [camera for camera in document.cameras if camera.id not in static] if document is not None else []
    room = max(limit - len(static), 0)
    given = {camera.id: _wanted(camera, logins, profile) for camera in cameras[:room]}
    unknown = [f"{camera.id}: {field} {word!r}" for camera in cameras[:room] for field, words in WORDS.items()
               if (word := getattr(camera, field)) not in (None, *words)]  # fmt: skip
    return Resolved({**static, **given}, tuple(camera.id for camera in cameras[room:] if not camera.leaving), tuple(unknown))


def _word(camera: DesiredCamera, field: str) -> Any:
    said = getattr(camera, field)
    return said if said in WORDS[field] else None


def addresses(document: AgentDesired | None) -> dict[str, str]:
    """The archivers that can be reached as the directory says."""
    return {one.id: one.url for one in document.archivers if one.url.startswith("http://")} if document is not None else {}


def _wanted(camera: DesiredCamera, logins: Mapping[str, Login], profile: Callable[[str], CameraProfile]) -> Wanted:
    policy = CameraPolicy(camera.id, camera.copies, camera.archivers, camera.priority, _word(camera, "failback"))
    return Wanted(_source(camera, logins, profile), policy, camera.term, camera.relieves, camera.leaving)


def _source(camera: DesiredCamera, logins: Mapping[str, Login], profile: Callable[[str], CameraProfile]) -> Source:
    try:
        make = profile(camera.profile)
        plain = _address(camera, make)
    except (WatchkeepError, ValueError) as error:
        why, remedy = (error.message, error.remedy) if isinstance(error, WatchkeepError) else (str(error), "correct it in the directory")
        return Source("", "tcp", fault=Fault(CameraStatus.UNSUPPORTED, why, remedy))
    url, transport, quirks = plain, _word(camera, "transport") or make.transport, make.quirks
    fault = None
    if camera.credentials is not None:
        login = logins.get(camera.credentials)
        if login is None:
            fault = Fault(CameraStatus.UNAUTHORIZED, f"credentials {camera.credentials!r} are not in this agent's credentials.toml",
                          f"add [[login]] with name = {camera.credentials!r} there, reload the agent")  # fmt: skip
        else:
            url = plain.replace("rtsp://", f"rtsp://{quote(login.user, safe='')}:{quote(login.password, safe='')}@", 1)
    return Source(url, transport, quirks.reconnect_pause_s, quirks.timestamps_reliable, fault,
                  _word(camera, "ingest") or DEFAULT_INGEST)  # fmt: skip


def _address(camera: DesiredCamera, make: CameraProfile) -> str:
    """Raises ValueError, without the address in it, for what is none."""
    if (camera.url is None) == (camera.host is None):
        raise ValueError("exactly one of url and host is needed")
    url = camera.url if camera.url is not None else make.url(camera.host or "", channel=camera.channel, stream=camera.stream)
    parts = urlsplit(url)
    if parts.scheme != "rtsp" or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError("its address is not rtsp://host/path without credentials")
    return url
