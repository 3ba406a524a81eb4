"""What a failed append means for its archiver and for the chunks in it.  No I/O, no clock, no threads.

    fault     status, code                                        verdict  then
    STALE     connection kept alive, closed by the peer meanwhile AGAIN    at once on a new connection; nobody's fault
    REFUSED   no connection: refused, no route, unknown name      BROKEN   unhealthy at once
    RESET     reset, or closed without an answer                  BROKEN   unhealthy at once
    FOREIGN   no Watchkeep answer, or another archiver's id       BROKEN   unhealthy at once, reported as tampering
    SILENT    no answer in time                                   FAILED   unhealthy when it lasts for the ack time-out
    STATUS    400 malformed, 409, 413, 422; with names            BLAME    those chunks are never sent there again, the rest is
    STATUS    the same without names                              SPLIT    half of the batch next, down to the one to blame
    STATUS    any other                                           FAILED   unhealthy when it lasts for the ack time-out

Rules: a chunk is only blamed by an archiver that says so in our own words: a proxy's 404 blames nobody, or one wrong
URL would exclude every chunk.
"""

from enum import Enum, auto
from typing import Final

from ...wire import http
from ...wire.errors import RemoteError
from ...wire.messages import ErrorAnswer


class Fault(Enum):
    STALE = auto()
    REFUSED = auto()
    RESET = auto()
    FOREIGN = auto()
    SILENT = auto()
    STATUS = auto()


class Verdict(Enum):
    AGAIN = auto()
    BROKEN = auto()
    FAILED = auto()
    BLAME = auto()
    SPLIT = auto()


class AppendError(RemoteError):
    """An append that was not answered with 200; `answer` is the archiver's own word, if it had one."""

    def __init__(self, message: str, fault: Fault, *, remedy: str, status: int = 0, answer: ErrorAnswer | None = None) -> None:
        self.fault, self.answer = fault, answer
        super().__init__(message, remedy=remedy, status=status)


_VERDICTS: Final = {
    Fault.STALE: Verdict.AGAIN,
    Fault.REFUSED: Verdict.BROKEN,
    Fault.RESET: Verdict.BROKEN,
    Fault.FOREIGN: Verdict.BROKEN,
    Fault.SILENT: Verdict.FAILED,
}
_BLAMING: Final = frozenset({(400, http.MALFORMED), (409, http.CONFLICT), (413, http.OVERSIZE), (422, http.HASH_MISMATCH)})


def judge(error: AppendError) -> Verdict:
    """The verdict of the table above."""
    if error.fault is not Fault.STATUS:
        return _VERDICTS[error.fault]
    if error.answer is None or (error.status, error.answer.code) not in _BLAMING:
        return Verdict.FAILED
    return Verdict.BLAME if error.answer.names else Verdict.SPLIT
