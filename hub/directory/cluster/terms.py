"""Numbers that two leaders can never give out twice, though neither knows of the other.  No I/O.

    next = (last // 8 + 1) * 8 + rank of the server that gives it        rank 0 to 6, so 7 in each block of 8 are in use

Two leaders of a partition start from the same `last`: they land in the same block at the places of their ranks, and go on in blocks of
their own choosing, still at their own places.  Rules: a number is above the one that it follows, and `number % 8` says
who gave it.  Ranks are unique (rules.py); a site whose ranks are exchanged *during* a partition gives up this promise.
"""

from typing import Final

from ....wire.errors import IdError
from ....wire.ids import MAX_TERM

BLOCK: Final = 8
"""One place for each rank, MAX_SERVERS of them, rounded up to what is easy to read in a log."""
MARGIN: Final = 1000 * BLOCK
"""Above all that a backup knows: a thousand changes of leader between the newest backup and the loss of everything, so that none of their
terms is given again."""


def next_number(last: int, rank: int) -> int:
    """The number behind `last` of the server of this rank: terms of the journal, numbers of leases."""
    return (last // BLOCK + 1) * BLOCK + rank


def recorder_term(last: int, rank: int) -> int:
    """next_number for the high bits of a camera's epochs (wire/ids.py): 16 bits are 8191 recorders of one camera.

    Raises IdError when they are used up; at a change of recorder every day that is after 22 years.
    """
    term = next_number(last, rank)
    if term > MAX_TERM:
        raise IdError(f"a camera has had {MAX_TERM // BLOCK} recorders, more than epochs can count", remedy="give the camera a new id")
    return term
