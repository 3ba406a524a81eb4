"""A host as it stands in a URL: a name, an IPv4 address, or an IPv6 address in brackets.

Rules: what could change the meaning of a URL (user, path, query, spaces) is refused, not escaped.
"""

import re
from ipaddress import IPv6Address

from watchkeep.wire.errors import UsageError

_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?")


def host_part(host: str) -> str:
    """host, ready for a URL; raises UsageError when it is not a host alone."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return f"[{IPv6Address(bare)}]"
    except ValueError:
        if _NAME.fullmatch(host):
            return host
    shown = f"***@{host.rpartition('@')[2]}" if "@" in host else host  # somebody's password
    raise UsageError(f"{shown[:80]!r} is not a host", remedy="give a name or an address alone, without scheme, user, port or path")
