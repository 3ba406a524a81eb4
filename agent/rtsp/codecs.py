"""What a format of a session description carries: codec, parameter sets, AudioSpecificConfig.  No I/O.

    H264           RFC 6184, 8.1   sprop-parameter-sets           H265     RFC 7798, 7.1   sprop-vps, sprop-sps, sprop-pps
    mpeg4-generic  RFC 3640, 4.1   config, sizelength, ...        opus     RFC 7587, 7
    MP4A-LATM      RFC 6416, 7.3   config: a StreamMuxConfig      PCMA, PCMU

Rules: parameter sets are a help, not a need, as cameras repeat them in the stream: what cannot be read is left out.  Sound that
cannot be depacketized is not recorded and says why; it never costs the picture.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from .bits import Bits
from .sdp import Format

VIDEO: Final = {"h264": "h264", "h265": "hevc", "hevc": "hevc"}
AUDIO: Final = {"mpeg4-generic": "aac", "mp4a-latm": "aac", "opus": "opus", "pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}
_CODE: Final = b"\0\0\0\1"
_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8)
_MORE_HEADERS: Final = ("ctsdeltalength", "dtsdeltalength", "randomaccessindication", "streamstateindication", "auxiliarydatasizelength")
_EXTENSION: Final = 0x2B7
_SBR: Final = 5
MAX_CONFIG: Final = 64
"""Bytes of an AudioSpecificConfig; real ones have 2 to 7."""
MIN_RATE: Final = 1000
"""Real ones begin at 7350, and a config may name any.  A frame's 1024 samples last a second by this one: by the fastest clock that a
description may have ten million ticks, of which native/sound counts 32 bits; by a rate of 1 they would be more than that."""


@dataclass(frozen=True, slots=True)
class AacFormat:
    """How AAC is laid into packets: `latm`, or the bit lengths of the AU headers of RFC 3640."""

    config: bytes
    rate: int
    channels: int
    latm: bool = False
    size_bits: int = 13
    index_bits: int = 3
    delta_bits: int = 3


def parameter_sets(form: Format) -> bytes:
    """Annex B with 4-byte start codes; empty when there are none."""
    names = ("sprop-parameter-sets",) if form.encoding == "h264" else ("sprop-vps", "sprop-sps", "sprop-pps")
    units = [_base64(text) for name in names for text in form.parameters.get(name, "").split(",")]
    return b"".join(_CODE + unit for unit in units if unit)


def _base64(text: str) -> bytes:
    """A unit; some makes leave the padding out, others put a start code in front or zeros behind."""
    try:
        raw = b64decode(text.strip().strip('"') + "==")
    except (binascii.Error, ValueError):
        return b""
    unit = raw.rstrip(b"\0")
    bare = unit.lstrip(b"\0")
    return bare[1:] if len(unit) - len(bare) >= 2 and bare[:1] == b"\1" else unit


def aac(form: Format) -> AacFormat | str:
    """How to take this AAC apart, or why it cannot be."""
    try:
        config = bytes.fromhex(form.parameters.get("config", "").strip('"'))
    except ValueError:
        return "its config is not hexadecimal"
    if not 2 <= len(config) <= MAX_CONFIG:
        return "it does not say its config"
    laid = (_latm if form.encoding == "mp4a-latm" else _mpeg4)(form, config)
    return "its sampling rate is none of sound" if isinstance(laid, AacFormat) and laid.rate < MIN_RATE else laid


def _mpeg4(form: Format, config: bytes) -> AacFormat | str:
    """RFC 3640."""
    size, index, delta = (_small(form, name) for name in ("sizelength", "indexlength", "indexdeltalength"))
    if size < 6 or "constantduration" in form.parameters:
        return "its mode is neither AAC-hbr nor AAC-lbr"
    if any(_small(form, name) for name in _MORE_HEADERS):
        return "its packets carry headers that are not known"
    bits = Bits(config)
    heard = _heard(bits)
    if heard is None:
        return "its config is not that of AAC-LC"
    if _doubled(bits) or 2 * heard[0] == form.clock:
        return "it is HE-AAC"
    return AacFormat(config, *heard, False, size, index, delta)


def _small(form: Format, name: str) -> int:
    """A number of bits; what is no number of up to 32 counts as none."""
    text = form.parameters.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= 32 else 0


def _latm(form: Format, config: bytes) -> AacFormat | str:
    """StreamMuxConfig (ISO/IEC 14496-3, 1.7.3) of one program, layer and sub-frame, out of band: what cameras send."""
    bits = Bits(config)
    version, _, frames, programs, layers = (bits.take(count) for count in (1, 1, 6, 4, 3))
    if form.parameters.get("cpresent", "1") != "0":
        return "its config comes in band"
    if version or frames or programs or layers:
        return "it has several layers"
    start = bits.at
    heard = _heard(bits)
    if heard is None:
        return "its config is not that of AAC-LC"
    if 2 * heard[0] == form.clock:
        return "it is HE-AAC"
    return AacFormat(bits.between(start, bits.at), *heard, True)


def _heard(bits: Bits) -> tuple[int, int] | None:
    """(rate, channels) of an AudioSpecificConfig (1.6.2.1) of AAC-LC; None when it is another, HE-AAC too, or too short.

    HE-AAC's packets stand for twice as many samples, and its config tells two rates.
    """
    kind, rate, channels = bits.take(5), _rate(bits), bits.take(4)
    frame_length, core, extension = bits.take(1), bits.take(1), bits.take(1)
    if bits.short or kind != 2 or frame_length or core or extension or not rate or not 1 <= channels < len(_CHANNELS):
        return None
    return rate, _CHANNELS[channels]


def _doubled(bits: Bits) -> bool:
    """Whether the config goes on with the extension that makes HE-AAC of it (1.6.6.1), and says that it is there."""
    return bits.take(11) == _EXTENSION and bits.take(5) == _SBR and bool(bits.take(1))


def _rate(bits: Bits) -> int:
    index = bits.take(4)
    return bits.take(24) if index == 15 else _RATES[index] if index < len(_RATES) else 0
