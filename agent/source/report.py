"""What the test source sent, for the comparison with what was recorded: `--report FILE`.

    {"run": 123, "cameras": {"cam0": {"plays": 1, "sessions": [
        {"session": 0, "transport": "tcp", "first": 0, "last": 299, "frames": 300, "started_s": ..., "ended_s": ..., "end": "finished",
         "unsent_bytes": 0, "dropped_datagrams": 0}]}}}

`end` is `finished` (all of --frames), `teardown`, `client closed`, `lagged` (a TCP client that did not read),
`stopped` (the source was), `fault`, or what the protocol found wrong.  Rules: pure; times are UTC seconds.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

MAX_SESSIONS: Final = 1000
"""Kept per camera, the newest: 64 cameras x 1000 x about 400 bytes are 26 MB; `plays` counts them all."""


@dataclass(slots=True)
class SessionRecord:
    """One play.  `frames` counts what was given to the network; `unsent_bytes` of it never left a closed connection's buffer."""

    session: int
    transport: str
    started_s: float
    frames: int = 0
    first: int | None = None
    last: int | None = None
    ended_s: float | None = None
    end: str = ""
    unsent_bytes: int = 0
    dropped_datagrams: int = 0

    def count(self, frames: int) -> None:
        """Note that counters 0 to frames-1 were sent."""
        if frames:
            self.frames, self.first, self.last = frames, 0, frames - 1


@dataclass(slots=True)
class CameraRecord:
    plays: int = 0
    sessions: deque[SessionRecord] = field(default_factory=lambda: deque(maxlen=MAX_SESSIONS))

    def begin(self, transport: str, now_s: float) -> SessionRecord:
        """The record of the camera's next play."""
        record = SessionRecord(self.plays, transport, now_s)
        self.plays += 1
        self.sessions.append(record)
        return record


def render(run: int, cameras: Mapping[str, CameraRecord]) -> bytes:
    """The report as JSON."""
    document = {
        "run": run,
        "cameras": {
            name: {"plays": record.plays, "sessions": [asdict(session) for session in record.sessions]} for name, record in cameras.items()
        },
    }
    return json.dumps(document, indent=1).encode() + b"\n"
