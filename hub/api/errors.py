"""From our errors to HTTP: status, code of wire/http.py, reason, remedy and the chunks that are to blame.

Rules: one table; a code has one status.  What is not in the error tree is a bug, answered as `internal` without its text.
"""

from collections.abc import Mapping
from typing import Final

from ...wire import http
from ...wire.errors import DigestError, FormatError, IdError, OversizeError, TruncatedError, VersionError, VolumeError, WatchkeepError
from ...wire.messages import ChunkName, ErrorAnswer
from ..directory.errors import BusyError, NotFoundError, RefusedError, UnsureError
from ..directory.requests import Refusal
from ..protect.shelf import TooManyLocks
from ..store.model import Conflict, StoreBusy, StoreFull

STATUS: Final[dict[str, int]] = {
    http.TRUNCATED: 400, http.MALFORMED: 400, http.UNKNOWN_VERSION: 400, http.BAD_REQUEST: 400,
    http.NOT_FOUND: 404, http.CONFLICT: 409, http.SEVERAL_PARTS: 409, http.TOO_MANY: 409, http.STALE: 412,
    http.OVERSIZE: 413, http.MEDIA_TYPE: 415,
    http.RANGE: 416, http.HASH_MISMATCH: 422, http.REFUSED: 422, http.INTERNAL: 500,
    http.STORAGE_FAILED: 503, http.BUSY: 503, http.UNSURE: 503, http.STORAGE_FULL: 507,
}  # fmt: skip

_CODE_OF: Final[tuple[tuple[type[WatchkeepError], str], ...]] = (
    (TruncatedError, http.TRUNCATED),
    (DigestError, http.HASH_MISMATCH),
    (VersionError, http.UNKNOWN_VERSION),
    (OversizeError, http.OVERSIZE),
    (FormatError, http.MALFORMED),
    (IdError, http.MALFORMED),
    (StoreFull, http.STORAGE_FULL),
    (StoreBusy, http.BUSY),
    (VolumeError, http.STORAGE_FAILED),
    (Conflict, http.CONFLICT),
    (TooManyLocks, http.TOO_MANY),
    (UnsureError, http.UNSURE),
    (BusyError, http.BUSY),
    (NotFoundError, http.NOT_FOUND),
)
RETRY_AFTER_S: Final = 1


class ApiError(WatchkeepError):
    """An answer other than success, ready to be sent."""

    def __init__(self, code: str, reason: str, *, remedy: str, names: tuple[ChunkName, ...] = (),
                 headers: Mapping[str, str] | None = None, close: bool = False) -> None:  # fmt: skip
        super().__init__(reason, remedy=remedy)
        self.code, self.status, self.names = code, STATUS[code], names
        self.headers = dict(headers or {})
        if code in (http.BUSY, http.STORAGE_FAILED):
            self.headers["Retry-After"] = str(RETRY_AFTER_S)
        if close:
            self.headers["Connection"] = "close"  # the rest of the body is not read

    def answer(self) -> ErrorAnswer:
        return ErrorAnswer(code=self.code, reason=self.message, remedy=self.remedy, names=list(self.names))


class EditError(ApiError):
    """The answer to an edit that does not fit the site."""

    def __init__(self, error: RefusedError) -> None:
        super().__init__(http.STALE if error.stale else http.REFUSED, error.message, remedy=error.remedy)
        self._error = error

    def answer(self) -> Refusal:
        return Refusal(code=self.code, reason=self.message, remedy=self.remedy, problems=self._error.problems, now=self._error.now)


def api_error(error: WatchkeepError, names: tuple[ChunkName, ...] = ()) -> ApiError:
    """The ApiError that says what any error of the tree means to an HTTP client."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RefusedError):
        return EditError(error)
    if isinstance(error, Conflict):
        names = tuple(error.names)
    code = next((code for kind, code in _CODE_OF if isinstance(error, kind)), http.INTERNAL)
    return ApiError(code, error.message, remedy=error.remedy, names=names)
