"""The agent's voice: events, camera states and beacons on MQTT and in the log.

Rules: publishing never waits; a changed camera state goes out at once and as an event, everything else every beacon period.
What somebody else says on our beacon's topic is corrected at once, and a recorder with our id is reported (agent/namesake.py).
Frames that a ring had to drop and chunks that could not be built are declared losses: never silent, one event a beacon period, and the
last one when a camera has left.  The state of a camera that is not recorded here any more is taken off its topic.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..wire import topics
from ..wire.causes import CameraStatus, EventKind, Protection
from ..wire.messages import AgentBeacon, CameraState, Event
from ..wire.shell.mqtt import MqttClient
from .clock import Clock
from .config import MqttSection
from .control.model import Status
from .crew import Crew, Member
from .journal.staged import StagedJournal
from .line import Line
from .namesake import Heard, NamesakeWatch
from .replicate.overview import Overview
from .replicate.replicator import Replicator
from .status import Identity, RateMeter, beacon, camera_state, farewell, stopped
from .usage import UsageMeter

log = logging.getLogger(__name__)
_GRAVE = (EventKind.LOSS, EventKind.TAMPER, EventKind.DISK, EventKind.TAKEOVER)
_GRAVE_WITH_REMEDY = (EventKind.ARCHIVER, EventKind.CAMERA, EventKind.HOLE, EventKind.CONFIGURATION)
"""Those tell of the end as well, and then there is nothing to do."""
MARGIN_S = 1.0
"""Stamps of a seal are slewed to UTC, and the last frame before a loss may be a moment old."""
WAITED_S = 60.0
"""What could not be built may have waited in ring and stage before."""
_Shown = tuple[CameraStatus, str, Protection]


@dataclass(slots=True)
class _Told:
    """What was told of one camera, as long as its line lives."""

    meter: RateMeter = field(default_factory=RateMeter)
    status: CameraStatus = CameraStatus.CONNECTING
    dropped: int = 0
    unbuilt: int = 0


class Reporter:
    """Owns the MQTT client and no thread: `run` is the body of one."""

    desired: Callable[[], tuple[int, int]] = staticmethod(lambda: (0, 0))
    """(term, index) of what the directory wants, as far as it is taken up; set before start()."""
    trouble: Callable[[], tuple[str, float | None]] = staticmethod(lambda: ("", None))
    """Why the journal's disk takes nothing now, and since when, monotonic; set before start()."""

    def __init__(self, who: Identity, mqtt: MqttSection | None, crew: Crew, replicator: Replicator, journal: StagedJournal,
                 clock: Clock, declare: Callable[[str, float, float, int, str], None] = lambda *_: None) -> None:  # fmt: skip
        """`declare(camera, start_s, end_s, count, what)` hears of every loss of frames; it must not wait."""
        self._who, self._crew, self._replicator, self._journal, self._clock = who, crew, replicator, journal, clock
        self._declare, self._looked_s = declare, clock.utc_s()
        self._told: dict[Line, _Told] = {}
        """Of the lines that the crew has; the MQTT client's thread adds to it, `run` alone takes away."""
        self._started, self._usage = clock.monotonic(), UsageMeter()
        self._beats = itertools.count()  # the birth comes from the MQTT client's thread
        self._shown: dict[str, _Shown] = {}
        self._gone: set[str] = set()
        """Taken off their topics since the last beacon."""
        self._passed_on: set[str] = set()
        """Cameras that were leaving to another agent when they were looked at last."""
        self._period = mqtt.beacon_s if mqtt is not None else 5.0
        self._topic = topics.agent_beacon(who.site, who.agent)
        self._changed, self._overwritten, self._born = threading.Event(), threading.Event(), threading.Event()
        self._namesakes = NamesakeWatch(who.boot)
        # with the boot: two recorders under one client id would take the connection from each other for ever
        self._client = None if mqtt is None else MqttClient(
            mqtt.url, client_id=f"wk-agent-{who.agent}-{who.boot}", will=(self._topic, farewell(who, clock.utc_s())),
            birth=self._birth)  # fmt: skip

    def start(self) -> None:
        if self._client is not None:
            self._client.subscribe(self._topic, self._heard)
            self._client.start()

    def stop(self) -> None:
        """Say goodbye for the cameras and the agent, and disconnect; `run` has ended."""
        if self._client is not None:
            try:
                for name, state in self._states(self._crew.there()).items():
                    self._publish(topics.camera_state(self._who.site, name), stopped(state, self._clock.utc_s()).model_dump_json().encode())
            finally:
                self._client.stop(farewell(self._who, self._clock.utc_s()))

    def _heard(self, _topic: str, payload: bytes) -> None:
        """On the MQTT client's thread."""
        heard = self._namesakes.hear(payload)
        if heard is Heard.STALE:
            self._overwritten.set()
            self._changed.set()
        elif heard is Heard.NAMESAKE:
            self.event(Event(kind=EventKind.TAMPER, source=self._who.agent, at_s=self._clock.utc_s(),
                             text=f"another agent uses the id {self._who.agent}: its beacons have another boot",
                             remedy="give one of the two another agent.id; a copied disk or card brings the id along"))  # fmt: skip

    def changed(self) -> None:
        """A camera's state, its protection or what is wanted of it changed: publish soon; without it nobody looks before the next beacon.

        Any thread."""
        self._changed.set()

    def event(self, event: Event) -> None:
        """Log and publish an event; any thread."""
        grave = event.kind in _GRAVE or (event.kind in _GRAVE_WITH_REMEDY and bool(event.remedy))
        level = logging.WARNING if grave else logging.INFO
        fields = {"kind": event.kind.value, "camera": event.camera, "archiver": event.archiver, "remedy": event.remedy}
        log.log(level, event.text, extra={key: value for key, value in fields.items() if value})
        self._send(event)

    def _send(self, event: Event) -> None:
        if self._client is not None:
            self._client.publish(topics.event(self._who.site, event.kind.value), event.model_dump_json().encode())

    def run(self, stop: threading.Event) -> None:
        """Publish until stopped; what was lost until then is told at the end."""
        due = 0.0
        while not stop.is_set():
            self._changed.wait(max(due - self._clock.monotonic(), 0.0))
            self._changed.clear()
            members = self._crew.there()
            now = self._clock.monotonic()
            seen = self._seen(members)
            self._withdraw(seen)
            self._passed_on = {name for name, member in members.items() if member.wanted.leaving}
            overwritten = self._overwritten.is_set()
            if overwritten:  # one that is set in between is for the next turn
                self._overwritten.clear()
            everything = now >= due or overwritten
            states = self._states({name: one for name, one in members.items() if everything or self._shown.get(name) != seen[name]})
            messages = [(topics.camera_state(self._who.site, name), state.model_dump_json().encode()) for name, state in states.items()]
            self._shown |= {name: (state.status, state.why, state.protection) for name, state in states.items()}
            if everything:
                due = now + self._period
                self._withdraw_again(seen)
                messages.append((self._topic, self._beacon(list(states.values()))))
            self._publish_all(messages)
            self._tell_changes(members, seen)
            if everything:
                self._tell_drops()
        self._tell_drops()

    def _seen(self, members: Mapping[str, Member]) -> dict[str, _Shown]:
        """What of each camera's state is published at once when it changes; nothing else is looked up."""
        judged = self._replicator.protections()
        lives = {name: member.ingest.life.shown for name, member in members.items()}
        return {name: (life.status, life.why, judged.get(name, Protection.PROTECTED)) for name, life in lives.items()}

    def _withdraw(self, states: Mapping[str, _Shown]) -> None:
        """Take cameras that have left off their topics, with an empty retained message, but for those of which another agent tells now."""
        for name in self._shown.keys() - states.keys():
            del self._shown[name]
            if name in self._passed_on:
                continue
            self._gone.add(name)
            self._publish(topics.camera_state(self._who.site, name), b"")

    def _withdraw_again(self, states: Mapping[str, _Shown]) -> None:
        """A connect just before a camera left may have put its state, of a moment earlier, behind that message."""
        if self._born.is_set():
            self._born.clear()
            for name in self._gone - states.keys():
                self._publish(topics.camera_state(self._who.site, name), b"")
        self._gone.clear()

    def _tell_changes(self, members: Mapping[str, Member], seen: Mapping[str, _Shown]) -> None:
        """An event for each camera whose status is another one; ingest has logged it."""
        for name, (status, why, _) in seen.items():
            told = self._told_of(members[name].line)
            if told.status is not status:
                text = f"camera {name} is {status.value}" + (f": {why}" if why else "")
                self._send(Event(kind=EventKind.CAMERA, source=self._who.agent, at_s=self._clock.utc_s(), camera=name, text=text))
            told.status = status

    def _tell_drops(self) -> None:
        lines = [member.line for member in self._crew.everyone().values()]
        since_s, self._looked_s = self._looked_s, self._clock.utc_s()
        for line in [*lines, *(line for line in list(self._told) if line not in lines)]:
            told = self._told_of(line)
            dropped, unbuilt = line.ring.dropped_frames, line.stats.unbuilt_chunks  # once: more may go while these are told
            self._tell_loss(line.camera, since_s - MARGIN_S, dropped - told.dropped, "frames did not fit into the ring and are lost",
                            "the journal's disk is too slow or stands still: see the agent's log")  # fmt: skip
            self._tell_loss(line.camera, since_s - WAITED_S, unbuilt - told.unbuilt, "chunks could not be built and are lost",
                            "please report this with the agent's log")  # fmt: skip
            told.dropped, told.unbuilt = dropped, unbuilt
            if line not in lines:
                del self._told[line]

    def _tell_loss(self, camera: str, since_s: float, count: int, what: str, remedy: str) -> None:
        if count > 0:
            self._declare(camera, since_s, self._clock.utc_s() + MARGIN_S, count, what)
            self.event(Event(kind=EventKind.LOSS, source=self._who.agent, at_s=self._clock.utc_s(), camera=camera,
                             text=f"{count} {what}", remedy=remedy))  # fmt: skip

    def _publish(self, topic: str, payload: bytes) -> None:
        self._publish_all([(topic, payload)])

    def _publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """In one go: each waking of the MQTT client's threads costs more than its message."""
        if self._client is not None and messages:
            self._client.publish_all(messages, retain=True)

    def _birth(self) -> list[tuple[str, bytes]]:
        self._born.set()
        states = self._states(self._crew.there())
        camera_topics = [(topics.camera_state(self._who.site, name), state.model_dump_json().encode()) for name, state in states.items()]
        return [*camera_topics, (self._topic, self._beacon(list(states.values())))]

    def _states(self, members: Mapping[str, Member]) -> dict[str, CameraState]:
        now = self._clock.monotonic()
        return {name: self._state(name, member, now) for name, member in members.items()}

    def _state(self, name: str, member: Member, now: float) -> CameraState:
        mbit_s = self._told_of(member.line).meter.read(member.line.stats.bytes, now)
        return camera_state(self._who, member.line, member.ingest.life, self._replicator.protection(name), mbit_s=mbit_s, now=now)

    def _told_of(self, line: Line) -> _Told:
        return self._told.setdefault(line, _Told())

    def status(self, replication: Overview) -> Status:
        """How the agent is now, for whoever asks on its own machine.  Any thread."""
        states = list(self._states(self._crew.there()).values())
        return Status(beacon=self._message(states, beat=0), cameras=states, replication=replication)

    def _beacon(self, states: list[CameraState]) -> bytes:
        return self._message(states, beat=next(self._beats)).model_dump_json().encode()

    def _message(self, states: list[CameraState], *, beat: int) -> AgentBeacon:
        usage, now = self._journal.usage(), self._clock.monotonic()
        oldest = 0.0 if usage.oldest is None else max(self._clock.utc_s() - usage.oldest.wall_start_ns / 1e9, 0.0)
        why, since = self.trouble()
        disk = why, None if since is None else round(self._clock.utc_s() - (now - since), 3)
        return beacon(self._who, beat=beat, sent_s=self._clock.utc_s(), uptime_s=round(now - self._started, 1),
                      cameras=states, links=self._replicator.links(), journal_bytes=usage.bytes, journal_max_bytes=usage.max_bytes,
                      oldest_owed_age_s=round(oldest, 1), usage=self._usage.read(), desired=self.desired(), disk=disk)  # fmt: skip
