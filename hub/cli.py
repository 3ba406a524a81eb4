"""`watchkeep hub run | check | init-volume`, `maintenance` and `lock add | list | remove` for a hub that runs already, and `backup`,
`backups` and `restore` of the directory.

Rules: signals are handled here and nowhere else; errors leave as WatchkeepError and become one line and an exit code
in wire/shell/cli.py: 0 done or stopped by a signal, 1 failed while running, 2 something has to be changed first.
"""

import json
import logging
import signal
import time
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, Final

import typer

from ..wire.errors import ConfigError, UsageError, WatchkeepError
from ..wire.shell import log as logs
from .config import HubConfig, http_address, load_hub, local
from .duty.client import MaintenanceClient
from .duty.maintenance import seconds_of
from .explain import explain
from .preflight import problems
from .protect.client import LockClient
from .protect.model import LockState, lock_request
from .service import HubService
from .store.identity import init_volume as give_identity

log = logging.getLogger(__name__)

DEFAULT_CONFIG: Final = Path("/etc/watchkeep/hub.toml")
_LOOK_S: Final = 1.0
"""How often the command looks whether the API is still served; a signal is noticed at once."""

app = typer.Typer(help="The hub: archiver, directory and embedded broker.", no_args_is_help=True)
lock_app = typer.Typer(help="Evidence locks of a running archiver: video that retention has to leave alone.", no_args_is_help=True)
app.add_typer(lock_app, name="lock")
ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="hub.toml")]


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG, log_json: Annotated[bool, typer.Option(help="log as JSON lines")] = False) -> None:
    """Run in the foreground until SIGTERM or SIGINT, then stop cleanly."""
    logs.setup(as_json=log_json)
    # SimpleQueue.put may interrupt a get of the same thread, as a signal handler does; Event.set could deadlock there.
    asked: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked.put(received))
    service = HubService(load_hub(config), str(config))
    service.start()
    try:
        _wait(service, asked)
    finally:
        service.stop()


def _wait(service: HubService, asked: SimpleQueue[int]) -> None:
    """Return at a signal; raises WatchkeepError when the API ends by itself."""
    while True:
        try:
            log.info("asked to stop", extra={"signal": signal.Signals(asked.get(timeout=_LOOK_S)).name})
        except Empty:
            if not service.alive:
                raise WatchkeepError("the HTTP server ended by itself", remedy="look for its reason in the log above") from None
        else:
            return


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG, as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False) -> None:
    """Say whether the hub would start here, now, and what it would do.  Changes nothing.  Exit code 2 when it would not."""
    found: list[ConfigError] = []
    loaded: HubConfig | None = None
    try:
        loaded = load_hub(config)
        found = list(problems(loaded, str(config)))
    except ConfigError as error:
        found = [error, *error.also]
    if as_json:
        typer.echo(json.dumps({"ok": not found, "problems": [_as_dict(error) for error in found]}, indent=2))
    else:
        for line in [f"watchkeep: {error.line()}" for error in found] if found or loaded is None else explain(loaded):
            typer.echo(line, err=bool(found))
    raise typer.Exit(2 if found else 0)


def _as_dict(error: ConfigError) -> dict[str, str]:
    return {"file": error.file, "key": error.key, "problem": error.message, "remedy": error.remedy}


@app.command("init-volume")
def init_volume(
    path: Path,
    config: ConfigFile = DEFAULT_CONFIG,
    archiver: Annotated[str | None, typer.Option("--id", help="archiver that the volume is for; default: hub.id")] = None,
    force: Annotated[bool, typer.Option("--force", help="also when it is not empty or another archiver's")] = False,
) -> None:
    """Give a disk its identity, so that this archiver will write to it and an unmounted one is noticed."""
    hub = load_hub(config).hub
    if not path.is_absolute():
        raise UsageError(f"{path} is not an absolute path", remedy="write it as archiver.volumes in the configuration has it")
    identity = give_identity(path, archiver or hub.id, hub.data_dir, force=force)
    typer.echo(f"volume {identity.volume} of archiver {identity.archiver} at {path}")


Url = Annotated[str, typer.Option("--url", help="the archiver's API, http://host:9701")]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


class What(StrEnum):
    ON = "on"
    OFF = "off"
    SHOW = "show"


@app.command()
def maintenance(
    what: What,
    config: ConfigFile = DEFAULT_CONFIG,
    url: Annotated[str | None, typer.Option("--url", help="the archiver's API; default: that of the configuration")] = None,
    lasting: Annotated[str, typer.Option("--for", help="on: how long, such as 90s, 15m or 1h")] = "15m",
    as_json: AsJson = False,
) -> None:
    """Announce that this archiver will be silent for a while: agents wait for it, and nobody takes over.  A restart ends it.

    Returns when all agents know, so it can be stopped then.  Exit code 1 when some may not.
    """
    client = MaintenanceClient(url or _own_url(load_hub(config)), monotonic=time.monotonic, sleep=time.sleep)
    found = client.state() if what is What.SHOW else client.order(seconds_of(lasting) if what is What.ON else 0.0)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        state = f"is in maintenance for another {found.maintenance_s:.0f} s" if found.maintenance_s else "is not in maintenance"
        idle = what is What.SHOW and not found.maintenance_s
        unaware = f"; not yet told: {', '.join(found.agents)}" if found.agents else "" if idle else "; all agents know"
        typer.echo(f"archiver {found.archiver} {state}{unaware}")
    raise typer.Exit(1 if found.agents and what is not What.SHOW else 0)


def _own_url(config: HubConfig) -> str:
    """Where this machine reaches the hub of a configuration."""
    return f"http://{local(http_address(config))}"


From = Annotated[list[Path] | None, typer.Option("--from", help="a folder of backups; default: those of the configuration")]


@app.command()
def backup(config: ConfigFile = DEFAULT_CONFIG, full: Annotated[bool, typer.Option("--full", help="not only what is new")] = False) -> None:
    """Back the directory's journal up to every folder of the configuration, now, and prove each backup.  Exit code 1 when one failed.

    Works beside a hub that runs, as the hub's user.
    """
    from .directory.backup import commands as backups_of  # here, as a hub that archives goes without SQLAlchemy

    raise typer.Exit(backups_of.back_up(load_hub(config), full=full))


@app.command()
def backups(config: ConfigFile = DEFAULT_CONFIG, from_: From = None, as_json: AsJson = False) -> None:
    """List the backups of the directory, prove each, and say what a restore would come to.  Exit code 1 when one is damaged."""
    from .directory.backup import commands as backups_of  # here, as a hub that archives goes without SQLAlchemy

    raise typer.Exit(backups_of.show(load_hub(config), from_ or [], as_json=as_json))


@app.command()
def restore(
    config: ConfigFile = DEFAULT_CONFIG,
    to: Annotated[str | None, typer.Option("--to", help="an entry's number, or a time: ISO 8601 with a zone, or Unix seconds")] = None,
    from_: From = None,
    actor: Annotated[str, typer.Option(help="who restores, for the history")] = "restore",
) -> None:
    """Bring the directory's journal back from its backups, as far as they go or to a point, and say what is lost.

    Refuses a database that has entries, and a hub that runs.
    """
    from .directory.backup import commands as backups_of  # here, as a hub that archives goes without SQLAlchemy

    raise typer.Exit(backups_of.bring_back(load_hub(config), str(config), to, from_ or [], actor))


@lock_app.command("add")
def lock_add(
    url: Url,
    camera: Annotated[str, typer.Option(help="the camera's id")],
    start: Annotated[str, typer.Option(help="ISO 8601 with a zone, or Unix seconds")],
    end: Annotated[str, typer.Option(help="like start; exclusive")],
    owner: Annotated[str, typer.Option(help="who answers for it: a person or a case")],
    reason: Annotated[str, typer.Option(help="one line")],
    expires: Annotated[str | None, typer.Option(help="like start; default: when it is removed")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a range of a camera's video.  Repeating it makes no second lock.  Each archiver has its own locks."""
    asked = lock_request(camera=camera, start=start, end=end, owner=owner, reason=reason, expires=expires)
    _show([LockClient(url).add(asked)], as_json=as_json)


@lock_app.command("list")
def lock_list(url: Url, as_json: AsJson = False) -> None:
    """All locks of an archiver."""
    _show(LockClient(url).list(), as_json=as_json)


@lock_app.command("remove")
def lock_remove(lock: str, url: Url, as_json: AsJson = False) -> None:
    """Remove a lock: retention applies to its video again."""
    removed = LockClient(url).remove(lock)
    if as_json:
        _show([removed], as_json=True)
    else:
        typer.echo(f"removed: {removed.line()}")


def _show(locks: list[LockState], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([lock.model_dump() for lock in locks], indent=2))
    for lock in () if as_json else locks:
        typer.echo(lock.line())
