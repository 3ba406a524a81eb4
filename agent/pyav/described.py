"""A sound track as libav knows it from a session description alone: the template of an init segment for who reads RTP without libav.

Rules: no socket is opened (`custom_io`), no packet is read; the container is closed when its stream was copied.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
from av.error import FFmpegError

from ...wire.errors import FormatError

_OPTIONS = {"sdp_flags": "custom_io", "analyzeduration": "0", "probesize": "32"}
_HEAD = ("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 0 RTP/AVP 97")
_AAC = "streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="


def aac(config: bytes, rate: int, channels: int) -> tuple[str, ...]:
    """Lines for `described`, from an AudioSpecificConfig."""
    return f"a=rtpmap:97 mpeg4-generic/{rate}/{channels}", f"a=fmtp:97 {_AAC}{config.hex()}"


OPUS = ("a=rtpmap:97 opus/48000/2",)
"""Always 2 in the map, whatever is sent (RFC 7587, 7)."""


@contextmanager
def described(lines: tuple[str, ...]) -> Iterator[Any]:
    """The stream of these lines, to copy within the block; raises FormatError for what libav does not understand."""
    text = "\r\n".join((*_HEAD, *lines, ""))
    try:
        container: Any = av.open(io.BytesIO(text.encode()), format="sdp", options=_OPTIONS)
    except (FFmpegError, ValueError) as error:
        raise FormatError(f"the sound's description is not understood: {error}", remedy="choose AAC-LC in the camera's settings") from error
    with container:
        yield container.streams.audio[0]
