"""The journal of a site as lines for people: who did what, and when.  No I/O, no clock.

Rules: everything that an entry says is shown as it is; what it changed is named by kind and id, and by its fields where the entry before
it is at hand.  Times are UTC.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ...wire.errors import UsageError
from ..directory.requests import HistoryEntry
from ..directory.site import Key
from ..directory.sitefile import Difference, compared
from ..naming import listed

_SPAN: Final = re.compile(r"(\d{1,6}(?:\.\d+)?)([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def since(text: str, now_s: float) -> float:
    """`2h` or `3d` ago, ISO 8601 with a zone, or Unix seconds, as Unix seconds; raises UsageError."""
    if span := _SPAN.fullmatch(text.strip()):
        return now_s - float(span[1]) * _UNITS[span[2]]
    return moment(text, "2h, 3d, ")


def moment(text: str, more: str = "") -> float:
    """ISO 8601 with a zone, or Unix seconds, as Unix seconds; raises UsageError.  more: what else may be written."""
    try:
        return float(text)
    except ValueError:  # then it is to be a date
        pass
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", remedy=f"write it as {more}2026-01-02T03:04:05Z, or Unix seconds") from error
    if at.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone", remedy="add Z or +01:00: an hour's error is the wrong evidence")
    return at.timestamp()


def span(text: str, most_s: float) -> float:
    """`90s`, `15m`, `2h`, `3d` or `1w` in seconds; raises UsageError."""
    found = _SPAN.fullmatch(text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 1 <= seconds <= most_s:
        raise UsageError(f"{text!r} is no time from 1 s to {most_s / 86_400:g} days", remedy="write it as 15m, 2h or 3d")
    return seconds


def lasting(seconds: float) -> str:
    """`34 s`, `12 min`, `3.5 h`, `2 d`: to two or three digits."""
    for unit, most in (("s", 120.0), ("min", 7200.0), ("h", 172_800.0)):
        if seconds < most:
            return f"{seconds / _UNITS[unit[0]]:.3g} {unit}" if unit == "h" else f"{seconds / _UNITS[unit[0]]:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def when(at_s: float) -> str:
    """Empty for a time that is none."""
    try:
        return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        return "-"


def what(entry: HistoryEntry, older: Mapping[str, dict[str, Any] | None]) -> list[Difference | str]:
    """What an entry did.  older: entities as they were before it, where that is known."""
    payload = entry.payload
    found: list[Difference | str]
    match entry.kind:
        case "edit":
            found = _changes(payload.get("changes", ()), older) or ([] if payload.get("note") else ["nothing was left to change"])
        case "assign":
            found = _assigned(payload)
        case "lead":
            found = [f"{payload.get('server')} leads in term {entry.term}"]
        case "lease":
            found = [f"role {payload.get('role')} is held by {payload.get('holder') or 'nobody'} (number {payload.get('number')})"]
        case "keep":
            found = [f"an edit of another leader waits for a decision: {payload.get('why')}"]
        case "settle":
            made = _changes(payload.get("changes", ()), older)
            about = f", about {listed(list(payload['about']))}" if payload.get("about") else ""
            found = [f"contingency {str(payload.get('origin'))[:12]}: {payload.get('verdict')}{about}", *made]
        case other:
            found = [f"{other}, of a newer version"]
    return found


def _changes(changes: Iterable[Mapping[str, Any]], older: Mapping[str, dict[str, Any] | None]) -> list[Difference | str]:
    found: list[Difference | str] = []
    for change in changes:
        key, value, was = Key(change["entity"], change["id"]), change["value"], change.get("was")
        if value is not None and str(key) not in older and was != 0:
            found.append(Difference("~", key))  # what it was before is not at hand
        else:
            found.append(compared(key, None if was == 0 else older.get(str(key)), value))
    return found


def _assigned(payload: Mapping[str, Any]) -> list[Difference | str]:
    by_agent: dict[str, list[str]] = {}
    for camera, (agent, _) in sorted(payload.get("recorders", {}).items()):
        by_agent.setdefault(agent, []).append(camera)
    found: list[Difference | str] = [f"{agent or 'nobody'} records {listed(names)}" for agent, names in sorted(by_agent.items())]
    left = [camera for camera, leaves in sorted(payload.get("leaving", {}).items()) if not leaves]
    found += [f"who had {listed(left)} before stops"] if left else []
    by_list: dict[str, list[str]] = {}
    for camera, archivers in sorted(payload.get("archivers", {}).items()):
        by_list.setdefault(", ".join(archivers or ()) or "no planned archivers", []).append(camera)
    return found + [f"{listed(names)} on {where}" for where, names in sorted(by_list.items())] or ["numbers of another branch passed"]


def told(entries: list[HistoryEntry], entity: str | None) -> list[tuple[HistoryEntry, list[Difference | str]]]:
    """Entries, the newest first, with what they did; of one entity each is compared with the one before it."""
    found = []
    for number, entry in enumerate(entries):
        older: dict[str, dict[str, Any] | None] = {}
        if entity is not None:
            for before in entries[number + 1 :]:
                values = [change["value"] for change in before.payload.get("changes", ()) if f"{change['entity']}/{change['id']}" == entity]
                if values:
                    older[entity] = values[-1]
                    break
        found.append((entry, what(entry, older)))
    return found
