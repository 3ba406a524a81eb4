"""Digest authentication (RFC 2617 with MD5, and its elder RFC 2069), the way cameras ask for it.

Rules: no I/O; the nonce is passed in and belongs to one connection.  This guards a test source: it does not
count nonce uses, and the client may name the URI as it likes, because clients differ there.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import md5
from typing import Final

REALM: Final = "watchkeep source"
_PAIR = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]*))')


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=***)"


def challenge(nonce: str) -> str:
    """The WWW-Authenticate header of a 401; without qop, as most cameras send it."""
    return f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5'


def accepts(credentials: Credentials, nonce: str, method: str, authorization: str) -> bool:
    """Whether an Authorization header proves that the client knows the password for this method and nonce."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest":
        return False
    given = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
    if given.get("username") != credentials.user or given.get("realm") != REALM or given.get("nonce") != nonce:
        return False
    expected = answer(credentials, nonce, method, given.get("uri", ""), given)
    return hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode())


def answer(credentials: Credentials, nonce: str, method: str, uri: str, given: dict[str, str] | None = None) -> str:
    """The response field that a client with these credentials sends; `given` carries nc, cnonce and qop when it uses them."""
    given = given or {}
    secret = _md5(f"{credentials.user}:{REALM}:{credentials.password}")
    request = _md5(f"{method}:{uri}")
    if qop := given.get("qop"):
        return _md5(f"{secret}:{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:{qop}:{request}")
    return _md5(f"{secret}:{nonce}:{request}")


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
