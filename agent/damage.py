"""What a start tells of damage that it found in the journal.

Rules: nobody knows any more who has such chunks, so each is a loss that was declared; the log has all of it, operators hear of MAX_TOLD.
"""

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from ..wire.causes import EventKind
from .journal.scan import Cut
from .replicate.losses import LossDesk

log = logging.getLogger(__name__)
MAX_TOLD: Final = 100
"""Events of each kind, of one start."""


class Tell(Protocol):
    """An event, with its remedy."""

    def __call__(self, kind: EventKind, text: str, remedy: str, /, *, camera: str = "") -> None: ...


def tell(cuts: Sequence[Cut], losses: LossDesk, say: Tell) -> None:
    """Declare and say what the cuts cost; once a start."""
    for cut in cuts:
        log.warning("a part of the journal is not believed", extra={"cut": str(cut)})
    named = [(cut, cut.name) for cut in cuts if cut.name is not None]
    for cut, (camera, epoch, seq) in named[:MAX_TOLD]:
        losses.chunks(camera, epoch, seq, seq, f"damaged in the journal: {cut.why}")
        say(EventKind.LOSS, f"chunk {epoch}.{seq} is damaged in the journal (file {cut.file}, byte {cut.offset}): {cut.why}; "
            "unless an archiver has it, it is lost", "check this agent's disk (dmesg, smartctl)", camera=camera)  # fmt: skip
    for cut in [cut for cut in cuts if cut.unread][:MAX_TOLD]:
        say(EventKind.DISK, f"journal file {cut.file} cannot be read from byte {cut.offset} on: {cut.why}; what stood there and "
            "no archiver has is lost", "replace this agent's disk: it has bad sectors (dmesg, smartctl)")  # fmt: skip
