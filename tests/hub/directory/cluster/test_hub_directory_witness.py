"""Agents that know of a later term lift the leader above it, whoever they told, and however they lie no further than a bound."""

from cluster_kit import One, said
from site_kit import Book, camera

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.sight import POLL_S, SILENT_S
from watchkeep.hub.directory.cluster.status import Lead, Role
from watchkeep.hub.directory.cluster.witness import REACH, RISE_S, Witness, named


def leading() -> One:
    one = One("a", 1)
    one.wait(SILENT_S + 1.0)
    assert one.role is Role.LEADING
    return one


def test_only_later_terms_within_reach_of_what_servers_know_are_news() -> None:
    witness = Witness()
    assert [witness.hear(term, 100) for term in (100, 101, 101, 101 + REACH, 100 + REACH, 200)] == [False, True, False, False, True, False]
    assert witness.term == 100 + REACH


def test_a_leader_rises_once_in_a_while_and_not_without_a_reason() -> None:
    witness = Witness()
    assert not witness.lifts(8, 0.0)
    witness.hear(18, 8)
    assert not witness.lifts(18, 0.0)
    assert witness.lifts(17, 0.0)
    assert not witness.lifts(17, RISE_S - 0.1)
    assert witness.lifts(17, RISE_S)


def test_a_leader_goes_on_above_the_term_that_an_agent_names_and_answers_who_waits() -> None:
    one = leading()
    was = one.cluster.site.term
    one.holds = True
    one.feed(steps.Edit(1, (camera(1),), "ops"), steps.Named(was + 3))
    one.wait(POLL_S)
    assert one.cluster.lead.term == was, "not before its new `lead` is durable"
    one.release()
    one.release()
    assert (one.role, one.cluster.lead) == (Role.LEADING, Lead(term=16, server="a"))
    assert [(entry.kind, entry.term) for entry in one.journal[-2:]] == [("edit", was), ("lead", 16)]
    assert [action.ticket for action in one.of(steps.Done)] == [1]
    one.wait(SILENT_S)
    assert (one.role, one.cluster.site.term) == (Role.LEADING, 16)
    assert [action.why for action in one.of(steps.Turned)][-1].startswith("goes on in term 16")


def test_lies_cost_an_entry_now_and_then_and_no_number_is_used_up() -> None:
    one = leading()
    one.wait(POLL_S)
    entries, was = len(one.journal), one.cluster.site.term
    for _ in range(100):
        one.feed(steps.Named(1 << 60), steps.Named(one.cluster.site.term + REACH))
        one.wait(0.3)
    assert one.role is Role.LEADING
    assert 2 <= len(one.journal) - entries <= 30 / RISE_S + 1
    assert one.cluster.site.term <= was + (30 / RISE_S + 1) * (REACH + 16)


def test_a_follower_passes_on_what_agents_told_it_and_follows_into_the_later_term() -> None:
    book = Book()
    book.write("lead", 8, server="a")
    one = One("b", 2)
    beats = (said("a", Role.LEADING, 8, 1, Lead(term=8, server="a", beat=beat)) for beat in range(1, 100))
    one.wait(0.5, next(beats))
    one.feed(steps.Got("a", tuple(book.entries)), steps.Named(17))
    assert one.cluster.status.named == 17
    book.write("lead", 24, server="a")
    one.feed(steps.Got("a", tuple(book.entries[1:])))
    assert (one.role, one.cluster.lead.term) == (Role.FOLLOWING, 24), "whoever pulls the entry has not heard of it otherwise"
    one.wait(0.5, said("a", Role.LEADING, 24, 2, Lead(term=24, server="a", beat=1)))
    assert one.role is Role.FOLLOWING
    one.wait(SILENT_S + 1.0)
    assert one.role is Role.LEADING
    assert one.journal[-1].term == 33


def test_a_claim_is_above_what_another_server_was_told_by_agents() -> None:
    one = One("a", 2)
    one.wait(SILENT_S + 1.0, said("b", named=41))
    assert one.role is Role.LEADING
    assert one.cluster.lead.term == 48


def test_a_later_entry_of_a_leaders_own_term_is_one_that_it_has_lost_with_its_disk() -> None:
    one = leading()
    status = one.cluster.status
    assert named((status.term, status.index), status) is None
    assert named((status.term - 1, status.index + 9), status) is None
    assert named((status.term + 8, 1), status) == status.term + 8
    later = named((status.term, status.index + 1), status)
    assert later == status.term + 1
    one.feed(steps.Named(later))
    one.wait(POLL_S)
    assert (one.role, one.cluster.lead) == (Role.LEADING, Lead(term=16, server="a"))


def test_a_follower_that_lags_behind_what_its_agents_have_learns_nothing_of_it() -> None:
    book = Book()
    book.write("lead", 8, server="a")
    one = One("b", 2)
    one.wait(0.5, said("a", Role.LEADING, 8, 3, Lead(term=8, server="a", beat=1)))
    one.feed(steps.Got("a", tuple(book.entries)))
    assert one.role is Role.FOLLOWING
    assert named((8, 3), one.cluster.status) is None
