"""The session description of a camera (RFC 4566; formats: RFC 6184 8.2, RFC 7798 7.2, RFC 3640 4.1, RFC 7587 7).

Rules: pure; the controls are relative, so that the answer's Content-Base decides.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from .media import VIDEO, Track

CONTROL: Final = "trackID="
_NAMES: Final = {"h264": "H264", "hevc": "H265", "aac": "mpeg4-generic", "pcma": "PCMA", "pcmu": "PCMU", "opus": "opus"}


def build(title: str, host: str, tracks: Iterable[Track]) -> str:
    """The whole description; `host` is the address the client reached us at."""
    family = "IP6" if ":" in host else "IP4"
    origin = f"IN {family} {host}"
    lines = ["v=0", f"o=- 1 1 {origin}", f"s={title}", f"c={origin}", "t=0 0", "a=control:*", "a=range:npt=0-"]
    for track in tracks:
        lines += _media(track)
    return "\r\n".join(lines) + "\r\n"


def _media(track: Track) -> list[str]:
    kind = "video" if track.kind == VIDEO else "audio"
    lines = [f"m={kind} 0 RTP/AVP {track.payload_type}", f"a=rtpmap:{track.payload_type} {_rtpmap(track)}"]
    if parameters := _FORMATS.get(track.codec, _no_format)(track):
        lines.append(f"a=fmtp:{track.payload_type} {parameters}")
    if track.frame_rate:
        lines.append(f"a=framerate:{track.frame_rate:g}")
    return [*lines, f"a=control:{CONTROL}{track.kind}"]


def _rtpmap(track: Track) -> str:
    name = f"{_NAMES[track.codec]}/{track.clock}"
    if track.codec == "opus":
        return f"{name}/2"  # always 2 in the map, whatever is sent (RFC 7587, 7)
    return f"{name}/{track.channels}" if track.codec == "aac" else name


def _h264(track: Track) -> str:
    profile = track.parameter_sets[0][1:4].hex().upper()
    return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(map(_base64, track.parameter_sets))}"


def _h265(track: Track) -> str:
    named = zip(("sprop-vps", "sprop-sps", "sprop-pps"), track.parameter_sets, strict=True)
    return ";".join(f"{name}={_base64(value)}" for name, value in named)


def _aac(track: Track) -> str:
    config = track.parameter_sets[0].hex().upper()
    return f"streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"


def _opus(track: Track) -> str:
    return "sprop-stereo=1" if track.channels == 2 else ""


def _no_format(_: Track) -> str:
    return ""


_FORMATS = {"h264": _h264, "hevc": _h265, "aac": _aac, "opus": _opus}


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
