"""Backups as the last source of a journal: asked before a server leads, and only while nobody does."""

from cluster_kit import One, said
from site_kit import Book, camera

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.status import Lead, Role
from watchkeep.hub.directory.cluster.terms import MARGIN


def book(edits: int) -> Book:
    found = Book()
    for number in range(edits):
        found.edit(camera(number))
    return found


def asked(one: One) -> list[tuple[int, str]]:
    return [(action.index, action.hash) for action in one.did if isinstance(action, steps.Spare)]


def test_nobody_leads_before_its_backups_were_asked() -> None:
    one = One("a", count=1, spare=True)
    one.wait(20.0)
    assert one.role is Role.LOOKING
    assert len(asked(one)) == 1, "one question at a time"
    one.feed(steps.Spared((), ready=False))
    one.wait(20.0)
    assert one.role is Role.LOOKING
    assert len(asked(one)) == 2
    one.feed(steps.Spared((), ready=True))
    one.wait(1.0)
    assert one.role is Role.LEADING


def test_what_continues_the_own_journal_is_taken_on_and_its_terms_are_passed() -> None:
    old = book(5)
    one = One("a", count=1, spare=True, site=book(2).site)
    one.feed(steps.Tick())
    one.feed(steps.Spared(tuple(old.entries[2:4]), ready=True))
    one.feed(steps.Spared(tuple(old.entries[4:]), ready=True))
    assert asked(one) == [(index, old.entries[index - 1].hash) for index in (2, 4, 5)]
    one.feed(steps.Spared((), ready=True))
    one.wait(4.0)
    assert one.role is Role.LEADING
    assert one.journal[:3] == old.entries[2:]
    assert one.journal[3].kind == "lead"
    assert one.journal[3].term > MARGIN


def test_entries_of_another_branch_are_not_taken_on() -> None:
    one = One("a", count=1, spare=True, site=book(2).site)
    stranger = Book(camera(7))
    for number in range(3):
        stranger.edit(camera(number))
    one.feed(steps.Tick(), steps.Spared(tuple(stranger.entries[2:]), ready=True))
    assert one.journal == []


def test_a_server_that_has_a_leader_takes_nothing_from_backups_and_asks_again_when_it_is_gone() -> None:
    one = One("a", spare=True)
    leader = said("b", Role.LEADING, 9, 0, Lead(term=9, server="b", beat=7))
    one.feed(steps.Tick(), steps.Heard(leader))
    assert one.role is Role.FOLLOWING
    one.feed(steps.Spared(tuple(book(3).entries), ready=True))
    assert one.journal == []
    before = len(asked(one))
    one.wait(4.0)
    assert one.role is Role.LOOKING
    assert len(asked(one)) == before + 1


def test_of_two_the_one_whose_backups_go_further_leads() -> None:
    one = One("a", count=2, spare=True)
    other = said("b", term=1, index=3)
    one.feed(steps.Tick(), steps.Spared((), ready=True))
    one.wait(5.0, other)
    assert one.role is Role.LOOKING, "b is the better one"
    further = One("a", count=2, spare=True)
    further.feed(steps.Tick(), steps.Spared(tuple(book(4).entries), ready=True), steps.Spared((), ready=True))
    further.wait(5.0, other)
    assert further.role is Role.LEADING
