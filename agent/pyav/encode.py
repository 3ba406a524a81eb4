"""Encoders of the test source: pictures to H.264 or H.265, samples to AAC, Opus or G.711.

Rules: an encoder belongs to one thread; parameter sets are repeated at every key frame; GOPs are closed and of one
length, so that a client can join at any of them.  Everything runs single-threaded: a frame is one slice, and the
source's CPU time is its own and not the machine's.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import Flags
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from .coded import Coded

VIDEO_CLOCK: Final = 90_000
VideoCodec = Literal["h264", "hevc"]
AudioCodec = Literal["aac", "opus", "pcma", "pcmu"]
_ENCODERS: Final = {"h264": "libx264", "hevc": "libx265", "aac": "aac", "opus": "libopus", "pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}


@dataclass(frozen=True, slots=True)
class VideoSpec:
    codec: VideoCodec
    width: int
    height: int
    fps: int
    bitrate: int
    """Bits a second; also the size of the rate controller's buffer, which is one second."""
    gop: int
    bframes: int


@dataclass(frozen=True, slots=True)
class Canvas:
    """The picture that is encoded next, 4:2:0: three writable planes and the bytes of a row in each."""

    width: int
    height: int
    planes: tuple[memoryview, memoryview, memoryview]
    strides: tuple[int, int, int]


class VideoEncoder:
    """Draw on `canvas`, then call `encode`; the canvas keeps what was drawn."""

    def __init__(self, spec: VideoSpec) -> None:
        self._fps = spec.fps
        self._context = cast(VideoCodecContext, av.CodecContext.create(_ENCODERS[spec.codec], "w"))
        self._context.width, self._context.height, self._context.pix_fmt = spec.width, spec.height, "yuv420p"
        self._context.time_base, self._context.framerate = Fraction(1, spec.fps), Fraction(spec.fps)
        self._context.bit_rate, self._context.gop_size, self._context.max_b_frames = spec.bitrate, spec.gop, spec.bframes
        self._context.thread_count = 1
        self._context.options = _options(spec)
        self._context.open()
        self._frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
        y, u, v = self._frame.planes
        planes, strides = (memoryview(y), memoryview(u), memoryview(v)), (y.line_size, u.line_size, v.line_size)
        self.canvas = Canvas(spec.width, spec.height, planes, strides)

    def encode(self, number: int) -> list[Coded]:
        """Encode the canvas as frame `number`, which rises; gives what is complete by now, in decoding order.

        Stamps are ticks of VIDEO_CLOCK, frame 0 at 0; with B-frames a dts may be below 0.
        """
        self._frame.pts = number
        return [self._coded(packet) for packet in self._context.encode(self._frame)]

    def finish(self) -> list[Coded]:
        """What the encoder still holds; nothing can be encoded afterwards."""
        return [self._coded(packet) for packet in self._context.encode(None)]

    def _coded(self, packet: "av.Packet[Stream]") -> Coded:
        pts, dts = packet.pts or 0, packet.dts if packet.dts is not None else packet.pts or 0
        return Coded(bytes(packet), pts * VIDEO_CLOCK // self._fps, dts * VIDEO_CLOCK // self._fps)


def _options(spec: VideoSpec) -> dict[str, str]:
    """Encoder options; x265 takes most of them in one string, and rates in kbit.

    A rate buffer that starts at 0.4 makes also a clip of a few seconds come out at its bitrate (measured: 4.0 and 4.04 of
    4 Mbit/s for 4 s and 20 s; the default of 0.9 gives 4.5 for 4 s).
    """
    common = {"preset": "ultrafast", **({} if spec.bframes else {"tune": "zerolatency"})}
    fixed = f"scenecut=0:vbv-init=0.4:keyint={spec.gop}:min-keyint={spec.gop}:bframes={spec.bframes}"
    if spec.codec == "h264":
        return {**common, "maxrate": str(spec.bitrate), "bufsize": str(spec.bitrate), "x264-params": fixed}
    rate = max(1, spec.bitrate // 1000)
    own = f"log-level=error:pools=none:frame-threads=1:repeat-headers=1:open-gop=0:vbv-maxrate={rate}:vbv-bufsize={rate}"
    return {**common, "x265-params": f"{own}:{fixed}"}


@dataclass(frozen=True, slots=True)
class CodedAudio:
    frames: tuple[bytes, ...]
    samples: int
    """Samples of each frame."""
    config: bytes
    """AAC: the AudioSpecificConfig; empty for the others."""


def encode_audio(codec: AudioCodec, pcm: bytes, rate: int, samples: int) -> CodedAudio:
    """Encode mono 16-bit PCM; `samples` a frame has to be what the codec wants (AAC 1024, Opus 960 at 48 kHz, G.711 any)."""
    context = cast(AudioCodecContext, av.CodecContext.create(_ENCODERS[codec], "w"))
    context.sample_rate, context.layout = rate, "mono"
    context.format = "fltp" if codec == "aac" else "s16"
    context.time_base = Fraction(1, rate)
    context.bit_rate = 64_000
    context.flags |= Flags.global_header
    coded: list[bytes] = []
    for start in range(0, len(pcm) // 2 - samples + 1, samples):
        frame = av.AudioFrame("s16", "mono", samples)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        frame.planes[0].update(pcm[2 * start : 2 * (start + samples)])
        coded += [bytes(packet) for packet in context.encode(frame)]
    coded += [bytes(packet) for packet in context.encode(None)]
    return CodedAudio(tuple(coded), samples, context.extradata or b"" if codec == "aac" else b"")
