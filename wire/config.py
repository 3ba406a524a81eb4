"""Loading TOML into strict, frozen models, with errors that name file, dotted key and remedy.

Rules: unknown keys are errors and suggest the nearest known one; nothing is coerced between types; reading a
file is all the I/O there is here.
"""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError

MAX_CONFIG_BYTES = 4 << 20
"""10 000 cameras at 300 bytes each are 3 MB."""


class Config(BaseModel):
    """Base of every configuration section."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Model = TypeVar("Model", bound=Config)


def load(path: Path, model: type[Model], *, error: type[ConfigError] = ConfigError) -> Model:
    """Read and validate one TOML file; raises `error` (a ConfigError) for the first thing that is wrong."""
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
        first = min(cause.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
        raise error(file, _dotted(first["loc"]), _problem(first), remedy=_remedy(first, model)) from None


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
    return detail["msg"].removeprefix("Value error, ")


def _remedy(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        known = sorted(_fields_at(model, detail["loc"][:-1]))
        near = get_close_matches(str(detail["loc"][-1]), known, 1)
        if near:
            return f"did you mean {near[0]}?"
        return f"known keys here: {', '.join(known)}" if known else "remove it"
    return "add it" if detail["type"] == "missing" else "correct the value"


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
