"""A coded frame as it leaves an encoder or a file.

Rules: a plain value; `data` is a copy that belongs to nobody else.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coded:
    """One access unit in Annex B, or one audio frame; pts and dts in ticks of the clock that its maker names."""

    data: bytes
    pts: int
    dts: int
