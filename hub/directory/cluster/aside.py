"""What one server has cut off its journal, until its journal has taken all of it in again.  No I/O.

Rules: a branch is forgotten as a whole.  Its first entries say where it leaves the journal, and without them what follows could not be
compared with anything.  What was seen to be taken in stays so in here, though the journal remembers only the last of such (MAX_TAKEN).

Bound: 100 bytes for each entry that is set aside in the database.
"""

from collections.abc import Mapping

from ..site import Site
from .merge import DELIVERED, NUMBERED


class Aside:
    """Hashes of entries that are set aside, by whether the journal has them."""

    def __init__(self) -> None:
        self._pending: dict[str, str] = {}
        self._done: set[str] = set()

    def __bool__(self) -> bool:
        """Whether something is to be delivered."""
        return bool(self._pending)

    @property
    def done(self) -> frozenset[str]:
        """Those that need no delivery."""
        return frozenset(self._done)

    def add(self, kinds: Mapping[str, str], site: Site) -> None:
        """These are set aside, by hash with their kinds."""
        self._pending |= {name: kind for name, kind in kinds.items() if kind in DELIVERED and name not in self._done}
        self._done |= {name for name, kind in kinds.items() if kind not in DELIVERED}
        self.look(site)

    def look(self, site: Site) -> None:
        """The journal has gone on."""
        for name in [name for name in self._pending if name in site.taken]:
            del self._pending[name]
            self._done.add(name)

    def owes_numbers(self, site: Site) -> bool:
        """Whether numbers were given on another branch that this state does not know: they could be given again."""
        return any(kind in NUMBERED and name not in site.taken for name, kind in self._pending.items())

    def forget(self) -> frozenset[str]:
        """Everything, once nothing of it is pending; empty before."""
        if self._pending:
            return frozenset()
        done, self._done = frozenset(self._done), set()
        return done
