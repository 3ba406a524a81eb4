"""Loading TOML into strict, frozen models, with errors that name file, dotted key and remedy.

Rules: unknown keys are errors and suggest the nearest known one; nothing is coerced between types; reading a
file is all the I/O there is here.
"""

import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError, together

ID_PATTERN = r"^[a-z0-9-]{1,63}$"
"""wire/ids.py, for fields of a model."""
NAME_PATTERN = r"^[a-z0-9/-]+$"
"""An id, or kind/id."""
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]*$"
"""One printable line."""
WORD_PATTERN = r"^[\x21-\x7e]+$"
"""Printable ASCII without blanks, as in addresses."""
MAX_CONFIG_BYTES = 4 << 20
"""10 000 cameras at 300 bytes each are 3 MB."""


_TEXT, _NUMBER = ("is not a text", 'write it in quotes: "..."'), ("is not a number", "write digits, without quotes")
_LIST = ("is not a list", "write it in brackets: [..., ...]")
_SECTION = ("is not a section", "write it as [{key}] with its keys below")
_WORDS = {
    "string_type": _TEXT, "path_type": _TEXT, "float_type": _NUMBER, "model_type": _SECTION, "dict_type": _SECTION,
    "bool_type": ("is neither true nor false", "write true or false, without quotes"),
    "int_type": ("is not a whole number", "write digits, without quotes"),
    "list_type": _LIST, "tuple_type": _LIST, "string_too_short": ("is empty", "write something"),
    "greater_than_equal": ("is less than {ge}", "use {ge} or more"),
    "less_than_equal": ("is more than {le}", "use {le} or less"),
    "greater_than": ("is not more than {gt}", "use more than {gt}"),
    "less_than": ("is not less than {lt}", "use less than {lt}"),
    "too_short": ("has {actual_length} entries", "give at least {min_length}"),
    "too_long": ("has {actual_length} entries", "give at most {max_length}"),
    "literal_error": ("has a value that is not known", "use {expected}"),
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "finite_number": ("is no finite number", "write digits"),
    "int_from_float": ("is not a whole number", "write digits, without a point"),
}  # fmt: skip
"""Problem and remedy for pydantic's kinds of errors; others keep pydantic's own words."""
_PATTERNS = {
    ID_PATTERN: ("is no valid id", "use 1 to 63 of a-z, 0-9 and -"),
    NAME_PATTERN: ("is no valid name", "write an id of a-z, 0-9 and -, or kind/id"),
    TEXT_PATTERN: ("holds a character that is not printed", "write one line of text"),
    WORD_PATTERN: ("is empty, or holds a blank or a character that is not ASCII", "leave blanks out, and write others as %XX"),
}
"""The same for texts that do not match a pattern of ours."""


class Config(BaseModel):
    """Base of every configuration section."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Model = TypeVar("Model", bound=Config)


def load(path: Path, model: type[Model], *, error: type[ConfigError] = ConfigError) -> Model:
    """Read and validate one TOML file; raises `error` (a ConfigError) for what is wrong, several things together."""
    try:
        raw = path.read_bytes()
    except OSError as cause:
        raise error(str(path), "", f"cannot be read ({cause.strerror})", remedy="check the path and its permissions") from cause
    if len(raw) > MAX_CONFIG_BYTES:
        raise error(str(path), "", "is larger than 4 MiB", remedy="split the site over several agents")
    try:
        data = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(str(path), "", f"is not TOML: {cause}", remedy="fix the syntax at that line") from cause
    return validate(str(path), data, model, error=error)


def validate(file: str, data: dict[str, Any], model: type[Model], *, error: type[ConfigError] = ConfigError) -> Model:
    """Validate data that came from `file`; lists may stand where a tuple is wanted, as TOML has no tuples."""
    try:
        return model.model_validate(_freeze(data))
    except ValidationError as cause:
        found = sorted(cause.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")  # causes before effects
        raise together([error(file, _dotted(each["loc"]), _problem(each) + _of(data, each["loc"]), remedy=_remedy(each, model))
                        for each in found if not _caused(each, found)]) from None  # fmt: skip


def _caused(detail: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Whether a key is missing because it is misspelt beside: that is one mistake."""
    beside = [str(each["loc"][-1]) for each in found if each["type"] == "extra_forbidden" and each["loc"][:-1] == detail["loc"][:-1]]
    return detail["type"] == "missing" and bool(get_close_matches(str(detail["loc"][-1]), beside, 1))


def _of(data: Any, loc: tuple[int | str, ...]) -> str:
    """` (camera door)` for a place in the twelfth of many cameras, which nobody wants to count; empty when it has no id."""
    if len(loc) < 2 or not isinstance(loc[1], int):
        return ""
    try:
        name = data[loc[0]][loc[1]]["id"]
    except (KeyError, IndexError, TypeError):  # what is wrong may be just that
        return ""
    return f" ({loc[0]} {name})" if isinstance(name, str) and loc[-1] != "id" else ""


def interface_faults(listed: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Place, problem and remedy of each entry of `discovery.interfaces` that is no IPv4 address, such as the name of a card."""
    for number, text in enumerate(listed):
        try:
            IPv4Address(text)
        except ValueError:
            yield number, f"{text!r} is not an IPv4 address", "name it by its address, such as 192.0.2.10: `ip -4 addr`"


def _freeze(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _freeze(item) for key, item in value.items()}
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _dotted(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _problem(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not a known key"
    if detail["type"] == "missing":
        return "is missing"
    return _said(detail)[0]


def worded(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Problem and remedy of one mistake in something of this model, never with the value; for what is no file."""
    return _problem(detail), _remedy(detail, model)


def _said(detail: ErrorDetails) -> tuple[str, str]:
    """Problem and remedy in words for people who know TOML."""
    values = {name: _plain(value) for name, value in (detail.get("ctx") or {}).items()} | {"key": _dotted(detail["loc"])}
    found = _PATTERNS.get(values["pattern"]) if detail["type"] == "string_pattern_mismatch" else _WORDS.get(detail["type"])
    if found is None:
        return detail["msg"].removeprefix("Value error, "), "correct the value"
    problem, remedy = found
    return problem.format_map(values), remedy.format_map(values)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _remedy(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        known = sorted(_fields_at(model, detail["loc"][:-1]))
        near = get_close_matches(str(detail["loc"][-1]), known, 1)
        if near:
            return f"did you mean {near[0]}?"
        return f"known keys here: {', '.join(known)}" if known else "remove it"
    return "add it" if detail["type"] == "missing" else _said(detail)[1]


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Field names of the section that loc leads to."""
    for part in loc:
        if isinstance(part, int):
            continue
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        found = _model_in(field.annotation) if field is not None else None
        if found is None:
            return set()
        model = found
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
