"""Which archivers of a camera's list are its targets: the first `copies` by rank.  No I/O, no clock, no threads.

    rank  state of the archiver         among themselves
    1     HEALTHY                       by the camera's list
    2     HOLDING (back, hold-down)     those in use first, then by the list
    3     COLD, WAKING, awake standbys  by the list: woken when they become a target; one in use that answers ranks with HOLDING
    3.5   without room for the camera   by the list: room.py, owed and served when there is room
    4     PAUSED (maintenance)          by the list: used last while it answers; but see below
    5     UNHEALTHY                     by the list: still owed, because a copy owed to nobody would be forgotten

An archiver that an operator has put first for a camera (Placed) ranks with HEALTHY: a standby, and with failback = "sticky" one in
its hold-down, which would never end by itself.
A PAUSED target keeps its place as if it were HEALTHY, silent or not, as long as all other targets of the camera serve and the
journal has room: it bridges a planned restart, and nobody takes over.

Rules: the caller knows who is short of room, who keeps a place, and who is a standby (policy.py); here is only the order.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from .health import Health

_RANK: Final = {Health.HEALTHY: 1, Health.HOLDING: 2, Health.COLD: 3, Health.WAKING: 3, Health.PAUSED: 4, Health.UNHEALTHY: 5}
_NO_ROOM: Final = 3.5
_STANDBY, _STANDBY_IN_USE = 3, 2


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
