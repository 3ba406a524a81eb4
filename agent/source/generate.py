"""Generated material: the test pattern, live or pre-encoded, and a beep a second as its sound.

Rules: a live producer draws and encodes one frame when its slot is due, so the burnt-in clock is right; when the CPU
is so short that it falls LATE_S behind, it leaves frames out, as a camera would, and counts them.
"""

import math
import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ..pyav.coded import Coded
from ..pyav.encode import AudioCodec, VideoEncoder, VideoSpec, encode_audio
from .clips import Clip, Slot, audio_clip, video_clip
from .media import AUDIO, PAYLOAD_TYPES, VIDEO, VIDEO_CLOCK, Track, Unit
from .nal import access_unit, parameter_sets
from .pattern import Pattern
from .rtp import video_frame

LATE_S: Final = 1.0
_AUDIO_LOOP_S: Final = 8
"""375 AAC frames of 1024 samples at 48 kHz are 8 s exactly, and so are 400 Opus or G.711 frames of 20 ms."""
_AUDIO_FORMATS: Final = {"aac": (48_000, 1024), "opus": (48_000, 960), "pcma": (8_000, 160), "pcmu": (8_000, 160)}
"""(clock, samples of a frame)."""


def video_track(spec: VideoSpec, first: bytes) -> Track:
    """The track of a stream whose first access unit is `first`."""
    sets = parameter_sets(spec.codec, access_unit(spec.codec, first))
    return Track(VIDEO, spec.codec, PAYLOAD_TYPES[spec.codec], VIDEO_CLOCK, frame_rate=spec.fps, parameter_sets=sets)


class LivePattern:
    """The test pattern from a running encoder.  `utc_ns` gives the time to burn in, `elapsed_s` the feed's age."""

    def __init__(self, spec: VideoSpec, rng: random.Random, utc_ns: Callable[[], int], elapsed_s: Callable[[], float]) -> None:
        self._spec, self._utc_ns, self._elapsed_s = spec, utc_ns, elapsed_s
        self._encoder = VideoEncoder(spec)
        self._pattern = Pattern(self._encoder.canvas, rng)
        self._next = 0
        self.left_out = 0
        """Frames that were not made because the CPU was short."""
        self._primed = self._prime()
        self.track = video_track(spec, self._primed[0].data)

    def slots(self) -> Iterator[Slot]:
        """Call once; every slot makes one picture and gives what the encoder has complete by then."""
        yield Slot(0.0, lambda: self._units(self._primed))
        while True:
            yield Slot(self._next / self._spec.fps, lambda: self._units(self._make()))
            behind = int((self._elapsed_s() - LATE_S) * self._spec.fps) - self._next
            if behind > 0:
                self._next += behind
                self.left_out += behind

    def _prime(self) -> list[Coded]:
        """Encode until the first frame comes out, for its parameter sets; with B-frames that takes a few pictures."""
        coded: list[Coded] = []
        while not coded:
            coded = self._make()
        return coded

    def _make(self) -> list[Coded]:
        clock = datetime.fromtimestamp(self._utc_ns() / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._pattern.draw(self._next, (clock, f"#{self._next:010}"))
        self._next += 1
        return self._encoder.encode(self._next - 1)

    def _units(self, coded: Sequence[Coded]) -> list[Unit]:
        frames = ((item.pts, video_frame(self.track, item.data)) for item in coded)
        return [Unit(VIDEO, pts, frame) for pts, frame in frames if frame is not None]


def pattern_clip(spec: VideoSpec, seconds: int, rng: random.Random) -> Clip:
    """The test pattern encoded ahead, as a clip of whole seconds; its text shows the place in the loop instead of the time."""
    encoder = VideoEncoder(spec)
    pattern, coded = Pattern(encoder.canvas, rng), []
    for number in range(seconds * spec.fps):
        pattern.draw(number, (f"LOOP {number // spec.fps:04}.{number % spec.fps * 1000 // spec.fps:03}", f"#{number:010}"))
        coded += encoder.encode(number)
    coded += encoder.finish()
    return video_clip(video_track(spec, coded[0].data), coded)


def beep_clip(codec: AudioCodec) -> Clip:
    """A tenth of a second of 880 Hz at the start of each second, over a soft hum."""
    clock, samples = _AUDIO_FORMATS[codec]
    second = array("h", (int(_loudness(at / clock) * math.sin(2 * math.pi * 880 * at / clock)) for at in range(clock)))
    coded = encode_audio(codec, second.tobytes() * (_AUDIO_LOOP_S + 1), clock, samples)
    track = Track(AUDIO, codec, PAYLOAD_TYPES[codec], clock, parameter_sets=(coded.config,) if coded.config else ())
    frames = [Coded(frame, index * samples, index * samples) for index, frame in enumerate(coded.frames)]
    return audio_clip(track, frames, _AUDIO_LOOP_S * clock)


def _loudness(at_s: float) -> float:
    return 12_000.0 if at_s < 0.1 else 300.0
