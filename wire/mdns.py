"""mDNS names of `_watchkeep._tcp` (RFC 6763).

Rules: discovery only (invariant 11): identity is the TXT `id`, never the instance name or the address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .errors import FormatError
from .ids import check_id

SERVICE_TYPE: Final = "_watchkeep._tcp.local."
MAX_ROLES: Final = 8
"""Three roles exist; a TXT record with more is not ours."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a hub says about itself: TXT `id role site ver`; roles are comma-separated in `role`."""

    id: str
    roles: tuple[str, ...]
    site: str
    version: str

    def txt(self) -> dict[str, str]:
        return {"id": self.id, "role": ",".join(self.roles), "site": self.site, "ver": self.version}

    def instance(self) -> str:
        """Preferred instance name; the responder may change it when two announce the same."""
        return f"{self.id}.{SERVICE_TYPE}"


def parse_txt(txt: Mapping[str, str]) -> Announcement:
    """Read a TXT record; raises FormatError or IdError.  Unknown keys are ignored."""
    roles = tuple(txt.get("role", "").split(","))
    if len(roles) > MAX_ROLES:
        raise FormatError("too many roles in an mDNS announcement", remedy="look for a foreign device that announces _watchkeep._tcp")
    for role in roles:
        check_id("role", role)
    return Announcement(check_id("hub", txt.get("id", "")), roles, check_id("site", txt.get("site", "")), txt.get("ver", "")[:32])
