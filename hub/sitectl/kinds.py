"""`watchkeep site camera | archiver | agent | group | location | window | role | server  add | set | remove | list`.

Rules: one set of commands for every kind of entity, its options made from its model (fields.py).  `set` changes the fields that are
given and leaves the others as they are by now; it is refused when somebody else has changed one of the same fields meanwhile.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from ...wire.errors import UsageError
from ..directory.requests import EntityText
from ..directory.roles import ROLES, known
from ..directory.site import Change, Key
from ..directory.sitefile import TIMES, compared, told
from .client import RefusedEditError, SiteClient
from .fields import Field, fields, merged, typed_values
from .options import Actor, AsJson, Servers, Yes, agreed, connect, console, done, reader, show_difference, show_json

TRIES: Final = 3
"""Of `set`: each finds that somebody has changed another field in the milliseconds between reading and writing."""
ABOUT: Final = {
    "camera": "One RTSP stream profile", "archiver": "Servers that keep video", "agent": "Recorders", "group": "Rules that cameras share",
    "location": "Buildings, floors, network segments", "window": "Planned absences", "role": f"Duties of the hub, {known()}",
    "server": "Directory servers",
}  # fmt: skip
IDENT: Final = {"role": f"{' or '.join(ROLES)}, such as in `watchkeep site role add backup --servers a,b`"}
"""What the id of a kind may be, where it is not free."""
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="FIELD", help="back to its default; may be given several times")]
Revision = Annotated[int | None, typer.Option("--revision", metavar="N", help="only if it still has this one, as `list --json` tells")]


def group(kind: str) -> typer.Typer:
    """The commands of one kind."""
    app = typer.Typer(help=f"{ABOUT[kind]}: add, set, remove, list.", no_args_is_help=True)
    app.command("add", help=f"Add {_a(kind)}; refused when there is one of this id.")(_with_fields(kind, _add(kind)))
    app.command("set", help="Change the fields that are given, and no others.")(_with_fields(kind, _set(kind), changing=True))
    app.command("remove", help="Remove some, all of them or none; refused while something refers to one.")(_remove(kind))
    app.command("list", help="What there is, with its fields.")(_list(kind))
    return app


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _with_fields(kind: str, do: Callable[..., None], *, changing: bool = False) -> Callable[..., None]:
    """The function as a command line takes it: NAME, one option for each field, then where and who."""
    named = IDENT.get(kind, f"id of the {kind}")
    parameters = [_parameter("ident", Annotated[str, typer.Argument(metavar="NAME", help=named)], inspect.Parameter.empty)]
    parameters += [_parameter(f"field_{field.name}", _option(field), None) for field in fields(kind)]
    if changing:
        parameters += [_parameter("unset", Unset, None), _parameter("revision", Revision, None)]
    parameters += [_parameter("server", Servers, None), _parameter("actor", Actor, None)]

    def command(**options: Any) -> None:
        given = {name.removeprefix("field_"): options.pop(name) for name in list(options) if name.startswith("field_")}
        do(given=given, **options)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _option(field: Field) -> Any:
    names = [f"{field.option}/--no-{field.option[2:]}"] if field.type is bool else [field.option]
    return Annotated[field.type | None, typer.Option(*names, metavar=field.shape or None, help=field.help, show_default=False)]


def _add(kind: str) -> Callable[..., None]:
    def add(ident: str, given: dict[str, Any], server: list[str] | None, actor: str | None) -> None:
        key, value, to = Key(kind, ident), merged({}, typed_values(kind, given)), console()
        taken = connect(server, actor).edit([Change(key, value, 0)])
        show_difference(compared(key, None, value), to)
        done(taken, to)

    return add


def _set(kind: str) -> Callable[..., None]:
    def change(ident: str, given: dict[str, Any], unset: list[str] | None, revision: int | None, server: list[str] | None,
               actor: str | None) -> None:  # fmt: skip
        wanted = typed_values(kind, given, tuple(unset or ()))
        if not wanted:
            raise UsageError(f"nothing to change of {kind}/{ident}", remedy=f"give one of {', '.join(one.option for one in fields(kind))}")
        _change(connect(server, actor), Key(kind, ident), wanted, revision)

    return change


def _change(client: SiteClient, key: Key, wanted: dict[str, Any], revision: int | None) -> None:
    found = _existing(client, key)
    for left in reversed(range(TRIES)):
        value, to = merged(found.value, wanted), console()
        step = compared(key, found.value, value)
        if not step.fields and revision is None:
            to.print(Text(f"{key} is like that already", "dim"))
            return
        try:
            taken = client.edit([Change(key, value, found.revision if revision is None else revision)])
        except RefusedEditError as error:
            now = error.now
            if not error.stale or now is None or revision is not None or not left or _touched(found, now, wanted):
                raise
            found = now
        else:
            show_difference(step, to)
            done(taken, to)
            return


def _touched(before: EntityText, now: EntityText, wanted: dict[str, Any]) -> bool:
    """Whether somebody else has changed one of the fields that are to be changed."""
    return any(before.value.get(name) != now.value.get(name) for name in wanted)


def _existing(client: SiteClient, key: Key) -> EntityText:
    found = client.entity(key.kind, key.id)
    if found is None:
        raise UsageError(f"there is no {key}", remedy=f"see `watchkeep site {key.kind} list`, or add it")
    return found


def _remove(kind: str) -> Callable[..., None]:
    def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="ids")], yes: Yes = False, server: Servers = None,
               actor: Actor = None) -> None:  # fmt: skip
        client, to = connect(server, actor), console()
        keys = [Key(kind, name) for name in dict.fromkeys(names)]
        found = {key: _existing(client, key) for key in keys}
        for key, one in found.items():
            called = one.value.get("name")
            to.print(Text.assemble((f"- {key}", "bold red"), f"  {called}" if called else ""))
        what = f"{len(keys)} {kind}s" if len(keys) > 1 else f"this {kind}"
        agreed(f"remove {what}?", yes=yes)
        done(client.edit([Change(key, None, one.revision) for key, one in found.items()]), to)

    return remove


def _list(kind: str) -> Callable[..., None]:
    def list_all(as_json: AsJson = False, server: Servers = None) -> None:
        found = reader(server).entities(kind)
        if as_json:
            show_json({name: one.model_dump() for name, one in found.items()})
            return
        used = [field.name for field in fields(kind) if any(one.value.get(field.name) is not None for one in found.values())]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("id", *((name.removesuffix("_s") if name in TIMES else name).replace("_", " ") for name in used)):
            table.add_column(column, overflow="fold")
        for name, one in found.items():
            cells = ["" if (item := one.value.get(field)) is None else told(field, item) for field in used]
            table.add_row(Text(name, "bold"), *map(Text, cells))
        to = console()
        to.print(table if found else Text(f"no {kind}s yet", "dim"))

    return list_all

