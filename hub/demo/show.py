"""The demo on a terminal: a live table while it runs, and the verdict.

Rules: draws what SiteView and Verdict hold and decides nothing; fits 80 columns, and as many lines as the terminal has.
"""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...wire.messages import Event
from .follow import SiteView
from .verdict import Verdict

_COLOUR = {"recording": "green", "connecting": "yellow", "stalled": "red", "unauthorized": "red", "unsupported": "red",
           "protected": "green", "degraded": "yellow", "unprotected": "red"}  # fmt: skip
SHOWN_EVENTS = 5
LEGEND = "newest: age of the newest chunk     stored: of the newest with all its copies"
_FIXED_LINES = 13 + SHOWN_EVENTS
"""Lines of a frame that are not cameras: headline, legend, heads of two tables, two archivers, and the space between."""
_LINK_COLUMNS = 60
"""Columns that an archiver's line needs before its `why`."""


def live(view: SiteView, headline: str, size: tuple[int, int]) -> RenderableType:
    """One frame of the live display, for a terminal of so many columns and lines."""
    columns, lines = size
    shown, why = max(lines - _FIXED_LINES, 2), max(columns - _LINK_COLUMNS, 4)
    return Group(Text(headline, style="bold"), cameras(view, shown), Text(LEGEND, "dim"), archivers(view, why), events(view))


def cameras(view: SiteView, shown: int) -> Table:
    """The first so many cameras, and how many more there are."""
    table = _table("camera", "state", "copies", right=("Mbit/s", "frames", "dropped", "newest", "stored"))
    states = sorted(view.cameras.values(), key=lambda state: (len(state.camera), state.camera))
    fit = len(states) if len(states) <= shown else shown - 1
    for state in states[:fit]:
        copies = "" if state.chunk_age_s is None else state.protection.value  # before the first chunk there is nothing to protect
        table.add_row(state.camera, _coloured(state.status.value), _coloured(copies), f"{state.mbit_s:.1f}", str(state.frames),
                      str(state.dropped_frames), _age(state.chunk_age_s), _age(state.durable_age_s))  # fmt: skip
    if len(states) > fit:
        table.add_row(f"+ {len(states) - fit}", "more")
    return table


def archivers(view: SiteView, why: int) -> Table:
    """The archivers, as the agents see them; a chunk is `owed` until the archiver has acknowledged it."""
    table = _table("archiver", "health", right=("received", "durable", "owed", "sent"))
    table.add_column("why", no_wrap=True, max_width=why)
    for beacon in view.agents.values():
        for link in beacon.links:
            health = Text("healthy", "green") if link.healthy else Text("unhealthy", "red")
            table.add_row(link.archiver, health, str(link.received), str(link.durable), str(link.missing),
                          f"{link.sent_bytes / 1e6:.0f} MB", Text(link.why))  # fmt: skip
    return table


def events(view: SiteView) -> RenderableType:
    """The newest events, one line each."""
    return Group(*(_event(event) for event in list(view.events)[-SHOWN_EVENTS:]))


def verdict(result: Verdict) -> RenderableType:
    """The verdict as a table and a line that says it all."""
    takeover = result.takeover
    table = _table("camera", right=("frames sent", *(f"in archive {archive.name}" for archive in result.archives), "gaps"))
    for camera, sent in sorted(result.sent.items(), key=lambda item: (len(item[0]), item[0])):
        held = [str(archive.frames.get(camera, 0)) for archive in result.archives]
        table.add_row(camera, str(sent), *held, str(max((archive.gaps.get(camera, 0) for archive in result.archives), default=0)))
    proof = "both archives hold the same chunks, every hash is proven" if result.identical else "the archives differ"
    noticed = "never noticed" if takeover.detected_s is None else f"noticed after {takeover.detected_s:.1f} s"
    whole = "never" if takeover.caught_up_s is None else f"{takeover.caught_up_s:.1f} s after its restart"
    lines = [f"takeover:  archiver {takeover.killed} was dead for {takeover.dead_s:.1f} s, {noticed}; {takeover.survivor} went on",
             f"recording: no camera's newest chunk was ever older than {takeover.worst_chunk_age_s:.1f} s",
             f"catch-up:  {takeover.killed} had all that it had missed: {whole}",
             f"proof:     {proof}"]  # fmt: skip
    if result.good:
        ending = Panel.fit(Text("NOTHING LOST: every frame that was sent is in both archives", "bold green"))
    else:
        ending = Panel.fit(Text("\n".join(["FAILED", *result.problems]), "bold red"))
    return Group(table, *map(Text, lines), ending)


def _table(*left: str, right: Iterable[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, expand=False, padding=(0, 1, 0, 0), pad_edge=False)
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _event(event: Event) -> Text:
    name = event.camera or event.archiver
    line = Text.assemble((f"{event.kind.value:9} ", "cyan"), event.text if name in event.text else f"{name}: {event.text}")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _coloured(word: str) -> Text:
    return Text(word, _COLOUR.get(word, ""))


def _age(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
