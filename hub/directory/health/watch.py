"""Whether the video of every camera becomes durable in time, and when that is an alarm.  No I/O, no clock.

    archivers with a durable chunk of it younger than limit_s      state
    ────────────────────────────────────────────────────────────   ───────────────────────────────────────────────────────────
    as many as wanted                                              protected
    fewer; or who had it fell silent less than limit_s ago         degraded
    none; its recorder, or an archiver that had it, is announced   planned
    none                                                           unprotected: ALARM
    too few, and one of its archivers cannot be asked              unseen
    nobody answers at all; nothing of it yet, for limit_s          unseen

Rules:
  - What archivers say that they have on disk is the evidence, asked of themselves; MQTT decides nothing here, so a broker that dies is no
    alarm at all.
  - When no archiver answers and no agent is heard, it is this server that is cut off, or everything is down: that is told once, and no
    camera is an alarm.  While agents are heard this server is not cut off, so silent archivers are what they seem.
  - An archiver that cannot be asked for limit_s is told once, by name: cameras that only it has raise no alarm.
  - Cameras whose alarm begins, or ends, at one look are told together: a dead archiver is one event, not a thousand.
  - A server that begins to watch tells what it finds, though another one may have told it before.

Bounds: the cameras of the site; NAMED of them in a line.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from ....wire.messages import CameraFreshness
from ...naming import listed
from ..desire import NOBODY
from ..entities import Camera
from ..site import Key, Site
from ..uselast import kept_by, used_last
from .model import CameraHealth, Level
from .standing import Members

DEFAULT_LIMIT_S: Final = 15.0
REMEDY: Final = "see `watchkeep site health`"
REACH: Final = "give it its address (watchkeep site archiver set NAME --url http://host:9701), or update it when it is of an older version"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the watching server knows at one moment.  reports: of the archivers that answer; away: who is in a maintenance window."""

    site: Site
    reports: Mapping[str, Mapping[str, CameraFreshness]]
    members: Members
    away: Collection[Key]
    utc_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """To be told to the site, as an event `health`."""

    text: str
    remedy: str = ""
    camera: str = ""


@dataclass(slots=True)
class _Camera:
    known_at: float
    health: CameraHealth
    had_it: frozenset[str] = frozenset()
    """Archivers that had fresh video of it last."""
    newest_at: float | None = None
    """When its newest durable chunk became so, as far as was ever heard."""
    alarmed: bool = False


class _Copies(NamedTuple):
    """What archivers have of a camera, by the rule for it.  where: the archivers that are to have it."""

    ages: Mapping[str, float]
    fresh: frozenset[str]
    wanted: int
    where: tuple[str, ...]


class Watch:
    """All cameras of a site, from the moment at which this server begins to watch."""

    def __init__(self, limit_s: float) -> None:
        self.blind = ""
        self._limit_s, self._asked = limit_s, frozenset[str]()
        self._cameras: dict[str, _Camera] = {}
        self._dark: dict[str, float] = {}
        """Archivers that cannot be asked, and since when."""
        self._missed = frozenset[str]()
        """Those of which that is told."""

    @property
    def cameras(self) -> dict[str, CameraHealth]:
        return {name: one.health for name, one in self._cameras.items()}

    def look(self, scene: Scene, now: float) -> list[Note]:
        """Take in how things are; returns what is to be told."""
        found, ages = [*self._sight(scene), *self._unasked(scene, now)], _by_camera(scene.reports)
        known, self._cameras, self._asked = self._cameras, {}, scene.members.asked
        last = used_last(scene.site)
        began: list[str] = []
        ended: list[str] = []
        for name, entity in scene.site.cameras.items():
            one = self._cameras[name] = known.get(name) or _Camera(now, CameraHealth(state=Level.UNSEEN, since_s=scene.utc_s))
            self._judge(one, name, self._copies(name, entity, ages.get(name, {}), scene.site, last), scene, now)
            alarm = one.health.state is Level.UNPROTECTED
            if alarm != one.alarmed and one.health.state is not Level.UNSEEN:
                one.alarmed = alarm
                (began if alarm else ended).append(name)
        return [*found, *self._notes(began, ended)]

    def _sight(self, scene: Scene) -> list[Note]:
        before, self.blind = self.blind, ""
        if not scene.members.blind:
            return [Note("the site is seen again")] if before else []
        self.blind = "no archiver answers and no agent is heard: this server is cut off, or everything is down"
        text = f"nothing can be said of {len(scene.site.entities.get('camera', {}))} cameras: {self.blind}"
        return [] if before else [Note(text, "check the network of this server")]

    def _unasked(self, scene: Scene, now: float) -> list[Note]:
        if self.blind:
            return []
        stores = scene.site.entities.get("archiver", {})
        self._dark = {name: self._dark.get(name, now) for name in stores if name not in scene.members.asked}
        before, self._missed = self._missed, frozenset(name for name, since in self._dark.items() if now - since > self._limit_s)
        found = []
        if began := sorted(self._missed - before):
            text = f"archiver {listed(began)} cannot be asked what it has: cameras that only it has raise no alarm"
            found.append(Note(text, REACH))
        if ended := sorted((before & stores.keys()) - self._missed):
            found.append(Note(f"archiver {listed(ended)} can be asked again"))
        return found

    def _copies(self, name: str, entity: Camera, ages: Mapping[str, float], site: Site, last: frozenset[str]) -> _Copies:
        wanted, where = kept_by(site, name, entity, last)
        fresh = frozenset(store for store, age_s in ages.items() if age_s <= self._limit_s)
        return _Copies(ages, fresh, wanted, (where or ())[:wanted])

    def _judge(self, one: _Camera, name: str, copies: _Copies, scene: Scene, now: float) -> None:
        one.had_it = copies.fresh or one.had_it
        if copies.ages:
            one.newest_at = max(now - min(copies.ages.values()), one.newest_at or 0.0)
        old = now - (one.known_at if one.newest_at is None else one.newest_at) > self._limit_s
        state, why = self._few(copies, scene, seen=one.newest_at is not None and not old) or (
            _none(name, one, copies, scene) if old else (Level.UNSEEN, "nothing of it yet"))
        since_s = one.health.since_s if one.health.state is state else scene.utc_s
        one.health = CameraHealth(state=state, since_s=since_s, why=why, copies=len(copies.fresh), wanted=copies.wanted,
                                  age_s=None if one.newest_at is None else round(now - one.newest_at, 1))  # fmt: skip

    def _few(self, copies: _Copies, scene: Scene, *, seen: bool) -> tuple[Level, str] | None:
        """None when no archiver has fresh video, as far as all can be asked; seen: an archiver had some that is silent by now."""
        if len(copies.fresh) >= copies.wanted:
            return Level.PROTECTED, ""
        if self.blind:
            return Level.UNSEEN, self.blind
        members = scene.members
        dark = [store for store in copies.where or scene.site.entities.get("archiver", {}) if store not in self._asked]
        if dark or not self._asked:
            return Level.UNSEEN, f"archiver {dark[0]} cannot be asked" if dark else "the site has no archiver that could be asked"
        if not (copies.fresh or seen):
            return None
        lacks = [f"{store} {'does not answer' if store in members.silent else 'has nothing new'}"
                 for store in copies.where if store not in copies.fresh]  # fmt: skip
        return Level.DEGRADED, ": ".join(filter(None, (f"{len(copies.fresh)} of {copies.wanted} copies", ", ".join(lacks))))

    def _notes(self, began: list[str], ended: list[str]) -> list[Note]:
        found = []
        if began:
            why = self._cameras[began[0]].health.why
            cause = f"; {why}" if len(began) == 1 else f"; {began[0]}: {why}"
            found.append(Note(f"no durable video for more than {self._limit_s:g} s: {listed(began)}{cause}", REMEDY, _only(began)))
        if ended:
            found.append(Note(f"durable video again, or its absence is announced: {listed(ended)}", camera=_only(ended)))
        return found


def _only(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ""


def _by_camera(reports: Mapping[str, Mapping[str, CameraFreshness]]) -> dict[str, dict[str, float]]:
    """Ages by camera and archiver."""
    found: dict[str, dict[str, float]] = {}
    for store, said in reports.items():
        for name, one in said.items():
            found.setdefault(name, {})[store] = one.age_s
    return found


def _none(name: str, one: _Camera, copies: _Copies, scene: Scene) -> tuple[Level, str]:
    """No archiver has fresh video of it."""
    recording = scene.site.recorders.get(name)
    recorder = NOBODY if recording is None else recording.agent
    stores = (Key("archiver", store) for store in sorted({*one.had_it, *copies.where}))
    absent = [key for key in (Key("agent", recorder), *stores) if key in scene.away]
    if absent:
        return Level.PLANNED, f"{absent[0]} is in maintenance"
    return Level.UNPROTECTED, _missing(recorder, one.had_it, scene.members)


def _missing(recorder: str, had_it: frozenset[str], members: Members) -> str:
    """What is known of the reason, the likeliest first."""
    if recorder == NOBODY:
        return "nobody records it"
    if members.lives.get(recorder) == "gone":
        return f"its recorder {recorder} is gone"
    silent = sorted(had_it & frozenset(members.silent))
    if silent:
        return f"archiver {', '.join(silent)}, which had it, does not answer"
    return f"no archiver gets anything new from its recorder {recorder}"
