"""Everything that a site says and takes on MQTT, as an AsyncAPI 3.0 document: docs/asyncapi.json.

Rules: made of the message types and of topics.py alone, so it cannot say anything else than they do; equal inputs make equal bytes.
Actions are seen from the site: it sends beacons, states, events and replies, and receives commands.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from . import VERSION, topics
from .commands import COMMANDS, CommandReply
from .desired import AgentPlan, ArchiverPlan
from .ids import MAX_ID_BYTES
from .messages import AgentBeacon, ArchiverBeacon, CameraState, DirectoryBeacon, Event

_ID: Final = {"description": f"1 to {MAX_ID_BYTES} of a-z, 0-9 and -"}
_ABOUT: Final = (
    "What agents, archivers and directory servers of a Watchkeep site say on MQTT, and the commands that the directory takes. Advisory: "
    "recording never depends on it. How to read it, with every field's meaning: docs/MQTT.md."
)


@dataclass(frozen=True, slots=True)
class _Channel:
    """One kind of topic.  parameters: what stands at its places, after the site."""

    name: str
    address: str
    parameters: tuple[str, ...]
    model: type[BaseModel]
    about: str
    retained: bool = False
    takes: bool = False


def _address(made: str, parameters: tuple[str, ...]) -> str:
    """A topic that was made with the placeholders `p0`, `p1`, ..."""
    for number, name in enumerate(("site", *parameters)):
        made = made.replace(f"p{number}", f"{{{name}}}")
    return made


def _channels() -> list[_Channel]:
    def channel(name: str, made: str, parameters: tuple[str, ...], model: type[BaseModel], about: str, **more: bool) -> _Channel:
        return _Channel(name, _address(made, parameters), parameters, model, about, **more)

    found = [
        channel("agentBeacon", topics.agent_beacon("p0", "p1"), ("agent",), AgentBeacon, "How an agent is, with a will.", retained=True),
        channel("agentDesired", topics.agent_desired("p0", "p1"), ("agent",), AgentPlan, "What the directory wants of an agent.",
                retained=True),
        channel("archiverBeacon", topics.archiver_beacon("p0", "p1"), ("archiver",), ArchiverBeacon, "How an archiver is, with a will.",
                retained=True),
        channel("archiverDesired", topics.archiver_desired("p0", "p1"), ("archiver",), ArchiverPlan,
                "What the directory wants of an archiver.", retained=True),
        channel("directoryBeacon", topics.directory_beacon("p0", "p1"), ("server",), DirectoryBeacon,
                "How a directory server is, and who leads, with a will.", retained=True),
        channel("cameraState", topics.camera_state("p0", "p1"), ("camera",), CameraState, "How a camera is recorded, and kept.",
                retained=True),
        channel("event", topics.event("p0", "p1"), ("kind",), Event, "Something has happened."),
    ]  # fmt: skip
    for kind, model in COMMANDS.items():
        about = " ".join((model.__mro__[1].__doc__ or "").split())
        found.append(channel(f"{kind}Command", topics.command("p0", kind, "p1"), ("id",), model, about, takes=True))
        found.append(channel(f"{kind}Reply", topics.command_reply("p0", kind, "p1"), ("id",), CommandReply, "What became of it."))
    return found


def document() -> dict[str, Any]:
    """The whole document."""
    channels = _channels()
    models = list(dict.fromkeys(one.model for one in channels))
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template="#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Watchkeep", "version": VERSION, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "127.0.0.1:1883", "protocol": "mqtt", "protocolVersion": "3.1.1",
                               "description": "the site's broker, or a hub with the role broker"}},
        "channels": {one.name: _described(one) for one in channels},
        "operations": {_verb(one) + one.name[0].upper() + one.name[1:]: _operation(one) for one in channels},
        "components": {
            "messages": {model.__name__: {"name": model.__name__, "payload": {"$ref": f"#/components/schemas/{model.__name__}"}}
                         for model in models},
            "schemas": schemas["$defs"],
        },
    }  # fmt: skip


def _verb(one: _Channel) -> str:
    return "receive" if one.takes else "send"


def _described(one: _Channel) -> dict[str, Any]:
    name = one.model.__name__
    return {
        "address": one.address,
        "description": one.about,
        "parameters": dict.fromkeys(("site", *one.parameters), _ID),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(one: _Channel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": _verb(one),
        "channel": {"$ref": f"#/channels/{one.name}"},
        "messages": [{"$ref": f"#/channels/{one.name}/messages/{one.model.__name__}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": one.retained, "bindingVersion": "0.2.0"}},
    }
    if one.takes:
        reply = one.name.replace("Command", "Reply")
        found["reply"] = {"channel": {"$ref": f"#/channels/{reply}"},
                          "messages": [{"$ref": f"#/channels/{reply}/messages/{CommandReply.__name__}"}]}  # fmt: skip
    return found


def text() -> str:
    """As it stands in docs/asyncapi.json."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
