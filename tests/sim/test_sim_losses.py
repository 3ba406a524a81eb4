"""What is declared lost reaches every archiver of the list, and nothing else is called lost (sim_outage.py); and a broken rule is seen."""

from collections import Counter
from collections.abc import Sequence

import pytest
from sim_outage import Outage

import watchkeep.agent.replicate.lossbook as agent_book
from watchkeep.agent.replicate.desk import Desk
from watchkeep.hub.store.declared import Declared
from watchkeep.hub.store.lossbook import LossBook
from watchkeep.wire.losses import Loss

TRIES = 6
"""Seeds within which a broken rule has to be seen."""


def test_every_loss_is_known_where_it_has_to_be_and_shown_as_what_it_is() -> None:
    done: Counter[str] = Counter()
    for seed in range(12):
        world = Outage(seed)
        result = world.run()
        assert result.broken is None, f"seed {seed}: {result.broken}"
        done.update(result.done, explained=world.losses.explained)
    assert done["lost"] > 100
    assert done["told"] > 12
    assert done["explained"] > 12


def _kept_in_memory(self: LossBook, losses: list[Loss]) -> None:
    """An archiver that says that it has what no disk of it has."""
    for loss in losses:
        self._known.add(loss)


def _told_nobody(self: agent_book.LossBook, archiver: str) -> list[Loss]:
    """An agent that keeps its losses to itself."""
    return []


def _told_one(self: agent_book.LossBook, archiver: str, losses: Sequence[Loss]) -> None:
    """An agent for which one archiver is as good as all of the list."""
    self._owed = [owed for owed in self._owed if owed.loss not in losses]


def _one_too_many(before: Loss, loss: Loss) -> Loss:
    """An agent that joins losses to more than they are."""
    assert loss.last_seq is not None, "nothing else is lost here"
    return before.model_copy(update={"last_seq": loss.last_seq + 1})


BREAKS = [
    (LossBook, "_write", _kept_in_memory),
    (agent_book.LossBook, "due", _told_nobody),
    (agent_book.LossBook, "taken", _told_one),
    (agent_book, "_joined", _one_too_many),
    (Declared, "why", lambda self, camera, gap, *, unnumbered: None),
    (Declared, "why", lambda self, camera, gap, *, unnumbered: "gone"),
    (Desk, "has_copy", lambda self, camera, epoch, seq: False),
]


@pytest.mark.parametrize(("owner", "name", "instead"), BREAKS,
                         ids=["memory", "nobody", "one of them", "joined", "holes stay", "all is lost", "copies"])  # fmt: skip
def test_a_broken_rule_is_seen(owner: object, name: str, instead: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, instead)
    found = [broken for seed in range(TRIES) if (broken := Outage(seed).run().broken) is not None]
    assert found
    assert {each.number for each in found} == {4}
