"""One RTSP session read through PyAV: open, what the stream is, packets, close.

Rules: opened, read and closed by one thread (a container closed from another thread is a use-after-free);
FFmpeg's own socket time-out bounds every read; after any error the session is finished, the caller opens a new one.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import av
from av.error import FFmpegError, HTTPClientError, HTTPError, HTTPForbiddenError, HTTPUnauthorizedError

from ...wire.causes import CameraStatus
from ...wire.errors import FormatError, WatchkeepError, redact
from .. import unblock
from ..av1 import sequence_header
from ..stall import PICTURE_WAIT_S
from .init_segment import LPCM, AudioFormat, init_from_parameters, init_segment

OPEN_TIMEOUT_S = 4.0
"""Bounds connecting up to PLAY, and once more the probe: SIGTERM must be obeyed within 10 s."""
READ_TIMEOUT_US = 5_000_000
"""A camera that sends nothing for 5 s is stalled."""
PROBE_BYTES = 1_000_000
PROBE_US = 2_000_000
VIDEO_CODECS = frozenset({"h264", "hevc", "av1"})
COPIED_AUDIO = frozenset({"aac", "opus"})
G711 = {"pcm_alaw": "alaw", "pcm_mulaw": "ulaw"}
KEPT_AUDIO = COPIED_AUDIO | G711.keys()
_ENCODER = {"opus": "libopus"}
UNNAMED = "of a kind that FFmpeg does not know"


class CameraError(WatchkeepError):
    """The camera cannot be recorded now; `status` is the state to show."""

    def __init__(self, status: CameraStatus, why: str, *, remedy: str = "") -> None:
        self.status = status
        super().__init__(why, remedy=remedy)


class Sample(NamedTuple):
    """One packet of a session.  `data` is PyAV's own memory: read it before the next one, never write to it."""

    video: bool
    data: Any
    pts: int | None
    dts: int | None
    duration: int
    key: bool
    damaged: bool


class RtspSession:
    """An open RTSP session.  `ticks` and `audio_ticks` are the time bases as ticks a second."""

    whole_pictures = False
    """A picture may come as several packets."""

    def __init__(self, url: str, transport: str) -> None:
        options = {"rtsp_transport": transport, "timeout": str(READ_TIMEOUT_US),
                   "probesize": str(PROBE_BYTES), "analyzeduration": str(PROBE_US)}  # fmt: skip
        began = time.monotonic()
        # where a read cannot be ended from outside, PyAV's costly time-out does it
        self._read_s = None if unblock.possible() else PICTURE_WAIT_S
        try:
            self._container: Any = av.open(url, options=options, timeout=(OPEN_TIMEOUT_S, self._read_s))
        except (FFmpegError, OSError) as error:
            # libav reports an open that was cut off as whatever it was doing then, such as "invalid data"
            raise (_unanswered() if time.monotonic() - began >= OPEN_TIMEOUT_S else fault_of(error)) from error
        try:
            self._choose_streams()
        except BaseException:
            self._container.close()
            raise

    def _choose_streams(self) -> None:
        """Take the first video and the first audio that can be kept; what is left out is named."""
        videos, audios = self._container.streams.video, self._container.streams.audio
        if not videos:
            raise CameraError(CameraStatus.UNSUPPORTED, "the stream has no video", remedy="choose a video profile in the camera's URL")
        self._video = next((stream for stream in videos if codec_name(stream) in VIDEO_CODECS), videos[0])
        self.codec = codec_name(self._video)
        if self.codec not in VIDEO_CODECS:
            raise CameraError(CameraStatus.UNSUPPORTED, f"video codec {self.codec or UNNAMED} is not supported",
                              remedy="choose H.264 or H.265 in the camera's settings")  # fmt: skip
        self.ticks = _ticks(self._video)
        self._audio: Any = None
        self.audio: AudioFormat | None = None
        self.audio_law = ""
        audio = next((stream for stream in audios if codec_name(stream) in KEPT_AUDIO), audios[0] if audios else None)
        self._further = [f"{stream.type} {codec_name(stream) or UNNAMED}: one track of each kind is recorded"
                         for stream in (*videos, *audios) if stream not in (self._video, audio)]  # fmt: skip
        self._audio_why = ""
        if audio is not None:
            self._choose_audio(audio)
        self.audio_ticks = _ticks(self._audio) if self._audio is not None else 1

    def _choose_audio(self, stream: Any) -> None:
        name = codec_name(stream)
        if name not in KEPT_AUDIO:
            self._audio_why = f"audio {name or UNNAMED}: only AAC, Opus and G.711 are recorded"
            return
        context = stream.codec_context
        if not context.sample_rate:
            self._audio_why = f"audio {name}: the camera does not say its sample rate"
            return
        layout = context.layout.name if context.layout is not None else "mono"
        self._audio = stream
        if name in COPIED_AUDIO:
            self.audio = AudioFormat(_ENCODER.get(name, name), context.sample_rate, layout, stream)
        else:
            self.audio, self.audio_law = AudioFormat(LPCM, context.sample_rate, layout), G711[name]

    @property
    def left_out(self) -> str:
        """Which tracks of the camera are not recorded, and why; empty when all are.  Final when an init segment was made."""
        return "; ".join([self._audio_why, *self._further] if self._audio_why else self._further)

    @property
    def parameter_sets(self) -> bytes:
        """The parameter sets that the session description carried (Annex B; AV1: its sequence header OBU), or empty."""
        extradata = bytes(self._video.codec_context.extradata or b"")
        return sequence_header(extradata) if self.codec == "av1" else extradata if extradata[:3] in (b"\0\0\0", b"\0\0\1") else b""

    def init_segment(self) -> bytes:
        """ftyp+moov from the session description's parameters; raises FormatError."""
        return self._with_audio_or_without(lambda audio: init_segment(self._video, audio))

    def init_for(self, parameter_sets: bytes, key_frame: bytes) -> bytes:
        """ftyp+moov for in-band parameter sets that differ from the session description's; raises FormatError."""
        return self._with_audio_or_without(lambda audio: init_from_parameters(self.codec, parameter_sets, key_frame, audio))

    def _with_audio_or_without(self, make: Callable[[AudioFormat | None], bytes]) -> bytes:
        """Audio that no moov can hold is left out from now on, whatever it is: video is never lost to it."""
        try:
            return make(self.audio)
        except FormatError as error:
            if self.audio is None:
                raise
            made = make(None)  # when this fails too, it was not the audio
            self._audio_why = f"audio {self.audio.name}: {error}"
            self.audio = None
            return made

    def samples(self) -> Iterator[Sample]:
        """Yield packets until the camera ends the session; raises CameraError when it fails."""
        streams = [stream for stream in (self._video, self._audio) if stream is not None]
        last = time.monotonic()
        try:
            for packet in self._container.demux(*streams):
                if packet.size:
                    yield Sample(packet.stream_index == self._video.index, packet, packet.pts, packet.dts, packet.duration or 0,
                                 packet.is_keyframe, packet.is_corrupt)  # fmt: skip
                last = time.monotonic()
        except (FFmpegError, OSError) as error:
            cut_off = self._read_s is not None and time.monotonic() - last >= self._read_s  # libav calls that an I/O error
            raise (no_picture() if cut_off else fault_of(error)) from error

    def close(self) -> None:
        """End the session; only from the thread that opened it."""
        self._container.close()


def codec_name(stream: Any) -> str:
    """FFmpeg's name of a stream's codec, whichever of its decoders was chosen (`av1`, not `libdav1d`); "" when it knows none."""
    context = stream.codec_context
    return "" if context is None else context.codec.canonical_name


def _ticks(stream: Any) -> int:
    return int(stream.time_base.denominator // stream.time_base.numerator)


def _unanswered() -> CameraError:
    return CameraError(CameraStatus.CONNECTING, f"the camera does not answer within {OPEN_TIMEOUT_S:g} s",
                       remedy="check the url, the camera's power and network")  # fmt: skip


def no_picture() -> CameraError:
    """A session that lives, and brings no video frame for too long."""
    return CameraError(CameraStatus.STALLED, "the camera keeps the connection and sends no picture",
                       remedy="it is asked anew; if this comes back, check the camera's video stream, restart it")  # fmt: skip


def fault_of(error: Exception) -> CameraError:
    """What an error of libav means for the camera's state."""
    why = redact(getattr(error, "strerror", None) or str(error))
    if isinstance(error, HTTPUnauthorizedError | HTTPForbiddenError):
        return CameraError(CameraStatus.UNAUTHORIZED, "the camera refuses the user name or password",
                           remedy="correct the credentials in the camera's url")  # fmt: skip
    if isinstance(error, HTTPError | HTTPClientError):
        return CameraError(CameraStatus.CONNECTING, f"the camera refuses to play the stream ({why})",
                           remedy="check the path in the camera's url, and how many viewers it serves; restart it")  # fmt: skip
    if isinstance(error, TimeoutError | av.error.ExitError):
        return CameraError(CameraStatus.STALLED, "the camera sends nothing", remedy="check the camera's power and network")
    return CameraError(CameraStatus.CONNECTING, f"the camera cannot be reached ({why})",
                       remedy="check the url, the camera's power and network")  # fmt: skip
