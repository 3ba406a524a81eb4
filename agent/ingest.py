"""One camera's ingest thread: session after session into the camera's line, for ever.

    connect ─▶ read frames ─▶ push ─▶ (fault or end) ─▶ pause with jitter ─▶ connect ...

Rules: the session is opened, read and closed here and nowhere else; nothing here waits for a disk, a network peer
other than the camera, or another camera (invariants 7 and 9).  Whatever goes wrong, foreseen or not, becomes the camera's
state with its reason, and the next try.
"""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..wire.causes import CameraStatus, Cause
from ..wire.errors import FormatError, redact
from .camera_state import FIRST_PAUSE_S, CameraLife
from .clock import Clock
from .line import Line
from .pyav.ingest import CameraError, RtspSession
from .reader import Habits, Reader, Session
from .timing import FORWARD_LIMIT_S, UNRELIABLE_LIMIT_S

log = logging.getLogger(__name__)

OpenSession = Callable[[str, str], Session]
"""Open a session for (url, transport); raises CameraError."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the video comes from, `tcp` or `udp`, and what the camera's profile says of its make."""

    url: str
    """With its credentials: never shown."""
    transport: str
    first_pause_s: float = FIRST_PAUSE_S
    timestamps_reliable: bool = True

    def __repr__(self) -> str:
        return f"Source({redact(self.url)!r}, {self.transport!r})"


class Ingest:
    """Records one camera into `line`; `changed` is called after each change of the shown state."""

    def __init__(self, camera: Source, line: Line, clock: Clock, *, first_cause: Cause, changed: Callable[[str], None],
                 open_session: OpenSession = RtspSession) -> None:  # fmt: skip
        self._camera, self._line, self._clock = camera, line, clock
        self._cause, self._changed, self._open = first_cause, changed, open_session
        self.life = CameraLife(clock.utc_s(), camera.first_pause_s)
        self._clock_step = threading.Event()

    def clock_stepped(self) -> None:
        """UTC stepped: the next key frame begins a new epoch.  Called from the writer thread."""
        self._clock_step.set()

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        while not stop.is_set():
            status, why = self._try_once(stop)
            if stop.is_set():
                return
            if self.life.failed(status, why, self._clock.utc_s(), self._clock.monotonic()):
                log.warning("camera is not recording", extra={"camera": self._line.camera, "status": status.value, "why": why})
                self._changed(self._line.camera)
            stop.wait(self.life.pause_s(random.random()))

    def _try_once(self, stop: threading.Event) -> tuple[CameraStatus, str]:
        """One session from its opening to its end; returns what to show now."""
        try:
            self._session(stop)
        except CameraError as error:
            return error.status, error.line()
        except FormatError as error:
            return CameraStatus.UNSUPPORTED, error.line()
        except Exception as error:
            log.exception("ingest failed unexpectedly, it tries again", extra={"camera": self._line.camera})
            return CameraStatus.CONNECTING, redact(f"unexpected {type(error).__name__}: {error}; please report it with the agent's log")
        finally:
            self._line.end()
        return CameraStatus.CONNECTING, "the camera ended the session"

    def _session(self, stop: threading.Event) -> None:
        session = self._open(self._camera.url, self._camera.transport)
        try:
            limit = FORWARD_LIMIT_S if self._camera.timestamps_reliable else UNRELIABLE_LIMIT_S
            reader = Reader(session, self._line, self._clock, Habits(self._cause, limit), self._clock_step)
            if session.dropped_audio:
                log.warning("audio is dropped, video is recorded",
                            extra={"camera": self._line.camera, "codec": session.dropped_audio})  # fmt: skip
            try:
                self._read(session, reader, stop)
            finally:
                reader.finish()
        finally:
            session.close()

    def _read(self, session: Session, reader: Reader, stop: threading.Event) -> None:
        if stop.is_set():
            return  # reading may wait 5 s for a mute camera
        for sample in session.samples():
            if stop.is_set():
                return
            if reader.take(sample):
                self._recorded(session)
            elif sample.video and reader.waits and self.life.waits("connected, no key frame yet", self._clock.utc_s()):
                self._changed(self._line.camera)

    def _recorded(self, session: Session) -> None:
        self._cause = Cause.CAMERA_LOST
        if self.life.frame(self._clock.utc_s(), self._clock.monotonic()):
            log.info("camera is recording", extra={"camera": self._line.camera, "codec": session.codec})
            self._changed(self._line.camera)
