"""`watchkeep archive diff A_URL B_URL` and `watchkeep archive heal TARGET_URL FROM_URL`.

Rules: exit 0 the same, or healed; 1 different, or something is left to heal; 2 usage, or an archiver cannot be asked.  Reports go to
standard output, progress to standard error and only when that is a terminal.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ...wire.causes import ConsolidationPhase
from ...wire.ids import check_id
from ...wire.messages import ConsolidationOrder, ConsolidationState
from .client import PeerClient
from .diff import ArchiveDifference, CameraDifference, Missing, diff

POLL_S: Final = 0.3
MAX_LINES: Final = 20
PIPE_COLUMNS: Final = 160
"""Width of the table where no terminal says one."""

app = typer.Typer(help="Compare and heal archivers over the network.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print the whole result as one JSON document")]
Camera = Annotated[str, typer.Option(help="only this camera")]


@app.command("diff")
def diff_command(
    a: Annotated[str, typer.Argument(metavar="A_URL", help="an archiver, for example http://10.0.0.1:9701")],
    b: Annotated[str, typer.Argument(metavar="B_URL", help="another one")],
    camera: Camera = "",
    as_json: AsJson = False,
) -> None:
    """Compare what two archivers hold, chunk by chunk, by hashes.  Exit 0 the same, 1 different, 2 usage or no answer."""
    if camera:
        check_id("camera", camera)
    with closing(PeerClient(a)) as first, closing(PeerClient(b)) as second, _bar("comparing") as bar:
        found = diff(first, second, camera, lambda done, total, name: bar(f"comparing {name}", done, total))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _show_difference(found, _console())
    raise typer.Exit(0 if found.good else 1)


@app.command()
def heal(
    target: Annotated[str, typer.Argument(metavar="TARGET_URL", help="the archiver to heal")],
    source: Annotated[str, typer.Argument(metavar="FROM_URL", help="the archiver to pull from, as TARGET reaches it")],
    camera: Camera = "",
    as_json: AsJson = False,
) -> None:
    """Have an archiver prove its files, set damaged ones aside, and pull what it lacks from another one.

    Nothing is deleted and nothing is overwritten.  Exit 0 healed, 1 something is left, 2 usage or no answer.
    """
    if camera:
        check_id("camera", camera)
    with closing(PeerClient(target)) as client, _bar("healing") as bar:
        state = client.order(ConsolidationOrder(url=source, camera=camera))
        while not state.ended:
            bar(*_progress_of(state))
            time.sleep(POLL_S)
            state = client.job(state.job)
    if as_json:
        typer.echo(state.model_dump_json(indent=2))
    else:
        _show_state(state, _console())
    raise typer.Exit(0 if healed(state) else 1)


def healed(state: ConsolidationState) -> bool:
    """Whether a job has left nothing to do."""
    return state.phase is ConsolidationPhase.DONE and not (
        state.different or state.refused or state.unavailable or state.incomplete)  # fmt: skip


def _progress_of(state: ConsolidationState) -> tuple[str, int, int]:
    """What to show of a job: files while they are proven, then chunks, else cameras."""
    if state.phase is ConsolidationPhase.PROVING and state.files:
        return "proving files", state.files_done, state.files
    if state.phase is ConsolidationPhase.PULLING and state.missing:
        return "pulling chunks", state.pulled, state.missing
    return f"{state.phase} cameras", state.cameras_done, state.cameras


class _Bar:
    """One line of progress whose text and total change."""

    def __init__(self, progress: Progress | None, text: str) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task(text, total=None)

    def __call__(self, text: str, done: int, total: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=escape(text), completed=done, total=total or None)


@contextmanager
def _bar(text: str) -> Iterator[_Bar]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Bar(None, text)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, text)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)


def _show_difference(found: ArchiveDifference, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("camera", "same", "missing on A", "missing on B", "different", "unproven"):
        table.add_column(column, justify="left" if column == "camera" else "right")
    for camera in found.cameras:
        counts = (_chunks(camera.missing_a), _chunks(camera.missing_b), _chunks(camera.different), _chunks(camera.unproven))
        table.add_row(escape(camera.camera), str(camera.same), *map(str, counts))
    console.print(table)
    lines = [line for camera in found.cameras for line in _lines(camera)]
    for line in lines[:MAX_LINES]:
        console.print(line, highlight=False, soft_wrap=True)
    if len(lines) > MAX_LINES:
        console.print(f"... and {len(lines) - MAX_LINES} more; --json lists them all", highlight=False)
    same = sum(camera.same for camera in found.cameras)
    verdict = f"the same: {same} chunks" if found.good else f"different: {same} chunks are the same; see above"
    console.print(verdict, style="bold green" if found.good else "bold red", highlight=False, soft_wrap=True)


def _chunks(spans: Iterable[Missing]) -> int:
    return sum(span.last_seq - span.first_seq + 1 for span in spans)


def _lines(camera: CameraDifference) -> Iterator[str]:
    for what, spans in (("missing on A", camera.missing_a), ("missing on B", camera.missing_b), ("different", camera.different),
                        ("unproven", camera.unproven)):  # fmt: skip
        for span in spans:
            yield f"[red]{what}[/] {escape(camera.camera)} epoch {span.epoch} chunks {span.first_seq} to {span.last_seq}"


def _show_state(state: ConsolidationState, console: Console) -> None:
    for aside in state.set_aside:
        named = ", ".join(map(str, aside.damaged[:MAX_LINES])) or "none by name"
        console.print(f"[yellow]set aside[/] {escape(aside.path)}: {escape(aside.why)}; damaged chunks of {escape(aside.camera)} "
                      f"epoch {aside.epoch}: {named}", highlight=False, soft_wrap=True)  # fmt: skip
    counts = (f"{state.cameras_done} of {state.cameras} camera(s) from {state.peer}: {state.same} chunks the same; "
              f"{state.pulled} of {state.missing} missing ones pulled, {state.pulled_bytes / 1e6:.1f} MB")  # fmt: skip
    console.print(escape(counts), highlight=False, soft_wrap=True)
    for count, text in ((state.expiring, "not pulled: retention would delete them at once"),
                        (state.unavailable, "not available at the peer"), (state.refused, "refused: they do not fit what is held"),
                        (state.different, "in ranges that differ although each side's prove themselves"),
                        (state.contested, "not pulled: they follow such a range"),
                        (state.incomplete, "of files that were set aside are still missing")):  # fmt: skip
        if count:
            console.print(f"{count} chunk(s) {text}", highlight=False, soft_wrap=True)
    verdict = f"failed: {state.why}" if state.phase is ConsolidationPhase.FAILED else "healed" if healed(state) else "not healed: see above"
    console.print(escape(verdict), style="bold green" if healed(state) else "bold red", highlight=False, soft_wrap=True)
