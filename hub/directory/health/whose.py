"""Which directory server watches over the site, and where it is.

Rules: the holder of the role `health` in a site that has it, in any other the leader (duty.py).
"""

from ..cluster.status import Member
from ..duty import holder
from ..roles import HEALTH
from ..server import DirectoryServer


def watches(server: DirectoryServer) -> bool:
    """Whether this server is the one."""
    return server.on_duty(HEALTH)


def watcher(server: DirectoryServer) -> Member | None:
    """Who is, as far as is known here."""
    site = server.view()
    if HEALTH not in site.roles:
        return server.leader()
    name = holder(site, HEALTH)
    found = site.servers.get(name)
    return None if found is None else Member(name, found.url, found.rank, found.recovery)
