"""Whoever had a camera before goes on until the present recorder has begun: nothing is lost by a move.  No I/O, no clock.

    assign: b instead of a ──▶ a LEAVES: both documents have the camera ──b records it under its term──▶ it is in a's no more
                                   │                       └─b is heard, has not begun for HAND_OVER_S───▲
                                   ├─ c instead of b: a and b leave, since nobody knows whether b had begun
                                   └─ nobody instead of b, or the camera is removed ─────────────────────▲

Rules: who leaves stands in the journal, so every server says the same, and an agent needs nothing but its document: without a directory
both record, which archivers keep and timelines show once.  That b has begun comes with its questions (wire/begun.py), and names the term.
The time counts while b is heard: one that died has taken nothing over, and a server that is cut off from agents knows nothing of them.
Whether a lives is not asked: one that was taken for dead may be recording.  A camera that takes one session only is b's when the time is
over.  Who leaves counts in no plan, so a camera that is with two for some seconds moves no other one.

Bounds: the last MAX_LEAVING agents leave a camera; one entry each RELEASE_S, for all that are due.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from .liveness import SILENT_S
from .signs import Sign
from .site import Recording, Site

HAND_OVER_S: Final = 15.0
"""0.2 s until b is told, 4 s for the camera's answer, 5 s to its first key frame, 1.5 s to the first chunk, 1 s until b asks again, 0.7 s
until the leader hears of it: 12.4 s with a camera that is as slow as one is waited for.
Of a session that goes on the next key frame is waited for, which may take minutes: its recorder is late then, and nothing lost."""
MAX_LEAVING: Final = 4
"""More changes than that before anybody has begun are an error that no camera should be opened ten times for."""
RELEASE_S: Final = 0.5
"""A hundred cameras of a dead agent begin at another one within seconds: that are some entries, and not a hundred."""
NOBODY: Final = ""


def leaving_after(site: Site, recorders: Mapping[str, str], left: Mapping[str, int]) -> dict[str, tuple[Recording, ...]]:
    """What an assignment changes in who leaves.  left: cameras that are recorded under these terms by now, if they still are."""
    found: dict[str, tuple[Recording, ...]] = {}
    for camera, agent in recorders.items():
        had = {one.agent: one for one in (*site.leaving.get(camera, ()), _recording(site, camera)) if one.agent not in (NOBODY, agent)}
        found[camera] = tuple(had.values())[-MAX_LEAVING:] if agent != NOBODY else ()
    found |= {camera: () for camera, term in left.items() if camera not in recorders and _recording(site, camera).term == term}
    return {camera: leaves for camera, leaves in found.items() if site.leaving.get(camera, ()) != leaves}


def _recording(site: Site, camera: str) -> Recording:
    return site.recorders.get(camera, Recording(NOBODY, 0))


class Late(NamedTuple):
    """An agent that has not begun with a camera in time, and one that is told to stop."""

    camera: str
    agent: str
    before: str


class Release(NamedTuple):
    """Cameras, with the terms of their recorders, that nobody is to leave any more; late: those that nobody has begun with."""

    left: dict[str, int]
    late: list[Late]


class Leaving:
    """look() at a leader, several times a second; reset() when this server does not lead."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, float]] = {}
        """By camera: the present recorder's term, and since when it could have begun."""
        self._not_before = float("-inf")

    def reset(self) -> None:
        """Another server leads: whoever leads next gives everybody the whole time."""
        self._since.clear()

    def look(self, site: Site, signs: Mapping[str, Sign], now: float) -> Release | None:
        """Who may stop now; None: nobody.  It is named again until the site has it."""
        self._know(site, signs, now)
        if not self._since or now < self._not_before:
            return None
        begun = {camera for camera in self._since if _has_begun(site.recorders[camera], camera, signs)}
        late = [camera for camera, (_, since) in self._since.items() if camera not in begun and now - since >= HAND_OVER_S]
        if not begun and not late:
            return None
        self._not_before = now + RELEASE_S
        return Release({camera: site.recorders[camera].term for camera in sorted([*begun, *late])},
                       [Late(camera, site.recorders[camera].agent, one.agent) for camera in sorted(late) for one in site.leaving[camera]])

    def _know(self, site: Site, signs: Mapping[str, Sign], now: float) -> None:
        before, self._since = self._since, {}
        for camera in site.leaving:
            recording = site.recorders[camera]
            term, since = before.get(camera, (recording.term, now))
            counts = term == recording.term and _is_heard(signs.get(recording.agent), now)
            self._since[camera] = (recording.term, since if counts else now)


def _is_heard(sign: Sign | None, now: float) -> bool:
    return sign is not None and not sign.closed and now - sign.at < SILENT_S


def _has_begun(recording: Recording, camera: str, signs: Mapping[str, Sign]) -> bool:
    """What was said under another term is of a branch that is gone, and may be long ago."""
    sign = signs.get(recording.agent)
    return sign is not None and sign.begun.get(camera, -1) == recording.term
