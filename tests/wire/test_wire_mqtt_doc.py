"""docs/MQTT.md says what wire/messages.py, wire/commands.py and wire/topics.py say.

Rules: between `<!-- fields: Model -->` and `<!-- end -->` stands one row per field: name, type and default are those of
the model, the meaning is written by hand and must be there.  `WATCHKEEP_REWRITE_DOCS=1` rewrites the tables and
keeps the meanings; a new field gets an empty one, and the test goes on failing until somebody says what it means.
"""

import inspect
import os
import re
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from watchkeep.wire import commands, desired, messages, topics
from watchkeep.wire.causes import CameraStatus, ConsolidationPhase, EventKind, Protection

DOC = Path(__file__).parents[2] / "docs" / "MQTT.md"
BLOCK = re.compile(r"<!-- fields: (?P<model>\w+) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
HEAD = "| field | type | default | meaning |\n|---|---|---|---|\n"
ON_MQTT = (messages.AgentBeacon, desired.AgentPlan, desired.PlannedCamera, desired.ArchiverPlan,
           messages.ArchiverLink, messages.CameraState, messages.ArchiverBeacon,
           messages.DirectoryBeacon, messages.BackupState, messages.VolumeState,
           messages.ConsolidationState, messages.SetAside, messages.Event, *commands.COMMANDS.values(), commands.CommandReply)  # fmt: skip
WORDS = {str: "string", int: "integer", float: "number", bool: "true or false", NoneType: "null"}


def kind(annotation: Any) -> str:
    """A field's type in the words of JSON."""
    if annotation in WORDS:
        return WORDS[annotation]
    if get_origin(annotation) is Annotated:
        return kind(get_args(annotation)[0])
    if get_origin(annotation) is UnionType:
        return " or ".join(kind(part) for part in get_args(annotation))
    if get_origin(annotation) is dict:
        return f"object of {kind(get_args(annotation)[1])}"
    if get_origin(annotation) in (tuple, list):
        return f"list of {kind(get_args(annotation)[0])}"
    return f"[{annotation.__name__}](#{annotation.__name__.lower()})"


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value == {}:
        return "`{}`"
    return {(): "`[]`", "": '`""`', None: "`null`"}.get(value, f"`{value}`") if not isinstance(value, list) else "`[]`"


def table(model: type[BaseModel], meanings: dict[str, str]) -> str:
    """The rows as they have to be, with the given meanings."""
    cells = [(f"`{name}`", kind(field.annotation), default(field), meanings.get(name, "")) for name, field in model.model_fields.items()]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in cells)


def meanings_in(old: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in old.splitlines()[2:]]
    return {row[0].strip("`"): row[3] for row in rows if len(row) == 4}


def rewritten(text: str) -> str:
    def again(match: re.Match[str]) -> str:
        model = next(model for model in ON_MQTT if model.__name__ == match["model"])
        return f"<!-- fields: {match['model']} -->\n{table(model, meanings_in(match['table']))}<!-- end -->"

    return BLOCK.sub(again, text)


def section(name: str) -> str:
    """The text under a heading, up to the next one."""
    found = re.search(rf"^#+ {name}\n(.*?)(?=^#|\Z)", DOC.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/MQTT.md has no heading {name}"
    return found[1]


def test_field_tables_are_those_of_the_models() -> None:
    text = DOC.read_text()
    if os.environ.get("WATCHKEEP_REWRITE_DOCS") == "1":
        DOC.write_text(rewritten(text))
        text = DOC.read_text()
    assert text == rewritten(text), "run this test with WATCHKEEP_REWRITE_DOCS=1, then write the meanings of new fields"


def test_every_message_on_mqtt_has_its_table_and_every_field_its_meaning() -> None:
    blocks = {match["model"]: meanings_in(match["table"]) for match in BLOCK.finditer(DOC.read_text())}
    assert blocks.keys() == {model.__name__ for model in ON_MQTT}
    assert [f"{model}.{field}" for model, fields in blocks.items() for field, meaning in fields.items() if not meaning] == []


@pytest.mark.parametrize("states", [CameraStatus, Protection, EventKind, ConsolidationPhase, commands.Outcome])
def test_every_named_state_is_explained(states: type[StrEnum]) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \|$", section(states.__name__), re.MULTILINE)
    assert sorted(rows) == sorted(states)


def test_every_topic_is_in_the_table_and_no_other() -> None:
    makers = [function for name, function in inspect.getmembers(topics, inspect.isfunction)
              if function.__module__ == topics.__name__ and not name.startswith("_")]  # fmt: skip
    made = {maker(*[name if name == "site" else "id" for name in inspect.signature(maker).parameters]) for maker in makers}
    named = set(re.findall(r"^\| `(watchkeep/[^`]+)` \|", section("Topics"), re.MULTILINE))
    assert {re.sub(r"<\w+>", lambda part: "site" if part[0] == "<site>" else "id", topic) for topic in named} == made


def test_a_field_that_is_renamed_added_or_changed_is_noticed() -> None:
    text = DOC.read_text()
    for old, new in (("| `beat` |", "| `beats` |"), ("| `boot` | string |", "| `boot` | integer |"), ("| `links` | list", "| `links` | ")):
        assert old in text
        assert rewritten(text.replace(old, new)) != text.replace(old, new)
