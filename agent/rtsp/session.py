"""One RTSP session read by native/stream: the interface of agent/pyav's RtspSession, without libav in the packets' way.

    Opened ─▶ Stream: sockets ─every TICK_S─▶ units ─▶ samples ─▶ whoever reads

Rules: opened, read and closed by one thread; reads are paced, so that each takes all that a tick has brought, and short of that where
the kernel keeps so few datagrams that a tick would lose some, which no other thread is given either; silence, and a picture
that does not come, end the session from inside.  Stamps are the camera's; RTP knows no decode time, which decode_time.py finds.
"""

import select
import time
from collections.abc import Callable, Iterator
from typing import Final

from ...native.stream import Stream, receive
from ...native.unit import Unit
from ...wire.causes import CameraStatus
from .. import bitstream
from ..pyav import described
from ..pyav.ingest import CameraError, Sample, no_picture
from ..pyav.init_segment import LPCM, AudioFormat, init_from_parameters
from ..stall import PICTURE_WAIT_S
from ..udp_ports import cramped
from .actions import Track
from .decode_time import DecodeTimes
from .opening import Opened
from .quality import Quality
from .ride import Left, Ride
from .talk import Talk
from .timeline import Timeline
from .transport import Kind

TICK_S: Final = 0.05
CRAMPED_TICK_S: Final = 0.005
"""Where the kernel keeps few datagrams: a key frame comes at 12 MB a second over 100 Mbit/s, and 208 kB hold about 130 kB of packets."""
SILENCE_S: Final = 5.0
"""A camera that sends nothing for this long is stalled."""
LOOK_S: Final = 1.0
"""How late silence may be noticed."""
_POWER: Final = "check the camera's power and network"
_AAC_SAMPLES: Final = 1024
"""Of a frame; stamps count them by the clock of the description, which need not be the sampling rate.  Rounded as libav does."""
_LAWS: Final = {"pcm_alaw": "alaw", "pcm_mulaw": "ulaw"}
_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


class Data(bytes):
    """A packet's bytes, with the size that PyAV's packets have."""

    @property
    def size(self) -> int:
        return len(self)


class NativeSession:
    """An open RTSP session.  `ticks` and `audio_ticks` are the time bases as ticks a second."""

    whole_pictures = True

    def __init__(self, url: str, transport: str, *, whole: bool = False) -> None:
        """Raises CameraError; whole: UnfitError rather than leave out a track that libav could record."""
        kind: Kind = "udp" if transport == "udp" else "tcp"
        self._opened = Opened(url, kind, whole=whole)
        self._drive: Callable[[Ride], Left | None] | None = None
        self._wanted_back: Callable[[], bool] = bool
        self._left: tuple[list[tuple[int, Unit]], list[tuple[int, bytes]]] | None = None
        try:
            self._set_up()
        except BaseException:
            self._opened.close()
            raise

    def _set_up(self) -> None:
        playing, link = self._opened.playing, self._opened.link
        assert playing is not None
        assert link.connection is not None
        self._tracks, self._left_out = playing.tracks, list(playing.left_out)
        video, audio = self._tracks[0], self._tracks[1] if len(self._tracks) > 1 else None
        self.audio: AudioFormat | None
        self.codec, self.ticks = video.chosen.codec, video.chosen.form.clock
        self.audio, self.audio_law = (None, "") if audio is None else _heard(audio)
        self.audio_ticks = audio.chosen.form.clock if audio is not None else 1
        self._sets, self._key, self._received = video.chosen.parameter_sets, b"", -1
        self.decoded = DecodeTimes()
        self.decoded.parameters(self.codec, self._sets)
        self.timeline = Timeline(self.ticks, video.timestamp, self.audio_ticks, audio.timestamp if audio is not None else None)
        self.stream = Stream()
        channels = [_channels(track, number) for number, track in enumerate(self._tracks)]
        for track, (media, control) in zip(self._tracks, channels, strict=True):
            _add(self.stream, track, media)
            self.stream.add_control(control)
        self._talk = Talk(self._opened, self.stream, self._tracks, [control for _, control in channels], self.timeline)
        link.keep_pairs(len(self._tracks) if video.transport.kind == "udp" else 0)
        self._cramped = cramped(link.pairs)
        sockets = [one.fileno() for pair in link.pairs for one in pair]
        self.stream.connect(link.connection.fileno(), datagrams=list(zip(sockets, (c for pair in channels for c in pair), strict=False)))
        self.stream.feed(self._opened.early)
        self._nap = select.poll()  # of nothing: waits so long, not until then as time.sleep does, and so bears a clock that is faked
        self._poll = select.poll()
        for number in (link.connection.fileno(), *sockets):
            self._poll.register(number, select.POLLIN)

    @property
    def left_out(self) -> str:
        """Which tracks of the camera are not recorded, and why; empty when all are."""
        return "; ".join(self._left_out)

    @property
    def parameter_sets(self) -> bytes:
        """Those of the session description (Annex B), or empty."""
        return self._sets

    def init_segment(self) -> bytes:
        """ftyp+moov from the session description's parameters and the key frame that came last; raises FormatError."""
        return self.init_for(self._sets, self._key)

    def init_for(self, parameter_sets: bytes, key_frame: bytes) -> bytes:
        """ftyp+moov for these parameter sets; raises FormatError."""
        return init_from_parameters(self.codec, parameter_sets, key_frame, self.audio)

    def samples(self) -> Iterator[Sample]:
        """Yield frames until the camera ends the session; raises CameraError when it fails."""
        self._heard = self._pictured = time.monotonic()
        self._talk.begin(self._heard)
        while True:
            units, messages = self._left or self.stream.process(time.monotonic_ns())
            self._left = None
            now = time.monotonic()
            gone = self._talk.hear(messages, now) or self.stream.state != 0
            fault = self._opened.failure() or self._stalled(now, pictures=any(number == 0 for number, _ in units))
            if gone or fault is not None:
                units += self.stream.finish()
            for number, unit in units:
                yield self._sample(number, unit)
            if fault is not None:
                raise fault
            if gone or self._wanted_back():
                return
            self._talk.say(now)
            if not self._ride():
                self._pause(now)

    def _stalled(self, now: float, *, pictures: bool) -> CameraError | None:
        """Whether the session lives without bringing what it is there for."""
        self._pictured = now if pictures else self._pictured
        if self.stream.received != self._received:
            self._heard, self._received = now, self.stream.received
        if now - self._heard > SILENCE_S:
            blocked = self._tracks[0].transport.kind == "udp" and not self.stream.received
            remedy = 'set transport = "tcp" for it, or let its UDP through the firewalls on the way' if blocked else _POWER
            return CameraError(CameraStatus.STALLED, "the camera sends nothing", remedy=remedy)
        return no_picture() if now - self._pictured > PICTURE_WAIT_S else None

    def ride_on(self, drive: Callable[[Ride], Left | None], wanted_back: Callable[[], bool]) -> None:
        """Let another thread read this camera whenever nothing is unusual: `drive` blocks until that is over, or gives None when it is
        not to be, and then frames are read here.  When `wanted_back` says so, `samples` ends."""
        self._drive, self._wanted_back = drive, wanted_back

    def note_in(self, quality: Quality, utc_ns: Callable[[], int]) -> None:
        """Where packets that are lost and the camera's clock are noted."""
        self._talk.note_in(quality, utc_ns)

    def _ride(self) -> bool:
        """Whether the camera has been read by another thread, up to something that it left."""
        if self._drive is None or self._cramped or self.stream.more:
            return False
        left = self._drive(Ride(self.stream, self._talk, self._pictured))
        if left is None:
            return False
        self._left = left.units, left.messages
        self._pictured = max(self._pictured, left.pictured)
        self._opened.catch_up()
        return True

    def _pause(self, now: float) -> None:
        """To the next tick, then until something comes, something is to be said, or LOOK_S has gone."""
        if not self.stream.more:
            self._nap.poll(1000 * (CRAMPED_TICK_S if self._cramped else TICK_S))
            self._poll.poll(1000 * min(max(self._talk.deadline() - now, TICK_S), LOOK_S))
        receive([self.stream])

    def _sample(self, number: int, unit: Unit) -> Sample:
        if number:
            at = self.timeline.sound(unit.stamp)
            return Sample(False, Data(unit.data), at, at, unit.duration, unit.key, unit.damaged)
        self.timeline.picture(unit.stamp)
        if unit.key:
            self._key = unit.data
            self.decoded.parameters(self.codec, bitstream.parameters(self.codec, unit.data))
        return Sample(True, Data(unit.data), unit.stamp, self.decoded.stamp(unit.stamp), unit.duration, unit.key, unit.damaged)

    def close(self) -> None:
        """End the session; only from the thread that opened it."""
        self._talk.note_lost()
        self._opened.close()


def _heard(track: Track) -> tuple[AudioFormat, str]:
    """What is written of a sound track, and the law that it is decoded by."""
    form, aac = track.chosen.form, track.chosen.aac
    if aac is not None:
        lines = described.aac(aac.config, aac.rate, aac.channels)
        return AudioFormat("aac", aac.rate, _LAYOUTS.get(aac.channels, "stereo"), lines=lines), ""
    if track.chosen.codec == "opus":
        layout = "stereo" if form.channels == 2 else "mono"
        return AudioFormat("libopus", form.clock, layout, lines=described.OPUS), ""
    return AudioFormat(LPCM, form.clock, _LAYOUTS.get(form.channels, "mono")), _LAWS[track.chosen.codec]


def _channels(track: Track, number: int) -> tuple[int, int]:
    """Over UDP, sockets stand for channels that nothing else has: the connection carries no frames then."""
    return (2 * number, 2 * number + 1) if track.transport.kind == "udp" else (track.transport.rtp, track.transport.rtcp)


def _add(stream: Stream, track: Track, channel: int) -> None:
    form, aac, datagrams = track.chosen.form, track.chosen.aac, track.transport.kind == "udp"
    if track.chosen.video:
        donl = form.parameters.get("sprop-max-don-diff", "0") not in ("", "0")
        stream.add_video(channel, form.payload_type, track.chosen.codec == "hevc", donl=donl, datagrams=datagrams)
    elif aac is None:
        stream.add_sound(channel, form.payload_type, 3 if track.chosen.codec == "opus" else 0, channels=form.channels, datagrams=datagrams)
    else:
        stream.add_sound(channel, form.payload_type, 2 if aac.latm else 1, frame_ticks=max(1, _AAC_SAMPLES * form.clock // aac.rate),
                         size_bits=aac.size_bits, index_bits=aac.index_bits, delta_bits=aac.delta_bits, datagrams=datagrams)  # fmt: skip
