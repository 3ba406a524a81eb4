"""Which server does a duty of the hub: the holder of the role of that name in a site that has one, in any other the leader.  No I/O.

Rules: a role's holder is an entry of the journal (cluster/leading.py), so it passes on when its server dies, as its list says.  Whoever is
the holder by its own journal acts only as long as it cannot have lost the role without knowing (cluster/tenure.py).
"""

from .site import Site


def on_duty(site: Site, role: str, me: str, *, leads: bool, holds: bool) -> bool:
    """Whether this server is the one; holds: whether it may act for roles that its journal says it has."""
    return leads if role not in site.entities.get("role", {}) else holds and holder(site, role) == me


def holder(site: Site, role: str) -> str:
    """Who holds a role of the site; empty for nobody."""
    lease = site.leases.get(role)
    return "" if lease is None else lease.holder
