"""Which directory server does a duty of the hub, and where it is.

Rules: the holder of the role in a site that has it, in any other the leader (duty.py).
"""

from .cluster.status import Member
from .duty import holder
from .server import DirectoryServer


def doer(server: DirectoryServer, role: str) -> Member | None:
    """Who does it, as far as is known to this server."""
    site = server.view()
    if role not in site.roles:
        return server.leader()
    name = holder(site, role)
    found = site.servers.get(name)
    return None if found is None else Member(name, found.url, found.rank, found.recovery)
