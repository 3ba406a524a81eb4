"""docs/asyncapi.json is what the types say, and a valid AsyncAPI 3.0 document.

Rules: the shapes below are those of the specification, as far as this document uses it; whoever uses more of it adds its row.  The
specification's own JSON schema (3.0.0 of the npm package @asyncapi/specs 6.11.1) accepted the document on 2026-11-26.
"""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchkeep.wire import asyncapi, messages, topics
from watchkeep.wire.commands import COMMANDS

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.json"
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "": ({"asyncapi", "info"}, {"defaultContentType", "servers", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "license"}),
    "servers/*": ({"host", "protocol"}, {"protocolVersion", "description"}),
    "channels/*": (set(), {"address", "description", "parameters", "messages"}),
    "channels/*/parameters/*": (set(), {"description", "enum", "default"}),
    "operations/*": ({"action", "channel"}, {"messages", "bindings", "reply", "description"}),
    "operations/*/bindings/mqtt": (set(), {"qos", "retain", "bindingVersion"}),
    "operations/*/reply": (set(), {"channel", "messages"}),
    "components": (set(), {"messages", "schemas"}),
    "components/messages/*": (set(), {"name", "payload", "description"}),
}
"""Where, what has to be there, what may be."""


def found(document: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects at a path in which * is any name."""
    places: list[tuple[str, Any]] = [("", document)]
    for part in filter(None, where.split("/")):
        places = [(f"{path}/{name}", value[name]) for path, value in places for name in (value if part == "*" else [part]) if name in value]
    yield from places


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def resolves(document: dict[str, Any], reference: str) -> bool:
    at: Any = document
    for part in reference.removeprefix("#/").split("/"):
        if part not in at:
            return False
        at = at[part]
    return reference.startswith("#/")


def faults(document: dict[str, Any]) -> list[str]:
    """Everything that makes it no AsyncAPI document."""
    wrong = [] if document.get("asyncapi") == "3.0.0" else ["asyncapi"]
    for where, (needed, allowed) in SHAPES.items():
        for path, value in found(document, where):
            wrong += [f"{path}: {name}" for name in (needed - set(value)) | (set(value) - needed - allowed)]
    wrong += [reference for reference in references(document) if not resolves(document, reference)]
    for path, channel in found(document, "channels/*"):
        if set(re.findall(r"{(\w+)}", channel["address"])) != set(channel["parameters"]):
            wrong.append(f"{path}: parameters")
    for path, operation in found(document, "operations/*"):
        channel = operation["channel"]["$ref"]
        if operation.get("action") not in ("send", "receive"):
            wrong.append(f"{path}: action")
        wrong += [f"{path}: a message of another channel" for one in operation["messages"] if not one["$ref"].startswith(f"{channel}/")]
    wrong += [f"{path}: no keyword of draft 7" for path, one in found(document, "components/schemas/*") if "prefixItems" in json.dumps(one)]
    return wrong


def test_the_file_is_what_the_command_prints() -> None:
    program = Path(sys.executable).with_name("watchkeep")
    printed = subprocess.run([program, "asyncapi"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert FILE.read_text() == printed, "run: watchkeep asyncapi > docs/asyncapi.json"


def test_it_is_a_valid_document() -> None:
    assert faults(json.loads(FILE.read_text())) == []


def _drop(document: dict[str, Any], *path: str) -> None:
    for part in path[:-1]:
        document = document[part]
    del document[path[-1]]


@pytest.mark.parametrize("spoil", [
    lambda one: one.update(asyncapi="2.6.0"),
    lambda one: one.update(topics={}),
    lambda one: _drop(one, "info", "version"),
    lambda one: _drop(one, "operations", "sendEvent", "action"),
    lambda one: _drop(one, "components", "schemas", "ArchiverLink"),
    lambda one: _drop(one, "channels", "event", "parameters", "kind"),
    lambda one: one["channels"]["event"].update(retain=True),
    lambda one: one["operations"]["sendEvent"].update(channel={"$ref": "#/channels/agentBeacon"}),
])  # fmt: skip
def test_a_spoiled_document_is_found(spoil: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(asyncapi.document())
    spoil(document)
    assert faults(document)


def test_every_topic_and_every_message_is_in_it() -> None:
    document = asyncapi.document()
    addresses = {channel["address"] for _, channel in found(document, "channels/*")}
    assert topics.agent_beacon("s", "x").replace("/s/", "/{site}/").replace("/x/", "/{agent}/") in addresses
    assert len(addresses) == 7 + 2 * len(COMMANDS)
    assert {f"watchkeep/v1/{{site}}/cmd/{kind}/{{id}}" for kind in COMMANDS} <= addresses
    named = {name for name in vars(messages) if name.endswith("Beacon")}
    assert named | {"CameraState", "Event", "CommandReply"} <= set(document["components"]["messages"])
    assert document["operations"]["receiveMoveCommand"]["reply"]["channel"] == {"$ref": "#/channels/moveReply"}
