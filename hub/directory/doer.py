"""Which directory server does a duty of the hub, where it is, and what it says of it.

Rules: the holder of the role in a site that has it, in any other the leader (duty.py).  A question is passed on once (`via`): who is
asked and does not do it says so.
"""

from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from ...wire import http
from .cluster.status import Member
from .duty import holder
from .errors import BusyError
from .link import LinkError
from .server import DirectoryServer

M = TypeVar("M", bound=BaseModel)
FORWARD_S: Final = 5.0
AGAIN: Final = "try again in a few seconds"


def doer(server: DirectoryServer, role: str) -> Member | None:
    """Who does it, as far as is known to this server."""
    site = server.view()
    if role not in site.roles:
        return server.leader()
    name = holder(site, role)
    found = site.servers.get(name)
    return None if found is None else Member(name, found.url, found.rank, found.recovery)


def told_by(server: DirectoryServer, role: str, path: str, kind: type[M], via: str, *, nobody: str, mute: str, refuses: str) -> M:
    """What the server that does it answers; blocking.  Raises BusyError: `nobody` when none can be asked, else of that server that it is
    `mute`, or `refuses`."""
    other = doer(server, role)
    if other is None or other.id == server.me or via:
        raise BusyError(nobody, remedy=AGAIN)
    try:
        with server.forward(other) as link:
            reply = link.request("GET", path, limit_s=FORWARD_S, headers={http.VIA_HEADER: server.me})
        if reply.status == 200:
            return kind.model_validate_json(reply.body)
    except (LinkError, ValidationError) as error:
        raise BusyError(f"server {other.id} {mute}", remedy=AGAIN) from error
    raise BusyError(f"server {other.id} {refuses}", remedy=AGAIN)
