"""The real command `watchkeep site` as a process of its own, as an operator runs it."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from watchkeep.hub.sitectl.cli import app
from watchkeep.wire.errors import WatchkeepError

PROGRAM = str(Path(sys.executable).with_name("watchkeep"))
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", "WATCHKEEP_ACTOR": "ops"}


class Said(NamedTuple):
    code: int
    out: str
    err: str


def site(*arguments: str, server: str = "", input_text: str = "", columns: int = 0) -> Said:
    """`watchkeep site <arguments>`, without a terminal; server: one or several URLs with blanks between."""
    env = {**os.environ, **PLAIN, **({"WATCHKEEP_SERVER": server} if server else {}), **({"COLUMNS": str(columns)} if columns else {})}
    made = subprocess.run([PROGRAM, "site", *arguments], input=input_text, capture_output=True, text=True, timeout=60, env=env, check=False)
    return Said(made.returncode, made.stdout, made.stderr)


def within(*arguments: str, server: str) -> Said:
    """The same command in this process, for many cases of one thing: a process of its own costs a third of a second."""
    made = CliRunner().invoke(app, arguments, env={**PLAIN, "WATCHKEEP_SERVER": server})
    if isinstance(made.exception, WatchkeepError):
        return Said(made.exception.exit_code, made.stdout, made.exception.line())
    return Said(made.exit_code, made.stdout, made.stderr)


def typed(answer: str, *arguments: str, server: str) -> tuple[int, str]:
    """(exit code, what the terminal showed) when a person types the answer to its question."""
    ours, theirs = pty.openpty()
    try:
        command = subprocess.Popen([PROGRAM, "site", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                                   env={**os.environ, **PLAIN, "WATCHKEEP_SERVER": server})  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        code = command.wait(60)
        while part := _read(ours):
            shown += part
    finally:
        os.close(ours)
    return code, shown.decode()


def _read(end: int) -> bytes:
    """b"" once the other end is closed, which a terminal tells as an error."""
    try:
        return os.read(end, 4096)
    except OSError:
        return b""
