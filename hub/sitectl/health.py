"""How each part of a site is, as far as the directory knows: a level and why.  No I/O, no clock.

    good      it does what it is to do
    warn      it was announced to be away, or it does less than it could
    bad       it is gone, or a camera is without recorder, copies or durable video
    unknown   nobody here can tell

Rules: only what a directory server has said counts; where nothing is known nothing is claimed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ..directory.entities import Camera
from ..directory.health.model import CameraHealth
from ..directory.health.model import Level as Protection
from ..directory.site import Key, Site
from ..directory.uselast import kept_by
from . import story


class Level(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    level: Level
    why: str = ""


_ORDER: Final = (Level.UNKNOWN, Level.GOOD, Level.WARN, Level.BAD)
"""Of what is known, the worse counts."""


def server(name: str, servers: Mapping[str, Mapping[str, Any]]) -> Health:
    """servers: those that live, with what they say of themselves."""
    said = servers.get(name)
    if said is None:
        return Health(Level.BAD, "does not answer")
    if not said.get("able", True):
        return Health(Level.BAD, f"{said.get('role', '')}, its database takes no entries")
    return Health(Level.GOOD if said.get("role") in ("leading", "following") else Level.WARN, str(said.get("role", "")))


def member(key: Key, lives: Mapping[str, str], away: Mapping[Key, float], suspect: str) -> Health:
    """An agent or an archiver.  lives: what the directory says of each (hub/directory/liveness.py); suspect: that in words."""
    life = lives.get(key.id, "")
    if key in away:
        return Health(Level.WARN, "in maintenance" + (", gone" if life == "gone" else ""))
    return {"lives": Health(Level.GOOD), "suspect": Health(Level.WARN, suspect),
            "gone": Health(Level.BAD, "gone")}.get(life, Health(Level.UNKNOWN))  # fmt: skip


def camera(site: Site, name: str, one: Camera, lives: Mapping[str, str], without: Mapping[str, str],
           watched: CameraHealth | None = None) -> Health:  # fmt: skip
    """By its video, where somebody watches over that, and by what is assigned.

    without: cameras that the leader found no place for, with why; watched: how it goes with its video.
    """
    found, assigned = _video(watched), _assigned(site, name, one, lives, without)
    return assigned if found is None or _ORDER.index(assigned.level) > _ORDER.index(found.level) else found


def _video(watched: CameraHealth | None) -> Health | None:
    """None: nothing is known of it."""
    if watched is None or watched.state is Protection.UNSEEN:
        return None
    if watched.state is Protection.UNPROTECTED:
        age = "no durable video" if watched.age_s is None else f"no durable video for {story.lasting(watched.age_s)}"
        return Health(Level.BAD, f"{age}: {watched.why}")
    return Health(Level.GOOD if watched.state is Protection.PROTECTED else Level.WARN, watched.why)


def _assigned(site: Site, name: str, one: Camera, lives: Mapping[str, str], without: Mapping[str, str]) -> Health:
    recording = site.recorders.get(name)
    if recording is None or not recording.agent:
        why = f": {without[name]}" if name in without else ""
        return Health(Level.BAD, f"nobody records it{why}") if site.agents else Health(Level.UNKNOWN)
    if lives.get(recording.agent) == "gone":
        return Health(Level.BAD, f"its recorder {recording.agent} is gone")
    if name in without:
        return Health(Level.WARN, without[name])
    copies, planned = kept_by(site, name, one, ())
    if planned is not None and len(planned) < copies:
        return Health(Level.WARN, f"{len(planned)} of {copies} archivers")
    return Health(Level.GOOD if lives.get(recording.agent) == "lives" else Level.UNKNOWN)
