"""What the site's MQTT messages add up to: the newest state of everybody, and the events.  No I/O.

Rules: fed with (topic, payload); a payload that is not ours is counted and left alone, because anybody can publish.
"""

from collections import deque
from dataclasses import dataclass, field

from pydantic import ValidationError

from ...wire.messages import AgentBeacon, ArchiverBeacon, CameraState, Event

MAX_EVENTS = 500
"""A demo of an hour shows about a hundred."""


@dataclass(slots=True)
class SiteView:
    """The newest message of each sender."""

    agents: dict[str, AgentBeacon] = field(default_factory=dict)
    archivers: dict[str, ArchiverBeacon] = field(default_factory=dict)
    cameras: dict[str, CameraState] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    foreign: int = 0

    def take(self, topic: str, payload: bytes) -> None:
        """Enter one message of `watchkeep/v1/<site>/...`."""
        parts = topic.split("/")[3:]
        try:
            match parts:
                case ["agent", name, "beacon"]:
                    self.agents[name] = AgentBeacon.model_validate_json(payload)
                case ["archiver", name, "beacon"]:
                    self.archivers[name] = ArchiverBeacon.model_validate_json(payload)
                case ["camera", name, "state"]:
                    self.cameras[name] = CameraState.model_validate_json(payload)
                case ["event", _]:
                    self.events.append(Event.model_validate_json(payload))
                case _:
                    self.foreign += 1
        except ValidationError:
            self.foreign += 1

    def recording(self) -> int:
        """How many cameras are recording now."""
        return sum(state.status.value == "recording" for state in self.cameras.values())

    def settled(self) -> bool:
        """Whether every agent knows archivers, and they have acknowledged everything that it owes them."""
        beacons = [beacon for beacon in self.agents.values() if beacon.online]
        return bool(beacons) and all(beacon.links and not any(link.missing for link in beacon.links) for beacon in beacons)
