"""What the site's MQTT messages add up to: the newest state of everybody, and the events.  No I/O.

Rules: fed with (topic, payload); a payload that is not ours is counted and left alone, because anybody can publish.  Messages are
read by docs/MQTT.md: late wills of older processes and old beacons are `stale`, and a camera's state counts only while the beacon of
its agent is online with the same boot.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from ...wire.causes import CameraStatus
from ...wire.messages import AgentBeacon, ArchiverBeacon, CameraState, Event

MAX_EVENTS = 500
"""A demo of an hour shows about a hundred."""
Beacon = TypeVar("Beacon", AgentBeacon, ArchiverBeacon)


@dataclass(slots=True)
class SiteView:
    """The newest message of each sender."""

    agents: dict[str, AgentBeacon] = field(default_factory=dict)
    archivers: dict[str, ArchiverBeacon] = field(default_factory=dict)
    cameras: dict[str, CameraState] = field(default_factory=dict)
    """As they were said last; `current` tells which ones still count."""
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    foreign: int = 0
    stale: int = 0
    _beats: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """(agent or archiver, id) to boot and highest beat: it survives a will, whose beat is -1."""

    def take(self, topic: str, payload: bytes) -> None:
        """Enter one message of `watchkeep/v1/<site>/...`."""
        parts = topic.split("/")[3:]
        try:
            match parts:
                case ["agent", name, "beacon"]:
                    self._beacon("agent", name, self.agents, AgentBeacon.model_validate_json(payload))
                case ["archiver", name, "beacon"]:
                    self._beacon("archiver", name, self.archivers, ArchiverBeacon.model_validate_json(payload))
                case ["camera", name, "state"] if not payload:
                    self.cameras.pop(name, None)
                case ["camera", name, "state"]:
                    self.cameras[name] = CameraState.model_validate_json(payload)
                case ["event", _]:
                    self.events.append(Event.model_validate_json(payload))
                case _:
                    self.foreign += 1
        except ValidationError:
            self.foreign += 1

    def _beacon(self, role: str, name: str, into: dict[str, Beacon], beacon: Beacon) -> None:
        """Rules 2 and 3 of docs/MQTT.md."""
        boot, beat = self._beats.get((role, name), (beacon.boot, -1))
        if beacon.online and (beacon.boot != boot or beacon.beat > beat):
            self._beats[role, name] = (beacon.boot, beacon.beat)
        elif beacon.online or beacon.boot != boot:
            self.stale += 1
            return
        into[name] = beacon

    def current(self, state: CameraState) -> bool:
        """Whether a camera's state counts: rule 4 of docs/MQTT.md."""
        beacon = self.agents.get(state.agent)
        return beacon is not None and beacon.online and beacon.boot == state.boot

    def recording(self) -> int:
        """How many cameras are recording now."""
        return sum(state.status is CameraStatus.RECORDING and self.current(state) for state in self.cameras.values())

    def settled(self) -> bool:
        """Whether every agent knows archivers, and they have acknowledged everything that it owes them."""
        beacons = [beacon for beacon in self.agents.values() if beacon.online]
        return bool(beacons) and all(beacon.links and not any(link.missing for link in beacon.links) for beacon in beacons)
