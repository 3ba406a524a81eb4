"""`watchkeep agent run|check|status|top|move|reload`.

Rules: everything that can be wrong is found before anything is touched; errors leave as one line and exit code 2.
"""

import json
import logging
import os
import signal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..profiles import CameraProfile
from ..wire.errors import ConfigError, UsageError, WatchkeepError, redact
from ..wire.shell import log
from .config import CameraSection, read
from .control import show
from .control import top as view
from .control.client import ask
from .control.model import Request, Status
from .heap import few_arenas, settle
from .preflight import disk_note, fails, folder_problem, in_use, list_notes, ram_note, room_note, room_problem
from .service import AgentService
from .setup import Plan, mode, plan
from .signals import Signals

app = typer.Typer(no_args_is_help=True, help="The edge recorder.")
DEFAULT_CONFIG = Path("/etc/watchkeep/agent.toml")
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="agent.toml")]


@app.command()
def run(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Record in the foreground until SIGTERM or SIGINT; then stop cleanly within 10 s, nothing lost.  SIGHUP reads agent.toml again."""
    few_arenas()
    ready = plan(config, read(config))
    log.setup(as_json=ready.config.agent.log == "json")
    asked = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    settle()
    served, kept, again = list[AgentService](), None, True
    while again:
        with AgentService(ready, well=asked.again, kept=kept) as service:
            again = service.run(asked.next)
        served, ready, kept = [*served, service], service.plan, service.kept
    if left := [name for one in served for name in one.stragglers]:  # nothing is lost: they hold no frame, and everything else is closed
        logging.getLogger(__name__).warning("left behind", extra={"workers": " ".join(left)})
        logging.shutdown()
        os._exit(0)


@app.command()
def check(config: ConfigPath = DEFAULT_CONFIG, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False) -> None:
    """Say whether the agent would start here, now, and what would be recorded where.  Touches nothing.  Exit code 2 when it would not."""
    try:
        ready = plan(config, read(config))
        if problem := folder_problem(ready):
            problem.also = (ram_note(ready),) if fails(ready) else ()
            raise problem
        if problem := room_problem(ready):
            raise problem
    except ConfigError as error:
        if not as_json:
            raise
        typer.echo(_json({"ok": False, "problems": _listed([error, *error.also])}))
        raise typer.Exit(error.exit_code) from None
    notes = [note for note in (room_note(ready), disk_note(ready), in_use(ready)) if note is not None] + list_notes(ready)
    if as_json:
        typer.echo(_json({"ok": True, "problems": [], "notes": _listed(notes), **_summary(ready)}))
    else:
        _explain(ready, notes)


def _asked(folder: Path) -> Status:
    found = ask(folder, Request(command="status")).status
    if found is None:
        raise WatchkeepError("the agent's answer says nothing", remedy="use the watchkeep command of the agent's own version")
    return found


AsJson = Annotated[bool, typer.Option("--json", help="one JSON document")]


@app.command()
def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """How the agent that runs here is: cameras, archivers, copies, holes, journal.  Exit code 1 when none runs."""
    found = _asked(Path(read(config).agent.data_dir))
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    for line in show.status(found):
        typer.echo(line)


@app.command()
def top(
    config: ConfigPath = DEFAULT_CONFIG,
    every: Annotated[float, typer.Option("--every", help="seconds between two looks", min=0.5, max=60)] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document, once")] = False,
) -> None:
    """What the agent that runs here costs and does, camera by camera, until interrupted.  Exit code 1 when none runs."""
    folder = Path(read(config).agent.data_dir)
    if as_json:
        typer.echo(_json(view.figures(_asked(folder))))
        return
    from .control import screen  # here, because an agent that records has no screen: rich would cost it memory

    screen.watch(partial(_asked, folder), every)


@app.command()
def move(
    config: ConfigPath = DEFAULT_CONFIG,
    cameras: Annotated[list[str] | None, typer.Argument(metavar="[CAMERA]...", help="which cameras")] = None,
    every: Annotated[bool, typer.Option("--all", help="all cameras")] = False,
    to: Annotated[str | None, typer.Option("--to", help="the archiver to put first, from the next segment cut on")] = None,
    back: Annotated[bool, typer.Option("--back", help="back to their lists, and archivers in their hold-down are used at once")] = False,
    as_json: AsJson = False,
) -> None:
    """Put an archiver first for cameras of the agent that runs here, or give them back to their lists.  Lasts until the agent stops."""
    if bool(cameras) is every:
        raise UsageError("name cameras, or --all", remedy="watchkeep agent move cam0 --to b -c agent.toml")
    if bool(to) is back:
        raise UsageError("one of --to and --back is needed", remedy="watchkeep agent move --all --back -c agent.toml")
    answer = ask(Path(read(config).agent.data_dir), Request(command="move", cameras=tuple(cameras or ()), to=to or ""))
    if as_json:
        typer.echo(_json([each.model_dump() for each in answer.moved]))
    for each in () if as_json else answer.moved:
        typer.echo(show.moved(each))


@app.command()
def reload(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Have the agent that runs here read its agent.toml again, as SIGHUP does, and say what has changed.  A wrong file changes nothing."""
    found = ask(Path(read(config).agent.data_dir), Request(command="reload")).reloaded
    if found is None:
        raise WatchkeepError("the agent's answer says nothing", remedy="use the watchkeep command of the agent's own version")
    typer.echo(found.model_dump_json(indent=1) if as_json else f"{found.changes or 'no camera has changed'}")
    if found.kept and not as_json:
        typer.echo(f"restart the agent for {', '.join(found.kept)}")


def _explain(ready: Plan, notes: list[ConfigError]) -> None:
    """What an operator reads who checks a file that is good."""
    rows = [_explained(ready, camera) for camera in ready.config.camera]
    agent = ready.config.agent
    typer.echo(f"{ready.file}: good. Agent {agent.id} records {len(rows)} cameras with profile {agent.profile}: "
               f"{ready.profile.description}; power {ready.profile.power}.")  # fmt: skip
    typer.echo(f"Without any archiver the journal of {ready.journal_max_bytes / 1e9:.1f} GB lasts {ready.journal_hours:.1f} hours, "
               f"if each camera sends the profile's {ready.profile.bitrate_mbit:g} Mbit/s.")  # fmt: skip
    for line in _followed(ready):
        typer.echo(line)
    for row in rows:
        where = ", ".join(row["archivers"] or ["all known archivers, by id"])
        copies = "1 copy" if row["copies"] == 1 else f"{row['copies']} copies"
        group = f", group {row['group']}" if row["group"] else ""
        typer.echo(f"  {row['camera']}: {row['url']} over {row['transport']}, {copies} on {where} ({row['mode']}), "
                   f"priority {row['priority']}{group}")  # fmt: skip
    for name, make in _makes(ready).items():
        typer.echo(f"At cameras of profile {name} ({make.description}):")
        for advice in make.notes:
            typer.echo(f"  - {advice}")
    for note in notes:
        typer.echo(f"note: {note.line()}")


def _followed(ready: Plan) -> list[str]:
    wanted = ready.config.directory
    if wanted.mdns:
        return ["It also records what a directory gives to it, by whichever servers of the site mDNS shows."]
    where = ", ".join(map(redact, wanted.servers))
    return [f"It also records what the directory at {where} gives to it."] if where else []


def _summary(ready: Plan) -> dict[str, Any]:
    agent = ready.config.agent
    return {"agent": agent.id, "profile": agent.profile, "power": ready.profile.power, "ring_bytes_per_camera": ready.ring_bytes,
            "journal_max_bytes": ready.journal_max_bytes, "journal_hours": round(ready.journal_hours, 1),
            "directory": [redact(url) for url in ready.config.directory.servers], "directory_mdns": ready.config.directory.mdns,
            "cameras": [_explained(ready, camera) for camera in ready.config.camera],
            "at_the_cameras": {name: list(make.notes) for name, make in _makes(ready).items()}}  # fmt: skip


def _makes(ready: Plan) -> dict[str, CameraProfile]:
    """The camera profiles that are used, by name, in the order of the file."""
    return {camera.profile: ready.cameras[camera.id] for camera in ready.config.camera}


def _listed(errors: list[ConfigError]) -> list[dict[str, str]]:
    return [{"file": error.file, "key": error.key, "problem": error.message, "remedy": error.remedy} for error in errors]


def _json(value: object) -> str:
    return json.dumps(value, indent=1)


def _explained(ready: Plan, camera: CameraSection) -> dict[str, Any]:
    """One camera as it would be recorded; archivers None means all that are known."""
    rule = ready.policy(camera)
    return {"camera": camera.id, "url": redact(ready.url(camera)), "transport": ready.transport(camera), "group": camera.group,
            "copies": rule.copies, "archivers": None if rule.archivers is None else list(rule.archivers), "priority": rule.priority,
            "mode": mode(rule)}  # fmt: skip
