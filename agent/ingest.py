"""One camera's ingest thread: session after session into the camera's line, for ever.

    connect ─▶ read frames ─▶ push ─▶ (fault or end) ─▶ pause with jitter ─▶ connect ...

Rules: the session is opened, read and closed here and nowhere else; nothing here waits for a disk, a network peer
other than the camera, or another camera (invariants 7 and 9); every new session, parameter change, time jump,
clock step and ring overflow begins a new epoch with its cause.
"""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..native import parameter_sets
from ..wire.causes import CameraStatus, Cause
from ..wire.errors import FormatError
from .camera_state import FIRST_PAUSE_S, CameraLife
from .clock import Clock
from .g711 import to_linear
from .line import Line, Run
from .pyav.ingest import CameraError, RtspSession, Sample
from .timing import VIDEO_TICKS, Timed, TrackClock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the video comes from: the URL with its credentials, `tcp` or `udp`, and the first pause before a retry."""

    url: str
    transport: str
    first_pause_s: float = FIRST_PAUSE_S


class Ingest:
    """Records one camera into `line`; `changed` is called after each change of the shown state."""

    def __init__(self, camera: Source, line: Line, clock: Clock, *, first_cause: Cause, changed: Callable[[str], None]) -> None:
        self._camera, self._line, self._clock = camera, line, clock
        self._cause, self._changed = first_cause, changed
        self.life = CameraLife(clock.utc_s(), camera.first_pause_s)
        self._clock_step = threading.Event()

    def clock_stepped(self) -> None:
        """UTC stepped: the next key frame begins a new epoch.  Called from the writer thread."""
        self._clock_step.set()

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        while not stop.is_set():
            try:
                self._session(stop)
                if stop.is_set():
                    return
                status, why = CameraStatus.CONNECTING, "the camera ended the session"
            except CameraError as error:
                status, why = error.status, error.line()
            finally:
                self._line.end()
            if self.life.failed(status, why, self._clock.utc_s(), self._clock.monotonic()):
                log.warning("camera is not recording", extra={"camera": self._line.camera, "status": status.value, "why": why})
                self._changed(self._line.camera)
            stop.wait(self.life.pause_s(random.random()))

    def _session(self, stop: threading.Event) -> None:
        session = RtspSession(self._camera.url, self._camera.transport)
        try:
            reader = _Reader(session, self._line, self._clock, cause=self._cause, clock_step=self._clock_step)
            if session.dropped_audio:
                log.warning("audio is dropped, video is recorded",
                            extra={"camera": self._line.camera, "codec": session.dropped_audio})  # fmt: skip
            for sample in session.samples():
                if stop.is_set():
                    return
                if reader.take(sample) and self.life.frame(self._clock.utc_s(), self._clock.monotonic()):
                    self._cause = Cause.CAMERA_LOST
                    log.info("camera is recording", extra={"camera": self._line.camera, "codec": session.codec})
                    self._changed(self._line.camera)
            reader.finish()
        except FormatError as error:
            raise CameraError(CameraStatus.UNSUPPORTED, error.message, remedy=error.remedy) from error
        finally:
            session.close()


class _Reader:
    """Frames of one session: stamps, epochs, parameter changes."""

    def __init__(self, session: RtspSession, line: Line, clock: Clock, *, cause: Cause, clock_step: threading.Event) -> None:
        self._session, self._line, self._clock, self._cause = session, line, clock, cause
        self._clock_step = clock_step
        self._annexb = session.codec in ("h264", "hevc")
        audio_rate = session.audio.rate if session.audio is not None else 1
        self._audio_rate = audio_rate
        self._video_clock = TrackClock(session.ticks, VIDEO_TICKS)
        self._audio_clock = TrackClock(session.audio_ticks, audio_rate)
        self._run: Run | None = None
        self._init = b""
        self._params = session.parameter_sets
        line.stats.codec = session.codec

    def take(self, sample: Sample) -> bool:
        """Push what this packet completes; True when a video frame went into the ring."""
        arrival = self._clock.utc_ns()
        if not sample.video:
            self._audio(sample, arrival)
            return False
        # a frame held back for want of a stamp outlives its packet's turn: keep the packet itself, not a view
        pushed = [self._video(timed, arrival) for timed in self._video_clock.stamp(sample, sample.pts, sample.dts, sample.duration)]
        return True in pushed

    def finish(self) -> None:
        """Push what was still held back at the session's end."""
        arrival = self._clock.utc_ns()
        for frame in self._video_clock.flush():
            self._video(frame, arrival)

    def _video(self, timed: Timed, arrival: int) -> bool:
        sample: Sample = timed.frame
        cause = self._new_epoch(timed, sample)
        if cause is not None:
            self._run = self._line.begin(self._init, cause, timed.dts)
        if self._run is None:
            self._line.stats.skipped_frames += 1
            return False
        zero = self._run.zero
        return self._line.push(self._run, sample.data, video=True, pts=timed.pts - zero, dts=timed.dts - zero, duration=timed.duration,
                               key=sample.key, damaged=sample.damaged, arrival_ns=arrival, annexb=self._annexb,
                               now=self._clock.monotonic())  # fmt: skip

    def _new_epoch(self, timed: Timed, sample: Sample) -> Cause | None:
        """The cause of the epoch that this frame begins, or None when it belongs to the one that runs."""
        changed = sample.key and self._parameters_changed(sample)
        if self._run is None:
            return self._cause if sample.key else None
        if changed:
            return Cause.PARAMETER_CHANGE
        if timed.jump:
            return Cause.TIME_JUMP
        if sample.key and self._line.ring.dropping:
            return Cause.OVERFLOW
        if sample.key and self._clock_step.is_set():
            self._clock_step.clear()
            return Cause.CLOCK_STEP
        return None

    def _parameters_changed(self, sample: Sample) -> bool:
        """Whether the key frame brings parameter sets that the init segment does not have; makes the init segment."""
        found = parameter_sets(memoryview(sample.data), self._session.codec == "hevc") if self._annexb else b""
        if found and not _same_units(found, self._params):
            self._params = found
            self._init = self._session.init_for(found, bytes(sample.data))
            return True
        if not self._init:
            self._init = self._session.init_segment()
        return False

    def _audio(self, sample: Sample, arrival: int) -> None:
        if self._run is None:
            return
        zero = self._run.zero * self._audio_rate // VIDEO_TICKS
        law = self._session.audio_law
        for timed in self._audio_clock.stamp(sample, sample.pts, sample.dts, sample.duration):
            if timed.dts < zero:
                continue  # sound from before the first key frame
            packet = timed.frame.data
            data = to_linear(bytes(packet), law) if law else packet
            self._line.push(self._run, data, video=False, pts=timed.dts - zero, dts=timed.dts - zero, duration=timed.duration,
                            key=True, damaged=sample.damaged, arrival_ns=arrival, annexb=False, now=self._clock.monotonic())  # fmt: skip


def _same_units(found: bytes, known: bytes) -> bool:
    """Whether every parameter set in found (Annex B with 4-byte start codes) stands in known as well."""
    code = b"\0\0\0\1"
    have = set(known.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1"))
    return all(unit in have for unit in found.split(code) if unit)
