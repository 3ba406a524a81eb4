"""`watchkeep demo`: shows a whole site on this machine losing an archiver and losing nothing.

Rules: each scene is a line with its time, above a live table on a terminal; exit code 0 only when nothing is missing, 1
otherwise.  However it ends, no process stays; the working folder stays when it is named, or needed to find out what failed.
A signal is noted, and Cast.check raises it where the demo waits.  A handler that raised would lose it now and then (Python
swallows what is raised in a weak reference's callback, and each first import runs one), or a process that starts just then.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from ...wire import topics
from ...wire.errors import UsageError
from ...wire.shell.mqtt import MqttClient
from . import show
from .cast import Cast
from .follow import SiteView
from .story import Scene, Story

DRAW_S = 0.25
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Endings:
    """The signals that end a demo; a second one changes nothing."""

    def __init__(self) -> None:
        self.asked = False

    def watch(self) -> None:
        for number in _ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGHUP:  # the terminal is gone: drawing on it would fail and hide the interrupt
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            os.close(nowhere)


def demo(
    seconds: Annotated[float, typer.Option(min=10, max=86_400, help="how long each camera records")] = 40,
    cameras: Annotated[int, typer.Option(min=1, max=64, help="how many cameras")] = 4,
    size: Annotated[str, typer.Option(help="picture of the test source")] = "640x360",
    report: Annotated[Path | None, typer.Option(help="write the verdict as JSON")] = None,
    keep: Annotated[Path | None, typer.Option(help="work in this empty folder and keep logs and archives")] = None,
) -> None:
    """Record real RTSP cameras to two archivers, kill one of them midway, and prove what was kept."""
    if report is not None and not report.resolve().parent.is_dir():
        raise UsageError(f"{report} cannot be written", remedy="name a file in a folder that exists")
    endings = Endings()
    endings.watch()
    console = Console(highlight=False, soft_wrap=True)
    with _folder(keep, console) as folder:
        try:
            good = _run(console, Cast(folder, interrupted=lambda: endings.asked), seconds, cameras, size, report)
        except OSError as error:
            if endings.asked:  # drawn on a terminal that was just going
                raise KeyboardInterrupt from error
            raise
        if not good:
            raise typer.Exit(1)


@contextmanager
def _folder(keep: Path | None, console: Console) -> Iterator[Path]:
    """The folder to work in: the one that is named, or one of our own, kept only after a failure."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise UsageError(f"{keep} is not an empty folder", remedy="name a new one")
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="watchkeep-demo-"))
    try:
        yield folder
    except Exception:
        console.print(f"Logs and archives of this run are kept in {folder}")
        raise
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        console.print("Interrupted: every process was ended, and the folder is gone.")
        raise
    shutil.rmtree(folder)


def _run(console: Console, site: Cast, seconds: float, cameras: int, size: str, report: Path | None) -> bool:
    view = SiteView()
    with site as cast:
        console.print(f"A site on this machine for {seconds:g} s: {cameras} cameras, 1 agent, 2 archivers, 1 broker")
        console.print(f"While it runs, logs and archives are in {cast.folder}")
        cast.broker()
        client = MqttClient(cast.broker_url, client_id="wk-demo", will=None, birth=list)
        client.subscribe(topics.everything(cast.site), view.take)
        client.start()
        try:
            story = Story(cast, view, seconds=seconds, cameras=cameras, size=size)
            _show(console, view, story.play())
            cast.check()
        finally:
            client.stop()
    verdict = story.verdict
    assert verdict is not None
    console.print(show.verdict(verdict))
    if report is not None:
        report.write_text(json.dumps(verdict.as_json(), indent=1) + "\n")
    return verdict.good


def _show(console: Console, view: SiteView, scenes: Iterator[Scene]) -> None:
    """Play the story: a line for each new scene, and on a terminal the live table below the lines."""
    started, last = time.monotonic(), ""
    with Live(console=console, auto_refresh=False, transient=True) as display:
        for scene in scenes:
            if scene.text != last:
                last = scene.text
                console.print(f"{time.monotonic() - started:6.1f} s  {scene.text}")
            if console.is_terminal:
                left = "" if scene.left_s is None else f" ({scene.left_s:.0f} s)"
                display.update(show.live(view, scene.text + left, console.size), refresh=True)
            time.sleep(DRAW_S)
