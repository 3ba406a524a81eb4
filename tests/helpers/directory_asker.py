"""An agent as a directory knows it: asks with the product's client, takes documents up, records nothing.

Rules: one thread; ends its connection when it is stopped, as a killed process does, or only falls silent.
"""

import random
import threading
from collections.abc import Sequence

from watchkeep.agent.directory.client import DirectoryClient
from watchkeep.agent.directory.follow import Follower
from watchkeep.wire.errors import WatchkeepError
from watchkeep.wire.ids import TERM_SHIFT


class Asker:
    """Begins at once; close() it."""

    def __init__(self, agent: str, servers: Sequence[str]) -> None:
        self.agent = agent
        self._follower, self._client = Follower("demo", agent, servers, None), DirectoryClient()
        self.refuses: set[str] = set()
        """Cameras that it cannot open."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"asker-{agent}")
        self._thread.start()

    @property
    def cameras(self) -> dict[str, int]:
        """What it is to record: cameras with their terms."""
        taken = self._follower.taken
        return {} if taken is None else {one.id: one.term for one in taken.cameras}

    def _epochs(self) -> dict[str, int]:
        """It records at once what it is to record, but for what it `refuses`."""
        return {name: term << TERM_SHIFT for name, term in self.cameras.items() if name not in self.refuses}

    def silence(self) -> None:
        """Ask nothing more, with the connection open."""
        self._stop.set()
        self._thread.join(10)

    def close(self) -> None:
        """As a killed process: its connection breaks."""
        self._stop.set()
        self._client.abort()
        self._thread.join(10)
        self._client.close()

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = 0.02
            try:
                self._follower.answered(self._client.ask(self._follower.server, self.agent, self._follower.at,
                                                         self._follower.begun(self._epochs)))  # fmt: skip
            except WatchkeepError:
                pause = self._follower.missed(random.random())
