"""The live view of `watchkeep agent top`, in a terminal.

Rules: draws what top.py says, and asks again only where somebody watches: into a file or a pipe it goes once.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console
from rich.live import Live
from rich.table import Table

from . import top
from .model import Status


def watch(ask: Callable[[], Status], every_s: float) -> None:
    """Until interrupted; raises what `ask` raises."""
    console = Console()
    with Live(_table(ask()), console=console, screen=console.is_terminal, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while console.is_terminal:
            time.sleep(every_s)
            live.update(_table(ask()), refresh=True)


def _table(found: Status) -> Table:
    table = Table(title=top.title(found), title_justify="left")
    for column in top.COLUMNS:
        table.add_column(column, justify="left" if column in top.COLUMNS[:4] else "right")
    for row in top.rows(found):
        table.add_row(*row)
    return table
