"""On which line of a site.toml something stands, for errors that point at it.  No I/O.

Rules: found by looking at lines that begin with `[[kind]]` or `key =`, which is how `sitefile.text` and people write a site; where a
file is written in another way, as with inline tables, there is no line rather than a wrong one.
"""

import re
import tomllib
from typing import Final

_HEADER: Final = re.compile(r"\s*\[\[\s*(?P<kind>[A-Za-z0-9_-]+)\s*\]\]\s*(#.*)?")
_KEY: Final = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*=")
_PATH: Final = re.compile(r"(?P<kind>[\w-]+)(?:\[(?P<number>\d+)\]|/(?P<id>[^.\[]+))?(?:\.(?P<field>[\w-]+))?")


class Places:
    """Lines of one file, counted from 1."""

    def __init__(self, data: bytes) -> None:
        self._tables: dict[str, list[dict[str, int]]] = {}
        self._ids: dict[str, list[str]] = {}
        try:
            text = data.decode()
            listed = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return
        fields: dict[str, int] | None = None
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.fullmatch(line):
                fields = {"": number}
                self._tables.setdefault(header["kind"], []).append(fields)
            elif fields is not None and (key := _KEY.match(line)):
                fields.setdefault(key["name"], number)
        for kind, tables in listed.items():
            if isinstance(tables, list) and len(tables) == len(self._tables.get(kind, ())):
                self._ids[kind] = [str(table.get("id")) if isinstance(table, dict) else "" for table in tables]

    def line(self, path: str) -> int | None:
        """Of `camera[2].id`, `camera/door.url`, `camera/door` or `camera`; the entity's own line when it does not write the field."""
        found = _PATH.match(path)
        if found is None or found["kind"] not in self._ids:
            return None
        tables, ids = self._tables[found["kind"]], self._ids[found["kind"]]
        at = int(found["number"] or 0) if found["id"] is None else ids.index(found["id"]) if found["id"] in ids else len(tables)
        if at >= len(tables):
            return None
        return tables[at].get(found["field"] or "", tables[at][""])
