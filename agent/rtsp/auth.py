"""Answering a camera's challenge: Basic (RFC 7617) and Digest with MD5 or SHA-256 (RFC 2069, 2617, 7616).  No I/O, no randomness.

Rules: the strongest scheme on offer is taken, SHA-256 before MD5 before Basic; qop `auth` when it is offered, none when none is.
The client's nonce comes from the caller.  A password is never part of an error or a repr, and never sent before it was asked for.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

MAX_CHALLENGES: Final = 16
_SCHEME = re.compile(r"(?:^|,)\s*(Basic|Digest)(?=\s|,|$)", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)')
"""It ends with the text where nothing else ends it, so that each character is looked at once."""
_PAIR = re.compile(r'([\w-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_ALGORITHMS: Final = {"md5": "md5", "sha-256": "sha256", "": "md5"}


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One scheme that a 401 offers, of those that we speak."""

    digest: bool
    realm: str
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    """As the camera spelled it; empty when it named none, and then it is not named back."""
    qop: str = ""
    stale: bool = False

    @property
    def strength(self) -> int:
        return 0 if not self.digest else 1 + (self._plain == "sha-256")

    @property
    def _plain(self) -> str:
        return self.algorithm.lower().removesuffix("-sess")

    def hash(self, text: str) -> str:
        # the camera chooses the algorithm: with MD5 it is still better than the password itself
        return hashlib.new(_ALGORITHMS[self._plain], text.encode(), usedforsecurity=False).hexdigest()


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """Every challenge that we can answer, the strongest first; headers may hold several each."""
    found = []
    for header in headers:
        bare = _QUOTED.sub(lambda quoted: '"' * len(quoted[0]), header)  # a realm may have any words, and commas
        marks = list(_SCHEME.finditer(bare))[:MAX_CHALLENGES]
        for mark, end in zip(marks, [*(mark.start() for mark in marks), len(header)][1:], strict=True):
            found += _challenge(mark[1].lower() == "digest", header[mark.end() : end])
    return sorted(found[:MAX_CHALLENGES], key=lambda one: -one.strength)


def _challenge(digest: bool, text: str) -> list[Challenge]:
    given = {name.lower(): _unescape(quoted) if quoted else bare for name, quoted, bare in _PAIR.findall(text)}
    if not digest:
        return [Challenge(False, given.get("realm", ""))]
    algorithm = given.get("algorithm", "")
    offered = [one.strip().lower() for one in given.get("qop", "").split(",") if one.strip()]
    if algorithm.lower().removesuffix("-sess") not in _ALGORITHMS or "nonce" not in given:
        return []
    if offered and not {"auth", "auth-int"} & set(offered):
        return []
    qop = "" if not offered else "auth" if "auth" in offered else "auth-int"
    return [Challenge(True, given.get("realm", ""), given["nonce"], given.get("opaque"), algorithm, qop,
                      given.get("stale", "").lower() == "true")]  # fmt: skip


@dataclass(slots=True)
class Authorizer:
    """The credentials of one camera, and the challenge that they answer now; `cnonce` gives a fresh random token."""

    credentials: Credentials | None
    cnonce: Callable[[], str]
    _challenge: Challenge | None = None
    _count: int = 0
    """Requests that answered it: a second one is only sent when the first was let in."""

    def challenged(self, headers: Iterable[str]) -> bool:
        """Take the challenges of a 401; False when answering again cannot help: no scheme of ours, or these credentials are wrong.

        A nonce is answered once.  A new one is answered when it says that the old one was stale, or when the old one had served:
        a camera that refuses a password makes a new nonce each time as well.
        """
        best = next(iter(challenges(headers)), None)
        if best is None or self.credentials is None:
            return False
        before = self._challenge
        if before is not None and not (best.digest and best.nonce != before.nonce and (best.stale or self._count > 1)):
            return False
        self._challenge, self._count = best, 0
        return True

    def header(self, method: str, uri: str) -> str:
        """The Authorization of one request, or empty as long as none was asked for."""
        challenge, known = self._challenge, self.credentials
        if challenge is None or known is None:
            return ""
        self._count += 1
        if not challenge.digest:
            return "Basic " + base64.b64encode(f"{known.user}:{known.password}".encode()).decode()
        return _digest(challenge, known, method, uri, self.cnonce(), f"{self._count:08x}")


def _digest(challenge: Challenge, known: Credentials, method: str, uri: str, cnonce: str, count: str) -> str:
    secret = challenge.hash(f"{known.user}:{challenge.realm}:{known.password}")
    session = challenge.algorithm.lower().endswith("-sess")
    if session:
        secret = challenge.hash(f"{secret}:{challenge.nonce}:{cnonce}")
    what = f"{method}:{uri}" + (f":{challenge.hash('')}" if challenge.qop == "auth-int" else "")  # our requests have no body
    middle = f"{challenge.nonce}:{count}:{cnonce}:{challenge.qop}" if challenge.qop else challenge.nonce
    response = challenge.hash(f"{secret}:{middle}:{challenge.hash(what)}")
    quoted = {"username": known.user, "realm": challenge.realm, "nonce": challenge.nonce, "uri": uri, "response": response}
    if challenge.opaque is not None:
        quoted["opaque"] = challenge.opaque
    if challenge.qop or session:
        quoted["cnonce"] = cnonce
    bare = {"algorithm": challenge.algorithm} if challenge.algorithm else {}
    if challenge.qop:
        bare |= {"qop": challenge.qop, "nc": count}
    return "Digest " + ", ".join([*(f'{name}="{_escape(value)}"' for name, value in quoted.items()),
                                  *(f"{name}={value}" for name, value in bare.items())])  # fmt: skip


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
