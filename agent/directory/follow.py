"""Which directory server is asked when, and whether what it answers is taken.  No I/O, no clock, no threads.

    answer of a server                                  is              and then
    ─────────────────────────────────────────────────   ─────────────   ──────────────────────────────────────────
    a document of a later (term, index)                 NEWS            taken up; the same server is asked again
    nothing new                                         QUIET           the same server is asked again
    a document of an earlier (term, index)              refused         the next server: this one lags behind
    of another site or agent, or one id twice           refused         the next server
    anything else, or nothing                           refused         the next server

Rules: (term, index) never goes back, whoever says it, also over restarts of the agent; a leader that is asked by one that
knows a later term goes on above that one.  Which server is asked first follows from the agent's id, so that many agents are spread
over all of them.  They are tried in turn without a pause; after a round in which none was of use there is one, which doubles from
FIRST_PAUSE_S to MAX_PAUSE_S.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final
from zlib import crc32

from ...wire.begun import written
from ...wire.desired import AgentDesired
from ...wire.errors import FormatError
from ...wire.ids import epoch_term

FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 4.0
"""Shorter than what a directory that has come back gives its agents before it takes them for dead."""
QUIET_S: Final = 1.0
"""From one question to the next at least: a server that does not hold a question until there is news must not be asked without end."""
NEWS_S: Final = 0.1
"""The same after news: more of them may be on their way."""


class Verdict(Enum):
    NEWS = auto()
    QUIET = auto()


class Follower:
    """What is known of the directory; one thread."""

    def __init__(self, site: str, agent: str, servers: Sequence[str], taken: AgentDesired | None) -> None:
        """`taken` is what was taken up last, from the cache; one of another site or agent is nothing."""
        self._site, self._agent, self._servers = site, agent, tuple(servers)
        self._turn = crc32(agent.encode()) % len(self._servers) if self._servers else 0
        self._misses, self._pause_s = 0, FIRST_PAUSE_S
        self.taken = taken if taken is not None and not self._wrong(taken) else None

    @property
    def server(self) -> str:
        """Whom to ask now."""
        return self._servers[self._turn]

    @property
    def at(self) -> tuple[int, int]:
        """(term, index) of what was taken up; (0, 0) before."""
        return (self.taken.term, self.taken.index) if self.taken is not None else (0, 0)

    def answered(self, document: AgentDesired | None) -> Verdict:
        """What to make of an answer, None when there was nothing new; raises FormatError with the reason to refuse it."""
        if document is not None:
            if wrong := self._wrong(document):
                raise FormatError(wrong, remedy="check [directory] servers, and agent.id and agent.site")
            if (document.term, document.index) < self.at:
                raise FormatError(f"it is at {document.term}.{document.index}, and {self.at[0]}.{self.at[1]} was taken up already",
                                  remedy="wait: it catches up, or its leader goes on above this; if it does not within a minute stop "
                                  "the agent, remove desired.json, start it")  # fmt: skip
        self._misses, self._pause_s = 0, FIRST_PAUSE_S
        if document is None or (document.term, document.index) == self.at:
            return Verdict.QUIET
        self.taken = document
        return Verdict.NEWS

    def begun(self, epochs: Callable[[], Mapping[str, int]]) -> str:
        """What to say with the next question of cameras that another agent is leaving to this one (wire/begun.py): those that it records.

        epochs: of each camera's newest chunk, so that what is said has been cut, and does not only wait in a ring.
        """
        relieved = [one for one in self.taken.cameras if one.relieves] if self.taken is not None else []
        if not relieved:
            return ""
        newest = epochs()
        return written({one.id: one.term for one in relieved if epoch_term(newest.get(one.id, 0)) >= one.term})

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

    def _wrong(self, document: AgentDesired) -> str:
        if (document.site, document.agent) != (self._site, self._agent):
            return f"it is for agent {document.agent} of site {document.site}"
        ids = [camera.id for camera in document.cameras]
        return "it names a camera twice" if len(set(ids)) != len(ids) else ""
