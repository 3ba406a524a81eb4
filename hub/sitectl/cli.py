"""`watchkeep site`: describe a site, look at it, and steer it, by way of any of its directory servers.

Rules: exit 0 done; 1 refused, not reachable, or declined; 2 usage.  Errors leave as WatchkeepError and become lines in wire/shell/cli.py.
"""

import time
from typing import Annotated

import typer

from . import kinds, paper, record, steer, watched
from .options import AsJson, Servers, console, reader
from .tree import By, tree

app = typer.Typer(help="The site: what it consists of, who records what, who leads.", no_args_is_help=True)
for _kind in kinds.ABOUT:
    _group = kinds.group(_kind)
    if _kind == "camera":
        _group.command("move")(steer.move)
    app.add_typer(_group, name=_kind)
app.command()(steer.roles)
app.command()(steer.failover)
app.command()(steer.maintenance)
app.command()(watched.health)
app.command()(watched.availability)
app.command()(paper.apply)
app.command()(paper.export)
app.command()(record.history)
app.add_typer(record.contingency_app, name="contingency")


@app.command()
def show(
    by: Annotated[By, typer.Option(help="what cameras are listed under")] = By.RECORDER,
    as_json: AsJson = False,
    server: Servers = None,
) -> None:
    """The whole site as a tree: directory servers, archivers, groups, roles, locations, agents with their cameras."""
    seen = reader(server).by_leader()
    if as_json:
        typer.echo(seen.text.decode())
    else:
        console().print(tree(seen, by, time.time()))
