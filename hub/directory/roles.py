"""Which roles of the hub there are, and which there are not, with why.  No I/O.

    role     its holder                        without such a role in the site
    backup   writes backups of the directory   the leader does
    health   watches over the site             the leader does

Rules: a name that is not in ROLES is refused when it is edited (rules.py): it would get a lease, look well, and do nothing.  Journals of
before, or of a newer version, may hold others: they are folded and given holders as all are, and shown as what they are.
"""

from typing import Final

BACKUP: Final = "backup"
HEALTH: Final = "health"
ROLES: Final = {BACKUP: "writes backups of the directory", HEALTH: "watches over the site and raises its alarms"}
"""What the holder of each does; duty.py says who that is."""
NOWHERE: Final = "this version knows no such role: nobody does anything for it"

_PAIRWISE: Final = "has no holder: every archiver compares itself with the others by itself, and needs nobody for it"
_NONE: Final = {
    "directory": "is the lead itself, which always has a holder",
    "consolidator": _PAIRWISE,
    "consolidation": _PAIRWISE,
}


def known() -> str:
    """All roles, for a person."""
    return "; ".join(f"{name} ({what})" for name, what in ROLES.items())


def against(name: str) -> str | None:
    """Why there can be no role of this name; None for one that there is."""
    return None if name in ROLES else _NONE.get(name, "is no role of the hub, so its holder would do nothing")
