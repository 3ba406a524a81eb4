"""The broker's URL, `mqtt://[user:password@]host[:port]`.

Rules: an error never shows what stands before the `@`.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from .errors import UsageError

DEFAULT_PORT: Final = 1883
_REMEDY: Final = "write mqtt://host:port, if need be with user:password@ before the host, reserved characters as %XX"
"""No `@` after `://` without a blank between: `redact` would hide the example."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_url(url: str) -> Broker:
    """Raises UsageError for anything but a plain MQTT URL."""
    shown = url.rpartition("@")[2]
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")  # what connecting would do: a label too long is found here and not on a thread
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        raise UsageError(f"mqtt url {shown!r} is not valid", remedy=_REMEDY) from None
    if parts.scheme == "mqtts":
        raise UsageError("mqtts is not supported yet", remedy="use mqtt:// to a broker on this machine that bridges to the other over TLS")
    if parts.scheme != "mqtt" or not host or not port or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"mqtt url {shown!r} is not valid", remedy=_REMEDY)
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return Broker(host, port, user, password)
