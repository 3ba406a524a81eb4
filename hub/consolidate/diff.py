"""Two archivers compared over HTTP, as an operator sees it.

Rules: reads only; compares what the two say they hold, which each of them proves by `archive heal`; both are asked once per
camera, so chunks that arrive meanwhile show as missing: compare again, or name a camera that is not recording.
"""

from collections.abc import Callable

from ...wire.messages import Message
from .client import PeerClient
from .compare import Compared, Run, compare, questions

Progress = Callable[[int, int, str], None]
"""`progress(cameras done, cameras, the one at hand)`."""


class Missing(Message):
    """Chunks that one archiver lacks."""

    epoch: int
    first_seq: int
    last_seq: int


class CameraDifference(Message):
    """One camera on two archivers, a and b."""

    camera: str
    same: int
    missing_a: tuple[Missing, ...]
    missing_b: tuple[Missing, ...]
    different: tuple[Missing, ...]
    unproven: tuple[Missing, ...]
    """Both have them, and one of the two cannot read the hash that would decide."""

    @property
    def good(self) -> bool:
        return not (self.missing_a or self.missing_b or self.different or self.unproven)


class ArchiveDifference(Message):
    """Two archivers: good when both hold the same chunks of every camera."""

    a: str
    b: str
    good: bool
    cameras: tuple[CameraDifference, ...]


def diff(a: PeerClient, b: PeerClient, camera: str = "", progress: Progress | None = None) -> ArchiveDifference:
    """Compare one camera or all; raises PeerError when one of the two cannot be asked."""
    there_a, there_b = set(a.cameras()), set(b.cameras())
    names = [camera] if camera else sorted(there_a | there_b)
    found = []
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), name)
        found.append(_shown(name, _compare(a if name in there_a else None, b if name in there_b else None, name)))
    return ArchiveDifference(a=a.url, b=b.url, good=all(one.good for one in found), cameras=tuple(found))


def _compare(a: PeerClient | None, b: PeerClient | None, camera: str) -> Compared:
    """None stands for an archiver that has nothing of the camera."""
    mine: list[Run] = [] if a is None else a.runs(camera)
    theirs: list[Run] = [] if b is None else b.runs(camera)
    ask_a, ask_b = questions(mine, theirs)
    return compare(mine, theirs, a.hashes(camera, ask_a) if a else {}, b.hashes(camera, ask_b) if b else {})


def _shown(camera: str, found: Compared) -> CameraDifference:
    return CameraDifference(
        camera=camera, same=found.same, missing_a=_joined(_spans(found.missing_here)), missing_b=_joined(_spans(found.missing_there)),
        different=_joined(found.different), unproven=_joined(found.unproven))  # fmt: skip


def _spans(runs: tuple[Run, ...]) -> tuple[tuple[int, int, int], ...]:
    return tuple((run.epoch, run.first, run.last) for run in runs)


def _joined(spans: tuple[tuple[int, int, int], ...]) -> tuple[Missing, ...]:
    """Ranges of neighbouring files as one."""
    joined: list[Missing] = []
    for epoch, first, last in spans:
        if joined and (joined[-1].epoch, joined[-1].last_seq + 1) == (epoch, first):
            joined[-1] = joined[-1].model_copy(update={"last_seq": last})
        else:
            joined.append(Missing(epoch=epoch, first_seq=first, last_seq=last))
    return tuple(joined)
