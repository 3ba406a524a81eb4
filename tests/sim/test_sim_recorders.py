"""The simulated agents that follow directory servers: seeds hold, and a broken rule is seen.

Rules: as in test_sim.py; the long sweep is `./run sim --recorders --seeds N`.
"""

import os
from collections.abc import Callable, Mapping

import pytest
import sim

from watchkeep.agent.directory.follow import Follower
from watchkeep.hub.directory.assigner import Assigner, Difference
from watchkeep.hub.directory.cluster import leading
from watchkeep.hub.directory.cluster.witness import Witness
from watchkeep.hub.directory.leaving import Leaving, Release
from watchkeep.hub.directory.liveness import Liveness, Turned
from watchkeep.hub.directory.plan import Plan
from watchkeep.hub.directory.recorders import Recorders
from watchkeep.hub.directory.signs import Signs
from watchkeep.hub.directory.site import Recording, Site
from watchkeep.wire.begun import written
from watchkeep.wire.desired import AgentDesired

SEEDS = 40
KEPT = (2026, 5129, 71147, 72046, 113310, 120536)
"""A single server lost its disk and led again in the term that its agents knew, at an earlier entry (cluster/witness.py).  A camera was on
its way to another agent when the one that it goes back to became steady, and stayed where it came to (assigner.py).  A server that had led
alone never came to the leader's journal, shorter and of a later term, by way of a neighbour (cluster/following.py).  A camera that was
given away and back at once was closed and opened for its other term (agent/roster.py).  A camera that came to the site between a plan and
its writing waited a minute for the next plan (assigner.py).  What an agent had said of a branch that is gone let another one go
(leaving.py)."""
TRIES = 40
"""Seeds within which a broken rule has to be seen."""


@pytest.mark.timeout(300)
def test_every_camera_has_one_recorder_in_touch_for_40_seeds() -> None:
    results = list(sim.sweep(0, SEEDS, min(os.cpu_count() or 1, 2), "recorders"))
    assert [f"seed {each.seed}: {each.broken}" for each in results if each.broken is not None][:5] == []
    totals = {name: sum(each.done[name] for each in results) for name in results[0].done}
    assert all(totals.values()), f"nothing of a kind happened: {totals}"


@pytest.mark.parametrize("seed", KEPT)
def test_a_seed_that_broke_once_holds(seed: int) -> None:
    assert sim.one(seed, "recorders").broken is None


def _first_broken() -> int | None:
    return next((broken.number for seed in range(TRIES) if (broken := sim.one(seed, "recorders").broken) is not None), None)


def _same_term(last: int, rank: int) -> int:
    """Whoever stands in records under the term of who it stands in for."""
    return max(last, 8 + rank)


def _immortal(self: Liveness, now: float) -> list[Turned]:
    """Nobody is ever gone."""
    return []


def _deaf(self: Signs, said: object, now: float) -> None:
    """Servers do not hear what others say of agents."""


def _writes_nothing(self: Assigner, plan: Plan, site: Site, cost_s: float, now: float) -> Difference:
    """A leader that plans and leaves it at that."""
    return Difference({}, {})


def _keeps_all(self: Follower, document: AgentDesired | None) -> object:
    """An agent that stops no camera that was moved."""
    before = {one.id: one for one in self.taken.cameras} if self.taken is not None else {}
    if document is not None:
        document = document.model_copy(update={"cameras": tuple((before | {one.id: one for one in document.cameras}).values())})
    return _answered(self, document)


def _believes_none(self: Witness, term: int, known: int) -> bool:
    """Servers that do not care what agents have taken up."""
    return False


def _leaves_at_once(site: Site, recorders: Mapping[str, str], left: Mapping[str, int]) -> dict[str, tuple[Recording, ...]]:
    """Whoever loses a camera stops it at once."""
    return {}


def _says_all(self: Follower, epochs: Callable[[], Mapping[str, int]]) -> str:
    """An agent that says of a camera that it records it when it is told to."""
    return written({one.id: one.term for one in self.taken.cameras}) if self.taken is not None else ""


def _stays(self: Leaving, *_: object) -> Release | None:
    """Nobody who leaves is ever told to stop."""
    return None


def _keeps_what_stands_in(self: Recorders, order: list[str], steady: frozenset[str], most: int) -> int:
    """No camera ever goes back."""
    return 0


_answered = Follower.answered
BREAKS = [
    (leading, "recorder_term", _same_term, {2, 10}),
    (Liveness, "tick", _immortal, {11}),
    (Signs, "hear", _deaf, {11, 12}),
    (Assigner, "planned", _writes_nothing, {11}),
    (Follower, "answered", _keeps_all, {10, 11}),
    (Witness, "hear", _believes_none, {11}),
    (leading, "leaving_after", _leaves_at_once, {12}),
    (Follower, "begun", _says_all, {12}),
    (Leaving, "look", _stays, {11}),
    (Recorders, "give_back", _keeps_what_stands_in, {13}),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("owner", "name", "instead", "numbers"), BREAKS, ids=[f"{each[0].__name__}.{each[1]}" for each in BREAKS])
def test_a_broken_rule_is_seen(owner: object, name: str, instead: object, numbers: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert _first_broken() in numbers
