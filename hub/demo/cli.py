"""`watchkeep demo`: shows a whole site on this machine losing an archiver and losing nothing.

Rules: a live table on a terminal, plain lines elsewhere; exit code 0 only when nothing is missing, 1 otherwise.
"""

import json
import signal
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.live import Live

from ...wire import topics
from ...wire.errors import UsageError
from ...wire.shell.mqtt import MqttClient
from . import show
from .cast import Cast
from .follow import SiteView
from .story import Story

DRAW_S = 0.25


def demo(
    seconds: Annotated[float, typer.Option(min=10, max=86_400, help="how long each camera records")] = 40,
    cameras: Annotated[int, typer.Option(min=1, max=64, help="how many cameras")] = 4,
    size: Annotated[str, typer.Option(help="picture of the test source")] = "640x360",
    report: Annotated[Path | None, typer.Option(help="write the verdict as JSON")] = None,
    keep: Annotated[Path | None, typer.Option(help="work in this empty folder and keep logs and archives")] = None,
) -> None:
    """Record real RTSP cameras to two archivers, kill one of them midway, and prove what was kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise UsageError(f"{keep} is not empty", remedy="name a new folder")
        good = _run(keep.resolve(), seconds, cameras, size, report)
    else:
        with tempfile.TemporaryDirectory(prefix="watchkeep-demo-") as folder:
            good = _run(Path(folder), seconds, cameras, size, report)
    raise typer.Exit(0 if good else 1)


def _run(folder: Path, seconds: float, cameras: int, size: str, report: Path | None) -> bool:
    console, view = Console(), SiteView()
    with Cast(folder) as cast:
        console.print(f"A site on this machine: {cameras} cameras, 1 agent, 2 archivers, 1 MQTT broker; logs in {folder}")
        cast.broker()
        client = MqttClient(cast.broker_url, client_id="wk-demo", will=None, birth=list)
        client.subscribe(topics.everything(cast.site), view.take)
        client.start()
        try:
            story = Story(cast, view, seconds=seconds, cameras=cameras, size=size)
            _show(console, view, story)
        finally:
            client.stop()
    verdict = story.verdict
    assert verdict is not None
    console.print(show.verdict(verdict))
    if report is not None:
        report.write_text(json.dumps(verdict.as_json(), indent=1) + "\n")
    return verdict.good


def _show(console: Console, view: SiteView, story: Story) -> None:
    if not console.is_terminal:
        last = ""
        for headline in story.play():
            if (said := headline.split(" (")[0]) != last:
                last = said
                console.print(said)
            time.sleep(DRAW_S)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as display:
        for headline in story.play():
            display.update(show.live(view, headline))
            time.sleep(DRAW_S)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the demo like Ctrl-C: every process of the cast is ended on the way out."""
    raise KeyboardInterrupt
