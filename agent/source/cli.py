"""`watchkeep source`: the command line of the RTSP test source (docs/SOURCE.md).

Rules: one ready line on stdout, then nothing more; what is wrong with the options is one line and exit code 2.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .faults import parse_faults
from .options import AUDIO, Settings, parse_credentials, parse_video
from .service import Ready, run


def source(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one.")] = 8554,
    cameras: Annotated[int, typer.Option(help="Number of cameras: /cam0, /cam1, ...")] = 1,
    file: Annotated[Path | None, typer.Option(help="Loop this H.264 or H.265 file instead of the test pattern.")] = None,
    codec: Annotated[str, typer.Option(help="h264 or h265.")] = "h264",
    size: Annotated[str, typer.Option(help="Picture size, WIDTHxHEIGHT.")] = "1280x720",
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 25,
    bitrate: Annotated[str, typer.Option(help="Bits a second of one camera, as 800k or 4M.")] = "4M",
    gop: Annotated[int, typer.Option(help="Frames from key frame to key frame; 0 is one second.")] = 0,
    bframes: Annotated[int, typer.Option(help="B-frames between references.")] = 0,
    loop_seconds: Annotated[int, typer.Option(help="Encode this many seconds ahead and loop them, to save CPU; 0 encodes live.")] = 0,
    audio: Annotated[str, typer.Option(help=f"One of {', '.join(AUDIO)}.")] = "none",
    auth: Annotated[str, typer.Option(envvar="WATCHKEEP_SOURCE_AUTH", help="Ask for digest authentication: USER:PASSWORD.")] = "",
    frames: Annotated[int, typer.Option(help="Send exactly N frames, then end the session and answer 503; 0 sends for ever.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Write what was sent to this JSON file at the end.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="A fault of one camera, as cam1:mute; may be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Make the random numbers repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ready line as JSON.")] = False,
) -> None:
    """Serve RTSP test cameras; every frame carries a counter."""
    run(
        Settings(
            host=host,
            port=port,
            cameras=cameras,
            video=parse_video(codec, size, fps, bitrate, gop, bframes),
            loop_s=loop_seconds or None,
            file=file,
            audio=audio,
            credentials=parse_credentials(auth),
            frames=frames or None,
            report=report,
            faults=parse_faults(fault or (), cameras),
            seed=seed,
        ),
        _announce_json if as_json else _announce,
    )


def _announce_json(ready: Ready) -> None:
    print(json.dumps({"ready": True, "port": ready.port, "urls": ready.urls, "run": ready.run, "notes": ready.notes}), flush=True)


def _announce(ready: Ready) -> None:
    console = Console()
    if not console.is_terminal:
        print(f"ready: {ready.urls[0]}{f' .. {ready.urls[-1]}' if len(ready.urls) > 1 else ''}", *ready.notes, sep="; ", flush=True)
        return
    table = Table("camera", "url", title=f"ready on port {ready.port}", caption="; ".join((*ready.notes, "Ctrl-C stops")))
    for url in ready.urls:
        table.add_row(url.rsplit("/", 1)[1], url)
    console.print(table)
