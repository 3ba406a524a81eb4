"""A directory server for a command that only looks, when none is named: the one of this machine, else one that mDNS shows.

    HERE says that it is one ─▶ it         else: mDNS, LOOK_S at most ─▶ choice.py ─▶ the first that says who it is

Rules: who is asked is told; commands that change something never come here: they are told where.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

from pydantic import ValidationError

from ...wire import http
from ...wire.errors import DiscoveryError, RemoteError
from ...wire.mdns import Found
from ..api.health import Health
from ..request import Connection, RequestError
from .choice import REMEDY, ROLE, candidates

HERE: Final = "http://127.0.0.1:9701"
LOOK_S: Final = 2.0
MORE_S: Final = 0.5
"""How long others are waited for once one is found: answers come within a tenth of a second, and may be of another site."""
CONNECT_S: Final = 1.0
ANSWER_S: Final = 3.0
"""A hub whose archive hangs says so after two."""
MAX_ANSWER_BYTES: Final = 1 << 20


def servers(say: Callable[[str], None]) -> list[str]:
    """URLs to ask, the first of which answers; raises RemoteError when there is none, UsageError when they are of several sites."""
    if (said := _health(HERE)) is not None and ROLE in said.roles:
        return [HERE]
    try:
        found = candidates(shown(), HERE)
    except DiscoveryError as error:
        raise RemoteError(f"no directory server is at {HERE}, and {error.message}", remedy=REMEDY) from error
    for number, one in enumerate(found):
        said = _health(one.url)
        if said is not None and (said.id, said.site) == (one.id, one.site) and ROLE in said.roles:
            say(f"asking directory server {one.id} of site {one.site} at {one.url}, which mDNS shows")
            return [other.url for other in found[number:]]
    named = ", ".join(f"{one.id} at {one.url}" for one in found)
    raise RemoteError(f"of the directory servers that mDNS shows none answers: {named}",
                      remedy=f"check that one of them runs, or {REMEDY}")  # fmt: skip


def shown(interfaces: Sequence[str] | None = None) -> tuple[Found, ...]:
    """The hubs of all sites that answer by mDNS within LOOK_S; less when a directory server is among them."""
    from ...wire.shell.mdns import Browser  # here, as a command that was told where to ask goes without zeroconf

    heard = threading.Event()

    def changed(hubs: dict[str, Found]) -> None:
        if any(ROLE in hub.roles for hub in hubs.values()):
            heard.set()

    browser = Browser(interfaces, None, changed)
    browser.start()
    try:
        if heard.wait(LOOK_S - MORE_S):
            threading.Event().wait(MORE_S)
        return browser.shown
    finally:
        browser.stop()


def _health(url: str) -> Health | None:
    """What a hub says of itself; None when there is none."""
    with closing(Connection(url, connect_s=CONNECT_S)) as connection:
        try:
            return Health.model_validate_json(connection.request("GET", http.HEALTH, limit_s=ANSWER_S, max_bytes=MAX_ANSWER_BYTES).body)
        except (RequestError, ValidationError):
            return None
