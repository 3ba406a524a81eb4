"""The `watchkeep` command: gathers the command groups of the installed parts, turns errors into one line and an exit code.

Rules: parts register under the entry-point group `watchkeep.commands`, so agent and hub never import each other.  Only
the part that is asked for is loaded: a hub does not carry FFmpeg, and a broken library breaks one command alone.
Exit codes: 0 done, 1 something failed or was found wrong, 2 usage or configuration, 130 interrupted.
"""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import typer

from .. import VERSION
from ..errors import WatchkeepError

GROUP = "watchkeep.commands"
_EXTRA_OF = {"hub": "hub", "demo": "hub", "archive": "hub", "site": "hub"}


def _missing(part: EntryPoint, why: ImportError) -> Callable[[], None]:
    """A command that stands in for a part whose libraries are not installed, and says which to install.

    From the sources and with their constraints, as the first time: an index may hold something else under our name.
    """

    def explain() -> None:
        what = f"'.[{_EXTRA_OF[part.name]}]'" if part.name in _EXTRA_OF else "."
        typer.echo(f"watchkeep {part.name}: the Python package {why.name} is missing; in the folder of Watchkeep's sources: "
                   f"pip install -c constraints.txt {what}", err=True)  # fmt: skip
        raise typer.Exit(2)

    return explain


def build(wanted: str | None = None) -> typer.Typer:
    """The whole command; of the installed parts only the wanted one is loaded, all of them when none is named."""
    app = typer.Typer(name="watchkeep", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                      help="Camera-edge recording that does not lose video.")  # fmt: skip

    def say_version(asked: bool) -> None:
        if asked:
            typer.echo(VERSION)
            raise typer.Exit

    @app.callback()
    def root(
        version: Annotated[bool, typer.Option("--version", callback=say_version, is_eager=True, help="print the version")] = False,
    ) -> None:
        """Camera-edge recording that does not lose video."""

    @app.command()
    def version() -> None:
        """Print the version."""
        typer.echo(VERSION)

    @app.command("asyncapi")
    def print_asyncapi() -> None:
        """Print what a site says and takes on MQTT, as an AsyncAPI document; it is docs/asyncapi.json of this version."""
        from .. import asyncapi  # not for those who want another command: it takes all messages

        typer.echo(asyncapi.text(), nl=False)

    for part in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if wanted not in (None, part.name):
            continue
        try:
            loaded = part.load()
        except ImportError as why:
            if (why.name or "").partition(".")[0] == "watchkeep":
                raise  # a file of ours is missing: no library that is installed would mend that
            anything = {"allow_extra_args": True, "ignore_unknown_options": True}
            app.command(part.name, help=f"(not installed: needs {why.name})", context_settings=anything)(_missing(part, why))
            continue
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=part.name)
        else:
            app.command(part.name)(loaded)
    return app


def main() -> None:
    """Entry point of the console script."""
    try:
        parts = {part.name for part in entry_points(group=GROUP)}
        build(sys.argv[1] if parts.intersection(sys.argv[1:2]) else None)()
    except WatchkeepError as error:
        for line in error.lines():
            print(f"watchkeep: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
