"""The import rules of docs/ARCHITECTURE.md, and the habits that a machine can check, over the source tree.

Rules: each check takes a list of sources and returns what is wrong, one line each, so that it is itself tested on a
small bad tree (below) and cannot rot into one that accepts everything.
"""

import logging
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
from imports import Source, sources

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
TINY_INIT_LINES = 12

ADAPTERS = {
    "av": ["agent/pyav/*"],
    "paho": ["wire/shell/mqtt.py"],
    "zeroconf": ["wire/shell/mdns.py"],
    "ifaddr": ["wire/shell/mdns.py"],
    "amqtt": ["hub/broker.py"],
    "sqlite3": ["hub/store/catalog.py"],
    "cronsim": ["hub/directory/backup/chains.py"],
    "sqlalchemy": ["hub/directory/database.py", "hub/directory/lease.py"],
    "http": ["agent/replicate/client.py", "wire/shell/directory_client.py", "hub/request.py", "wire/shell/timed_http.py"],
    "prometheus_client": ["hub/api/metrics.py"],
    "uvicorn": ["hub/api/server.py"],
    "fastapi": ["hub/api/*"],
    "starlette": ["hub/api/*"],
    "typer": ["*/cli.py", "hub/sitectl/options.py", "hub/sitectl/kinds.py", "hub/sitectl/paper.py", "hub/sitectl/record.py",
              "hub/sitectl/steer.py", "hub/sitectl/watched.py"],
    "rich": ["hub/demo/*", "hub/verify/*", "hub/sitectl/*", "hub/consolidate/cli.py", "hub/directory/backup/commands.py",
             "hub/directory/backup/listing.py", "agent/source/cli.py", "agent/control/screen.py"],
    "blake3": ["*"],
    "pydantic": ["*"],
    "pydantic_core": ["wire/config.py"],
    "typing_extensions": ["*"],
    "cython": ["native/*"],
    "libc": ["native/*"],
    "cpython": ["native/*"],
}
"""Who may import which library.  A library that is not listed has no adapter yet: write one and add its row.

blake3 and pydantic are vocabulary, not engines: the hash is part of the format, models are part of the contracts.
"""

DECISIONS = [
    "wire/*.py",
    "agent/camera_state.py",
    "agent/timing.py",
    "agent/journal/reclaim.py",
    "agent/replicate/policy.py",
    "agent/replicate/ledger.py",
    "agent/replicate/health.py",
    "agent/replicate/lanes.py",
    "agent/source/protocol.py",
    "agent/source/rtp.py",
    "agent/source/sdp.py",
    "hub/api/hls.py",
    "hub/store/intake.py",
    "hub/store/ledger.py",
    "hub/store/retention.py",
    "hub/demo/verdict.py",
]
"""Decision files by name; every file whose docstring opens with "No I/O" is one too."""
IMPURE = ["os", "socket", "threading", "time", "logging", "asyncio", "subprocess", "select", "selectors", "signal", "queue"]

RECORD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def decides(source: Source) -> bool:
    pure_wire = source.part == "wire" and source.path.count("/") == 1
    return pure_wire or "No I/O" in source.docstring.split("\n\n")[0] or source.path in DECISIONS


def sides(tree: list[Source]) -> list[str]:
    """agent and hub never import each other; native imports nothing of ours; wire and profiles only wire."""
    allowed = {"agent": {"agent", "wire", "native", "profiles"}, "hub": {"hub", "wire", "native", "profiles"},
               "wire": {"wire"}, "native": {"native"}, "profiles": {"profiles", "wire"}}  # fmt: skip
    everything = ("agent", "hub", "wire", "native", "profiles")
    return [
        f"{source.path} imports watchkeep.{part}"
        for source in tree
        for part in everything
        if part not in allowed[source.part] and source.takes(f"watchkeep.{part}")
    ]


def shells(tree: list[Source]) -> list[str]:
    """The pure files of wire/ never import wire.shell."""
    return [f"{s.path} imports wire.shell" for s in tree if s.part == "wire" and s.path.count("/") == 1 and s.takes("watchkeep.wire.shell")]


def adapters(tree: list[Source]) -> list[str]:
    """Each library has its adapter files, and no other file imports it."""
    wrong = []
    for source in tree:
        for name in sorted({name.split(".")[0] for name in source.imports}):
            standard = name in sys.stdlib_module_names or name in ("watchkeep", "__future__")
            if name in ADAPTERS and not any(fnmatch(source.path, pattern) for pattern in ADAPTERS[name]):
                wrong.append(f"{source.path} imports {name}, which belongs to {', '.join(ADAPTERS[name])}")
            elif name not in ADAPTERS and not standard:
                wrong.append(f"{source.path} imports {name}, which has no row in ADAPTERS")
    return wrong


def decisions(tree: list[Source]) -> list[str]:
    """Decision files reach neither the machine nor the clock."""
    return [f"{source.path} decides and imports {name}" for source in tree if decides(source) for name in IMPURE if source.takes(name)]


def tops(tree: list[Source]) -> list[str]:
    """Nothing imports a service or a cli; a cli imports its service."""
    wrong = []
    for source in tree:
        for name in sorted(source.imports):
            last = name.rpartition(".")[2] if name.startswith("watchkeep.") else ""
            if last == "cli" or (last == "service" and source.name != "cli"):
                wrong.append(f"{source.path} imports {name}")
    return wrong


def headers(tree: list[Source]) -> list[str]:
    """A file opens with its purpose in one line and the rules it lives by; a tiny __init__ needs the purpose only."""
    wrong = []
    for source in tree:
        if source.path.endswith(".pxd"):
            continue
        tiny = source.name == "__init__" and source.text.count("\n") <= TINY_INIT_LINES
        if not source.docstring.strip().split("\n")[0].strip():
            wrong.append(f"{source.path} does not say what it is for")
        elif "Rules:" not in source.docstring and not tiny:
            wrong.append(f"{source.path} has no Rules")
    return wrong


def sizes(tree: list[Source]) -> list[str]:
    """Past 400 lines there are two ideas in a file."""
    return [f"{source.path} has {lines} lines" for source in tree if (lines := source.text.count("\n")) > MAX_LINES]


def log_fields(tree: list[Source]) -> list[str]:
    """No `extra` names a field that every log record has: logging raises KeyError then, in the middle of an error's handling."""
    return [f"{s.path}:{line} logs a field named {key!r}" for s in tree for key, line in s.log_extras() if key in RECORD_FIELDS]


CHECKS = [log_fields, sides, shells, adapters, decisions, tops, headers, sizes]


@pytest.fixture(scope="module")
def tree() -> list[Source]:
    return sources(ROOT)


@pytest.mark.parametrize("check", CHECKS)
def test_the_source_tree_keeps(check: Callable[[list[Source]], list[str]], tree: list[Source]) -> None:
    assert not (wrong := check(tree)), "\n".join(wrong)


def test_every_listed_decision_file_and_adapter_exists(tree: list[Source]) -> None:
    """A row that matches nothing guards nothing."""
    paths = [source.path for source in tree]
    rows = [*DECISIONS, *(pattern for patterns in ADAPTERS.values() for pattern in patterns)]
    assert [row for row in rows if not any(fnmatch(path, row) for path in paths)] == []


RULES = '"""What it is for.\n\nRules: few.\n"""\n'
BAD = [
    (sides, "agent/x.py", "from watchkeep.hub import config"),
    (sides, "agent/x.py", "from ..hub.config import read"),
    (sides, "agent/pyav/x.py", "from ...hub import config"),
    (sides, "hub/x.py", "import watchkeep.agent.config"),
    (sides, "wire/shell/x.py", "from ...agent import config"),
    (sides, "native/x.py", "from ..wire import seal"),
    (sides, "native/x.pyx", "from watchkeep.wire.seal cimport pack"),
    (sides, "native/x.pyx", "    from ..wire import seal"),
    (sides, "firmware-profiles/x.py", "from ..agent import config"),
    (shells, "wire/x.py", "from .shell import log"),
    (shells, "wire/x.py", "from .shell.log import setup"),
    (adapters, "agent/x.py", "import av"),
    (adapters, "hub/x.py", "from http.client import HTTPConnection"),
    (adapters, "hub/x.py", "def later():\n    import paho.mqtt.client"),
    (adapters, "hub/api/x.py", "import requests"),
    (adapters, "agent/x.py", "import typer"),
    (decisions, "wire/x.py", "import os"),
    (decisions, "agent/replicate/policy.py", "from time import monotonic"),
    (decisions, "agent/x.py", '"""Decides.  No I/O.\n\nRules: x.\n"""\nimport logging'),
    (decisions, "agent/x.py", '"""Decides, over\ntwo lines.  No I/O.\n\nRules: x.\n"""\nfrom os.path import join'),
    (tops, "hub/x.py", "from .service import Hub"),
    (tops, "hub/service.py", "from . import cli"),
    (tops, "agent/cli.py", "from ..hub.cli import app"),
    (headers, "hub/y.py", "x = 1"),
    (headers, "hub/y.py", '"""Purpose."""'),
    (headers, "hub/y.pyx", '# cython: language_level=3\n"""Purpose."""'),
    (headers, "hub/y/__init__.py", '"""Purpose."""\n' + "x = 1\n" * 20),
    (log_fields, "agent/x.py", 'log.warning("x", extra={"camera": "a", "name": "b"})'),
    (sizes, "hub/y.py", RULES + "x = 1\n" * 400),
]


@pytest.mark.parametrize(("check", "path", "text"), BAD)
def test_a_broken_rule_is_found(check: Callable[[list[Source]], list[str]], path: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text if check is headers or text.startswith('"""') else RULES + text)
    wrong = check(sources(tmp_path))
    assert len(wrong) == 1
    assert wrong[0].startswith(path)


GOOD = [
    ("agent/x.py", RULES + "import logging\nfrom ..wire.ids import check_id\nfrom watchkeep.native import ring\n"),
    ("hub/cli.py", RULES + "import typer\nfrom .service import Hub\n"),
    ("hub/api/__init__.py", '"""Purpose."""\n'),
    ("native/x.pyx", f"# cython: language_level=3\n{RULES}from libc.string cimport memcpy\nfrom .arena cimport Arena\n"),
    ("wire/x.py", RULES + "from . import ids\nfrom .errors import FormatError\n"),
]


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_what_keeps_the_rules_is_left_alone(path: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert [wrong for check in CHECKS for wrong in check(sources(tmp_path))] == []
