"""What the API says about its answers in OpenAPI: the parts that FastAPI cannot know from types alone.

Rules: every status that an endpoint may answer is here with its type; codes are those of wire/http.py.
"""

from typing import Any, Final

from pydantic import BaseModel

from ...wire import WIRE_VERSION, http
from ...wire.desired import AgentDesired, ArchiverDesired
from ...wire.losses import LossReport
from ...wire.messages import ConsolidationOrder, ErrorAnswer, Message
from ..directory.health.model import SiteHealth
from ..directory.requests import Refusal
from ..protect.model import LockRequest, LockState

Answers = dict[int | str, dict[str, Any]]

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
MP4_TYPE: Final = "video/mp4"
JSON: Final = "application/json"
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


class ExportPart(Message):
    """One file of an export that is several."""

    url: str
    start_s: float
    end_s: float
    epoch: int
    bytes: int


class SeveralPartsAnswer(ErrorAnswer):
    """Answer 409 to an export whose window spans several epochs."""

    parts: list[ExportPart]


def _error(description: str) -> dict[str, Any]:
    return {"model": ErrorAnswer, "description": description}


def body(schema: dict[str, Any], description: str = "") -> dict[str, Any]:
    """The body that an endpoint reads itself."""
    told = {"description": description} if description else {}
    return {"requestBody": {"required": True, **told, "content": {JSON: {"schema": schema}}}}


def body_of(kind: type[BaseModel], description: str = "") -> dict[str, Any]:
    schema = kind.model_json_schema()
    return body(_inlined(schema, schema.pop("$defs", {})), description)


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """Without references: inside an operation they would lead nowhere.  For models that do not hold themselves."""
    if isinstance(part, list):
        return [_inlined(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].removeprefix("#/$defs/")], definitions)
    return {name: _inlined(one, definitions) for name, one in part.items()}


BUSY: Final[Answers] = {503: _error("busy or storage-failed, with Retry-After")}
UNSURE: Final[Answers] = {503: _error("busy, with Retry-After: nothing was changed; unsure: it may have been")}
READING: Final[Answers] = {400: _error("bad-request or malformed"), 404: _error("not-found"), **BUSY}
PLAYLIST: Final[Answers] = {200: {"content": {PLAYLIST_TYPE: {"schema": {"type": "string"}}}, "description": "an HLS playlist"}, **READING}
VIDEO: Final[Answers] = {200: {"content": {MP4_TYPE: _BINARY}, "description": "bytes of an MP4"}, **READING}
RANGED: Final[Answers] = {
    **VIDEO,
    206: {"content": {MP4_TYPE: _BINARY}, "description": "the bytes asked for by Range"},
    304: {"description": "not modified"},
    416: _error("range"),
}
EXPORT: Final[Answers] = {**VIDEO, 409: {"model": SeveralPartsAnswer, "description": "several-parts: the stream began anew in the window"}}
APPEND: Final[Answers] = {
    400: _error("truncated, malformed or unknown-version"),
    409: _error("conflict: another hash under a known name"),
    413: _error("oversize"),
    415: _error("media-type"),
    422: _error("hash-mismatch"),
    507: _error("storage-full"),
    **BUSY,
}
LOCK_ADD: Final[Answers] = {
    200: {"model": LockState, "description": "the same request was answered before: the lock that it made"},
    **READING,
    409: _error("too-many"),
    413: _error("oversize"),
}
LOCK_BODY: Final = body_of(LockRequest, "at most 16 KiB")
ORDER: Final[Answers] = {**READING, 413: _error("oversize")}
ORDER_BODY: Final = body_of(ConsolidationOrder, "at most 16 KiB")
LOSS_BODY: Final = body_of(LossReport, "at most 16 KiB")
DESIRED: Final[Answers] = {200: {"model": AgentDesired, "description": "what it is to record"},
                           204: {"description": "nothing later than (term, index)"}, **READING}  # fmt: skip
ARCHIVER_DESIRED: Final[Answers] = {200: {"model": ArchiverDesired, "description": "how it is to keep video"},
                                    204: {"description": "nothing later than (term, index)"}, **READING}  # fmt: skip
HEALTH: Final[Answers] = {200: {"model": SiteHealth, "description": "how the site is"}, **BUSY}
EDITING: Final[Answers] = {
    400: _error("truncated, malformed or bad-request"),
    412: {"model": Refusal, "description": "stale: every change is of a revision that is not there any more"},
    413: _error("oversize"),
    422: {"model": Refusal, "description": "refused: lists every problem; nothing was changed"},
    **UNSURE,
}
STALE: Final[Answers] = {**EDITING, 404: _error("not-found: no such kind of entity"),
                         412: {"model": Refusal, "description": "stale: `now` is what the entity is by now"}}  # fmt: skip


LISTED: Final[Answers] = {400: _error("bad-request")}
RECORDS: Final[Answers] = {200: {"content": {http.RECORDS_TYPE: _BINARY}, "description": "records of docs/STORAGE.md"}, **READING}
RECORDS_BODY: Final[dict[str, Any]] = {
    "parameters": [
        {"name": http.VERSION_HEADER, "in": "header", "required": True, "schema": {"type": "integer", "enum": [WIRE_VERSION]},
         "description": "version of the record layout"},
        {"name": http.AGENT_HEADER, "in": "header", "required": False, "schema": {"type": "string"},
         "description": "the sender's id, for the log"},
        {"name": http.SYNC_HEADER, "in": "header", "required": False, "schema": {"type": "string", "enum": [http.SYNC_NOW]},
         "description": "fsync at once: these chunks may have no copy yet"},
    ],
    "requestBody": {"required": True, "description": "records of docs/STORAGE.md, one after the other, at most 64 MiB",
                    "content": {http.RECORDS_TYPE: _BINARY}},
}  # fmt: skip
