"""Which directory server watches over the site.

Rules: decides nothing; it is whoever does the duty of the role `health` (hub/directory/doer.py).
"""

from ..cluster.status import Member
from ..doer import doer
from ..roles import HEALTH
from ..server import DirectoryServer


def watches(server: DirectoryServer) -> bool:
    """Whether this server is the one."""
    return server.on_duty(HEALTH)


def watcher(server: DirectoryServer) -> Member | None:
    """Who is, as far as is known here."""
    return doer(server, HEALTH)
