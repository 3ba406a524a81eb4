"""`watchkeep site history` and `contingency list | show | settle`: what was done, and what waits for a decision.

Rules: both versions of a contingency are shown beside what is there now, because that is what a decision changes; nothing is settled
without a question.
"""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ...wire.errors import UsageError
from ..directory.entities import KINDS
from ..directory.requests import ContingencyText
from ..directory.site import Key, Site
from ..directory.sitefile import Difference, compared
from ..naming import NAMED
from . import story
from .options import Actor, AsJson, Servers, Yes, agreed, connect, console, done, reader, show_difference, show_json

MAX_ENTRIES = 100_000
"""Of one listing: 50 MB."""

contingency_app = typer.Typer(help="Edits of two leaders that contradict each other: list, show, settle.", no_args_is_help=True)
Origin = Annotated[str, typer.Argument(metavar="ORIGIN", help="its name, or as much of it as no other one begins with")]

Entity = Annotated[str | None, typer.Option("--entity", metavar="KIND/ID", help="only what changed this one, such as camera/door")]
Who = Annotated[str | None, typer.Option("--by", metavar="WHO", help="only what this actor did; `directory` is the directory itself")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="2h or 3d ago, ISO 8601 with a zone, or Unix seconds")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_ENTRIES, help="how many, the newest")]


def history(
    entity: Entity = None,
    who: Who = None,
    since: Since = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    server: Servers = None,
) -> None:
    """Who changed what, and when; the newest first."""
    if entity is not None and entity.partition("/")[0] not in KINDS:
        raise UsageError(f"{entity[:64]!r} names no kind of entity", remedy=f"write it as camera/{entity.rpartition('/')[2][:63]}; "
                         f"kinds: {', '.join(KINDS)}")  # fmt: skip
    start_s = None if since is None else story.since(since, time.time())
    found = reader(server).entries(entity, limit, start_s, who)
    if as_json:
        show_json([entry.model_dump() for entry in found])
        return
    to = console()
    for entry, steps in story.told(found, entity):
        line = Text.assemble((f"{entry.index:>6}", "bold"), f"  {story.when(entry.at_s)}  ", (entry.actor, "cyan"))
        if note := entry.payload.get("note"):
            line.append(f"  {note}", "italic")
        to.print(line, soft_wrap=True)
        _steps(steps, to)
    if not found:
        to.print(Text("nothing", "dim"))


def _steps(steps: list[Difference | str], to: Console) -> None:
    for step in steps[: NAMED]:
        to.print("        ", end="")
        if isinstance(step, Difference):
            show_difference(step, to)
        else:
            to.print(Text(step), soft_wrap=True)
    if len(steps) > NAMED:
        to.print(Text(f"        and {len(steps) - NAMED} more; --json has them", "dim"))


@contingency_app.command("list")
def list_all(as_json: AsJson = False, server: Servers = None) -> None:
    """Those that wait for a decision."""
    found, to = reader(server).contingencies(), console()
    if as_json:
        show_json([one.model_dump() for one in found])
        return
    for one in found:
        to.print(Text.assemble((one.origin[:12], "bold yellow"), f"  {one.why}"), soft_wrap=True)
        to.print(Text(f"              {', '.join(_keys(one))}, by {_author(one)}", "dim"), soft_wrap=True)
    to.print(Text("watchkeep site contingency show ORIGIN has both versions" if found else "nothing waits for a decision", "dim"))


@contingency_app.command()
def show(origin: Origin, as_json: AsJson = False, server: Servers = None) -> None:
    """Both versions of one: what its author wanted, and what there is."""
    client = reader(server)
    one = _named(client.contingencies(), origin)
    if as_json:
        show_json(one.model_dump())
        return
    _show(one, client.whole().site, console())


@contingency_app.command()
def settle(
    origin: Origin,
    verdict: Annotated[str, typer.Argument(metavar="apply|dismiss", help="make its changes after all, or leave everything as it is")],
    yes: Yes = False,
    server: Servers = None,
    actor: Actor = None,
) -> None:
    """Decide about one."""
    if verdict not in ("apply", "dismiss"):
        raise UsageError(f"{verdict!r} is no verdict", remedy="say apply or dismiss")
    client, to = connect(server, actor), console()
    one = _named(client.contingencies(), origin)
    _show(one, client.whole().site, to)
    agreed(f"{verdict} this?", yes=yes)
    done(client.settle(one.origin, verdict), to)


def _named(found: list[ContingencyText], origin: str) -> ContingencyText:
    fitting = [one for one in found if one.origin.startswith(origin)]
    if len(fitting) != 1:
        what = f"{len(fitting)} begin with {origin[:64]!r}" if fitting else f"none begins with {origin[:64]!r}"
        raise UsageError(what, remedy="see `watchkeep site contingency list`")
    return fitting[0]


def _keys(one: ContingencyText) -> list[str]:
    return list(dict.fromkeys(f"{change['entity']}/{change['id']}" for entry in one.entries for change in entry.get("changes", ())))


def _author(one: ContingencyText) -> str:
    first = one.entries[0] if one.entries else {}
    return f"{first.get('actor', '-')} at {story.when(float(first.get('at_s', 0)))}"


def _show(one: ContingencyText, site: Site, to: Console) -> None:
    """What `apply` would change, field by field, from what there is now."""
    to.print(Text.assemble((one.origin[:12], "bold yellow"), f"  {one.why}"), soft_wrap=True)
    to.print(Text(f"edited by {_author(one)}; to apply it makes these changes to what there is now:"), soft_wrap=True)
    wanted: dict[str, dict[str, Any]] = {}
    for entry in one.entries:
        wanted |= {f"{change['entity']}/{change['id']}": change for change in entry.get("changes", ())}
    for name, change in wanted.items():
        record = site.get(Key(change["entity"], change["id"]))
        there = None if record is None else record.value
        if there == change["value"]:
            to.print(Text(f"  {name} is like that already", "dim"))
        else:
            to.print("  ", end="")
            show_difference(compared(Key(change["entity"], change["id"]), there, change["value"]), to)
