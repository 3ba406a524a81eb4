"""The `watchkeep` command: gathers the command groups of the installed parts, turns errors into one line and an exit code.

Rules: parts register under the entry-point group `watchkeep.commands`, so agent and hub never import each other.
Exit codes: 0 done, 1 something failed or was found wrong, 2 usage or configuration, 130 interrupted.
"""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

import typer

from .. import VERSION
from ..errors import WatchkeepError

GROUP = "watchkeep.commands"
_EXTRA_OF = {"hub": "hub", "demo": "hub"}


def _missing(part: EntryPoint, why: ImportError) -> Callable[[], None]:
    """A command that stands in for a part whose libraries are not installed, and says which to install."""

    def explain() -> None:
        extra = f"'watchkeep[{_EXTRA_OF[part.name]}]'" if part.name in _EXTRA_OF else "watchkeep"
        typer.echo(f"watchkeep {part.name}: the Python package {why.name} is missing; pip install {extra}", err=True)
        raise typer.Exit(2)

    return explain


def build() -> typer.Typer:
    """The whole command, from every installed part."""
    app = typer.Typer(name="watchkeep", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                      help="Camera-edge recording that does not lose video.")  # fmt: skip

    @app.callback()
    def root() -> None:
        """Camera-edge recording that does not lose video."""

    @app.command()
    def version() -> None:
        """Print the version."""
        typer.echo(VERSION)

    for part in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            loaded = part.load()
        except ImportError as why:
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
        build()()
    except WatchkeepError as error:
        print(f"watchkeep: {error.line()}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
