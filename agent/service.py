"""The agent's composition: builds every part, starts the threads in order, stops them in order.

    start: journal ─▶ replication ─▶ MQTT ─▶ writer ─▶ mDNS ─▶ ingest          stop: from the end to the beginning

Rules: nothing imports this but cli; each part is owned here and closed here; MQTT and mDNS may fail at any time without
any effect on recording (invariant 9).  From SIGTERM to exit at most 10 s: 5 s of a mute camera's time-out, then draining.
"""

import json
import logging
import secrets
import threading
from pathlib import Path

from ..native import Ring
from ..wire.causes import Cause, EventKind
from ..wire.errors import ConfigError, WatchkeepError
from ..wire.mdns import Found
from ..wire.messages import Event
from ..wire.shell.mdns import Browser
from ..wire.shell.threads import Supervised
from .archivers import ArchiverBook
from .clock import Clock
from .config import CameraSection
from .epochs import STATE_BYTES, EpochBook
from .ingest import Ingest, Source
from .journal.journal import Journal
from .journal.slots import SlotFile
from .line import Line
from .replicate.health import HealthLimits
from .replicate.policy import CameraPolicy
from .replicate.replicator import Replicator
from .reporter import Reporter
from .setup import Plan
from .spool import JournalSpool, runs
from .status import Identity
from .timing import VIDEO_TICKS
from .writer import Pace, Writer

log = logging.getLogger(__name__)
INGEST_STOP_S = 6.0
"""A mute camera's socket time-out of 5 s, and a second for the rest."""
DRAIN_S = 1.5
THREAD_STOP_S = 5.0


class AgentService:
    """One recording agent; use as a context manager around `run`."""

    def __init__(self, plan: Plan, clock: Clock | None = None) -> None:
        """Open the journal and build every part; raises ConfigError or a journal's error, and leaves no thread behind."""
        self._plan, self._clock = plan, clock or Clock()
        self._who = Identity(plan.config.agent.id, plan.config.agent.site, secrets.token_hex(6))
        self._data = _data_dir(plan)
        self._journal = Journal.open(self._data / "journal", max_bytes=plan.journal_max_bytes,
                                     file_bytes=plan.profile.journal_file_bytes, ram_bytes=plan.profile.journal_ram_bytes)  # fmt: skip
        try:
            self._build()
        except BaseException:
            self._journal.close()
            raise

    def _build(self) -> None:
        config, profile = self._plan.config, self._plan.profile
        last: dict[str, int] = {}
        for entry in self._journal.recovered:
            last[entry.camera] = max(entry.epoch, last.get(entry.camera, 0))
        self._epochs = EpochBook(SlotFile(self._data / "epochs.slots", size=STATE_BYTES), self._clock, last)
        self._known = SlotFile(self._data / "archivers.slots", size=STATE_BYTES)
        self._book = ArchiverBook({one.id: one.url for one in config.archiver}, json.loads(self._known.read() or b"{}"))
        self._lines = {camera.id: self._line(camera.id) for camera in config.camera}
        self._ingests = {camera.id: self._ingest(camera) for camera in config.camera}
        self._replicator = self._replication(profile.tick_ms)
        self._reporter = Reporter(self._who, config.mqtt, self._lines, {name: ingest.life for name, ingest in self._ingests.items()},
                                  self._replicator, self._journal, self._clock)  # fmt: skip
        self._writer = Writer(list(self._lines.values()), self._journal, self._epochs, self._clock,
                              pace=Pace(profile.tick_ms, profile.sync_ms), offer=self._replicator.offer, reclaim=self._reclaim,
                              stepped=self._clock_stepped)  # fmt: skip
        self._browser = Browser(config.discovery.interfaces, config.agent.site, self._found) if config.discovery.mdns else None
        self._writers = [Supervised("wk-writer", self._writer.run_ticks), Supervised("wk-sync", self._writer.run_syncs)]
        self._status = Supervised("wk-status", self._reporter.run)
        self._cameras = [Supervised(f"wk-cam-{name}", ingest.run) for name, ingest in self._ingests.items()]

    def _line(self, camera: str) -> Line:
        plan = self._plan
        ring = Ring(plan.ring_bytes, plan.ring_frames, chunk_ticks=plan.chunk_ms * VIDEO_TICKS // 1000,
                    segment_ticks=int(plan.segment_s * VIDEO_TICKS))  # fmt: skip
        return Line(camera, ring, self._epochs.next, chunk_s=plan.chunk_ms / 1000)

    def _ingest(self, camera: CameraSection) -> Ingest:
        plan, cause = self._plan, Cause.AGENT_DOWN if self._epochs.known(camera.id) else Cause.FIRST_START
        source = Source(plan.url(camera), plan.transport(camera), plan.cameras[camera.id].quirks.reconnect_pause_s)
        return Ingest(source, self._lines[camera.id], self._clock, first_cause=cause, changed=lambda _: self._reporter.changed())

    def __enter__(self) -> "AgentService":
        for cut in self._journal.cuts:
            log.warning("the journal's torn tail was cut", extra={"cut": str(cut)})
        self._replicator.recovered(self._journal.recovered)
        self._replicator.start()
        self._replicator.set_archivers(self._book.urls())
        self._reporter.start()
        for thread in (*self._writers, self._status):
            thread.start()
        self._browse()
        for thread in self._cameras:
            thread.start()
        log.info("agent is recording", extra={"agent": self._who.agent, "cameras": len(self._cameras)})
        return self

    def run(self, stop: threading.Event) -> None:
        """Wait until asked to stop; the threads do the work."""
        stop.wait()

    def __exit__(self, *_: object) -> None:
        for thread in self._cameras:
            thread.stop()
        deadline = self._clock.monotonic() + INGEST_STOP_S
        for thread in self._cameras:
            _join(thread, max(deadline - self._clock.monotonic(), 0.1))
        if self._browser is not None:
            self._browser.stop()
        for thread in self._writers:
            thread.stop()
            _join(thread, THREAD_STOP_S)
        self._writer.drain()
        if not self._replicator.drain(DRAIN_S):
            log.info("some copies are still owed; the journal keeps them for the next start")
        self._replicator.stop()
        self._status.stop()
        self._reporter.changed()
        _join(self._status, THREAD_STOP_S)
        self._reporter.stop()
        self._journal.close()
        for line in self._lines.values():
            line.ring.close()
        log.info("agent has stopped", extra={"agent": self._who.agent})

    def _replication(self, tick_ms: int) -> Replicator:
        settings = self._plan.config.replication
        cameras = [CameraPolicy(camera.id, camera.copies, camera.archivers) for camera in self._plan.config.camera]
        limits = HealthLimits(settings.ack_timeout_ms / 1000, settings.failback_hold_s, settings.failback)
        return Replicator(JournalSpool(self._journal), agent=self._who.agent, cameras=cameras, limits=limits, tick_s=tick_ms / 1000,
                          on_event=self._report)  # fmt: skip

    def _report(self, event: Event) -> None:
        self._reporter.event(event)

    def _browse(self) -> None:
        if self._browser is None:
            return
        try:
            self._browser.start()
        except WatchkeepError as error:
            log.warning("mDNS is off, static and last known archivers are used", extra={"why": error.line()})
            self._browser = None

    def _found(self, hubs: dict[str, Found]) -> None:
        if not self._book.found({hub.id: hub.url for hub in hubs.values() if "archiver" in hub.roles}):
            return
        self._replicator.set_archivers(self._book.urls())
        try:
            self._known.write(json.dumps(self._book.last_known()).encode())
        except (OSError, WatchkeepError) as error:
            log.warning("the list of known archivers cannot be kept", extra={"why": str(error)})

    def _reclaim(self) -> None:
        dropped = self._journal.reclaim(self._replicator.has_copy)
        for camera, epoch, low, high in runs(dropped.copied + dropped.lost):
            self._replicator.dropped(camera, epoch, low, high)
        for camera, epoch, low, high in runs(dropped.lost):
            self._tell(EventKind.LOSS, f"chunks {low} to {high} of epoch {epoch} are lost: the journal is full and no archiver has them",
                       "raise journal.max_bytes, or bring an archiver back", camera=camera)  # fmt: skip

    def _clock_stepped(self, change: float) -> None:
        for ingest in self._ingests.values():
            ingest.clock_stepped()
        self._tell(EventKind.CLOCK, f"the clock stepped by {change:+.1f} s; every camera begins a new epoch", "check the time service")

    def _tell(self, kind: EventKind, text: str, remedy: str, *, camera: str = "") -> None:
        self._reporter.event(Event(kind=kind, source=self._who.agent, at_s=self._clock.utc_s(), camera=camera, text=text, remedy=remedy))


def _data_dir(plan: Plan) -> Path:
    """The agent's folder, made when it is missing; raises ConfigError when it cannot be used."""
    folder = Path(plan.config.agent.data_dir)
    try:
        (folder / "journal").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(str(plan.file), "agent.data_dir", f"{folder} cannot be made ({error.strerror})",
                          remedy="give a folder that this user may write") from error  # fmt: skip
    return folder


def _join(thread: Supervised, seconds: float) -> None:
    if not thread.join(seconds):
        log.error("thread does not end", extra={"worker": thread.name, "waited_s": seconds})
