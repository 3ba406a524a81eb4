"""`watchkeep verify PATH... [--json] [--against OTHER]`.

Rules: exit 0 all good, 1 damage, gaps or differences found, 2 usage.  The report goes to standard output, the progress bar
to standard error and only when that is a terminal.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from .against import compare_paths
from .show import show
from .verify import Progress as OnProgress
from .verify import verify_paths

PIPE_COLUMNS = 160
"""Width of the table where no terminal says one."""


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Segment files, folders of them, or roots of volumes.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as one JSON document.")] = False,
    against: Annotated[list[Path] | None, typer.Option(help="Also compare with this archive, chunk by chunk; may be repeated.")] = None,
) -> None:
    """Prove segment files offline: hashes, chain, numbers, time, frame counters.  Exit 0 all good, 1 damage or gaps, 2 usage."""
    with _progress() as progress:
        report = verify_paths(paths, progress)
    if against:
        comparison = compare_paths(paths, against)
        report = report.model_copy(update={"against": comparison, "good": report.good and comparison.good})
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        show(report, Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS))
    raise typer.Exit(0 if report.good else 1)


@contextmanager
def _progress() -> Iterator[OnProgress | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("verifying"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("verify", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
