"""`watchkeep site roles | failover | maintenance` and `camera move`: a site that runs is steered.

Rules: what an order does is said before it is asked for, and again by the directory's answer; where its effect takes a moment, as with a
new leader, the command waits for it and says what came of it.
"""

import time
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...wire import http
from ...wire.commands import MAX_ABSENCE_S, FailoverOrder, MaintenanceOrder, MoveOrder, Order, OrderAnswer
from ...wire.config import worded
from ...wire.errors import UsageError
from ..directory.exchange import Taken
from ..directory.health.standing import absences
from ..directory.roles import NOWHERE, ROLES
from . import story
from .client import Seen, SiteClient, SiteError
from .options import Actor, AsJson, Servers, Yes, agreed, connect, console, done, reader, remark, show_json

O = TypeVar("O", bound=Order)  # noqa: E741 - an order
DIRECTORY: Final = "directory"
LEADER: Final = "leader"
"""Who does what the site has no role for."""
LED_S: Final = 15.0
"""How long a new leader is waited for: three times as long as it takes."""
LOOK_S: Final = 0.3


class Switch(StrEnum):
    ON = "on"
    OFF = "off"
    SHOW = "show"


def roles(as_json: AsJson = False, server: Servers = None) -> None:
    """Who leads, and who holds each role of the hub."""
    seen = reader(server).whole()
    site = seen.site
    order = sorted(site.servers, key=lambda name: site.servers[name].rank)
    rows = [(DIRECTORY, seen.leader, site.term, ", ".join(order), "sticky")]
    for name, one in site.roles.items():
        lease = site.leases.get(name)
        rows.append((name, lease.holder if lease else "", lease.number if lease else 0, ", ".join(one.servers), one.holder))
    rows += [(name, seen.leader, 0, "", LEADER) for name in ROLES if name not in site.roles]
    if as_json:
        show_json([dict(zip(("role", "holder", "number", "servers", "mode"), row, strict=True)) for row in rows])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("role", "held by", "number", "in this order", "holder"):
        table.add_column(column, overflow="fold", justify="right" if column == "number" else "left")
    for name, holder, number, listed, mode in rows:
        held = Text(holder or "nobody", "green" if holder else "bold red")
        table.add_row(Text(name, "bold"), held, str(number or ""), Text(listed), mode)
    console().print(table)
    for name in site.roles:
        if name not in ROLES:
            remark(f"{name}: {NOWHERE}; `watchkeep site role remove {name}`")


def failover(
    name: Annotated[str, typer.Argument(metavar="NAME", help="directory, a role, agent or archiver; agent/NAME where several have it")],
    back: Annotated[bool, typer.Option("--back", help="give an archiver its place in every list back")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    server: Servers = None,
    actor: Actor = None,
) -> None:
    """Let another one take over: the lead of the directory, a role, all cameras of an agent, or the place of an archiver.

    An archiver is used last from then on: its cameras go to the next of their lists at once, without a gap, and those whose lists
    have nobody else stay. What it has it keeps and serves. It stays so until you give it back: `watchkeep site failover NAME --back`.
    """
    wanted, client, to = _order(FailoverOrder, name=name, back=back), connect(server, actor), console()
    before = client.whole()
    leads = name in (DIRECTORY, before.leader, f"server/{before.leader}") and not back
    question = f"give {name} its place in every list back?" if back else f"let another one take over from {name}?"
    agreed(f"let another server lead instead of {before.leader}?" if leads else question, yes=yes)
    answer = client.order(http.SITE_FAILOVER, wanted, OrderAnswer)
    if not as_json:
        _told(answer, to)
    now: Seen | None = None
    try:
        now = _another_leader(client, before) if answer.text.endswith("hands the lead over") else None
    finally:  # the order stands, whatever becomes of it
        if as_json:
            show_json({**answer.model_dump(), **({} if now is None else {"leader": now.leader, "term": now.site.term})})
    if now is not None and not as_json:
        to.print(Text(f"{now.leader} leads in term {now.site.term}", "green"))


def _another_leader(client: SiteClient, before: Seen) -> Seen:
    """Raises SiteError when nobody else leads in time."""
    deadline = time.monotonic() + LED_S
    while time.monotonic() < deadline:
        time.sleep(LOOK_S)
        now = client.whole()
        if now.leader and now.site.term > before.site.term:
            return now
    raise SiteError(f"no other server leads after {LED_S:g} s", remedy="see `watchkeep site show`: no other one has all entries")


def maintenance(
    what: Switch,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="agent, archiver or server; archiver/NAME where several have it")] = "",
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="on: how long, such as 15m, 2h or 3d")] = "1h",
    as_json: AsJson = False,
    server: Servers = None,
    actor: Actor = None,
) -> None:
    """Announce that an agent, archiver or server will be away: it keeps its work meanwhile, and the time counts as planned."""
    client, to = connect(server, actor), console()
    if what is Switch.SHOW:
        _absences(client.whole(), name, to, as_json=as_json)
        return
    on = what is Switch.ON
    wanted = _order(MaintenanceOrder, name=name, on=on, lasting_s=story.span(lasting, MAX_ABSENCE_S) if on else 1.0)
    answer = client.order(http.SITE_MAINTENANCE, wanted, OrderAnswer)
    _told(answer, to, as_json=as_json)
    if on and not as_json and answer.text.startswith("archiver/"):
        remark("agents that follow the directory know in some seconds; others only by `watchkeep hub maintenance on --url ITS-ADDRESS`")


def _absences(seen: Seen, name: str, to: Console, *, as_json: bool) -> None:
    away = {str(key): end_s for key, end_s in sorted(absences(seen.site, time.time()).items())
            if name.rpartition("/")[2] in ("", key.id)}  # fmt: skip
    if as_json:
        show_json(away)
        return
    for key, end_s in away.items():
        to.print(Text.assemble((key, "bold"), f"  until {story.when(end_s)}"))
    if not away:
        to.print(Text("nobody is in maintenance", "dim"))


def move(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="cameras")],
    to_agent: Annotated[str, typer.Option("--to", metavar="AGENT", help="who records them from now on")],
    as_json: AsJson = False,
    server: Servers = None,
    actor: Actor = None,
) -> None:
    """Let another agent record some cameras; all of them or none.  Copies go to the same archivers as before."""
    answer = connect(server, actor).order(http.SITE_MOVE, _order(MoveOrder, cameras=list(names), agent=to_agent), OrderAnswer)
    _told(answer, console(), as_json=as_json)


def _order(kind: type[O], **fields: object) -> O:
    """Raises UsageError for what is no order at all."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        text, remedy = worded(first, kind)
        raise UsageError(f"{'.'.join(map(str, first['loc']))} {text}", remedy=remedy) from error


def _told(answer: OrderAnswer, to: Console, *, as_json: bool = False) -> None:
    if as_json:
        show_json(answer.model_dump())
        return
    to.print(Text(answer.text), soft_wrap=True)
    done(Taken(index=answer.index, copies=answer.copies), to)
