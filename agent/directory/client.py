"""An agent's question to a directory server: what it is to record, and what it has begun to.

Rules: as those of wire/shell/directory_client.py.
"""

from typing import Final

from ...wire import http
from ...wire.desired import AgentDesired
from ...wire.shell import directory_client

HOLD_S: Final = 1.0
"""How long the server may hold the question.  Each question is a sign of life, so it is no longer than a fourth of the silence after
which an agent counts as dead."""
ANSWER_S: Final = HOLD_S + directory_client.PATIENCE_S
"""A server that hangs is left in time: the next one has heard of this agent before it counts as dead."""


class DirectoryClient(directory_client.DirectoryClient[AgentDesired]):
    """close() it at the end, from the thread that asks."""

    def __init__(self) -> None:
        super().__init__(AgentDesired, "agent", HOLD_S)

    def ask(self, server: str, agent: str, at: tuple[int, int], begun: str = "") -> AgentDesired | None:
        """The document of an agent that knows (term, index), None when there is no later one.  Raises WatchkeepError.

        begun: what it records by now of what another one leaves to it (wire/begun.py).
        """
        return self.question(server, http.desired(agent), at, f"&begun={begun}" if begun else "")
