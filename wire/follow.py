"""Which directory server is asked when, and whether what it answers is taken; for agents and archivers.  No I/O, no clock.

    answer of a server                                  is              and then
    ─────────────────────────────────────────────────   ─────────────   ──────────────────────────────────────────
    a document of a later (term, index)                 NEWS            taken up; the same server is asked again
    nothing new                                         QUIET           the same server is asked again
    a document of an earlier (term, index)              refused         the next server: this one lags behind
    of another site or member, or wrong in itself       refused         the next server
    anything else, or nothing                           refused         the next server

Rules: (term, index) never goes back, whoever says it, also over restarts of who follows; a leader that is asked by an agent that
knows a later term goes on above that one.  Which server is asked first follows from the asker's id, so that many are spread
over all of them; one that is of use is asked on, whoever comes along.  They are tried in turn without a pause; after a round in which
none was of use there is one, which doubles from FIRST_PAUSE_S to MAX_PAUSE_S.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import ClassVar, Final, Generic, TypeVar
from zlib import crc32

from .desired import Document
from .errors import FormatError

FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 4.0
"""Shorter than what a directory that has come back gives its agents before it takes them for dead."""
QUIET_S: Final = 1.0
"""From one question to the next at least: a server that does not hold a question until there is news must not be asked without end."""
NEWS_S: Final = 0.1
"""The same after news: more of them may be on their way."""

D = TypeVar("D", bound=Document)


class Verdict(Enum):
    NEWS = auto()
    QUIET = auto()


class Follower(Generic[D]):
    """What is known of the directory; one thread.  A kind of document has its own one, which says in `wrong` what is against it."""

    SECTION: ClassVar = "agent"
    """Of the asker's own configuration, where its id and site stand."""

    def __init__(self, site: str, name: str, servers: Sequence[str], taken: D | None) -> None:
        """`taken` is what was taken up last, from the cache; one of another site or member is nothing."""
        self._site, self._name = site, name
        self._servers: tuple[str, ...] = ()
        self._turn = 0
        self.use(servers)
        self._misses, self._pause_s = 0, FIRST_PAUSE_S
        self.taken = taken if taken is not None and not self._against(taken) else None

    def wrong(self, document: D) -> str:
        """Why a document of this site is not to be taken; empty when nothing is against it."""
        raise NotImplementedError

    def use(self, servers: Sequence[str]) -> None:
        """These are the servers from now on.  Whoever is asked is asked on if it is one of them: another one's coming changes nothing."""
        asked, self._servers = self.server, tuple(servers)
        if asked in self._servers:
            self._turn = self._servers.index(asked)
        else:
            self._turn = crc32(self._name.encode()) % len(self._servers) if self._servers else 0

    @property
    def server(self) -> str:
        """Whom to ask now; empty while no server is known."""
        return self._servers[self._turn] if self._servers else ""

    @property
    def at(self) -> tuple[int, int]:
        """(term, index) of what was taken up; (0, 0) before."""
        return (self.taken.term, self.taken.index) if self.taken is not None else (0, 0)

    def answered(self, document: D | None) -> Verdict:
        """What to make of an answer, None when there was nothing new; raises FormatError with the reason to refuse it."""
        if document is not None:
            if wrong := self._against(document):
                raise FormatError(wrong, remedy=f"check [directory], and {self.SECTION}.id and {self.SECTION}.site")
            if (document.term, document.index) < self.at:
                raise FormatError(f"it is at {document.term}.{document.index}, and {self.at[0]}.{self.at[1]} was taken up already",
                                  remedy="wait: it catches up, or its leader goes on above this; if it does not within a minute stop "
                                  f"the {self.SECTION}, remove desired.json, start it")  # fmt: skip
        self._misses, self._pause_s = 0, FIRST_PAUSE_S
        if document is None or (document.term, document.index) == self.at:
            return Verdict.QUIET
        self.taken = document
        return Verdict.NEWS

    @staticmethod
    def pause(verdict: Verdict, took_s: float) -> float:
        """Before the next question, when the last one took so long to be answered."""
        return max(0.0, (QUIET_S if verdict is Verdict.QUIET else NEWS_S) - took_s)

    def missed(self, jitter: float) -> float:
        """It was of no use: turns to the next one; returns the pause before it is asked.  jitter is a random number from 0 to 1."""
        self._turn = (self._turn + 1) % len(self._servers)
        self._misses += 1
        if self._misses % len(self._servers):
            return 0.0
        pause, self._pause_s = self._pause_s, min(self._pause_s * 2, MAX_PAUSE_S)
        return pause * (0.5 + jitter / 2)

    def _against(self, document: D) -> str:
        if document.site != self._site:
            return f"it is of site {document.site}"
        return self.wrong(document)
