"""What a request at the control socket does and answers.  No I/O.

Rules: what is refused changes nothing, and says what to do instead.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from ...wire.errors import WatchkeepError
from ..replicate.overview import Copies, Overview
from .model import Answer, Moved, Reloaded, Request, Status


class Copier(Protocol):
    """The side of replication that is asked."""

    def overview(self) -> Overview: ...
    def place(self, cameras: Sequence[str], archiver: str | None, /) -> None: ...


class Control:
    """Answers requests, one at a time."""

    def __init__(self, copier: Copier, status: Callable[[Overview], Status], reload: Callable[[], Reloaded]) -> None:
        """`reload` raises WatchkeepError, with nothing changed, for a file that is wrong."""
        self._copier, self._status, self._reload = copier, status, reload

    def answer(self, request: Request) -> Answer:
        if request.command == "status":
            return Answer(status=self._status(self._copier.overview()))
        if request.command == "move":
            return self._move(request)
        try:
            return Answer(reloaded=self._reload())
        except WatchkeepError as error:
            return Answer(error=error.message, remedy=error.remedy, also=tuple(error.lines()[1:]))

    def _move(self, request: Request) -> Answer:
        now = self._copier.overview()
        cameras, archivers = [each.camera for each in now.copies], [each.archiver for each in now.lanes]
        unknown = [name for name in request.cameras if name not in cameras]
        if unknown:
            return Answer(error=f"this agent records no camera {unknown[0]!r}", remedy=f"known are {', '.join(cameras) or 'none'}")
        if request.to and request.to not in archivers:
            return Answer(error=f"no archiver {request.to!r} is known here", remedy=f"known are {', '.join(archivers) or 'none'}")
        wanted = request.cameras or tuple(cameras)
        self._copier.place(wanted, request.to or None)
        return Answer(moved=tuple(_moved(each) for each in self._copier.overview().copies if each.camera in wanted))


def _moved(copies: Copies) -> Moved:
    return Moved(camera=copies.camera, targets=copies.targets, next=copies.next)
