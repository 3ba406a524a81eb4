"""Names in a line for people.

Rules: the first NAMED of them, in the order of who asks, and how many there are besides.  No I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

NAMED: Final = 8
"""Of 10 000 cameras: a line of an event or a log, on a terminal of 80 columns two."""


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
