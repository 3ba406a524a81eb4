"""An archiver that receives and never makes durable: it answers in time, and keeps no copy.  No I/O, no clock, no threads.

    sound ── chunks are received, and nothing became durable for durable_timeout_s ──▶ idle ── the witness is durable, or gone ──▶ sound

Rules: one chunk that it has received bears witness: it is asked for until it is durable, or until the archiver has it no more, as
after a restart; meanwhile no answer of it is an acknowledgement.  The time runs between answers: silence is health.py's.
"""

from ...wire.messages import AppendAnswer
from ...wire.ranges import RangeSet
from .lanes import Ask
from .ledger import CopyLedger
from .stages import Stage


class DurableWatch:
    """One archiver's; times are the caller's monotonic seconds."""

    def __init__(self, archiver: str, timeout_s: float) -> None:
        self._archiver, self._timeout_s = archiver, timeout_s
        self._since: float | None = None
        self._durable = 0
        self.witness: Ask | None = None
        """What to ask for with every batch; None while nothing is wrong."""

    @property
    def why(self) -> str:
        return f"it receives, and has made nothing durable for {self._timeout_s:g} s"

    def answered(self, answer: AppendAnswer, ledger: CopyLedger, now: float) -> bool:
        """Whether it makes durable what it receives, as far as is known; the ledger has heard the answer."""
        if self.witness is not None:
            if not self._cleared(self.witness, answer):
                return False
            self.witness, self._since = None, None
        durable, waits = ledger.durable_at(self._archiver), ledger.open_epochs(self._archiver, Stage.RECEIVED)
        if durable != self._durable or not waits:
            self._durable, self._since = durable, None
        elif self._since is None:
            self._since = now
        elif now >= self._since + self._timeout_s:
            camera, epochs = next(iter(waits.items()))
            seq = ledger.stages(self._archiver, camera, min(epochs))[Stage.RECEIVED].first()
            self.witness = Ask(camera, min(epochs), seq or 0, seq or 0)
        return self.witness is None

    @staticmethod
    def _cleared(witness: Ask, answer: AppendAnswer) -> bool:
        states = [state for state in answer.cameras.get(witness.camera, ()) if state.epoch == witness.epoch]
        return any(witness.low in RangeSet([*state.durable, *state.missing]) for state in states)
