"""`watchkeep site apply | export`: a site written down in a file, compared with the one that is there, and made from it.

Rules: a file is refused whole, with path and line of everything that is wrong; what would change is shown before anything happens, and is
made in one edit of exactly the revisions that were shown, or not at all.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from ...wire.config import MAX_CONFIG_BYTES
from ...wire.errors import ConfigError, UsageError
from ...wire.shell.files import publish
from ..directory import sitefile
from ..directory.sitefile import Difference
from .options import Actor, Servers, Yes, agreed, connect, console, done, reader, remark, show_difference

STDIN: Final = "-"
WORDS: Final = {"+": "to add", "~": "to change", "-": "to remove"}


def apply(
    file: Annotated[str, typer.Argument(metavar="SITE.TOML", help="the site as it is to be; - reads standard input")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would change, and change nothing")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="remove nothing that the file does not name")] = False,
    yes: Yes = False,
    server: Servers = None,
    actor: Actor = None,
) -> None:
    """Make the site equal to a file: shows every difference, asks, then changes all of it or nothing.

    Kinds that the file does not mention stay as they are.
    """
    data, to = _read(file), console()
    kinds, wanted = sitefile.read(file, data)
    client = connect(server, actor)
    site = client.whole().site
    found = sitefile.changes(site, kinds, wanted, remove=not keep)
    sitefile.check(file, data, site, found)
    steps = sitefile.difference(site, found)
    for step in steps:
        show_difference(step, to)
    if not steps:
        to.print(Text("the site is like that already", "dim"))
        return
    to.print(Text(_counted(steps), "bold"))
    if dry_run:
        remark("dry run: nothing was changed")
        return
    agreed("make these changes?", yes=yes)
    done(client.edit(found, note=f"apply {Path(file).name}"[:200]), to)


def _read(file: str) -> bytes:
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(MAX_CONFIG_BYTES + 1)
        else:
            with Path(file).open("rb") as source:
                data = source.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(file, "", f"cannot be read ({error.strerror})", remedy="check the path and its permissions") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError(file, "", f"is larger than {MAX_CONFIG_BYTES >> 20} MiB", remedy="split it by kinds: each file changes its own")
    return data


def _counted(steps: list[Difference]) -> str:
    counts = Counter(step.sign for step in steps)
    return ", ".join(f"{counts[sign]} {word}" for sign, word in WORDS.items() if counts[sign])


def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="write it there instead of to the terminal")] = None,
    force: Annotated[bool, typer.Option("--force", help="also over a file that is there")] = False,
    server: Servers = None,
) -> None:
    """Write the site down as a site.toml that `apply` understands."""
    seen = reader(server).whole()
    text = f"# entry {seen.site.index} of term {seen.site.term}\n\n{sitefile.text(seen.site)}"
    if output is None:
        typer.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} is there already", remedy="add --force to replace it, or name another file")
    try:
        publish(output, text.encode())
    except OSError as error:
        raise UsageError(f"{output} cannot be written ({error.strerror})", remedy="check its folder") from error
    remark(f"{output}: {sum(map(len, seen.site.entities.values()))} entities")
