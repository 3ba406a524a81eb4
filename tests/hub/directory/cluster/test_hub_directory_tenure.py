"""How long a holder of a role acts on what its journal says: as long as no leader can have given the role away without its knowing."""

import pytest
from cluster_kit import One, said
from site_kit import Book, put

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.sight import POLL_S, SILENT_S
from watchkeep.hub.directory.cluster.status import Lead, Role, Status
from watchkeep.hub.directory.cluster.tenure import HOLD_S, LEASE_S, Tenure
from watchkeep.hub.directory.errands import ASK_LIMIT_S

LEAD = Lead(term=8, server="a", beat=5)
HERE = (8, 10)


def leader(index: int = 10, **more: object) -> Status:
    return said("a", Role.LEADING, 8, index, LEAD, **more)


def held(*heard: tuple[float, Status], at: float, mine: tuple[int, int] = HERE, lead: Lead = LEAD) -> bool:
    tenure = Tenure()
    for moment, status in heard:
        tenure.hear(status, lead, mine, moment)
    return tenure.holds(mine, at)


def test_a_holder_acts_for_a_while_after_the_leaders_last_word() -> None:
    assert not held(at=0.0), "nobody was heard yet"
    assert held((10.0, leader()), at=10.0 + HOLD_S - 0.01)
    assert not held((10.0, leader()), at=10.0 + HOLD_S)


@pytest.mark.parametrize(("status", "lead"), [
    (said("b", Role.FOLLOWING, 8, 10, LEAD), LEAD),
    (said("a", Role.LOOKING, 8, 10, LEAD), LEAD),
    (leader(), Lead(term=17, server="b")),
], ids=["a neighbour", "it leads no more", "another one leads by now"])  # fmt: skip
def test_only_the_leaders_own_word_counts(status: Status, lead: Lead) -> None:
    assert not held((10.0, status), at=10.0, lead=lead)


def test_what_the_leader_has_and_the_own_journal_has_not_may_be_the_end_of_the_role() -> None:
    tenure = Tenure()
    tenure.hear(leader(), LEAD, HERE, 10.0)
    for moment in (10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 13.5):
        tenure.hear(leader(12), LEAD, HERE, moment)
    assert not tenure.holds(HERE, 10.0 + HOLD_S), "its disk takes no entries, or nobody gives it any"
    assert tenure.holds((8, 12), 10.0 + HOLD_S), "it has them: what the leader said at 10.5 was true then"
    assert not tenure.holds((8, 12), 10.5 + HOLD_S)


def test_a_journal_that_is_always_a_little_behind_is_near_enough() -> None:
    tenure = Tenure()
    for step in range(40):
        tenure.hear(leader(10 + step), LEAD, (8, 9 + step), step * POLL_S)
    assert tenure.holds((8, 48), 39 * POLL_S)


def test_a_leader_waits_longer_than_a_holder_acts() -> None:
    assert LEASE_S >= HOLD_S + ASK_LIMIT_S, "the leader's word may be as old as an answer is awaited"
    assert HOLD_S >= SILENT_S + 3 * POLL_S, "a change of leader is no reason to stop"


def follower() -> One:
    """b, which follows a and has its journal."""
    book = Book()
    book.write("lead", 8, server="a")
    one = One("b", site=book.site)
    one.wait(1.0, leader(1))
    assert one.role is Role.FOLLOWING
    return one


def test_a_follower_holds_as_long_as_it_hears_its_leader_whatever_neighbours_pass_on() -> None:
    one, beat = follower(), 6
    for _ in range(12):
        one.wait(0.5, said("a", Role.LEADING, 8, 1, LEAD.model_copy(update={"beat": beat})))
        beat += 1
        assert one.cluster.holds(one.now)
    for _ in range(12):
        one.wait(0.5, said("c", Role.FOLLOWING, 8, 1, LEAD.model_copy(update={"beat": beat})))
        beat += 1
    assert one.role is Role.FOLLOWING
    assert not one.cluster.holds(one.now), "a misses it by now, and gives the role to somebody else"


def test_a_holder_goes_on_through_a_change_of_leader() -> None:
    one = follower()
    one.wait(HOLD_S - 0.6)
    assert one.role is not Role.FOLLOWING
    assert one.cluster.holds(one.now), "a is dead, and nobody leads yet who could give the role away"


def test_a_process_that_was_stopped_asks_first() -> None:
    one = follower()
    one.now += 3 * HOLD_S
    one.feed(steps.Tick())
    assert not one.cluster.holds(one.now)


def test_a_leader_holds_and_one_that_has_lost_the_lead_does_not() -> None:
    one = One("a", 1)
    one.wait(SILENT_S + 1.0)
    one.feed(steps.Edit(1, (put("role/backup", servers=["a"]),), "ops"))
    assert one.cluster.holds(one.now)
    one.feed(steps.WriteFailed())
    assert one.role is not Role.LEADING
    assert not one.cluster.holds(one.now)
