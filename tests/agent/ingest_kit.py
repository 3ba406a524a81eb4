"""A camera without a network: sessions made of samples, and the parts of an ingest around them.

Rules: deterministic; a session is a list whose items are samples, exceptions to raise, or functions to call in between.
"""

import itertools
import threading
from contextlib import contextmanager

from watchkeep.agent.clock import Clock
from watchkeep.agent.ingest import Ingest
from watchkeep.agent.line import Line
from watchkeep.agent.pyav.ingest import Sample
from watchkeep.agent.roster import Source
from watchkeep.native import Ring
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.record import RecordKind, check_payload

STEP = 3600
SPS, OTHER_SPS = b"\x67\x64\x00\x0a\x01", b"\x67\x64\x00\x0b\x02"
PPS = b"\x68\xee\x3c\x80"
CODE = b"\0\0\0\1"


class Data(bytes):
    """A packet's bytes, with the size that PyAV's packets have."""

    @property
    def size(self):
        return len(self)


def frame(number, *, gop=25, key=None, sps=b"", pts=None, dts="", duration=STEP, damaged=False, size=200):
    key = number % gop == 0 if key is None else key
    stamp = number * STEP
    sets = CODE + sps + CODE + PPS if sps else b""
    body = sets + CODE + (b"\x65\x88" if key else b"\x41\x9a") + b"%06d" % number + b"\x80" * size
    return Sample(True, Data(body), stamp if pts is None else pts, stamp if dts == "" else dts, duration, key, damaged)


def sound(number, *, rate=8000, samples=160, stamp=None):
    at = number * samples if stamp is None else stamp
    return Sample(False, Data(bytes([0xD5]) * samples), at, at, samples, True, False)


class FakeAudio:
    name = "lpcm"

    def __init__(self, rate):
        self.rate = rate


class FakeSession:
    """Gives its script's samples, then ends."""

    ticks, left_out, whole_pictures = 90_000, "", False

    def __init__(self, script, *, codec="h264", params=CODE + SPS + CODE + PPS, law="", rate=0, audio_ticks=0):
        self.script, self.codec, self.parameter_sets = script, codec, params
        self.audio, self.audio_law, self.audio_ticks = FakeAudio(rate) if rate else None, law, audio_ticks or rate or 1
        self.closed_by = None

    def init_segment(self):
        return b"\0\0\0\x08ftyp\0\0\0\x08moov"

    def init_for(self, parameter_sets, key_frame):
        return b"\0\0\0\x08ftyp" + (8 + len(parameter_sets)).to_bytes(4, "big") + b"moov" + parameter_sets

    def samples(self):
        for item in self.script:
            if isinstance(item, BaseException):
                raise item
            if callable(item):
                item()
            else:
                yield item

    def close(self):
        self.closed_by = threading.current_thread()


class SetClock(Clock):
    """Stands still until it is told."""

    def __init__(self):
        self.now, self.offset = 100.0, 1_700_000_000.0

    def utc_s(self):
        return self.now + self.offset

    def utc_ns(self):
        return int(self.utc_s() * 1e9)

    def monotonic(self):
        return self.now

    def quality(self):
        return ClockQuality.FREE_RUNNING


class Bench:
    """One camera's ingest with sessions of a script; `records` is what the writer would journal."""

    def __init__(self, sessions, *, ring_bytes=4 << 20, source=None, **more):
        self.clock, self.sessions, self.records, self.states, self.told = SetClock(), list(sessions), [], [], []
        numbers = itertools.count(500)
        self.line = Line("cam0", Ring(ring_bytes, 4000, chunk_ticks=90_000, segment_ticks=4 * 90_000), lambda _: next(numbers), chunk_s=1.0)
        self.stop = threading.Event()
        self.ingest = Ingest(source or Source("rtsp://u:secret@h/x", "tcp", 0.0), self.line, self.clock, first_cause=Cause.FIRST_START,
                             changed=lambda _: self.states.append(self.ingest.life.shown),
                             tell=lambda *said: self.told.append(said), open_session=self._open, **more)  # fmt: skip

    def _open(self, url, transport):
        if not self.sessions:
            self.stop.set()
            return FakeSession([])
        session = self.sessions.pop(0)
        if isinstance(session, BaseException):
            raise session
        return session

    def run(self):
        """All sessions, one after the other, without the pauses in between."""
        self.ingest.life.pause_s = lambda jitter: 0.0
        self.ingest.run(self.stop)
        self.take(flush=True)
        return self

    def take(self, *, flush=False):
        while records := self.line.take(self.clock.now, ClockQuality.FREE_RUNNING, flush=flush):
            self.records += records
        assert self.line.fault is None, self.line.fault

    @property
    def seals(self):
        return [check_payload(header, payload) for header, payload in self.records if header.kind is RecordKind.CHUNK]

    @property
    def inits(self):
        return [payload for header, payload in self.records if header.kind is RecordKind.INIT]

    @property
    def epochs(self):
        """(cause, video frames) of each epoch, in order."""
        found = {}
        for seal in self.seals:
            cause, count = found.get(seal.epoch, (seal.cause, 0))
            found[seal.epoch] = cause, count + seal.video_frames
        return list(found.values())

    @property
    def numbers(self):
        """The numbers of the frames that were recorded, in order of their bytes."""
        found = []
        for header, payload in self.records:
            if header.kind is RecordKind.CHUNK:
                found += _numbers(bytes(payload))
        return found


def _numbers(payload):
    """Frame numbers behind each slice's header byte; slices are length-prefixed and end in 0x80 bytes."""
    media = payload[payload.index(b"mdat") + 4 :]
    at, found = 0, []
    while at + 4 <= len(media):
        length = int.from_bytes(media[at : at + 4], "big")
        unit = media[at + 4 : at + 4 + length]
        if len(unit) != length or not length or unit[0] not in (0x65, 0x41, 0x67, 0x68):
            break  # the sound that follows the video
        if unit[0] in (0x65, 0x41):
            found.append(int(unit[2:8]))
        at += 4 + length
    return found


@contextmanager
def bench(*sessions, **options):
    made = Bench(sessions, **options)
    try:
        yield made
    finally:
        made.line.ring.close()


def opener(kind, made, sessions):
    """Opens so many of this kind, then ends the ingest."""
    left = iter(range(sessions))

    def open_session(url, transport):
        if next(left, None) is None:
            made.stop.set()
            return FakeSession([])
        return kind(url, transport)

    return open_session
