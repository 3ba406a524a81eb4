"""Entities as a command line takes them: one option for each field of a kind, and values from what was typed.  No I/O.

Rules: what an option is follows from the entity's model, so no field can be forgotten; what it says is in HELP.  A list is typed as
`a,b`.  Whether a value makes sense is the directory's to say, with the same words as for any other edit.
"""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from ...wire.errors import UsageError
from ..directory.entities import KINDS

HELP: Final = {
    "name": "what people call it",
    "parent": "the location that it lies in",
    "url": "its address",
    "host": "its host; the camera profile knows the rest of the URL",
    "channel": "input of a recorder with several",
    "stream": "which of the camera's streams",
    "profile": "make of the camera, as in firmware-profiles/cameras",
    "transport": "of RTP",
    "ingest": "what reads it; default: the recorder's own default",
    "credentials": "name of an entry in the recorder's own credentials file",
    "location": "where it is",
    "group": "whose rules it follows where it has none of its own",
    "copies": "how many archivers keep each chunk",
    "archivers": "which ones, the preferred first",
    "priority": "0 to 9; the highest is kept when room runs out",
    "mbit_s": "what it is expected to send, for planning",
    "recorders": "agents that may record it, the preferred first; default: every agent that reaches its location",
    "reaches": "locations whose cameras it can record, with all that lies in them; default: every camera",
    "max_cameras": "how many cameras it takes",
    "max_mbit_s": "how much it takes",
    "standby": "it is given cameras only when no other agent has room",
    "standbys": "who takes its cameras first when it is gone",
    "disk_bytes": "room for video, for planning",
    "retention_days": "how long video is to stay: an archiver that follows keeps to it, unless its hub.toml says it too; 30 for planning",
    "used_last": "it comes behind all others in every list, as `watchkeep site failover` has it, until this is unset",
    "failback": "whether cameras return to an archiver that was away; default: as each agent's own file says",
    "recorder_failback": "whether cameras return to a recorder that they prefer: by `recorders`, else any that does not stand by",
    "rank": "its place among the directory servers; the lowest that lives leads",
    "recovery": "leads only when no other server lives",
    "servers": "directory servers that may hold the role, the preferred first",
    "holder": "sticky: whoever has it keeps it; highest: it goes back to the first server as soon as that lives",
    "kind": "what is absent",
    "target": "whose absence it is",
    "start_s": "from when, as Unix seconds",
    "end_s": "until when, as Unix seconds",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind of entity.  shape: `id,id` for lists, the choices, or what is typed."""

    name: str
    type: type
    many: bool
    shape: str
    help: str

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"


def fields(kind: str) -> list[Field]:
    return [_field(name, info.annotation) for name, info in KINDS[kind].model_fields.items()]


def _field(name: str, annotation: Any) -> Field:
    plain = _plain(annotation)
    if get_origin(plain) is tuple:
        return Field(name, str, True, "ID,ID", HELP[name])
    if get_origin(plain) is Literal:
        return Field(name, str, False, "|".join(map(str, get_args(plain))), HELP[name])
    shape = {str: "TEXT", int: "N", float: "NUMBER", bool: ""}[plain]
    return Field(name, plain, False, shape, HELP[name])


def _plain(annotation: Any) -> Any:
    """Without Annotated and None: `Annotated[int, ...] | None` is int."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (UnionType, Union):
        return _plain(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def typed_values(kind: str, given: dict[str, Any], unset: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields as an edit carries them, None for those that go back to their default; raises UsageError."""
    known = {field.name: field for field in fields(kind)}
    found = {name: _listed(value) if known[name].many else value for name, value in given.items() if value is not None}
    for name in (text.strip().lstrip("-").replace("-", "_") for text in unset):
        if name not in known:
            raise UsageError(f"a {kind} has no {name[:40]!r}", remedy=f"it has {', '.join(known)}")
        if name in found:
            raise UsageError(f"{known[name].option} is both given and unset", remedy="leave one of them out")
        found[name] = None
    return found


def _listed(text: str) -> list[str]:
    """`a,b` as two; an empty text is an empty list, which is not the same as unset."""
    return [part.strip() for part in text.split(",") if part.strip()]


def merged(value: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """An entity with some fields changed; None takes a field out."""
    return {name: item for name, item in {**value, **wanted}.items() if item is not None}
