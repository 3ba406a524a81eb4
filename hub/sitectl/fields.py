"""Entities as a command line takes them: one option for each field of a kind, and values from what was typed.  No I/O.

Rules: what an option is follows from the entity's model, so no field can be forgotten; what it says is in wording.py.  A list is typed as
`a,b`.  Whether a value makes sense is the directory's to say, with the same words as for any other edit.
"""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ...wire.errors import UsageError
from ..directory.entities import KINDS
from ..directory.sitefile import TIMES
from ..directory.wording import FIELDS
from . import story


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
        return Field(name, str, True, "ID,ID", FIELDS[name])
    if get_origin(plain) is Literal:
        return Field(name, str, False, "|".join(map(str, get_args(plain))), FIELDS[name])
    if name in TIMES:
        return Field(name, str, False, "TIME", FIELDS[name].replace("as Unix", "as ISO 8601 with a zone, or Unix"))
    shape = {str: "TEXT", int: "N", float: "NUMBER", bool: ""}[plain]
    return Field(name, plain, False, shape, FIELDS[name])


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
    found = {name: _read(known[name], value) for name, value in given.items() if value is not None}
    for name in (text.strip().lstrip("-").replace("-", "_") for text in unset):
        if name not in known:
            raise UsageError(f"a {kind} has no {name[:40]!r}", remedy=f"it has {', '.join(known)}")
        if name in found:
            raise UsageError(f"{known[name].option} is both given and unset", remedy="leave one of them out")
        found[name] = None
    return found


def _read(field: Field, value: Any) -> Any:
    if field.name in TIMES:
        return story.moment(value)
    return _listed(value) if field.many else value


def _listed(text: str) -> list[str]:
    """`a,b` as two; an empty text is an empty list, which is not the same as unset."""
    return [part.strip() for part in text.split(",") if part.strip()]


def merged(value: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """An entity with some fields changed; None takes a field out."""
    return {name: item for name, item in {**value, **wanted}.items() if item is not None}
