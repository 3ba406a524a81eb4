"""The source tree as the layer tests see it: files, their docstrings, and what they import.

Rules: reads text and never imports what it reads, so a broken tree can be examined too.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

PACKAGE = "watchkeep"
FOLDERS = {"wire": "wire", "native": "native", "agent": "agent", "hub": "hub", "firmware-profiles": "profiles"}
"""Source folder to part of the package: DESIGN 7."""
_CYTHON_IMPORT = re.compile(r"(?m)^\s*(?:from\s+(?P<base>[.\w]+)\s+c?import\s+(?P<names>[^#\n]*)|c?import\s+(?P<modules>[^#\n]*))")


@dataclass(frozen=True)
class Source:
    """One file, named by its path from the root: `agent/replicate/policy.py`."""

    path: str
    text: str

    @property
    def part(self) -> str:
        return FOLDERS[PurePosixPath(self.path).parts[0]]

    @property
    def name(self) -> str:
        """File name without suffix."""
        return PurePosixPath(self.path).stem

    @cached_property
    def docstring(self) -> str:
        if self.path.endswith(".py"):
            return ast.get_docstring(ast.parse(self.text)) or ""
        match = re.match(r'(?:#[^\n]*\n|\s)*"""(.*?)"""', self.text, re.DOTALL)
        return match[1] if match else ""

    @cached_property
    def imports(self) -> frozenset[str]:
        """Dotted names of what is imported, absolute: `from ..wire import ids` gives watchkeep.wire and watchkeep.wire.ids."""
        found = self._python() if self.path.endswith(".py") else self._cython()
        return frozenset(found)

    def takes(self, module: str) -> bool:
        """Whether this file imports the module or anything below it."""
        return any(name == module or name.startswith(f"{module}.") for name in self.imports)

    def log_extras(self) -> Iterator[tuple[str, int]]:
        """(key, line) of every literal key of an `extra={...}` argument."""
        calls = (node for node in ast.walk(ast.parse(self.text)) if isinstance(node, ast.Call)) if self.path.endswith(".py") else ()
        for call in calls:
            for named in call.keywords:
                if named.arg == "extra" and isinstance(named.value, ast.Dict):
                    yield from ((str(key.value), key.lineno) for key in named.value.keys if isinstance(key, ast.Constant))

    def _absolute(self, base: str, level: int) -> str:
        if level == 0:
            return base
        folders = PurePosixPath(self.path).parts[:-1]
        package = [PACKAGE, FOLDERS[folders[0]], *folders[1:]]
        return ".".join([*package[: len(package) - level + 1], *([base] if base else [])])

    def _python(self) -> Iterator[str]:
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node.module or "", node.level)
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)

    def _cython(self) -> Iterator[str]:
        for match in _CYTHON_IMPORT.finditer(self.text):
            if match["base"]:
                stripped = match["base"].lstrip(".")
                base = self._absolute(stripped, len(match["base"]) - len(stripped))
                yield base
                yield from (f"{base}.{name.split()[0]}" for name in match["names"].strip("() ").split(",") if name.strip())
            else:
                yield from (name.split()[0] for name in match["modules"].split(",") if name.strip())


def sources(root: Path) -> list[Source]:
    """Every source file of the product under root, in order of path."""
    found = [
        Source(str(path.relative_to(root).as_posix()), path.read_text())
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in (".py", ".pyx", ".pxd")
    ]
    assert found, f"no sources under {root}"
    return found
