"""Init segments (`ftyp`+`moov`) made by PyAV's MP4 muxer in memory, from a stream's codec parameters.

Rules: no chunk is ever muxed by libav: it writes the header, native/ writes the chunks.
"""

import io
from dataclasses import dataclass
from struct import pack
from typing import Any

import av
from av.error import FFmpegError

from ...wire.errors import FormatError
from ...wire.isobmff import boxes
from .described import described

VIDEO_TIMESCALE = 90_000
_OPTIONS = {"movflags": "empty_moov+default_base_moof+frag_custom", "video_track_timescale": str(VIDEO_TIMESCALE)}
_RAW_FORMAT = {"h264": "h264", "hevc": "hevc", "av1": "obu"}
LPCM = "pcm_s16le"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The audio track of an init segment: copied from a stream, or described, or LPCM of `rate` Hz without either."""

    codec: str
    rate: int
    layout: str
    template: Any = None
    lines: tuple[str, ...] = ()
    """What pyav/described.py makes a stream of."""

    @property
    def name(self) -> str:
        """What is recorded: `lpcm`, `aac` or `opus`."""
        return "lpcm" if self.codec == LPCM else self.codec.removeprefix("lib")


def init_segment(video: Any, audio: AudioFormat | None) -> bytes:
    """ftyp+moov with the video stream as track 1 and, when given, audio as track 2; raises FormatError."""
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="mp4", options=_OPTIONS) as out:
            # opaque copies the parameters only: for AV1 there may be no encoder, and the one there is knows nothing of the camera's
            track = out.add_stream_from_template(video, opaque=video.codec_context.codec.canonical_name == "av1")
            if track.codec_context.name == "hevc":
                track.codec_context.codec_tag = "hvc1"
            if audio is not None:
                _add_audio(out, audio)
            out.start_encoding()
            header = buffer.getvalue()
    except (FFmpegError, ValueError) as error:
        raise FormatError(f"no init segment can be made for this stream: {error}",
                          remedy="choose H.264 or H.265 in the camera's settings") from error  # fmt: skip
    return b"".join(_box(kind, body) for kind, body in boxes(header) if kind in (b"ftyp", b"moov"))


def init_from_parameters(codec: str, parameter_sets: bytes, key_frame: bytes, audio: AudioFormat | None) -> bytes:
    """ftyp+moov from in-band parameter sets (Annex B) and the key frame that follows them; raises FormatError.

    For AV1 they are a sequence header OBU, and the key frame is the temporal unit with it, delimiter included.
    """
    try:
        with av.open(io.BytesIO(key_frame if codec == "av1" else parameter_sets + key_frame), "r", format=_RAW_FORMAT[codec]) as raw:
            return init_segment(raw.streams.video[0], audio)
    except (FFmpegError, ValueError, IndexError) as error:
        raise FormatError(f"the camera's new parameter sets cannot be read: {error}", remedy="restart the camera") from error


def _box(kind: bytes, body: memoryview) -> bytes:
    return pack(">I4s", len(body) + 8, kind) + bytes(body)


def _add_audio(out: Any, audio: AudioFormat) -> None:
    if audio.template is not None and audio.template.codec_context.extradata:
        out.add_stream_from_template(audio.template)
        return
    if audio.lines:
        with described(audio.lines) as stream:
            out.add_stream_from_template(stream)
        return
    # RTSP carries no OpusHead (RFC 7587); the encoder that is opened here writes the one of RFC 7845, 5.1
    out.add_stream(audio.codec, rate=audio.rate, layout=audio.layout)
