"""What this archiver says about itself on MQTT: a retained beacon every BEACON_S, its birth and its will.

Rules: advisory (DESIGN 6): a beacon that fails to be built or sent never disturbs recording.  Will, birth, beacon and
goodbye stand on one topic, retained; `boot` and `beat` let a reader drop the late will of an older process.
"""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..wire import VERSION, topics
from ..wire.messages import ArchiverBeacon, ConsolidationState, Event, VolumeState
from ..wire.shell.mqtt import MqttClient
from ..wire.shell.threads import Supervised

BEACON_S: Final = 5.0
WILL_BEAT: Final = -1


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same for the life of one process."""

    archiver: str
    site: str
    boot: str
    url: str

    @property
    def topic(self) -> str:
        return topics.archiver_beacon(self.site, self.archiver)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a beacon tells about the store at one moment."""

    cameras: int
    received: int
    durable: int
    refused: int
    volumes: tuple[VolumeState, ...]
    consolidation: ConsolidationState | None = None
    maintenance_s: float = 0.0
    desired: tuple[int, int] = (0, 0)
    """(term, index) of what the directory wants, once it is taken up."""


def compose(who: Identity, vitals: Vitals, *, beat: int, now_s: float, uptime_s: float) -> ArchiverBeacon:
    """The beacon of a living archiver."""
    return ArchiverBeacon(archiver=who.archiver, site=who.site, version=VERSION, online=True, boot=who.boot, beat=beat, sent_s=now_s,
                          url=who.url, uptime_s=uptime_s, cameras=vitals.cameras, received=vitals.received, durable=vitals.durable,
                          refused=vitals.refused, volumes=vitals.volumes, consolidation=vitals.consolidation,
                          maintenance_s=round(vitals.maintenance_s, 1),
                          desired_term=vitals.desired[0], desired_index=vitals.desired[1])  # fmt: skip


def farewell(who: Identity, now_s: float) -> bytes:
    """The will, and the goodbye of a clean stop: the same message, offline."""
    return ArchiverBeacon(archiver=who.archiver, site=who.site, version=VERSION, online=False, boot=who.boot, beat=WILL_BEAT, sent_s=now_s,
                          url=who.url).model_dump_json().encode()  # fmt: skip


class Beacon:
    """Sends the beacon on a thread of its own.  start() once, stop() once; publish() from any thread, never blocking."""

    def __init__(self, url: str, who: Identity, vitals: Callable[[], Vitals], *, period_s: float = BEACON_S,
                 clock: Callable[[], float] = time.time) -> None:  # fmt: skip
        self._who, self._vitals, self._period_s, self._clock = who, vitals, period_s, clock
        self._beats = itertools.count()
        self._started_s = time.monotonic()
        will = (who.topic, farewell(who, clock()))
        self._client = MqttClient(url, client_id=f"hub-{who.archiver}-{who.boot}", will=will, birth=self._birth)
        self._worker = Supervised("wk-hub-beacon", self._beat)

    def start(self) -> None:
        self._client.start()
        self._worker.start()

    def stop(self) -> None:
        """Say goodbye and disconnect; about 6 s at worst, with a broker that hangs."""
        self._worker.stop()
        self._worker.join(self._period_s)
        self._client.stop(farewell(self._who, self._clock()))

    def listen(self, heard: Callable[[str, bytes], None]) -> None:
        """Call `heard(topic, payload)` for every event of the site, own ones included; on the MQTT thread, so it may only enqueue."""
        self._client.subscribe(topics.events(self._who.site), heard)

    def publish(self, event: Event) -> None:
        """Tell the site; events are not retained."""
        self._client.publish(topics.event(self._who.site, event.kind), event.model_dump_json().encode())

    @property
    def connected(self) -> bool:
        return self._client.connected

    def _birth(self) -> list[tuple[str, bytes]]:
        uptime_s = time.monotonic() - self._started_s
        beacon = compose(self._who, self._vitals(), beat=next(self._beats), now_s=self._clock(), uptime_s=uptime_s)
        return [(self._who.topic, beacon.model_dump_json().encode())]

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(self._period_s):
            for topic, payload in self._birth():
                self._client.publish(topic, payload, retain=True)
