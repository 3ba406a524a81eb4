"""What an MP4 export of a window holds: one file per epoch, init segment and the archive's own bytes.  No I/O, no clock.

    epoch 7  K . . K . .  | camera lost |  epoch 8  K . . .       part 1: epoch 7, part 2: epoch 8

Rules: chunks are copied, never repackaged, so an export still proves itself with `watchkeep verify` (invariant 1).  An
MP4 has one init segment and one time line; a window over several epochs is therefore several files, and the answer
says which, instead of leaving some of it out silently.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .playable import Step
from .window import iso


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one segment file."""

    path: Path
    offset: int
    length: int


@dataclass(slots=True)
class Part:
    """One file of an export: an init segment, then pieces.  Built by `parts`, read-only afterwards."""

    epoch: int
    init_hash: bytes
    start_ns: int
    end_ns: int
    pieces: list[Piece] = field(default_factory=list)

    @property
    def media_bytes(self) -> int:
        return sum(piece.length for piece in self.pieces)

    def query(self) -> str:
        """The query that exports exactly this part."""
        return f"start={_seconds(self.start_ns)}&end={_seconds(self.end_ns, up=True)}&epoch={self.epoch}"

    def file_name(self, camera: str) -> str:
        """`cam0_2026-01-02T03-04-05Z.mp4`: no colon, for file systems that refuse it."""
        return f"{camera}_{iso(self.start_ns)[:19].replace(':', '-')}Z.mp4"


def parts(steps: Iterable[Step]) -> list[Part]:
    """The files of an export, in order of time; adjacent chunks become one piece, so a day is 1440 pieces."""
    found: list[Part] = []
    for step in steps:
        chunk = step.chunk
        if not found or (found[-1].epoch, found[-1].init_hash) != (chunk.epoch, chunk.init_hash):
            found.append(Part(chunk.epoch, chunk.init_hash, chunk.start_ns, chunk.end_ns))
        part = found[-1]
        part.end_ns = max(part.end_ns, chunk.end_ns)
        last = part.pieces[-1] if part.pieces else None
        if last is not None and last.path == chunk.path and last.offset + last.length == chunk.offset:
            part.pieces[-1] = Piece(last.path, last.offset, last.length + chunk.length)
        else:
            part.pieces.append(Piece(chunk.path, chunk.offset, chunk.length))
    return found


def _seconds(at_ns: int, *, up: bool = False) -> str:
    """Unix seconds with milliseconds, rounded outwards, so that the query covers the part."""
    ms = -(-at_ns // 1_000_000) if up else at_ns // 1_000_000
    return f"{ms // 1000}.{ms % 1000:03d}"
