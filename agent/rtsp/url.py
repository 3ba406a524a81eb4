"""A camera's address: where to connect, what to ask for, and as whom.  No I/O.

Rules: credentials leave the url here and are in no request line, error or repr; only rtsp:// is spoken; a redirection may change
host, port and path, never the scheme, and brings no credentials of its own.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from ...wire.errors import FormatError
from .auth import Credentials

DEFAULT_PORT: Final = 554
MAX_URL: Final = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is what request lines carry."""

    host: str
    port: int
    url: str
    credentials: Credentials | None = field(default=None, repr=False)


def address(url: str) -> Address:
    """Raises FormatError for what is no rtsp:// url with a host."""
    scheme, separator, rest = url.partition("://")
    if scheme.lower() != "rtsp" or not separator or len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise _wrong("it is no rtsp:// address that a request can hold")
    end = min((found for mark in "/?#" if (found := rest.find(mark)) >= 0), default=len(rest))
    login, _, place = rest[:end].rpartition("@")
    try:
        parts = urlsplit(f"rtsp://{place}")
        host, port = parts.hostname or "", parts.port or DEFAULT_PORT
    except ValueError:
        raise _wrong("its host or port cannot be read") from None  # urlsplit quotes what it refuses
    if not host:
        raise _wrong("it names no host")
    host, percent, zone = host.partition("%")
    if percent:  # RFC 6874: of a link-local IPv6 address; %25 in a url, % to the system, and nothing to the camera
        host, place = f"{host}%{zone.removeprefix('25')}", place.replace(f"%{zone}", "", 1)
    user, _, password = login.partition(":")
    known = Credentials(unquote(user), unquote(password)) if user else None
    return Address(host, port, f"rtsp://{place}{rest[end:]}", known)


def redirected(origin: Address, location: str) -> Address:
    """Where an answer points to; raises FormatError for other schemes.  Another host gets no credentials: it may be anybody's."""
    target = address(location)
    return Address(target.host, target.port, target.url, origin.credentials if target.host == origin.host else None)


def joined(base: str, control: str) -> str:
    """A control attribute against its base, as cameras mean it: appended (RFC 3986 would cut the base's last part off).

    Absolute ones are taken as they are: they name a resource on the connection that there is, not another host to call.
    """
    if control in ("", "*"):
        return base
    if "://" in control:
        return address(control).url
    return base + control if base.endswith("/") or control.startswith("/") else f"{base}/{control}"


def _wrong(why: str) -> FormatError:
    return FormatError(f"the camera's address cannot be used: {why}",
                       remedy="correct it in the camera's url, or in what the camera answers")  # fmt: skip
