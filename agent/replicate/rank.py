"""Which archivers of a camera's list are its targets: the first `copies` by rank.  No I/O, no clock, no threads.

    rank  state of the archiver         among themselves
    1     HEALTHY                       by the camera's list
    2     HOLDING (back, hold-down)     those in use first, then by the list
    3     COLD, WAKING, awake standbys  by the list: woken when they become a target; one in use that answers ranks with HOLDING
    3.5   without room for the camera   by the list: room.py, owed and served when there is room
    4     PAUSED (maintenance)          by the list: used last while it answers; but see below
    5     UNHEALTHY                     by the list: still owed, because a copy owed to nobody would be forgotten

A camera with failback = "sticky" sees an archiver that was away as HOLDING after its hold-down too, until the camera goes there because
its stand-in fails, or an operator says that it is to be used again.
An archiver that an operator has put first for a camera (Placed) ranks with HEALTHY: a standby, and one that is HOLDING to a sticky camera.
A PAUSED target keeps its place as if it were HEALTHY, silent or not, as long as all other targets of the camera serve and the
journal has room: it bridges a planned restart, and nobody takes over.

Rules: the caller knows who is short of room, who keeps a place, and who is a standby (policy.py); here is only the order.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from .health import ArchiverHealth, Health

_RANK: Final = {Health.HEALTHY: 1, Health.HOLDING: 2, Health.COLD: 3, Health.WAKING: 3, Health.PAUSED: 4, Health.UNHEALTHY: 5}
_NO_ROOM: Final = 3.5
_STANDBY, _STANDBY_IN_USE = 3, 2
_PLACEABLE: Final = (Health.HEALTHY, Health.COLD, Health.WAKING)


def sticky_states(archivers: Mapping[str, ArchiverHealth], in_use: Collection[str]) -> dict[str, Health]:
    """The archivers as a camera sees them that is sticky and has its chunks there now."""
    return {name: Health.HOLDING if one.state is Health.HEALTHY and one.was_away and name not in in_use else one.state
            for name, one in archivers.items()}  # fmt: skip


def placeable(state: Health | None, *, sticky: bool) -> bool:
    """Whether an archiver that an operator has put first for a camera goes before the camera's list."""
    return state in _PLACEABLE or (state is Health.HOLDING and sticky)


def bridged(targets: Collection[str], archivers: Mapping[str, ArchiverHealth]) -> set[str]:
    """The PAUSED among a camera's targets that keep their place while the journal has room: all others serve."""
    known = {name: archivers[name] for name in targets if name in archivers}
    paused = {name for name, one in known.items() if one.state is Health.PAUSED}
    alone = len(paused) > 1 and len(targets) > 1
    return paused if not alone and all(one.serves for name, one in known.items() if name not in paused) else set()


def choose(order: Iterable[str], copies: int, health: Mapping[str, Health], in_use: Iterable[str], short: Collection[str] = (),
           kept: Collection[str] = (), cold: Collection[str] = ()) -> tuple[str, ...]:  # fmt: skip
    """The targets by the ranks above, in list order; names without health are not known and not chosen; `short` have no room,
    `kept` rank with HEALTHY, `cold` are standbys."""
    known, used = [name for name in dict.fromkeys(order) if name in health], set(in_use)

    def rank(place: int) -> tuple[float, bool, int]:
        name = known[place]
        least = 0 if name not in cold else _STANDBY_IN_USE if name in used else _STANDBY
        state = max(1 if name in kept else max(_RANK[health[name]], least), _NO_ROOM if name in short else 0)
        return state, health[name] is Health.HOLDING and name not in used and name not in kept, place

    return tuple(known[place] for place in sorted(sorted(range(len(known)), key=rank)[:copies]))
