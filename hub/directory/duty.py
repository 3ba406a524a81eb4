"""Which server does a duty of the hub: the holder of the role of that name in a site that has one, in any other the leader.  No I/O.

Rules: a role's holder is an entry of the journal (cluster/leading.py), so it passes on when its server dies, as its list says.
"""

from .site import Site


def on_duty(site: Site, role: str, me: str, *, leads: bool) -> bool:
    """Whether this server is the one."""
    return leads if role not in site.entities.get("role", {}) else holder(site, role) == me


def holder(site: Site, role: str) -> str:
    """Who holds a role of the site; empty for nobody."""
    lease = site.leases.get(role)
    return "" if lease is None else lease.holder
