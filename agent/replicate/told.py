"""What operators are told of archivers, moves and holes, as text.  No I/O, no clock, no threads.

    change of an archiver                            cameras moved      kind
    became unhealthy                                 yes                takeover: from whom, to whom, how many
    became unhealthy                                 no                 archiver: a spare, or nobody can stand in
    its hold-down is over                            yes                failback: how many return, and from where
    its hold-down is over                            no                 archiver: it was only missed, or is a spare
    is in maintenance                                no                 archiver: what is owed to it waits
    has come back from it                            yes or no          failback, archiver: as after a hold-down
    a cold standby is needed                         yes or no          standby-woken
    it answers, or has not been needed for long      no                 archiver
    the journal is crowded, or a copy is missing     yes                takeover: nobody waits for it any more
    has no room for some cameras, or has it again    yes or no          archiver: which ones, and where they go

    a damaged chunk that no archiver has: loss

Rules: only what really moved is called a takeover; names are listed up to NAMED_IN_TEXT, the rest is counted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ...wire.causes import EventKind
from .events import Release
from .health import ArchiverHealth, Health
from .holes import Closed, Ending, Opened
from .policy import HealthChanged, RoomChanged

NAMED_IN_TEXT: Final = 8


class Move(NamedTuple):
    """One camera's targets before and after."""

    camera: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def gained(self) -> tuple[str, ...]:
        return tuple(name for name in self.after if name not in self.before)

    @property
    def lost(self) -> tuple[str, ...]:
        return tuple(name for name in self.before if name not in self.after)


@dataclass(frozen=True, slots=True)
class Told:
    kind: EventKind
    text: str
    remedy: str
    archiver: str
    camera: str = ""


def why(health: ArchiverHealth, maintenance_s: float, kept_away: int) -> str:
    """Why an archiver is as it is, for people; empty of one in full use.  kept_away: sticky cameras that have not come back to it."""
    if health.state is Health.PAUSED:
        return f"in maintenance for another {maintenance_s:.0f} s{f': {health.why}' if health.silent else ''}"
    if health.state is Health.WAKING:
        return f"a cold standby, woken, has not answered yet{f': {health.why}' if health.why else ''}"
    if kept_away:
        return f"answers again, {kept_away} sticky camera{' stays' if kept_away == 1 else 's stay'} with a stand-in"
    said = {Health.HOLDING: "answers again, in its hold-down", Health.COLD: "a cold standby, asleep until it is needed"}
    return said.get(health.state, health.why)


def health(change: HealthChanged, moves: Sequence[Move], maintenance_s: float = 0.0) -> Told | None:
    """The event of a changed health, None when there is nothing to tell yet; `maintenance_s` is what one that is PAUSED has announced."""
    name = change.archiver
    if change.after is Health.PAUSED:
        return _paused(name, maintenance_s, moves)
    if Health.COLD in (change.before, change.after) or (change.before is Health.WAKING and change.after is not Health.UNHEALTHY):
        return _standby(change)
    if change.after is Health.UNHEALTHY:
        return _fell(name, change.why, moves)
    return _returned(name, moves) if change.after is Health.HEALTHY else None


def unawaited(name: str, moves: Sequence[Move]) -> Told | None:
    """The event of a silent archiver in maintenance that nobody can wait for any longer; None when no camera leaves it."""
    away = [move for move in moves if name in move.lost and move.gained]
    if not away:
        return None
    text = (f"archiver {name} is in maintenance and cannot be waited for, because the journal is nearly full or another copy is missing: "
            f"{_cameras(len(away))} {_go(len(away))} on{to_whom(away)}")  # fmt: skip
    return Told(EventKind.TAKEOVER, text, "end the maintenance, or give the journal more room", name)


def room(change: RoomChanged, moves: Sequence[Move], left: Sequence[str]) -> Told:
    """The event of a floor; `left` are the cameras below it that have no other archiver."""
    name = change.archiver
    if change.floor > change.before:
        away = [move for move in moves if name in move.lost]
        parts = [f"{named(move.camera for move in away)} {_go(len(away))} on{to_whom(away)}"] if away else []
        if left:
            parts.append(f"{named(left)} {'has' if len(left) == 1 else 'have'} no other archiver, and the journal keeps what is owed")
        return Told(EventKind.ARCHIVER, "; ".join([f"archiver {name} has no room for cameras below priority {change.floor}: {change.why}",
                    *parts]), "give it room or a faster link, or list another archiver for them", name)  # fmt: skip
    back = [move.camera for move in moves if name in move.gained]
    whom = f"cameras from priority {change.floor} up" if change.floor else "all cameras"
    more = f"; {named(back)} {'returns' if len(back) == 1 else 'return'} at the next segment cut" if back else ""
    return Told(EventKind.ARCHIVER, f"archiver {name} is tried with {whom} again{more}", "", name)


def hole(news: Opened | Closed, targets: Sequence[str]) -> Told:
    """The event of a hole; `targets` is where the camera's chunks go now."""
    camera, archiver = news.place
    if isinstance(news, Opened):
        first = f"chunk {news.seq} of epoch {news.epoch}"
        text = f"hole opened: {archiver} lacks chunks of {camera} from {first} on; the journal keeps them for it"
        return Told(EventKind.HOLE, text, f"see why {archiver} does not take them; it is filled by itself", archiver, camera)
    lasted = f"after {news.lasted_s:.0f} s"
    others = ", ".join(name for name in targets if name != archiver) or "nobody else"
    text = {
        Ending.FILLED: f"hole filled: {archiver} has all chunks of {camera} {lasted}",
        Ending.MOVED: f"hole closed {lasted}: what {archiver} lacked of {camera} is for {others} now",
        Ending.LOST: f"hole closed {lasted}: the journal gave up {news.lost} chunks of {camera} that {archiver} lacked",
    }[news.ending]
    remedy = "another archiver may have them: watchkeep archive heal" if news.ending is Ending.LOST else ""
    return Told(EventKind.HOLE, text, remedy, archiver, camera)


def damaged(gone: Release) -> Told:
    """The event of chunks that are given up because the journal cannot read them and nobody has them."""
    text = f"chunks {gone.low} to {gone.high} of epoch {gone.epoch} are lost: damaged in the journal, and no archiver is known to have them"
    return Told(EventKind.LOSS, text, "check this agent's disk (dmesg, smartctl)", "", gone.camera)


def named(cameras: Iterable[str]) -> str:
    """The names up to NAMED_IN_TEXT, and how many more there are."""
    found = list(cameras)
    more = f" and {len(found) - NAMED_IN_TEXT} more" if len(found) > NAMED_IN_TEXT else ""
    return ", ".join(found[:NAMED_IN_TEXT]) + more


def to_whom(moves: Iterable[Move]) -> str:
    """` to b`, or `: 2 to b and 1 to c`, by how many cameras each stand-in gets."""
    return _shared("to", Counter(name for move in moves for name in move.gained))


def _fell(name: str, why: str, moves: Sequence[Move]) -> Told:
    away = [move for move in moves if name in move.lost and move.gained]
    waiting = [move.camera for move in moves if name in move.after]
    remedy = "check the archiver and the network to it"
    left = f"; {_cameras(len(waiting))} {_have(len(waiting))} no stand-in, and the journal keeps what is owed to it" if waiting else ""
    if away:
        text = f"archiver {name} is unhealthy: {why}; {_cameras(len(away))} {_go(len(away))} on{to_whom(away)}{left}"
        return Told(EventKind.TAKEOVER, text, remedy, name)
    return Told(EventKind.ARCHIVER, f"archiver {name} is unhealthy: {why}{left or '; no camera used it'}", remedy, name)


def _paused(name: str, left_s: float, moves: Sequence[Move]) -> Told:
    text = f"archiver {name} is in maintenance for {left_s:.0f} s"
    away = [move for move in moves if move.lost and move.gained]
    if away:
        more = f"; so is another one, so {_cameras(len(away))} {_go(len(away))} on{to_whom(away)}"
        return Told(EventKind.TAKEOVER, text + more, "have one archiver in maintenance at a time", name)
    return Told(EventKind.ARCHIVER, f"{text}: its cameras stay, and the journal keeps what it does not take", "", name)


def _standby(change: HealthChanged) -> Told:
    name = change.archiver
    if change.after is Health.WAKING:
        text = f"cold standby {name} is needed and is woken; the journal bridges its start"
        return Told(EventKind.STANDBY_WOKEN, text, "", name)
    said = "has not been needed for a while and is left to sleep" if change.after is Health.COLD else "is awake"
    return Told(EventKind.ARCHIVER, f"cold standby {name} {said}", "", name)


def _returned(name: str, moves: Sequence[Move]) -> Told:
    back = [move for move in moves if name in move.gained]
    if not back:
        return Told(EventKind.ARCHIVER, f"archiver {name} is healthy again; no camera moves", "", name)
    left = _shared("from", Counter(other for move in back for other in move.lost))
    return_ = "returns" if len(back) == 1 else "return"
    text = f"archiver {name} is in full use again; {_cameras(len(back))} {return_} to it at the next segment cut{left}"
    return Told(EventKind.FAILBACK, text, "", name)


def _shared(word: str, counts: Counter[str]) -> str:
    if len(counts) < 2:
        return "".join(f" {word} {name}" for name in counts)
    return ": " + " and ".join(f"{count} {word} {name}" for name, count in sorted(counts.items()))


def _cameras(count: int) -> str:
    return "1 camera" if count == 1 else f"{count} cameras"


def _go(count: int) -> str:
    return "goes" if count == 1 else "go"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
