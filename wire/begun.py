"""Which cameras an agent says that it records, of those that another one may stop recording then: `cam0.24,cam7.32`.

    document: cam0, term 24, relieves ──▶ its first chunk of term 24 ──▶ `&begun=cam0.24` with its next question, and with each
                                                                         that follows until its document has cam0 without `relieves`

Rules: camera and term, so that what was said of an earlier assignment is never taken for the present one.  It goes along with a question
that is asked anyway.

Bounds: MAX_BEGUN in one question, 4.5 kB of its address; the rest comes with the questions after it, when the first ones need not be said
any more.
"""

import re
from collections.abc import Mapping
from typing import Final

MAX_BEGUN: Final = 64
MAX_TEXT: Final = MAX_BEGUN * 70
"""An id of 63 characters, a point, a term of 5 digits, a comma."""
TEXT: Final = re.compile(r"(?:[a-z0-9-]{1,63}\.[0-9]{1,5}(?:,(?!$)|$))*")


def written(begun: Mapping[str, int]) -> str:
    """Terms by camera as text; of more than MAX_BEGUN the first ones."""
    return ",".join(f"{camera}.{term}" for camera, term in list(begun.items())[:MAX_BEGUN])


def read(text: str) -> dict[str, int]:
    """What `written` made; nothing of anything else, since it is only ever a reason to stop later."""
    if len(text) > MAX_TEXT or TEXT.fullmatch(text) is None:
        return {}
    pairs = [one.rpartition(".") for one in text.split(",") if one]
    return {camera: int(term) for camera, _, term in pairs[:MAX_BEGUN]}
