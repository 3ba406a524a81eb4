"""Reading a camera's session description (RFC 4566 and 8866), as far as recording needs it.  No I/O.

    v= o= s= ...  a=control:*                                session
    m=video 0 RTP/AVP 96                                     media, with formats: payload type ─▶ encoding, clock, channels, fmtp
    a=rtpmap:96 H264/90000  a=fmtp:96 a=1;b=2  a=control:t=0

Rules: a line that cannot be read is passed over, as one bad attribute of a sound track must not cost the picture; what is left is
told by `agent/rtsp/choice.py`.  Bounded by MAX_MEDIAS, MAX_FORMATS and MAX_LINES; the text itself by message.MAX_BODY_BYTES.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

MAX_MEDIAS: Final = 16
MAX_FORMATS: Final = 16
MAX_LINES: Final = 2048
MAX_CLOCK: Final = 10_000_000
MAX_CHANNELS: Final = 64

_STATIC: Final[Mapping[int, tuple[str, int, int]]] = MappingProxyType({
    0: ("pcmu", 8000, 1), 3: ("gsm", 8000, 1), 4: ("g723", 8000, 1), 8: ("pcma", 8000, 1), 9: ("g722", 8000, 1), 10: ("l16", 44100, 2),
    11: ("l16", 44100, 1), 14: ("mpa", 90_000, 1), 26: ("jpeg", 90_000, 1), 32: ("mpv", 90_000, 1), 33: ("mp2t", 90_000, 1),
    34: ("h263", 90_000, 1),
})  # fmt: skip
"""RFC 3551, 6: payload types that need no rtpmap."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which a media may be sent; encoding in lower case, empty when nothing says what it is."""

    payload_type: int
    encoding: str = ""
    clock: int = 0
    channels: int = 1
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of fmtp: names in lower case, values as they stand."""


@dataclass(frozen=True, slots=True)
class Media:
    kind: str
    """`video`, `audio`, `application`, ..."""
    formats: tuple[Format, ...]
    control: str = ""
    backward: bool = False
    """`a=sendonly`: ONVIF's channel to the camera's loudspeaker."""


@dataclass(frozen=True, slots=True)
class Description:
    control: str
    medias: tuple[Media, ...]


def parse(body: bytes) -> Description:
    """Read a description; one without a media line has none."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in body.decode("utf-8", "replace").replace("\r", "\n").split("\n")[:MAX_LINES]:
        if line.startswith("m="):
            sections.append((line[2:], []))
        elif line.startswith("a="):
            sections[-1][1].append(line[2:].strip())
    (_, session), *medias = sections[: MAX_MEDIAS + 1]
    return Description(_control(session), tuple(_media(line, attributes) for line, attributes in medias))


def _media(line: str, attributes: list[str]) -> Media:
    kind, _, types = [*line.split(None, 2), "", "", ""][:3]
    numbers = [int(word) for word in types.split()[1:] if word.isascii() and word.isdigit() and len(word) <= 3][:MAX_FORMATS]
    maps, parameters = dict(_numbered(attributes, "rtpmap")), dict(_numbered(attributes, "fmtp"))
    formats = tuple(_format(number, maps.get(number, ""), parameters.get(number, "")) for number in dict.fromkeys(numbers) if number < 128)
    return Media(kind.lower(), formats, _control(attributes), "sendonly" in attributes)


def _numbered(attributes: list[str], name: str) -> Iterator[tuple[int, str]]:
    """(payload type, rest) of `a=<name>:<payload type> <rest>`; the last of two wins."""
    for attribute in attributes:
        key, _, value = attribute.partition(":")
        number, _, rest = value.strip().partition(" ")
        if key.strip().lower() == name and number.isascii() and number.isdigit() and len(number) <= 3:
            yield int(number), rest.strip()


def _format(number: int, rtpmap: str, fmtp: str) -> Format:
    encoding, clock, channels = _STATIC.get(number, ("", 0, 1))
    if rtpmap:
        name, first, second = [*rtpmap.split("/"), "", ""][:3]
        encoding, clock = name.strip().lower(), _number(first, MAX_CLOCK) or clock
        channels = _number(second, MAX_CHANNELS) or 1
    return Format(number, encoding, clock, channels, MappingProxyType(dict(_parameters(fmtp))))


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            yield name.strip().lower(), value.strip()


def _number(text: str, most: int) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= most else 0


def _control(attributes: list[str]) -> str:
    return next((value.strip() for name, _, value in (one.partition(":") for one in attributes) if name.strip().lower() == "control"), "")
