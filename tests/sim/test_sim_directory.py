"""The simulated directory servers: seeds hold, what broke once holds, a seed replays exactly, and a broken rule is seen.

Rules: as in test_sim.py; the long sweep is `./run sim --directory --seeds N`.
"""

import os
import subprocess
import sys

import pytest
import sim

from watchkeep.hub.directory.cluster import leading, merge, witness
from watchkeep.hub.directory.cluster.aside import Aside
from watchkeep.hub.directory.cluster.handover import Handover
from watchkeep.hub.directory.cluster.leading import Leading
from watchkeep.hub.directory.cluster.pulse import Pulse
from watchkeep.hub.directory.cluster.steps import Action
from watchkeep.hub.directory.cluster.tenure import Tenure

SEEDS = 200
TRIES = 60
"""Seeds within which a broken rule has to be seen."""


@pytest.mark.timeout(600)
def test_one_leader_and_no_edit_lost_for_200_seeds() -> None:
    jobs = min(os.cpu_count() or 1, 2)
    results = list(sim.sweep(0, SEEDS, jobs, "directory"))
    assert [f"seed {each.seed}: {each.broken}" for each in results if each.broken is not None][:5] == []
    assert len(results) == SEEDS
    totals = {name: sum(each.done[name] for each in results) for name in results[0].done}
    assert all(totals.values()), f"nothing of a kind happened: {totals}"


@pytest.mark.parametrize("seed", sim.regressions(sim.DIRECTORY_REGRESSIONS))
def test_what_was_broken_once_holds(seed: int) -> None:
    assert sim.one(seed, "directory").broken is None


def test_a_seed_replays_exactly_whatever_the_hash_seed() -> None:
    command = [sys.executable, sim.__file__, "--directory", "--trace", "--seed", "3"]
    environments = [{**os.environ, "PYTHONHASHSEED": number} for number in ("1", "2")]
    first, second = (subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False) for env in environments)
    assert (first.stderr, second.stderr) == ("", "")
    assert first.stdout == second.stdout
    assert len(first.stdout.splitlines()) > 30


def _first_broken() -> int | None:
    return next((broken.number for seed in range(TRIES) if (broken := sim.one(seed, "directory").broken) is not None), None)


def _next_in_line(last: int, rank: int) -> int:
    """Terms that do not say who gave them."""
    return last + 1


def _waits_for_nothing(self: Leading, ticket: int, index: int) -> list[Action]:
    """A leader that answers before anything is on a disk."""
    self._waiting.append(leading._Waiting(ticket, index, 0.0))
    return []


def _forgets_at_once(self: Aside) -> frozenset[str]:
    """A follower that drops what it has set aside before anybody has it."""
    gone = frozenset((*self._pending, *self._done))
    self._pending.clear()
    self._done.clear()
    return gone


def _for_ever(self: Pulse, now: float, *, refused: bool) -> bool:
    """Leaders never die."""
    return bool(self.lead.term)


def _as_if_new(site: object, sent: object, entry: object, rank: int, *, base_known: bool) -> object:
    """A leader that does not know what it has taken in."""
    before = dict(site.taken)
    try:
        site.taken.clear()
        return _judge(site, sent, entry, rank, base_known=base_known)
    finally:
        site.taken.update(before)


def _trusts(self: Tenure, mine: object, now: float) -> bool:
    """A holder of a role that goes by its own view alone."""
    return True


def _never(self: Handover, *_: object, **__: object) -> None:
    """A recovery server that keeps the lead."""


_judge = merge.judge
BREAKS = [
    (leading, "next_number", _next_in_line, {2}),
    (witness, "next_number", _next_in_line, {1}),
    (Leading, "_wait", _waits_for_nothing, {0, 3}),
    (Aside, "forget", _forgets_at_once, {8}),
    (Pulse, "beats", _for_ever, {4, 5}),
    (leading, "judge", _as_if_new, {9}),
    (Handover, "why", _never, {4}),
    (Tenure, "holds", _trusts, {10}),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("owner", "name", "instead", "numbers"), BREAKS, ids=[f"{each[0].__name__}.{each[1]}" for each in BREAKS])
def test_a_broken_rule_is_seen(owner: object, name: str, instead: object, numbers: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert _first_broken() in numbers
