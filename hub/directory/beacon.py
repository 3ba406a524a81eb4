"""What a directory server says about itself on MQTT: a retained beacon every BEACON_S and at each change of its role.

Rules: advisory, as every beacon: nobody decides anything by it, servers ask each other over HTTP.  Will, birth, beacon and goodbye
stand on one topic; `boot` and `beat` let a reader drop the late will of an older process.
"""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Final

from ...wire import VERSION, topics
from ...wire.messages import DirectoryBeacon, Event
from ...wire.shell.mqtt import MqttClient
from ...wire.shell.threads import Supervised
from .backup.runner import Runner
from .server import DirectoryServer

BEACON_S: Final = 5.0
WILL_BEAT: Final = -1


class Beacon:
    """start() once, stop() once, then the server; turned() and publish() from any thread, never blocking."""

    def __init__(self, broker: str, site: str, url: str, server: DirectoryServer, backups: Runner | None,
                 more: Callable[[], list[tuple[str, bytes]]] = list, *, period_s: float = BEACON_S) -> None:  # fmt: skip
        """`more` is what else is retained, for each connect."""
        self._site, self._url, self._server, self._backups, self._period_s = site, url, server, backups, period_s
        self._more = more
        self._beats = itertools.count()
        self._started_s = time.monotonic()
        self._told = threading.Event()
        status = server.status
        self._id, self._boot = status.server, status.boot
        self._topic = topics.directory_beacon(site, self._id)
        self._client = MqttClient(broker, client_id=f"directory-{self._id}-{self._boot}", will=(self._topic, self._farewell()),
                                  birth=self._birth)  # fmt: skip
        self._worker = Supervised("wk-dir-beacon", self._beat)

    def start(self) -> None:
        self._client.start()
        self._worker.start()

    def stop(self) -> None:
        """Say goodbye and disconnect; about 6 s at worst, with a broker that hangs."""
        self._worker.stop()
        self._told.set()
        self._worker.join(self._period_s)
        self._client.stop(self._farewell())

    def listen(self, topic_filter: str, heard: Callable[[str, bytes], None]) -> None:
        """Call `heard(topic, payload)` on the MQTT thread: it may only enqueue."""
        self._client.subscribe(topic_filter, heard)

    def since(self) -> float:
        """Monotonic time from when on listeners have heard everything that was said."""
        return self._client.since

    def say(self, topic: str, payload: bytes) -> None:
        """Anything else that this server tells; not retained."""
        self._client.publish(topic, payload)

    def keep(self, topic: str, payload: bytes) -> None:
        """The same, retained."""
        self._client.publish(topic, payload, retain=True)

    def turned(self) -> None:
        """The role has changed: say so now."""
        self._told.set()

    def publish(self, event: Event) -> None:
        """Tell the site; events are not retained."""
        self._client.publish(topics.event(self._site, event.kind), event.model_dump_json().encode())

    def compose(self, beat: int) -> DirectoryBeacon:
        status, leader = self._server.status, self._server.leader()
        return DirectoryBeacon(server=self._id, site=self._site, version=VERSION, online=True, boot=self._boot, beat=beat,
                               sent_s=time.time(), url=self._url, uptime_s=time.monotonic() - self._started_s, role=str(status.role),
                               leader="" if leader is None else leader.id, term=status.term, index=status.index,
                               contingencies=len(self._server.view().contingencies),
                               backups=[] if self._backups is None else self._backups.states())  # fmt: skip

    def _farewell(self) -> bytes:
        return DirectoryBeacon(server=self._id, site=self._site, version=VERSION, online=False, boot=self._boot, beat=WILL_BEAT,
                               sent_s=time.time(), url=self._url).model_dump_json().encode()  # fmt: skip

    def _birth(self) -> list[tuple[str, bytes]]:
        return [self._own(), *self._more()]

    def _own(self) -> tuple[str, bytes]:
        return self._topic, self.compose(next(self._beats)).model_dump_json().encode()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._told.wait(self._period_s)
            self._told.clear()
            if not stop.is_set():
                self.keep(*self._own())
