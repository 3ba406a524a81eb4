"""How each part of a site is, as far as the directory knows: a level and why.  No I/O, no clock.

    good      it does what it is to do
    warn      it was announced to be away, or it does less than it could
    bad       it is gone, or a camera is without recorder or copies
    unknown   nobody here can tell

Rules: only what a directory server has said counts; where nothing is known nothing is claimed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..directory.entities import Camera
from ..directory.rules import copy_rule
from ..directory.site import Key, Site


class Level(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    level: Level
    why: str = ""


def absences(site: Site, now_s: float) -> dict[Key, float]:
    """Who is in a maintenance window now, and until when."""
    found: dict[Key, float] = {}
    for window in site.windows.values():
        if window.start_s <= now_s < window.end_s:
            key = Key(window.kind, window.target)
            found[key] = max(found.get(key, 0.0), window.end_s)
    return found


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


def camera(site: Site, name: str, one: Camera, lives: Mapping[str, str], without: Mapping[str, str]) -> Health:
    """By what is assigned, and whether the recorder lives.  without: cameras that the leader found no place for, with why."""
    recording = site.recorders.get(name)
    if recording is None or not recording.agent:
        why = f": {without[name]}" if name in without else ""
        return Health(Level.BAD, f"nobody records it{why}") if site.agents else Health(Level.UNKNOWN)
    if lives.get(recording.agent) == "gone":
        return Health(Level.BAD, f"its recorder {recording.agent} is gone")
    if name in without:
        return Health(Level.WARN, without[name])
    copies, listed = copy_rule(site, one)
    planned = site.archivers.get(name) if listed is None else listed
    if planned is not None and len(planned) < copies:
        return Health(Level.WARN, f"{len(planned)} of {copies} archivers")
    return Health(Level.GOOD if lives.get(recording.agent) == "lives" else Level.UNKNOWN)
