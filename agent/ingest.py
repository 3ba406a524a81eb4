"""One camera's ingest thread: session after session into the camera's line, for ever.

    connect ─▶ read frames ─▶ push ─▶ (fault or end) ─▶ pause with jitter ─▶ connect ...

Rules: the session is opened, read and closed here and nowhere else; nothing here waits for a disk, a network peer
other than the camera, or another camera (invariants 7 and 9).  A source that changes ends the session, and the same thread goes on.
Whatever goes wrong, foreseen or not, becomes the camera's
state with its reason, and the next try; a session without a picture ends as soon as stall.py ends its read.  What changes while it
records is told too, each change once: a new epoch inside a session, and which of the camera's tracks are left out.
"""

import logging
import random
import threading
from collections.abc import Callable

from ..wire.causes import CameraStatus, Cause
from ..wire.errors import FormatError, redact
from .camera_state import CameraLife
from .clock import Clock
from .engine_choice import EngineChoice
from .line import Line, Run
from .pump import Pump
from .pyav.ingest import CameraError, RtspSession, no_picture
from .reader import Habits, Reader, Session, Wish
from .roster import Source
from .rtsp.opening import CommonError, UnfitError
from .rtsp.session import NativeSession
from .stall import StallWatch
from .timing import FORWARD_LIMIT_S, UNRELIABLE_LIMIT_S

log = logging.getLogger(__name__)

TURN_S = 0.25
"""How soon a pause between two tries ends when the source changes."""
TELL_S = 1.0
"""New epochs are told this far apart at most: a camera whose every frame jumps would fill the broker's queue."""
_WHY = {
    Cause.PARAMETER_CHANGE: "the camera changed its picture or its codec's parameters",
    Cause.TIME_JUMP: "the camera's time stamps jumped",
    Cause.OVERFLOW: "the journal's disk was too slow, frames were lost",
}
"""Causes of epochs inside a session that are told here; a stepped clock and another term have events of their own, for all cameras."""

Tell = Callable[[str, str], None]
"""Log and publish a line and its remedy about this camera."""
OpenSession = Callable[[str, str], Session]
"""Open a session of PyAV for (url, transport); raises CameraError."""
OpenNative = Callable[[str, str, bool], Session]
"""The same of agent/rtsp; when the third is true, raises UnfitError rather than leave out what PyAV could record."""


def _open_native(url: str, transport: str, whole: bool) -> Session:
    return NativeSession(url, transport, whole=whole)


class Ingest:
    """Records one camera into `line`; `changed` is called after each change of the shown state, `tell` for what else is worth an event."""

    def __init__(self, camera: Source, line: Line, clock: Clock, *, first_cause: Cause, changed: Callable[[str], None], tell: Tell,
                 open_session: OpenSession = RtspSession, open_native: OpenNative = _open_native,
                 pump: Pump | None = None) -> None:  # fmt: skip
        self._camera, self._line, self._clock = camera, line, clock
        self._cause, self._changed, self._open, self._tell = first_cause, changed, open_session, tell
        self._open_native, self._choice, self._pump = open_native, EngineChoice(camera.ingest), pump
        self.life = CameraLife(clock.utc_s(), camera.first_pause_s)
        self._wish, self._turned, self._afresh = Wish(), threading.Event(), threading.Event()
        self._next = camera
        self._left_out = ""
        self._told, self._untold = -TELL_S, 0
        self.watch = StallWatch()

    def clock_stepped(self) -> None:
        """UTC stepped: the next key frame begins a new epoch.  Called from the writer thread."""
        self._wish.clock_stepped()

    def renumber(self) -> None:
        """Epochs have another term from now on: the next key frame begins a new one, inside the session.  Any thread."""
        self._wish.renumbered()

    def turn(self, camera: Source) -> None:
        """Another source from now on: the session ends at its next frame, the epoch after it has the cause `configuration`.  Any thread.

        A session that is mute, or being opened, ends with its time-outs, or by `hasten`.
        """
        self._next = camera
        self._turned.set()

    def again(self) -> None:
        """Try now, and from the first pause on, if the camera is not recording: what has refused the session may be over.  Any thread."""
        if self.life.shown.status is not CameraStatus.RECORDING:
            self._afresh.set()

    def hasten(self) -> None:
        """End the read of a session that is to end because of `turn`; one that is of the new source already is left alone."""
        if self._turned.is_set():
            self.watch.give_up()

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        while not stop.is_set():
            self._take_turn()
            status, why, common = self._try_once(stop)
            if stop.is_set():
                return
            if self._turned.is_set():
                continue
            if self._choice.ended(self.life.recorded_s(self._clock.monotonic()), why, common=common):
                self._tell_engine()
            if self.life.failed(status, why, self._clock.utc_s(), self._clock.monotonic()):
                log.warning("camera is not recording", extra={"camera": self._line.camera, "status": status.value, "why": why})
                self._changed(self._line.camera)
            self._pause(stop, self.life.pause_s(random.random()))

    def _take_turn(self) -> None:
        if not self._turned.is_set():
            return
        self._turned.clear()  # before the source is read: one that comes in between is taken at the next turn as well
        self._camera = self._next
        self._choice.turned(self._camera.ingest)
        if self._cause is not Cause.FIRST_START:
            self._cause = Cause.CONFIGURATION
        if self.life.turned(self._clock.utc_s(), self._camera.first_pause_s):
            self._changed(self._line.camera)

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        left = seconds
        while not (self._turned.is_set() or self._afresh.is_set()) and not stop.wait(min(left, TURN_S)) and left > TURN_S:
            left -= TURN_S
        if self._afresh.is_set():
            self._afresh.clear()
            self.life.afresh()

    def _try_once(self, stop: threading.Event) -> tuple[CameraStatus, str, bool]:
        """One session from its opening to its end; returns what to show now, and whether any engine would have met it."""
        try:
            self._session(stop)
        except CameraError as error:
            return error.status, error.line(), isinstance(error, CommonError)
        except FormatError as error:
            return CameraStatus.UNSUPPORTED, error.line(), False
        except Exception as error:
            log.exception("ingest failed unexpectedly, it tries again", extra={"camera": self._line.camera})
            why = redact(f"unexpected {type(error).__name__}: {error}; please report it with the agent's log")
            return CameraStatus.CONNECTING, why, False
        finally:
            self._line.end()
        return CameraStatus.CONNECTING, "the camera ended the session", False

    def _session(self, stop: threading.Event) -> None:
        if self._camera.fault is not None:
            status, why, remedy = self._camera.fault
            raise CameraError(status, why, remedy=remedy)
        session = self._opened()
        try:
            self._line.stats.quality.begin()
            if isinstance(session, NativeSession):
                session.note_in(self._line.stats.quality, self._clock.utc_ns)
            limit = FORWARD_LIMIT_S if self._camera.timestamps_reliable else UNRELIABLE_LIMIT_S
            reader = Reader(session, self._line, self._clock, Habits(self._cause, limit), self._wish)
            self._let_pump(session, reader, stop)
            self.watch.begin(reader.pictured)
            try:
                self._read(session, reader, stop)
            except CameraError:
                if not self.watch.ended:
                    raise
            finally:
                self.watch.end()
                reader.finish()
            if self.watch.ended:
                raise no_picture()
        finally:
            session.close()

    def _let_pump(self, session: Session, reader: Reader, stop: threading.Event) -> None:
        """A session of the native engine is read by the pump whenever nothing about it is unusual."""
        pump = self._pump
        if pump is not None and isinstance(session, NativeSession):
            def wanted_back() -> bool:
                return stop.is_set() or self._turned.is_set()

            session.ride_on(lambda ride: pump.drive(ride, session, reader, wanted_back, lambda: self._wish.cause is not None), wanted_back)

    def _opened(self) -> Session:
        """A session of the engine that this camera is read by; one that native is unfit for is PyAV's at once."""
        source, choice = self._camera, self._choice
        try:
            if choice.engine == "native":
                self._show_engine()
                return self._open_native(source.url, source.transport, choice.whole)
        except UnfitError as error:
            if not choice.unfit(error.message):
                raise
            if choice.settled:
                self._tell_engine()
        self._show_engine()
        return self._open(source.url, source.transport)

    def _show_engine(self) -> None:
        self._line.stats.ingest, self._line.stats.ingest_why = self._choice.engine, self._choice.why

    def _tell_engine(self) -> None:
        span = "from now on" if self._choice.settled else "for this session"
        self._tell(f"camera {self._line.camera} is read by PyAV {span}: {self._choice.why}",
                   'nothing is lost by it; ingest = "pyav" for this camera asks no more')  # fmt: skip

    def _read(self, session: Session, reader: Reader, stop: threading.Event) -> None:
        if stop.is_set() or self._turned.is_set():
            return  # reading may wait 5 s for a mute camera
        empty = True
        for sample in session.samples():
            empty = False
            if stop.is_set() or self._turned.is_set():
                return
            if reader.take(sample):
                self._recorded(session, reader.begun())
            elif sample.video and reader.waits and self.life.waits("connected, no key frame yet", self._clock.utc_s()):
                self._changed(self._line.camera)
        if empty:
            raise CameraError(CameraStatus.CONNECTING, "the camera ended the session, and sent nothing that can be read as video",
                              remedy="check its stream settings with a player, restart it")  # fmt: skip

    def _begun(self, run: Run) -> None:
        """Tell of an epoch that began inside the session."""
        now = self._clock.monotonic()
        if now - self._told < TELL_S:
            self._untold += 1
            return
        more = f" ({self._untold} epochs since the last message)" if self._untold else ""
        self._told, self._untold = now, 0
        self._tell(f"camera {self._line.camera} begins epoch {run.epoch}, {run.cause.label}: {_WHY[run.cause]}{more}", "")

    def _recorded(self, session: Session, begun: Run | None) -> None:
        if begun is not None and begun.cause in _WHY:
            self._begun(begun)
        if session.left_out != self._left_out:
            self._left_out = self._line.stats.left_out = session.left_out
            self._tell(*_of_tracks(self._line.camera, self._left_out))
        self._line.stats.audio = session.audio.name if session.audio is not None else ""
        self._cause = Cause.CAMERA_LOST
        now = self._clock.monotonic()
        changed = self.life.frame(self._clock.utc_s(), now)
        if self._choice.recorded(self.life.recorded_s(now)):
            self._tell_engine()
        if changed:
            log.info("camera is recording", extra={"camera": self._line.camera, "codec": session.codec})
            self._changed(self._line.camera)


def _of_tracks(camera: str, left_out: str) -> tuple[str, str]:
    """The line and the remedy for tracks that are not recorded from now on."""
    if not left_out:
        return f"every track of camera {camera} is recorded again", ""
    return f"camera {camera} is recorded without {left_out}", "choose AAC, Opus or G.711 for sound, or switch the track off in the camera"
