"""Frames of one RTSP session on their way into the camera's line: stamps, epochs, parameter changes, sound.

Rules: every new session, parameter change, time jump, clock step, new term and ring overflow begins a new epoch with its cause, on a
key frame; no frame is lost to it.  Whatever sound does, video goes on.  A session whose frames are no longer of its codec is
given up: only a new one tells which codec it is now.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..native.lane import Lane
from ..wire.causes import CameraStatus, Cause
from . import bitstream, g711
from .access_unit import MAX_BEHIND, Assembler
from .clock import Clock
from .line import Line, Run
from .pyav.ingest import CameraError, Sample
from .pyav.init_segment import AudioFormat
from .rtsp.decode_time import DecodeTimes
from .rtsp.timeline import Timeline
from .soundtrack import Soundtrack
from .stall import PICTURE_WAIT_S
from .timing import FORWARD_LIMIT_S, VIDEO_TICKS, Timed, TrackClock

PAUSE_NS = 1_000_000_000
"""A jump within this of the frame before is the camera's clock being set; after a longer pause time itself may be missing."""
KEY_WAIT_S = 60.0
"""Frames without a first key frame for this long: the session is opened anew, which makes most cameras send one."""
FOREIGN_S = 10.0
"""A key frame that is this old makes one look at the frames that came since, once a second: long GOPs are quite usual (a "smart codec"
goes up to minutes), and their frames have slices.  Frames without any for this long again are of another codec."""
BLIND_S = 5.0
"""A lane looks at none of them: with such a GOP, frames come back for a look this often."""


class Session(Protocol):
    """An open session (agent.pyav.ingest.RtspSession): opened, read and closed by one thread."""

    codec: str
    ticks: int
    audio: AudioFormat | None
    audio_ticks: int
    audio_law: str
    whole_pictures: bool

    @property
    def left_out(self) -> str: ...

    @property
    def parameter_sets(self) -> bytes: ...

    def init_segment(self) -> bytes: ...

    def init_for(self, parameter_sets: bytes, key_frame: bytes, /) -> bytes: ...

    def samples(self) -> Iterator[Sample]: ...

    def close(self) -> None: ...


class Lender(Protocol):
    """A session of agent/rtsp, which knows what the lane takes over beside the reader's."""

    decoded: DecodeTimes
    timeline: Timeline


@dataclass(slots=True)
class Loan:
    """A lane, its run, and what of its counts was noted."""

    lane: Lane
    run: Run
    pictures: int = 0
    keys: int = 0
    frames: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of the camera: why its first epoch begins, and how far a stamp may leap ahead."""

    cause: Cause
    forward_limit_s: float = FORWARD_LIMIT_S


class Wish:
    """That the next key frame begins an epoch inside the session; any thread."""

    def __init__(self) -> None:
        self._stepped, self._renumbered = threading.Event(), threading.Event()

    @property
    def cause(self) -> Cause | None:
        """None: there is none."""
        if self._stepped.is_set():
            return Cause.CLOCK_STEP
        return Cause.CONFIGURATION if self._renumbered.is_set() else None

    def clock_stepped(self) -> None:
        """UTC is another one: what the epoch says of it is no more so."""
        self._stepped.set()

    def renumbered(self) -> None:
        """Epochs are to have numbers of another term."""
        self._renumbered.set()

    def granted(self) -> bool:
        """An epoch is about to begin, so that what is wished from now on is of the next one; returns whether UTC had stepped."""
        self._renumbered.clear()
        if not self._stepped.is_set():
            return False
        self._stepped.clear()
        return True


class Reader:
    """Give it every sample with `take`, then call `finish`, however the session ended."""

    def __init__(self, session: Session, line: Line, clock: Clock, habits: Habits, wish: Wish) -> None:
        self._session, self._line, self._clock, self._cause = session, line, clock, habits.cause
        self._wish = wish
        self._annexb = session.codec in ("h264", "hevc")
        self._sound = Soundtrack(session.audio.rate if session.audio is not None else 1)
        self._video_clock = TrackClock(session.ticks, VIDEO_TICKS, forward_limit_s=habits.forward_limit_s)
        self._audio_clock = TrackClock(session.audio_ticks, self._sound.rate)
        self._units = Assembler() if session.codec == "h264" and not session.whole_pictures else None
        self._run: Run | None = None
        self._skipped = False
        self._video_now = self._arrived = 0
        self._init = b""
        self._params = session.parameter_sets
        self._found = b""
        """The parameter sets that the stream brought last."""
        self._opened = self._pictured = self._keyed = self._sliced = clock.monotonic()
        self._untold: Run | None = None
        self._early: list[tuple[Sample, int]] = []
        """Sound from behind a key frame that waits for a stamp: what came before that frame has no picture to go with."""
        line.stats.codec = session.codec

    def begun(self) -> Run | None:
        """The epoch that has begun inside the session, other than at its start, since the last call; None when none has."""
        begun, self._untold = self._untold, None
        return begun

    def pictured(self) -> float:
        """Monotonic time of the last video frame, or of the session's start; asked by any thread."""
        return self._pictured

    @property
    def waits(self) -> bool:
        """Frames come, and none of them could be decoded so far."""
        return self._run is None and self._skipped

    def take(self, sample: Sample) -> bool:
        """Push what this packet completes; True when a video frame went into the ring.

        Raises CameraError when the camera sends nothing that can be shown, FormatError when its parameters make no init segment.
        """
        if sample.video:
            self._pictured = self._clock.monotonic()
        elif self._clock.monotonic() - self._pictured > PICTURE_WAIT_S:
            raise CameraError(CameraStatus.STALLED, "the camera sends sound but no picture", remedy="check the camera's video stream")
        arrival = self._clock.utc_ns()
        whole = [(sample, arrival)] if self._units is None else self._units.take(sample, arrival)
        return True in [self._one(one, at) for one, at in whole]

    def lend(self, session: "Lender") -> "Loan | None":
        """What native/lane.pyx needs to go on in this one's place; None while a frame may be unusual.

        `session` is the one that is read, and everything that it gave has been taken.
        """
        video, run = self._video_clock.steady(), self._run
        if video is None or run is None or run.born is None or not self._usual():
            return None
        waiting, decoded, grows = session.decoded.lent()
        rate = self._sound.rate if self._session.audio is not None else 0
        table = g711.table(self._session.audio_law) if self._session.audio_law else b""
        lane = Lane(self._line.ring, hevc=self._session.codec == "hevc", limit=self._video_clock.limit, sets=self._found,
                    waiting=waiting, depth=session.decoded.depth, rate=rate, clock=self._session.audio_ticks,
                    table=table)  # fmt: skip
        lane.run, lane.zero, lane.decoded, lane.grows = run.number, run.zero, decoded, grows
        lane.last, lane.raw, lane.step = video
        lane.place_shift, lane.place_last, lane.place_end = self._sound.state
        lane.sound_zero, lane.sound_shift = run.zero * self._sound.rate // VIDEO_TICKS, session.timeline.shift
        if (sound := self._audio_clock.steady()) is not None:
            lane.heard = True
            lane.sound_last, _, lane.sound_step = sound
        return Loan(lane, run)

    def _usual(self) -> bool:
        """Whether nothing is held, lost or due: neither an epoch nor a look at the codec."""
        plain = self._units is None and not self._early and self._video_clock.same_ticks
        unseen = self._clock.monotonic() - self._looked() > 1
        return plain and not (self._line.ring.dropping or self._wish.cause is not None or unseen)

    def doubts(self, now: float) -> bool:
        """Whether frames have gone through a lane for so long that one of them is to be looked at."""
        return now - self._looked() > BLIND_S

    def _looked(self) -> float:
        """Until when nobody needs to look whether frames show a picture."""
        return max(self._keyed + FOREIGN_S, self._sliced)

    def noted(self, loan: "Loan", now: float) -> None:
        """Frames went by: what beacons, watchers and the anchor of UTC have to know of them."""
        lane, stats = loan.lane, self._line.stats
        if lane.pictures != loan.pictures:
            self._pictured = now
            if lane.keys != loan.keys:
                self._keyed = self._sliced = now
            self._video_now, self._arrived = lane.last - loan.run.zero, lane.arrival_ns
            self._line.arrived(loan.run, self._video_now, lane.arrival_ns, now)
            stats.frames += lane.frames - loan.frames
        stats.bytes += lane.bytes - loan.bytes
        loan.pictures, loan.keys, loan.frames, loan.bytes = lane.pictures, lane.keys, lane.frames, lane.bytes

    def returned(self, loan: "Loan", session: "Lender") -> None:
        """Go on in the lane's place: everything that it did is as if it had been done here."""
        lane = loan.lane
        if lane.pictures:
            self._video_clock.went_on(lane.last, lane.raw, lane.step)
            session.decoded.went_on(lane.waiting, lane.decoded)
        if lane.sounds:
            self._audio_clock.went_on(lane.sound_last, lane.sound_seen + lane.sound_shift, lane.sound_step)
            self._sound.went_on(lane.place_last, lane.place_end)
        session.timeline.went_on(lane.raw, lane.sound_seen if lane.sounds else None)

    def finish(self) -> None:
        """Push what was still held back at the session's end."""
        for one, at in () if self._units is None else self._units.finish():
            self._one(one, at)
        arrival = self._clock.utc_ns()
        for frame in self._video_clock.flush():
            self._video(frame, arrival)
        self._hear_early()

    def _one(self, sample: Sample, arrival: int) -> bool:
        if not sample.video:
            self._audio(sample, arrival)
            return False
        # a frame held back for want of a stamp outlives its packet's turn: keep the packet itself, not a view
        stamped = self._video_clock.stamp(sample, sample.pts, sample.dts, sample.duration, key=sample.key)
        kept = True in [self._video(timed, arrival) for timed in stamped]
        if self._early and not self._video_clock.holds:
            self._hear_early()
        return kept

    def _hear_early(self) -> None:
        early, self._early = self._early, []
        for sample, arrival in early:
            self._audio(sample, arrival)

    def _video(self, timed: Timed, arrival: int) -> bool:
        sample: Sample = timed.frame
        cause, within = self._new_epoch(timed, sample), self._run is not None
        if cause is not None:
            after = None if self._wish.granted() else self._after(timed, arrival)
            self._run = self._line.begin(self._init, cause, timed.dts, after=after)
            self._sound.begin()
        if self._run is None:
            self._skip()
            return False
        self._watch(sample)
        zero = self._run.zero
        self._video_now, self._arrived = timed.dts - zero, arrival
        data = sample.data if self._annexb else bitstream.stored(self._session.codec, sample.data)
        kept = self._line.push(self._run, data, video=True, pts=timed.pts - zero, dts=timed.dts - zero, duration=timed.duration,
                               key=sample.key, damaged=sample.damaged, arrival_ns=arrival, annexb=self._annexb,
                               now=self._clock.monotonic())  # fmt: skip
        if kept and cause is not None and within:
            self._untold = self._run
        return kept

    def _after(self, timed: Timed, arrival: int) -> int | None:
        """Ticks from the zero of the run that ends to this frame, None when only its arrival tells when it was taken."""
        waited = arrival - self._arrived > PAUSE_NS
        if self._run is None or (timed.jump and waited):
            return None
        return timed.paced - self._run.zero

    def _skip(self) -> None:
        self._skipped = True
        self._line.stats.skipped_frames += 1
        if self._clock.monotonic() - self._opened > KEY_WAIT_S:
            raise CameraError(CameraStatus.UNSUPPORTED, f"the camera sends no key frame within {KEY_WAIT_S:g} s",
                              remedy="set a key frame interval of 1 to 4 s in the camera")  # fmt: skip

    def _watch(self, sample: Sample) -> None:
        """Raise when the frames are no longer of the codec that the session was described with: it was changed in the camera."""
        now = self._clock.monotonic()
        if sample.key:
            self._keyed = self._sliced = now
        elif now - self._keyed > FOREIGN_S and now - self._sliced > 1:
            if bitstream.shows_picture(self._session.codec, sample.data):
                self._sliced = now
            elif now - max(self._sliced, self._keyed + FOREIGN_S) > FOREIGN_S:
                raise CameraError(CameraStatus.CONNECTING, f"what the camera sends is no longer {self._session.codec}",
                                  remedy="it is asked anew for its codec; if this comes back, restart the camera")  # fmt: skip

    def _new_epoch(self, timed: Timed, sample: Sample) -> Cause | None:
        """The cause of the epoch that this frame begins, or None when it belongs to the one that runs."""
        if not sample.key:
            return None
        changed = self._parameters_changed(sample)
        if self._run is None:
            return self._cause
        if self._line.ring.dropping:
            return Cause.OVERFLOW  # first of all: here video is missing, the others only cut
        if changed:
            return Cause.PARAMETER_CHANGE
        if timed.jump:
            return Cause.TIME_JUMP
        return self._wish.cause

    def _parameters_changed(self, sample: Sample) -> bool:
        """Whether the key frame brings parameter sets that the init segment does not have; makes the init segment.

        A damaged frame is not believed: what it brings may be anything, and the next key frame says it again.
        """
        if not (sample.damaged and self._init):
            found = bitstream.parameters(self._session.codec, sample.data)
            self._found = found or self._found
            if found and not bitstream.same(self._session.codec, found, self._params):
                self._init = self._session.init_for(found, bytes(sample.data))
                self._params = found
                return True
        if not self._init:
            self._init = self._session.init_segment()
        return False

    def _audio(self, sample: Sample, arrival: int) -> None:
        if self._run is None and self._video_clock.holds and len(self._early) < MAX_BEHIND:
            self._early.append((sample, arrival))
        if self._run is None or self._session.audio is None:
            return
        for timed in self._audio_clock.stamp(sample, sample.pts, sample.dts, sample.duration):
            self._push_audio(self._run, timed, arrival)

    def _push_audio(self, run: Run, timed: Timed, arrival: int) -> None:
        rate, law, sample = self._sound.rate, self._session.audio_law, timed.frame
        at = self._sound.place(timed.dts - run.zero * rate // VIDEO_TICKS, timed.duration, self._video_now * rate // VIDEO_TICKS)
        if at is None:
            return
        data = g711.to_linear(bytes(sample.data), law) if law else sample.data
        self._line.push(run, data, video=False, pts=at, dts=at, duration=timed.duration, key=True, damaged=sample.damaged,
                        arrival_ns=arrival, annexb=False, now=self._clock.monotonic())  # fmt: skip
