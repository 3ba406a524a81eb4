"""The agent's composition: builds every part, starts the threads in order, stops them in order.

    start: journal ─▶ replication ─▶ MQTT ─▶ spiller, writer ─▶ mDNS ─▶ ingest          stop: from the end to the beginning

Rules: nothing imports this but cli; each part is owned here and closed here; MQTT and mDNS may fail at any time without
any effect on recording (invariant 9).

From SIGTERM to exit at most 10 s.  A camera that sends ends within a frame; one that is mute has its read ended, one that is being
connected is not waited for, since it has nothing to drain, and ends beside the rest:

    0   1                  2.5        3            ~7        9
    ├ cameras that send ┤                                                  mDNS stops beside, at most 3 s
        ├ journal ┤├ last copies, 1.5 ┤├ senders ┤├ goodbye ┤              a hung broker takes 4 s
        ├ connecting cameras: up to 8 s of time-outs ──────────────────────┤
"""

import logging
import secrets
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ..native import Pool, Ring
from ..profiles import camera_profile
from ..wire.causes import Cause, EventKind
from ..wire.errors import WatchkeepError
from ..wire.mdns import remembered
from ..wire.messages import Event
from ..wire.shell.directory_finder import ServerFinder
from ..wire.shell.threads import Supervised
from . import damage
from .archivers import ArchiverBook
from .beat import writers_place_s
from .clock import Clock
from .config import read
from .control.answer import Control
from .control.model import Reloaded
from .control.server import ControlServer
from .credentials import NAME, logins_at_start, read_logins
from .crew import Crew, Member
from .directory.absences import Absences
from .directory.link import DirectoryLink
from .directory.resolve import Login, addresses, resolve
from .discovery import Discovery
from .epochs import EpochBook
from .heap import TRIM_S, give_back
from .home.refuge import ARCHIVERS, EPOCHS, LOSSES
from .home.settle import settle
from .ingest import Ingest
from .journal.journal import Journal
from .journal.patience import PatientReader
from .line import Line
from .pump import Pump
from .reload import taken_up
from .replicate.health import HealthLimits
from .replicate.losses import LossDesk
from .replicate.replicator import Replicator
from .reporter import Reporter
from .roster import Changes, Wanted
from .setup import Plan, plan
from .signals import AGAIN
from .spiller import Spiller
from .spool import JournalSpool, runs
from .stall import LOOK_S
from .status import Identity
from .timing import VIDEO_TICKS
from .wake import Alarm, sleeper
from .writer import Writer

log = logging.getLogger(__name__)
CAMERA_STOP_S = 1.0
LAST_CALL_S = 9.0
DRAIN_S = 1.5
THREAD_STOP_S = 3.0
HUNG_DISK_S = 60.0
"""Beyond the 10 s: longer than disks stall and than systemd's TimeoutStopSec, which ends it earlier."""
CROWDED_SHARE = 0.75
"""Of the journal's quota: from here on nobody waits for an archiver in maintenance, so that the rest is left for the takeover."""
WRITER_PAUSE_S = 2.0
"""The longest pause of a writer thread that failed: the rings hold 30 s."""


class AgentService:
    """One recording agent; use as a context manager around `run`."""

    def __init__(self, plan: Plan, clock: Clock | None = None, *, well: Callable[[], None] = lambda: None,
                 kept: Journal | None = None) -> None:  # fmt: skip
        """Open the journal and build every part; raises ConfigError or a journal's error, and leaves no thread behind.

        `well` is called, by any thread, when `run` should return True; kept: what the service before this one has then.
        """
        self.plan, self._clock, self._well = plan, clock or Clock(), well
        self._who = Identity(plan.config.agent.id, plan.config.agent.site, secrets.token_hex(6))
        self._reader = PatientReader()
        self._home = settle(plan, self._clock, self._reader, kept)
        self._data, self._journal = self._home.folder, self._home.journal
        try:
            self._build()
        except BaseException:
            for step in (self._home.stop, self._journal.close, self._home.close):
                _guarded(step)
            raise

    def _build(self) -> None:
        config, profile = self.plan.config, self.plan.profile
        last: dict[str, int] = {}
        for entry in self._journal.recovered:
            last[entry.camera] = max(entry.epoch, last.get(entry.camera, 0))
        newest_s = max((entry.wall_start_ns for entry in self._journal.recovered), default=0) // 1_000_000_000
        self._epochs = EpochBook(self._home.slots(EPOCHS), self._clock, last, newest_s=newest_s)
        known = self._home.slots(ARCHIVERS)
        self._book = ArchiverBook({one.id: one.url for one in config.archiver}, remembered("archiver", known.read()))
        self._absences = Absences()
        self._losses = LossDesk(self._home.slots(LOSSES))
        self._replicator = self._replication(profile.tick_ms)
        self._spiller = Spiller(self._journal, self._epochs, self._losses, sync_ms=profile.sync_ms, reclaim=self._reclaim,
                                faulted=partial(self._tell, EventKind.DISK), monotonic=self._clock.monotonic)  # fmt: skip
        self._writer = Writer((), self._journal, self._clock, tick_ms=profile.tick_ms,
                              place_s=writers_place_s(profile.read_ms, profile.tick_ms), offer=self._replicator.offer,
                              stepped=self._clock_stepped, look=self._spiller.look)  # fmt: skip
        self._pool = Pool()
        self._pump = Pump(self._clock, tick_s=profile.read_ms / 1000)
        self._crew = Crew(self._hire, self._writer, self._keep, self._clock.monotonic, limit=profile.max_cameras)
        self._reporter = Reporter(self._who, config.mqtt, self._crew, self._replicator, self._journal, self._clock,
                                  self._losses.frames)  # fmt: skip
        self._control = ControlServer(self._data, Control(self._replicator, self._reporter.status, self.reload).answer)
        finder = ServerFinder(self._data) if config.directory.mdns else None
        self._discovery = Discovery(config.discovery, config.agent.site, self._book, known, self._replicator.set_archivers,
                                    partial(self._tell, EventKind.TAMPER), finder)  # fmt: skip
        self._writing = Supervised("wk-writer", self._writer.run_ticks, max_pause_s=WRITER_PAUSE_S)
        self._spilling = [Supervised("wk-spill", self._spiller.run_spills, max_pause_s=WRITER_PAUSE_S),
                          Supervised("wk-sync", self._spiller.run_syncs, max_pause_s=WRITER_PAUSE_S)]  # fmt: skip
        self._status = Supervised("wk-status", self._reporter.run)
        self._reading = Supervised("wk-read", self._reader.run, max_pause_s=WRITER_PAUSE_S)
        self._reloading = threading.Lock()
        self._watch = Supervised("wk-watch", self._look_at_cameras)
        self._link = DirectoryLink(self._data, config.agent.site, config.agent.id, config.directory.servers, self._directed,
                                   self._crew.epochs, finder)  # fmt: skip
        self._reporter.desired = lambda: self._link.at
        self._reporter.trouble = lambda: self._spiller.trouble
        followed, tell = config.directory.followed, partial(self._tell, EventKind.CONFIGURATION)
        self._logins = logins_at_start(self._data / NAME, tell) if followed else {}
        self._heed()
        self._crew.apply(self._wanted())

    def _hire(self, camera: str, wanted: Wanted, cause: Cause | None) -> Member:
        """The parts of a camera; one that was recorded before goes on for the cause that is given."""
        plan, known = self.plan, self._epochs.known(camera) or self._home.blind
        ring = Ring(plan.ring_bytes, plan.ring_frames, chunk_ticks=plan.chunk_ms * VIDEO_TICKS // 1000,
                    segment_ticks=int(plan.segment_s * VIDEO_TICKS), pool=self._pool)  # fmt: skip
        line = Line(camera, ring, self._epochs.next, chunk_s=plan.chunk_ms / 1000)
        ingest = Ingest(wanted.source, line, self._clock, first_cause=(cause or Cause.AGENT_DOWN) if known else Cause.FIRST_START,
                        changed=lambda _: self._reporter.changed(),
                        tell=lambda text, remedy: self._tell(EventKind.CAMERA, text, remedy, camera=camera), pump=self._pump)  # fmt: skip
        return Member(line, ingest, Supervised(f"wk-cam-{camera}", ingest.run), wanted)

    def _keep(self, cameras: Sequence[Wanted]) -> None:
        """Cameras come, go, or are kept otherwise."""
        self._epochs.lead({one.policy.camera: one.term for one in cameras})
        self._replicator.set_cameras([one.policy for one in cameras])
        self._journal.expect([one.policy.camera for one in cameras], self.plan.stage_for(len(cameras)))
        self._pool.keep(self.plan.pool_for(len(cameras)))

    def apply(self, cameras: Mapping[str, Wanted]) -> Changes:
        """Record exactly these from now on; others are not touched.  Raises UsageError, with nothing changed, for too many."""
        changes = self._crew.apply(cameras)
        self._reporter.changed()
        return changes

    def __enter__(self) -> "AgentService":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        if self._home.why is not None:
            self._spiller.fails(self._home.why)
        self._replicator.recovered(self._journal.recovered)
        self._reading.start()
        self._replicator.start()
        self._replicator.set_archivers(self._book.urls())
        self._reporter.start()
        damage.tell(self._journal.cuts, self._losses, self._tell)
        for thread in (*self._spilling, self._writing, self._status, self._watch):
            thread.start()
        self._discovery.start()
        self._pump.start()
        self._crew.start()
        self._control.start()
        self._link.start()
        self._home.look(self._disk_is_well)
        log.info("agent is recording", extra={"agent": self._who.agent, "cameras": len(self._crew.there())})

    def _disk_is_well(self) -> None:
        self._spiller.works()
        self._well()

    def reload(self) -> Reloaded:
        """Take up what can be taken up of a changed agent.toml, and tell of it; cameras that did not change are not touched.

        Raises ConfigError or ProfileError, with nothing changed, when the file is wrong.  Any thread, one at a time.
        """
        with self._reloading:
            try:
                config, kept = taken_up(self.plan.config, plan(self.plan.file, read(self.plan.file)).config)
                ready, logins = plan(self.plan.file, config), self._read_logins()
            except WatchkeepError as error:
                more = f", and {count} more" if (count := len(error.lines()) - 1) else ""
                self._tell(EventKind.CONFIGURATION, f"the changed configuration is refused as a whole: {error.message}{more}", error.remedy)
                raise
            self.plan = ready
            if self._book.listed({one.id: one.url for one in config.archiver}):
                self._replicator.set_archivers(self._book.urls())
            self._logins = logins
            changes = str(self.apply(self._wanted()))
        remedy = f"restart the agent for {', '.join(kept)}" if kept else ""
        self._tell(EventKind.CONFIGURATION, f"the configuration is read again: {changes or 'no camera has changed'}", remedy)
        return Reloaded(changes=changes, kept=kept)

    def _directed(self) -> None:
        """The directory wants something else; on its thread."""
        with self._reloading:
            if self._heed():
                self._replicator.set_archivers(self._book.urls())
            changes = self.apply(self._wanted())
        if changes:
            self._tell(EventKind.CONFIGURATION, f"the directory's assignment is taken up: {changes}", "")

    def _wanted(self) -> dict[str, Wanted]:
        """The cameras of agent.toml, and those that the directory gives to this agent as far as there is room."""
        limit = self.plan.profile.max_cameras
        found = resolve(self.plan.wanted(), self._link.document, self._logins, camera_profile, limit)
        for text, remedy in found.told(limit):
            self._tell(EventKind.CONFIGURATION, text, remedy)
        return found.wanted

    def _heed(self) -> bool:
        """Take over what the directory says of archivers; whether an address is another one."""
        self._absences.told(self._link.document)
        return self._book.told(addresses(self._link.document))

    def _read_logins(self) -> dict[str, Login]:
        return read_logins(self._data / NAME) if self.plan.config.directory.followed else {}

    def run(self, asked: Callable[[], int]) -> bool:
        """Wait for signals, of which `asked` gives the next one, until one asks to stop; the threads do the work.  SIGHUP asks to look what
        is wanted, and ends nothing.  True when the agent is to be started anew, with `kept`."""
        while (number := asked()) == signal.SIGHUP:
            try:
                self.reload()
            except WatchkeepError:
                continue  # told already, and nothing has changed
            except Exception as error:
                log.exception("the configuration could not be read again")
                self._tell(EventKind.CONFIGURATION, f"the configuration could not be read again: {type(error).__name__}; what is recorded "
                           "goes on", "please report this with the agent's log")  # fmt: skip
        if number == AGAIN:
            self._home.keep()
        return number == AGAIN

    @property
    def kept(self) -> Journal | None:
        """The journal to go on with, after `close`."""
        return self._home.kept

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stragglers(self) -> list[str]:
        """Threads that did not end: look-ups of names and connects, of cameras, archivers and directories."""
        return [*self._crew.stragglers, *self._replicator.stragglers, *self._link.stragglers, *self._home.stragglers]

    def close(self) -> None:
        """Stop everything, in order, as far as it was started; a step that fails does not keep the next from its turn."""
        began = self._clock.monotonic()
        self._crew.stop()
        browsing = threading.Thread(target=self._stop_followers, name="wk-stop-followers")  # may take 3 s each: beside everything else
        browsing.start()
        self._crew.wait(began + CAMERA_STOP_S)
        _guarded(self._crew.give_up)
        _guarded(self._control.stop)
        steps = (self._stop_writing, self._drain_copies, self._replicator.stop, self._stop_status, self._reporter.stop, browsing.join)
        for step in steps:
            _guarded(step)
        self._crew.wait(began + LAST_CALL_S)
        _guarded(self._pump.stop)
        self._watch.stop()  # only now: it goes on looking for mute cameras
        _guarded(lambda: _join(self._watch, THREAD_STOP_S))
        self._reading.stop()
        self._reader.wake()
        _guarded(self._home.stop)
        _guarded(self._spill_the_rest)
        _guarded(lambda: _join(self._reading, THREAD_STOP_S))
        _guarded(self._journal.close)
        _guarded(self._home.close)
        self._crew.close()
        log.info("agent has stopped", extra={"agent": self._who.agent, "took_s": round(self._clock.monotonic() - began, 1)})

    def _look_at_cameras(self, stop: threading.Event) -> None:
        trimmed = self._clock.monotonic()
        while not stop.wait(LOOK_S):
            self._crew.tend()
            if self._clock.monotonic() - trimmed >= TRIM_S:
                give_back()
                trimmed = self._clock.monotonic()

    def _stop_followers(self) -> None:
        _guarded(self._link.stop)
        self._discovery.stop()

    def _stop_writing(self) -> None:
        """Cut what the rings hold, and bring it to the disk, as far as that answers; else it is in RAM for the archivers."""
        threads = [self._writing, *self._spilling]
        for thread in threads:
            thread.stop()
        deadline = self._clock.monotonic() + THREAD_STOP_S
        cuts, *spills = [_join(thread, max(deadline - self._clock.monotonic(), 0.01)) for thread in threads]
        if cuts:
            self._writer.drain(partial(self._spiller.drain, everything=True) if all(spills) else lambda: None)
        if all(spills):
            self._spiller.drain()

    def _spill_the_rest(self) -> None:
        """A disk that hangs is waited for: what no archiver has is in RAM alone, and the process cannot end before the call does."""
        if False not in [_join(thread, HUNG_DISK_S) for thread in self._spilling]:
            self._spiller.drain(everything=True)

    def _drain_copies(self) -> None:
        if not self._replicator.drain(DRAIN_S):
            log.info("some copies are still owed; the journal keeps them for the next start")

    def _stop_status(self) -> None:
        self._status.stop()
        self._reporter.changed()
        _join(self._status, THREAD_STOP_S)

    def _replication(self, tick_ms: int) -> Replicator:
        settings = self.plan.config.replication
        limits = HealthLimits(settings.ack_timeout_ms / 1000, settings.failback_hold_s, settings.failback,
                              wake_timeout_s=settings.wake_timeout_s, sleep_after_s=settings.sleep_after_s,
                              durable_timeout_s=settings.durable_timeout_s)  # fmt: skip
        alarm = Alarm({one.id: sleeper(one.mac, one.wake_broadcast) for one in self.plan.config.archiver if one.mac is not None})
        return Replicator(JournalSpool(self._journal), agent=self._who.agent, cameras=(), limits=limits, tick_s=tick_ms / 1000,
                          catchup_share=settings.catchup_share, hurry=self._hurry, on_event=self._report,
                          on_protection=self._protected, crowded=self._crowded, cold=alarm.names, wake_up=alarm.ring,
                          losses=self._losses, absent=lambda archiver: self._absences.left_s(archiver, self._clock.utc_s()))  # fmt: skip

    def _crowded(self) -> bool:
        usage = self._journal.usage()
        return usage.bytes > CROWDED_SHARE * usage.max_bytes

    def _hurry(self, cameras: Sequence[str]) -> None:
        self._writer.hurry(cameras)

    def _report(self, event: Event) -> None:
        self._reporter.event(event)

    def _protected(self) -> None:
        self._reporter.changed()

    def _reclaim(self) -> bool:
        """Make room in the journal; whether it cost nothing but copies of what archivers have."""
        dropped = self._journal.reclaim(self._replicator.has_copy)
        for camera, epoch, low, high in runs(dropped.copied + dropped.lost):
            self._replicator.dropped(camera, epoch, low, high)
        for camera, epoch, low, high in runs(dropped.lost):
            self._losses.chunks(camera, epoch, low, high, "the journal was full and no archiver had them")
            self._tell(EventKind.LOSS, f"chunks {low} to {high} of epoch {epoch} are lost: the journal is full and no archiver has them",
                       "raise journal.max_bytes, or bring an archiver back", camera=camera)  # fmt: skip
        return not dropped.lost

    def _clock_stepped(self, change: float) -> None:
        for member in self._crew.everyone().values():
            member.ingest.clock_stepped()
        self._tell(EventKind.CLOCK, f"the clock stepped by {change:+.1f} s; every camera begins a new epoch", "check the time service")

    def _tell(self, kind: EventKind, text: str, remedy: str, *, camera: str = "") -> None:
        self._reporter.event(Event(kind=kind, source=self._who.agent, at_s=self._clock.utc_s(), camera=camera, text=text, remedy=remedy))


def _guarded(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("a step of stopping failed, the next ones follow")


def _join(thread: Supervised, seconds: float) -> bool:
    ended = thread.join(seconds)
    if not ended:
        log.error("thread does not end", extra={"worker": thread.name, "waited_s": seconds})
    return ended
