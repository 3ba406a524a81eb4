"""What all commands of `watchkeep site` share: where the directory is, who asks, what is printed where, and the question before a deed.

Rules: results go to standard output, remarks and questions to standard error, so that `--json` and `export` can be piped.  Nothing is asked
where nobody can answer: that is a usage error that names --yes.
"""

import getpass
import json
import os
import platform
import sys
import time
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from ...wire.errors import UsageError
from ..directory.exchange import Taken
from ..directory.sitefile import Difference
from . import find
from .client import SiteClient
from .find import HERE

SERVER_ENV: Final = "WATCHKEEP_SERVER"
ACTOR_ENV: Final = "WATCHKEEP_ACTOR"
PIPE_COLUMNS: Final = 160
"""Width of what is printed where no terminal says one."""
SIGNS: Final = {"+": "green", "-": "red", "~": "yellow"}

Servers = Annotated[list[str] | None, typer.Option("--server", envvar=SERVER_ENV, metavar="URL",
                                                   help=f"a directory server, as {HERE}, the default; give several, and the next one is "
                                                        "asked when one is dead.  Commands that only look find one by mDNS when there is "
                                                        "none at the default")]  # fmt: skip
Actor = Annotated[str | None, typer.Option("--actor", envvar=ACTOR_ENV, metavar="WHO",
                                           help="who edits, for the history; default: you@here")]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]


def connect(servers: list[str] | None, actor: str | None = None) -> SiteClient:
    """To the servers that are named, else to the one of this machine; raises UsageError for what is no address."""
    wanted = [url for text in servers or [HERE] for url in text.replace(",", " ").split()]
    return SiteClient(wanted, actor or _myself(), monotonic=time.monotonic, sleep=time.sleep, say=remark)


def reader(servers: list[str] | None) -> SiteClient:
    """The same for a command that changes nothing: without a name, whoever can be found is asked; raises what find.servers does."""
    return connect(servers or find.servers(remark))


def _myself() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without an entry in /etc/passwd
        name = str(os.getuid())
    return f"{name}@{platform.node().partition('.')[0]}"


def console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def remark(text: str) -> None:
    typer.echo(text, err=True)


def show_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def agreed(question: str, *, yes: bool) -> None:
    """Return when it may be done; ends the command when it may not."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this has to be confirmed, and nobody is there to ask", remedy="add --yes")
    if not typer.confirm(question, err=True):
        remark("nothing was changed")
        raise typer.Exit(1)


def show_difference(found: Difference, to: Console) -> None:
    """One line, with what goes and what comes in colours of their own."""
    line = Text.assemble((found.line().partition(":")[0], f"bold {SIGNS[found.sign]}"))
    for number, (name, old, new) in enumerate(found.steps()):
        line.append(": " if number == 0 else ", ").append(f"{name} ", "dim")
        if found.sign == "~":
            line.append(old, "red").append(" → ")
        line.append(new, "green")
    to.print(line, soft_wrap=True)


def done(taken: Taken, to: Console) -> None:
    """Where an edit is now."""
    kept = {0: "in the servers' database", 1: "on one server so far, no other is in touch"}.get(taken.copies, f"on {taken.copies} servers")
    to.print(Text(f"entry {taken.index}, {kept}", "yellow" if taken.copies == 1 else "dim"))
