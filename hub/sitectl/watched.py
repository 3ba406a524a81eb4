"""`watchkeep site health | availability`: how it goes with everybody's video and with backups, who is there, now and over a period.

Rules: what is wrong comes first and is named with why; what is well is counted.  Colours say nothing that words do not.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...wire.errors import RemoteError, UsageError
from ..directory.health.model import CameraHealth, Level, MemberHealth, SiteAvailability, SiteHealth, Standing, ThingAvailability
from . import story
from .options import AsJson, Servers, console, reader, show_json
from .saved import lines

LEVELS: Final[Mapping[str, str]] = {Level.UNPROTECTED: "bold red", Level.DEGRADED: "yellow", Level.PLANNED: "yellow", Level.UNSEEN: "dim",
                                    Level.PROTECTED: "green"}  # fmt: skip
STANDINGS: Final[Mapping[str, str]] = {Standing.DOWN: "bold red", Standing.PLANNED: "yellow", Standing.UNKNOWN: "dim", Standing.UP: "green"}
"""The worst first."""
All = Annotated[bool, typer.Option("--all", help="also what is well, and every line of what is not")]
LISTED: Final = 40
"""Lines of one kind without --all: a site of ten thousand cameras that has lost an archiver has more to say than a screen."""

Kind = Annotated[str | None, typer.Argument(metavar="[KIND[/ID]]", help="only these: camera, agent, archiver, server or role")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="7d or 2h ago, ISO 8601 with a zone, or Unix seconds")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="like --from; now without it")]
KINDS: Final = ("camera", "agent", "archiver", "server", "role")


def health(every: All = False, as_json: AsJson = False, server: Servers = None) -> None:
    """Cameras whose video does not become durable in time, who is away, and backups; exit code 0 also when something is wrong."""
    client = reader(server)
    found, saved, unsaved = client.health(), None, ""
    try:
        saved = client.backups()
    except RemoteError as error:  # of a version that does not tell: everything else is known all the same
        unsaved = error.message
    if as_json:
        show_json(found.model_dump(mode="json") | {"backups": None if saved is None else saved.model_dump(mode="json")})
        return
    to, now_s = console(), time.time()
    show(found, now_s, to, every=every)
    if saved is None:
        to.print(Text(f"how backups are is not known: {unsaved}", "dim"), soft_wrap=True)
        return
    for line in lines(saved, now_s, every=every):
        to.print(line, soft_wrap=True)


def show(found: SiteHealth, now_s: float, to: Console, *, every: bool) -> None:
    """The worst first; ids and reasons as they are, never as markup."""
    to.print(_counted("cameras", found.cameras, LEVELS), soft_wrap=True)
    if found.blind:
        to.print(Text(f"nothing can be said of any camera: {found.blind}", "bold red"), soft_wrap=True)
    named = {name: one for name, one in found.cameras.items() if every or not (found.blind or one.state is Level.PROTECTED)}
    _list(named, LEVELS, now_s, to, every=every)
    kinds = {"agents": found.agents, "archivers": found.archivers, "servers": found.servers, "roles": found.roles}
    for title, members in kinds.items():
        if members:
            to.print(_counted(title, members, STANDINGS), soft_wrap=True)
            _list({name: one for name, one in members.items() if every or one.state is not Standing.UP}, STANDINGS, now_s, to, every=every)
    to.print(Text(f"server {found.server} watches since {story.when(found.since_s)}, limit {found.limit_s:g} s", "dim"), soft_wrap=True)


def _counted(title: str, ones: Mapping[str, CameraHealth | MemberHealth], styles: Mapping[str, str]) -> Text:
    counts = Counter(str(one.state) for one in ones.values())
    told = [(f"{counts[state]} {state}", style) for state, style in styles.items() if counts[state]] or [("none", "dim")]
    return Text.assemble((title, "bold cyan"), "  ", *[piece for one in told for piece in (", ", one)][1:])


def _list(ones: Mapping[str, CameraHealth | MemberHealth], styles: Mapping[str, str], now_s: float, to: Console, *, every: bool) -> None:
    if not ones:
        return
    order = list(styles)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(overflow="fold", max_width=30)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    ranked = sorted(ones.items(), key=lambda item: (order.index(item[1].state), item[0]))
    for name, one in ranked if every else ranked[:LISTED]:
        table.add_row(Text(name, "bold"), Text(one.state, styles[one.state]), Text(_time(one, now_s), "dim"), Text(one.why))
    to.print(table)
    if not every and len(ranked) > LISTED:
        to.print(Text(f"and {len(ranked) - LISTED} more, with --all", "dim"))


def _time(one: CameraHealth | MemberHealth, now_s: float) -> str:
    """Of a camera how old its newest durable chunk is, of others how long it has been so."""
    if isinstance(one, CameraHealth) and one.age_s is not None and one.state in (Level.UNPROTECTED, Level.PLANNED):
        return f"for {story.lasting(one.age_s)}"
    return f"for {story.lasting(max(0.0, now_s - one.since_s))}"


def availability(named: Kind = None, since: From = "30d", to: To = None, as_json: AsJson = False, server: Servers = None) -> None:
    """How much of a period cameras had durable video, and agents, archivers, servers and roles were there; the worst first.

    What was announced counts as planned, and what nobody watched as unknown: neither counts for or against anybody.
    """
    kind, _, name = (named or "").partition("/")
    if kind and kind not in KINDS:
        raise UsageError(f"{kind!r} is none of {', '.join(KINDS)}", remedy="write it as camera, or as camera/door")
    now_s = time.time()
    found = reader(server).availability(story.since(since, now_s), now_s if to is None else story.since(to, now_s), kind or None)
    if name:
        found = found.model_copy(update={"things": [one for one in found.things if one.id == name]})
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_period(found, console())


def show_period(found: SiteAvailability, to: Console) -> None:
    """The worst first."""
    to.print(Text(f"from {story.when(found.from_s)} to {story.when(found.to_s)}", "dim"))
    if not found.things:
        to.print(Text("nothing is known of it", "dim"))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold", max_width=32)
    for column in ("there", "down", "outages", "longest", "planned", "unknown"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in sorted(found.things, key=lambda one: (1.0 if one.share is None else one.share, KINDS.index(one.kind), one.id)):
        table.add_row(Text(f"{one.kind}/{one.id}"), _share(one), *(Text(text, "" if text != "-" else "dim") for text in _seconds(one)))
    to.print(table)


def _share(one: ThingAvailability) -> Text:
    """Never rounded up to all of it."""
    if one.share is None:
        return Text("-", "dim")
    percent = min(round(one.share * 100, 3), 99.999) if one.down_s > 0 else 100.0
    return Text(f"{percent:.3f} %", "green" if one.down_s == 0 else "yellow" if one.share >= 0.99 else "bold red")


def _seconds(one: ThingAvailability) -> tuple[str, ...]:
    down, longest, planned, unknown = (story.lasting(of) if of > 0 else "-"
                                       for of in (one.down_s, one.longest_s, one.planned_s, one.unknown_s))  # fmt: skip
    return down, str(one.outages) if one.outages else "-", longest, planned, unknown
