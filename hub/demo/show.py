"""The demo on a terminal: a live table while it runs, and the verdict.

Rules: draws what SiteView and Verdict hold and decides nothing.
"""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .follow import SiteView
from .verdict import Verdict

_COLOUR = {"recording": "green", "connecting": "yellow", "stalled": "red", "unauthorized": "red", "unsupported": "red",
           "protected": "green", "degraded": "yellow", "unprotected": "red"}  # fmt: skip
SHOWN_EVENTS = 6
SHOWN_CAMERAS = 16


def live(view: SiteView, headline: str) -> RenderableType:
    """One frame of the live display."""
    return Group(Text(headline, style="bold"), cameras(view), archivers(view), events(view))


def cameras(view: SiteView) -> Table:
    table = Table(title="cameras", title_justify="left", expand=False)
    for name in ("camera", "state", "copies", "codec", "Mbit/s", "frames", "dropped", "chunk age", "durable age"):
        table.add_column(name, justify="left" if name in ("camera", "state", "copies", "codec") else "right")
    states = sorted(view.cameras.values(), key=lambda state: state.camera)
    for state in states[:SHOWN_CAMERAS]:
        table.add_row(state.camera, _coloured(state.status.value), _coloured(state.protection.value), state.codec, f"{state.mbit_s:.2f}",
                      str(state.frames), str(state.dropped_frames), _age(state.chunk_age_s), _age(state.durable_age_s))  # fmt: skip
    if len(states) > SHOWN_CAMERAS:
        table.add_row(f"... {len(states) - SHOWN_CAMERAS} more")
    return table


def archivers(view: SiteView) -> Table:
    table = Table(title="archivers, as the agent sees them", title_justify="left", expand=False)
    for name in ("archiver", "health", "received", "durable", "missing", "sent", "why"):
        table.add_column(name, justify="left" if name in ("archiver", "health", "why") else "right")
    for beacon in view.agents.values():
        for link in beacon.links:
            health = Text("healthy", "green") if link.healthy else Text("unhealthy", "red")
            table.add_row(link.archiver, health, str(link.received), str(link.durable), str(link.missing),
                          f"{link.sent_bytes / 1e6:.1f} MB", link.why)  # fmt: skip
    return table


def events(view: SiteView) -> Table:
    table = Table(title="events", title_justify="left", show_header=False, box=None)
    for event in list(view.events)[-SHOWN_EVENTS:]:
        table.add_row(event.kind.value, event.camera or event.archiver, event.text)
    return table


def verdict(result: Verdict) -> RenderableType:
    """The verdict as a table and a line that says it all."""
    takeover = result.takeover
    table = Table(title=f"{result.cameras} cameras, {result.seconds:g} s, archiver {takeover.killed} dead for {takeover.dead_s:.1f} s")
    for name in ("camera", "frames sent", *(f"in archive {archive.name}" for archive in result.archives), "gaps"):
        table.add_column(name, justify="left" if name == "camera" else "right")
    for camera, sent in sorted(result.sent.items()):
        held = [str(archive.frames.get(camera, 0)) for archive in result.archives]
        table.add_row(camera, str(sent), *held, str(max((archive.gaps.get(camera, 0) for archive in result.archives), default=0)))
    proof = "both archives hold the same chunks, every hash is proven" if result.identical else "the archives differ"
    lines = [f"takeover: {takeover.survivor} went on; no camera's newest chunk was ever older than {takeover.worst_chunk_age_s:.1f} s",
             f"detected dead after {_age(takeover.detected_s)}, caught up {_age(takeover.caught_up_s)} after its restart",
             f"verified: {proof}"]  # fmt: skip
    if result.good:
        ending = Panel(Text("NOTHING LOST: every frame that was sent is in both archives", "bold green"))
    else:
        ending = Panel(Text("\n".join(["FAILED", *result.problems]), "bold red"))
    return Group(table, *map(Text, lines), ending)


def _coloured(word: str) -> Text:
    return Text(word, _COLOUR.get(word, ""))


def _age(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
