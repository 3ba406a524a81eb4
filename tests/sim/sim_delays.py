"""Invariant 7 for whoever nothing is wrong with: a live chunk is acknowledged in time, however the other archivers fare.

    offered to an archiver with nothing wrong on the way ─▶ (LIVE_DELAY_S) ─▶ received there, or not owed there any more

Rules: whatever a fault touches counts as disturbed until the healing and SETTLED_S more; all others have no excuse.
"""

from collections import deque
from collections.abc import Sequence

from sim_agent import SimAgent
from sim_content import Name
from sim_engine import Broken

from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.replicate.health import Health
from watchkeep.agent.replicate.stages import UNACKNOWLEDGED
from watchkeep.wire.record import RecordKind

LIVE_DELAY_S = 3.0
"""0.5 s of tick, a batch under way of a second at most, and 1.5 s of an archiver that waits for its own disk."""
SETTLED_S = 15.0
"""After the healing: a back-off of 1 s, a probe of a fenced volume each 5 s, and what has piled up."""


class Delays:
    """Offers whose acknowledgement is still to be looked for; at most LIVE_DELAY_S and a pacer's round of them."""

    def __init__(self) -> None:
        self._disturbed: set[str] = set()
        self._quiet_from = float("-inf")
        self._expected: dict[str, deque[tuple[float, str, Name]]] = {}
        self.seen = 0

    def disturb(self, *who: str) -> None:
        """A fault touches an archiver, an agent, or the link `<agent> <archiver>`."""
        self._disturbed.update(who)

    def healed(self, now: float) -> None:
        self._disturbed.clear()
        self._quiet_from = now + SETTLED_S

    def offered(self, agent: SimAgent, entries: Sequence[Entry]) -> None:
        now = agent.loop.now
        for entry in entries:
            if entry.kind is RecordKind.CHUNK:
                targets = agent.desk._ledger.cameras[entry.camera].targets
                self._let_off(agent.name, entry.camera, targets)
                for name in targets:
                    if self._undisturbed(agent, name) and agent.desk._policy.health(name).state is Health.HEALTHY:
                        self._expected.setdefault(agent.name, deque()).append((now, name, entry.name))

    def _let_off(self, agent: str, camera: str, targets: Sequence[str]) -> None:
        """A failback at this chunk's cut let the stand-in off; a takeover may ask it for the same chunks anew, later."""
        expected = self._expected.get(agent, deque())
        self._expected[agent] = deque(each for each in expected if each[2][0] != camera or each[1] in targets)

    def configured(self, agent: str, camera: str) -> None:
        """A camera has another list: who was to have its chunks may have been let off, and be asked for them anew by a takeover."""
        expected = self._expected.get(agent, deque())
        self._expected[agent] = deque(each for each in expected if each[2][0] != camera)

    def look(self, agent: SimAgent) -> None:
        """Judge the offers that are LIVE_DELAY_S old."""
        expected = self._expected.get(agent.name)
        while expected and expected[0][0] <= agent.loop.now - LIVE_DELAY_S:
            at, archiver, (camera, epoch, seq) = expected.popleft()
            known = agent.desk._ledger.cameras[camera]
            book = known.epochs.get(epoch)
            self.seen += 1
            if book is None or archiver not in known.targets or not self._undisturbed(agent, archiver):
                continue
            if agent.desk._policy.order(archiver).left_out(camera):
                continue  # it has no room yet since the disturbance: sim_checks.py sees to it that this ends
            if any(seq in book.at(archiver)[stage] for stage in UNACKNOWLEDGED):
                waits = f"{archiver} waits {agent.loop.now - at:.1f} s for {camera} {epoch}.{seq} of {agent.name}"
                raise Broken(7, f"{waits}, and nothing is wrong with it")

    def _undisturbed(self, agent: SimAgent, archiver: str) -> bool:
        touched = {agent.name, archiver, f"{agent.name} {archiver}"} & self._disturbed
        return not touched and agent.loop.now >= self._quiet_from
