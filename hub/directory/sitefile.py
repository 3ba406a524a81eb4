"""site.toml: a site written down, compared with the one that is there, and made from it.  No I/O.

    [[camera]]                    one table for each entity, under the name of its kind
    id = "door"
    host = "10.0.0.7"

Rules: the kinds that a file mentions are made equal to it, kinds that it does not mention stay as they are, so a file of cameras alone
removes no archiver.  Fields are those of entities.py; one wrong field refuses the whole file, with its line.  What `text` writes, `read`
reads back.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from ...wire.errors import ConfigError, FormatError
from .entities import KINDS
from .rules import problems
from .site import Change, Key, Site, typed
from .siteplaces import Places

ORDER: Final = ("location", "archiver", "agent", "group", "camera", "server", "role", "window")
"""How a person reads a site: where, who stores, who records, by which rules, what."""
TIMES: Final = ("start_s", "end_s")
Wanted = dict[Key, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One entity that changes: sign + (new), - (removed) or ~ (changed); fields from what to what."""

    sign: str
    key: Key
    fields: tuple[tuple[str, Any, Any], ...] = ()

    def steps(self) -> list[tuple[str, str, str]]:
        """(field, from, to) for people."""
        return [(name, told(name, old), told(name, new)) for name, old, new in self.fields]

    def line(self) -> str:
        """One line for a terminal."""
        told = ", ".join(f"{name} {old} → {new}" if self.sign == "~" else f"{name} {new}" for name, old, new in self.steps())
        return f"{self.sign} {self.key}" + (f": {told}" if told else "")


def read(file: str, data: bytes) -> tuple[frozenset[str], Wanted]:
    """(kinds that the file mentions, its entities); raises ConfigError naming file with line, dotted key and remedy."""
    try:
        tables = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(file, "", f"is not TOML: {error}", remedy="fix the syntax at that line") from error
    wanted: Wanted = {}
    for kind, listed in tables.items():
        if kind not in KINDS:
            raise _wrong(file, data, kind, "is no kind of entity", f"known kinds: {', '.join(ORDER)}")
        if not isinstance(listed, list):
            raise _wrong(file, data, kind, "is one table", f"write it as [[{kind}]]")
        for number, table in enumerate(listed):
            name = table.pop("id", None) if isinstance(table, dict) else None
            if not isinstance(name, str):
                raise _wrong(file, data, f"{kind}[{number}].id", "is missing", "add it")
            if Key(kind, name) in wanted:
                raise _wrong(file, data, f"{kind}[{number}].id", f"{name!r} is used twice", f"give each {kind} its own id")
            wanted[Key(kind, name)] = table
    return frozenset(tables), wanted


def _wrong(file: str, data: bytes, key: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(_at(file, Places(data), key), key, problem, remedy=remedy)


def _at(file: str, places: Places, key: str) -> str:
    line = places.line(key)
    return file if line is None else f"{file}:{line}"


def changes(site: Site, kinds: frozenset[str], wanted: Wanted, *, remove: bool = True) -> tuple[Change, ...]:
    """What makes the site equal to the file, each with the revision that it was compared with; nothing for what is equal already."""
    found = []
    for key, value in wanted.items():
        record = site.get(key)
        if record is None or not _same(key.kind, record.value, value):
            found.append(Change(key, value, record.revision if record else 0))
    if remove:
        for kind in sorted(kinds):
            for name, record in site.entities.get(kind, {}).items():
                if Key(kind, name) not in wanted:
                    found.append(Change(Key(kind, name), None, record.revision))
    return tuple(found)


def _same(kind: str, there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether both mean the same: a default that one of them writes out is no difference."""
    try:
        return there == wanted or typed(kind, there) == typed(kind, wanted)
    except (FormatError, ValidationError):
        return False  # check() says what is wrong with it


def check(file: str, data: bytes, site: Site, found: tuple[Change, ...]) -> None:
    """Raise ConfigError with all that speaks against these changes, each at its line and key."""
    wrong = problems(site, found)
    if wrong:
        places = Places(data)
        rest = "".join(f"\n{_at(file, places, problem.path)}: {problem.line()}" for problem in wrong[1:])
        raise ConfigError(_at(file, places, wrong[0].path), wrong[0].path, wrong[0].text, remedy=wrong[0].remedy + rest)


def difference(site: Site, found: tuple[Change, ...]) -> list[Difference]:
    """What changes, for whoever has to agree to it, in a person's order."""
    ranks = {kind: rank for rank, kind in enumerate(ORDER)}
    ordered = sorted(found, key=lambda change: (ranks.get(change.key.kind, len(ORDER)), change.key.id))
    return [_difference(site, change) for change in ordered]


def _difference(site: Site, change: Change) -> Difference:
    record = site.get(change.key)
    return compared(change.key, record.value if record else None, change.value)


def compared(key: Key, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Difference:
    """What becomes of one entity; None where there is none."""
    if after is None:
        return Difference("-", key)
    old = before or {}
    names = [name for name in {**old, **after} if old.get(name) != after.get(name)]
    return Difference("+" if before is None else "~", key, tuple((name, old.get(name), after.get(name)) for name in names))


def told(name: str, value: Any) -> str:
    """A field's value for a person, times as such."""
    if name in TIMES and isinstance(value, int | float):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}Z"
    return shown(value)


def shown(value: Any) -> str:
    """A field's value for a person."""
    return "(default)" if value is None else ", ".join(map(str, value)) or "nobody" if isinstance(value, list) else str(value)


def text(site: Site) -> str:
    """The site as a site.toml that `read` understands."""
    return "\n".join(_tables(site))


def _tables(site: Site) -> Iterator[str]:
    for kind in ORDER:
        for name, record in sorted(site.entities.get(kind, {}).items()):
            yield f"[[{kind}]]\nid = {json.dumps(name)}\n" + "".join(_fields(record.value))


def _fields(value: Mapping[str, Any]) -> Iterator[str]:
    for name, item in value.items():
        if item is not None:
            yield f"{name} = {_toml(item)}\n"


def _toml(item: Any) -> str:
    """A value of an entity: text, number, truth or a list of texts.  A JSON string without escapes of surrogates is a TOML one."""
    if isinstance(item, list):
        return f"[{', '.join(map(_toml, item))}]"
    return json.dumps(item, ensure_ascii=False)
