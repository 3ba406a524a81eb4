"""The error tree, its exit codes and the redaction of credentials.

    WatchkeepError            exit 1, something failed at run time
    ├── UsageError            exit 2, the caller has to change something first; nothing was touched
    │   ├── ConfigError       a configuration file: names file and dotted key
    │   ├── ProfileError      a firmware profile: names file and dotted key
    │   └── IdError           an id that is not `[a-z0-9-]{1,63}`
    ├── FormatError           bytes that do not follow wire/: record, seal, box
    │   ├── TruncatedError    the bytes end too early (a torn tail)
    │   ├── DigestError       the bytes do not match their BLAKE3: damage or tampering
    │   ├── VersionError      the bytes follow a version of a layout that is not known here
    │   └── OversizeError     the bytes announce more than their layout allows
    ├── DiscoveryError        mDNS cannot run here; everything else does, try again later
    ├── VolumeError           a storage volume is missing, foreign, read-only or full
    │   ├── FullError         there is no room: free some, then try the same again
    │   └── BusyError         a disk does not answer now: nothing is wrong with what was asked for, ask again
    ├── GoneError             a chunk that was released or dropped is not held any more
    └── RemoteError           a peer refused or failed; `status` is its HTTP status or 0

Rules: every error carries a remedy, the one thing that the reader can do next.  No message ever holds
a credential: text that may contain URLs goes through `redact`.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

MAX_MISTAKES: Final = 10
"""Of one file told at once: more fill a screen, and most of them have one cause."""
ConfigErrorKind = TypeVar("ConfigErrorKind", bound="ConfigError")
_URL = re.compile(r"""://((?:[^\s"]|"(?![\s,:}\])]|$))+)""")
"""What follows a scheme, up to white space or a quote that closes a JSON string: one pass, so linear in the text."""
_SECRET = re.compile(
    r"""(?ix)
    ( [\w-]{0,32}(?: pass(?:word|wd|phrase)? | pwd | token | secret | api_?key | authorization ) \\?["']? \s{0,8} [=:] \s{0,8}
    | \b(?: response | c?nonce ) = (?=") )
    ( \\"(?:(?!\\").)*(?:\\")? | "(?:[^"\\]|\\.)*"? | '(?:[^'\\]|\\.)*'? | (?: (?:basic|bearer|digest) \s+ )? [^\s&",;'}]+ )"""
)
"""A name that means a credential, then its value: quoted, quoted inside a JSON string, or bare with its scheme."""


def redact(text: str) -> str:
    """Return text with URL user-info and secret key=value pairs replaced by `***`; JSON stays JSON.

    Passwords come unescaped from people, so everything up to the last `@` of a URL counts as user-info,
    slashes too: a host that is hidden for no reason costs less than a password that is shown.
    """
    return _SECRET.sub(_hide_value, _URL.sub(_hide_user, text))


def redact_url(text: str) -> str:
    """Return what was meant as a URL as `redact` does, user-info hidden also where its scheme is mistyped or missing."""
    before, at, rest = text.rpartition("@")
    scheme, mark, _ = before.partition("://")
    return redact(f"{scheme + mark if mark and scheme.isalpha() else ''}***@{rest}" if at else text)


def _hide_user(match: re.Match[str]) -> str:
    _, at, rest = match[1].rpartition("@")
    return f"://***@{rest}" if at else match[0]


def _hide_value(match: re.Match[str]) -> str:
    quote = next((mark for mark in ('\\"', '"', "'") if match[2].startswith(mark)), "")
    return f"{match[1]}{quote}***{quote}"


class WatchkeepError(Exception):
    """Base of all our errors: a message, and the remedy that the reader should try next."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = redact(message)
        self.remedy = redact(remedy)
        super().__init__(self.message)

    def line(self) -> str:
        """One line for a terminal: what is wrong, then what to do."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def lines(self) -> list[str]:
        """The same, one for each thing that is wrong."""
        return [self.line()]


class UsageError(WatchkeepError):
    exit_code = 2


class ConfigError(UsageError):
    """A configuration file is wrong at one dotted key; `also` are other places where it is, MAX_MISTAKES in all."""

    def __init__(self, file: str, key: str, problem: str, *, remedy: str) -> None:
        self.file, self.key, self.problem = file, key, redact(problem)
        self.also: tuple[ConfigError, ...] = ()
        self.untold = 0
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}", remedy=remedy)

    def lines(self) -> list[str]:
        more = [f"{self.file}: and {self.untold} more like these"] if self.untold else []
        return [error.line() for error in (self, *self.also)] + more


def together(errors: Sequence[ConfigErrorKind]) -> ConfigErrorKind:
    """The first of at least one error, with the others behind it."""
    first, *rest = errors
    first.also, first.untold = tuple(rest[: MAX_MISTAKES - 1]), max(len(errors) - MAX_MISTAKES, 0)
    return first


class ProfileError(ConfigError):
    """A firmware profile is missing or wrong at one dotted key."""


class IdError(UsageError):
    """An id does not follow `[a-z0-9-]{1,63}`."""


class FormatError(WatchkeepError):
    """Bytes do not follow the layouts in wire/."""


class TruncatedError(FormatError):
    """Bytes end before the record or box that they announce."""


class DigestError(FormatError):
    """Bytes do not match the BLAKE3 that they carry."""


class VersionError(FormatError):
    """Bytes follow a version of their layout that this machine does not know."""


class OversizeError(FormatError):
    """Bytes announce more than their layout allows."""


class DiscoveryError(WatchkeepError):
    """mDNS cannot run on this machine now; static lists work without it."""


class VolumeError(WatchkeepError):
    """A storage volume cannot be used."""

    exit_code = 2


class FullError(VolumeError):
    """A disk or a quota has no room; nothing of what was refused was stored."""


class BusyError(VolumeError):
    """A disk does not answer now; what was asked for stands and can be asked for again."""


class GoneError(WatchkeepError):
    """What is asked for was held once and is not any more."""


class RemoteError(WatchkeepError):
    """A peer refused or failed."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 0) -> None:
        self.status = status
        super().__init__(message, remedy=remedy)
