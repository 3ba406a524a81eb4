"""What each field of an entity means, in one line for people: options of the command line, and OpenAPI.  No I/O.

Rules: one line for each name; where kinds share a name they share its meaning.
"""

from typing import Any, Final

FIELDS: Final = {
    "name": "what people call it",
    "parent": "the location that it lies in",
    "url": "its address",
    "host": "its host; the camera profile knows the rest of the URL",
    "channel": "input of a recorder with several",
    "stream": "which of the camera's streams",
    "profile": "make of the camera, as in firmware-profiles/cameras",
    "transport": "of RTP",
    "ingest": "what reads it; default: the recorder's own default",
    "credentials": "name of an entry in the recorder's own credentials file",
    "location": "where it is",
    "group": "whose rules it follows where it has none of its own",
    "copies": "how many archivers keep each chunk",
    "archivers": "which ones, the preferred first",
    "priority": "0 to 9; the highest is kept when room runs out",
    "mbit_s": "what it is expected to send, for planning",
    "recorders": "agents that may record it, the preferred first; default: every agent that reaches its location",
    "reaches": "locations whose cameras it can record, with all that lies in them; default: every camera",
    "max_cameras": "how many cameras it takes",
    "max_mbit_s": "how much it takes",
    "standby": "it is given cameras only when no other agent has room",
    "standbys": "who takes its cameras first when it is gone",
    "disk_bytes": "room for video, for planning",
    "retention_days": "how many days video stays: a camera's own, else its group's, else its archiver's, else 30; an archiver that follows "
                      "keeps to it, unless its hub.toml says it too",
    "used_last": "it comes behind all others in every list, as `watchkeep site failover` has it, until this is unset",
    "failback": "whether cameras return to an archiver that was away; default: as each agent's own file says",
    "recorder_failback": "whether cameras return to a recorder that they prefer: by `recorders`, else any that does not stand by",
    "rank": "its place among the directory servers; the lowest that lives leads",
    "recovery": "leads only when no other server lives",
    "servers": "directory servers that may hold the role, the preferred first",
    "holder": "sticky: whoever has it keeps it; highest: it goes back to the first server as soon as that lives",
    "kind": "what is absent",
    "target": "whose absence it is",
    "start_s": "from when, as Unix seconds",
    "end_s": "until when, as Unix seconds",
}


def described(schema: dict[str, Any]) -> None:
    """Puts it into the JSON schema of an entity."""
    for name, one in schema["properties"].items():
        one["description"] = FIELDS[name]
