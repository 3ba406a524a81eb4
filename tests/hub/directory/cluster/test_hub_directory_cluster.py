"""Who leads: after looking around, the best of those that live; steps down for a better one; answers when enough servers have an edit."""

import pytest
from cluster_kit import One, said
from site_kit import Book, camera, put

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.candidacy import RECOVERY_S
from watchkeep.hub.directory.cluster.leading import ACK_S, MAX_WAITING
from watchkeep.hub.directory.cluster.sight import POLL_S, SILENT_S
from watchkeep.hub.directory.cluster.status import Lead, Role
from watchkeep.hub.directory.cluster.tenure import LEASE_S
from watchkeep.hub.directory.site import Change, Key


def leading(count: int = 3, **more: object) -> One:
    one = One("a", count, **more)
    one.wait(SILENT_S + 1.0)
    assert one.role is Role.LEADING
    return one


def edit(one: One, ticket: int, *changes: Change) -> list[steps.Action]:
    return one.feed(steps.Edit(ticket, changes or (camera(ticket),), "ops"))


def done(actions: list[steps.Action]) -> list[tuple[int, int]]:
    return [(action.ticket, action.copies) for action in actions if isinstance(action, steps.Done)]


def test_alone_it_looks_around_first_and_leads_then() -> None:
    one = One("a", 1)
    one.wait(SILENT_S - 0.1)
    assert one.role is Role.LOOKING
    one.wait(0.8)
    assert one.role is Role.LEADING
    assert [entry.kind for entry in one.journal] == ["lead", "edit"]
    assert set(one.cluster.site.servers) == {"a"}, "servers of the configuration become part of the site"


def test_of_those_that_live_the_best_one_leads() -> None:
    second = One("b")
    second.wait(6.0, said("a"))
    assert second.role is Role.LOOKING, "a has the lower rank"
    second.wait(6.0, said("c", term=8, index=3))
    assert second.role is Role.LOOKING, "c has the later journal"
    second.wait(6.0, said("c"))
    assert second.role is Role.LEADING
    assert second.journal[0].term == 17, "above every term that was seen, and of rank 1"


def test_it_is_not_the_best_when_its_database_fails() -> None:
    one = One("a", 1, holds=True)
    one.wait(SILENT_S + 0.6)
    assert one.role is Role.CLAIMING
    one.feed(steps.WriteFailed())
    assert one.role is Role.LOOKING
    assert not one.cluster.status.able
    one.holds = False
    one.wait(4.0)
    assert one.role is Role.LOOKING
    one.wait(2.0)
    assert one.role is Role.LEADING


def test_a_leader_whose_beat_stands_still_is_dead_and_one_that_is_only_passed_on_lives() -> None:
    one = One("a")
    beats = (said("c", Role.FOLLOWING, 9, 1, Lead(term=9, server="b", beat=beat)) for beat in range(1, 100))
    for status in beats:
        one.wait(0.5, status)
    assert one.role is Role.FOLLOWING, "a never reached b itself"
    one.wait(SILENT_S - 0.6, status)
    assert one.role is Role.FOLLOWING
    one.wait(0.7, status)
    assert one.role is Role.LOOKING


def test_a_leader_that_was_started_again_is_none() -> None:
    one = One("a")
    one.wait(0.6, said("b", Role.LEADING, 9, 1, Lead(term=9, server="b", beat=7)))
    assert one.role is Role.FOLLOWING
    one.wait(0.6, said("b", Role.LOOKING, 9, 1))
    assert one.role is Role.LOOKING


@pytest.mark.parametrize("better", [
    said("b", Role.LEADING, 17, 1, Lead(term=17, server="b", beat=1)),
    said("b", Role.LOOKING, 17, 1),
    said("c", Role.FOLLOWING, 9, 1, Lead(term=17, server="b", beat=1)),
])  # fmt: skip
def test_it_steps_down_for_a_later_leader_or_journal_and_says_so_to_who_waits(better: object) -> None:
    one = leading()
    one.holds = True
    edit(one, 1)
    edit(one, 2)
    actions = one.feed(steps.Heard(better))
    told = {action.ticket: action.written for action in actions if isinstance(action, steps.Unable)}
    assert told == {1: True, 2: False}
    assert one.role is not Role.LEADING


def test_a_stopped_process_takes_its_own_sleep_for_nobody_elses_death() -> None:
    leader = said("b", Role.LEADING, 9, 1, Lead(term=9, server="b", beat=7))
    one = One("a")
    one.wait(3.0, leader.model_copy(update={"lead": Lead(term=9, server="b", beat=8)}))
    one.wait(0.2, leader.model_copy(update={"lead": Lead(term=9, server="b", beat=9)}))
    one.now += 60.0
    one.feed(steps.Tick())
    assert one.role is Role.FOLLOWING


def test_a_recovery_server_leads_only_long_after_everybody_else_and_hands_over() -> None:
    one = One("c", recovery="c")
    one.wait(RECOVERY_S - 0.2)
    assert one.role is Role.LOOKING
    one.wait(2 * POLL_S + 0.2)
    assert one.role is Role.LEADING
    edit(one, 1)
    site = one.cluster.site
    one.wait(0.6, said("a"))
    assert one.role is Role.LEADING, "a has nothing yet"
    one.feed(steps.Fetched("a", site.index))
    one.wait(0.6, said("a", Role.FOLLOWING, site.term, site.index))
    assert one.role is not Role.LEADING


def test_alone_an_edit_is_answered_at_once_and_says_so() -> None:
    one = leading()
    assert done(edit(one, 1)) == [(1, 1)]
    assert "cam1" in one.cluster.site.cameras


def test_with_a_follower_in_touch_an_edit_is_answered_when_that_has_it_too() -> None:
    one = leading(recovery="c")
    one.wait(0.6, said("b"), said("c"))
    one.feed(steps.Fetched("b", one.cluster.site.index), steps.Fetched("c", 0))
    assert done(edit(one, 1)) == []
    assert done(one.feed(steps.Fetched("b", one.cluster.site.index))) == [(1, 2)]
    edit(one, 2)
    assert done(one.wait(ACK_S - 0.2, said("b"), said("c"))) == []
    assert done(one.wait(0.4, said("b"), said("c"))) == [(2, 1)], "bounded: it says that nobody else has it"


def test_a_recovery_server_is_waited_for_when_there_is_no_other_one() -> None:
    one = leading(2, recovery="b")
    one.wait(0.6, said("b", recovery=True))
    one.feed(steps.Fetched("b", one.cluster.site.index))
    assert done(edit(one, 1)) == []
    assert done(one.feed(steps.Fetched("b", one.cluster.site.index))) == [(1, 2)]


def test_a_recovery_server_is_not_waited_for_beside_another_one() -> None:
    one = leading(recovery="c")
    one.wait(0.6, said("b"), said("c", recovery=True))
    one.feed(steps.Fetched("b", one.cluster.site.index), steps.Fetched("c", one.cluster.site.index))
    edit(one, 1)
    assert done(one.feed(steps.Fetched("b", one.cluster.site.index))) == [(1, 2)]
    edit(one, 2)
    assert done(one.feed(steps.Fetched("c", one.cluster.site.index))) == [(2, 2)], "it is on two disks, whoever's"


def test_readers_see_an_edit_when_it_is_durable_and_not_before() -> None:
    one = leading(1)
    one.holds = True
    edit(one, 1)
    assert "cam1" not in one.cluster.site.cameras
    assert isinstance(edit(one, 2, put("camera/x", url="rtsp://10.0.0.1/a", group="none"))[0], steps.Refused)
    assert isinstance(edit(one, 3, Change(Key("camera", "cam1"), None, 0))[0], steps.Refused), "it is judged by what was accepted"
    one.release()
    assert "cam1" in one.cluster.site.cameras


def test_while_one_batch_is_written_the_next_one_gathers() -> None:
    one = leading(1)
    one.holds = True
    for ticket in range(1, 41):
        edit(one, ticket)
    assert [len(action.entries) for action in one.of(steps.Write)][2:] == [1]
    one.release()
    assert [len(action.entries) for action in one.of(steps.Write)][2:] == [1, 39]
    one.release()
    assert len(one.of(steps.Done)) == 40


def test_too_many_edits_are_refused_as_busy_and_nobody_but_a_leader_takes_any() -> None:
    one = leading(1)
    one.holds = True
    answers = [edit(one, ticket, put("location/l", name=str(ticket))) for ticket in range(MAX_WAITING + 1)]
    assert [action.why for action in answers[-1] if isinstance(action, steps.Unable)] == ["too many edits are under way"]
    assert isinstance(edit(One("a"), 1)[0], steps.Unable)


def test_assignments_get_terms_of_the_leaders_rank() -> None:
    one = One("b", 2)
    one.wait(4.0)
    for _ in range(2):
        one.feed(steps.Assign(1, {"cam0": "x"}, {"cam0": ("s1", "s2")}))
    assert one.cluster.site.recorders["cam0"] == ("x", 17)
    assert one.cluster.site.archivers["cam0"] == ("s1", "s2")


@pytest.mark.parametrize(("holder", "returns_to"), [("sticky", "b"), ("highest", "a")])
def test_a_role_goes_to_the_first_living_server_of_its_list(holder: str, returns_to: str) -> None:
    one = One("c")
    one.wait(4.0)
    edit(one, 1, put("role/backup", servers=["a", "b"], holder=holder))
    one.wait(2 * POLL_S, said("a"), said("b"))
    first = one.cluster.site.leases["backup"]
    assert first.holder == "a"
    one.wait(SILENT_S + LEASE_S - 2 * POLL_S, said("b"))
    assert one.cluster.site.leases["backup"] == first, "it may still act: it has not missed the leader for long"
    one.wait(2.0, said("b"))
    second = one.cluster.site.leases["backup"]
    assert second.holder == "b"
    assert second.number > first.number
    one.wait(2 * POLL_S, said("a"), said("b"))
    assert one.cluster.site.leases["backup"].holder == returns_to


def test_a_follower_pulls_writes_and_pulls_on() -> None:
    book = Book()
    book.write("lead", 8, server="b")
    book.edit(camera(1))
    one = One("a")
    one.wait(0.6, said("b", Role.LEADING, 8, 2, Lead(term=8, server="b", beat=1)))
    pull = one.of(steps.Pull)[-1]
    assert (pull.server, pull.index) == ("b", 0)
    one.feed(steps.Got("b", tuple(book.entries)))
    assert one.cluster.site.digest() == book.site.digest()
    pull = one.of(steps.Pull)[-1]
    assert (pull.index, pull.hash) == (2, book.site.hash)


def test_a_journal_that_parted_is_cut_at_the_common_entry_and_what_was_cut_is_delivered() -> None:
    ours, theirs = Book(), Book()
    for book in (ours, theirs):
        book.write("lead", 8, server="a")
        book.edit(camera(1))
    ours.write("lead", 9, server="b")
    ours.edit(camera(2))
    theirs.write("lead", 17, server="b")
    theirs.edit(camera(3))
    one = One("a", site=ours.site.copy())
    leader = said("b", Role.LEADING, 17, 4, Lead(term=17, server="b", beat=1))
    one.wait(0.6, leader)
    one.feed(steps.Parted("b", 17, 4))
    assert one.of(steps.Search) == [steps.Search("b", 4)]
    one.feed(steps.Found("b", 2))
    assert one.of(steps.Cut) == [steps.Cut(2)]
    led, gone = ours.entries[2:]
    base = Book()
    for entry in ours.entries[:2]:
        base.site.apply(entry)
    one.feed(steps.WasCut(base.site, {led.hash: led.kind, gone.hash: gone.kind}), steps.Got("b", tuple(theirs.entries[2:])))
    assert one.of(steps.Deliver) == [steps.Deliver("b", frozenset((led.hash,)))]
    one.feed(steps.Delivered("b"))
    assert one.of(steps.Forget) == [], "the leader has it, and that is not enough"
    theirs.write("edit", changes=[], note="", of=[gone.hash])
    one.feed(steps.Got("b", tuple(theirs.entries[4:])))
    assert one.of(steps.Forget) == [steps.Forget(frozenset((led.hash, gone.hash)))]


def test_nothing_is_cut_for_a_journal_that_is_not_better() -> None:
    book = Book()
    book.write("lead", 8, server="b")
    book.edit(camera(1))
    book.edit(camera(2))
    one = One("a", site=book.site)
    one.wait(0.6, said("b", Role.LEADING, 8, 1, Lead(term=8, server="b", beat=1)))
    one.feed(steps.Parted("b", 8, 1))
    one.wait(1.0, said("b", Role.LEADING, 8, 1, Lead(term=8, server="b", beat=1)))
    assert one.of(steps.Search) == []


def test_a_follower_that_cannot_reach_the_leader_pulls_from_a_neighbour_and_sends_edits_there() -> None:
    one = One("a")
    for beat in range(1, 4):
        one.wait(0.5, said("c", Role.FOLLOWING, 9, 5, Lead(term=9, server="b", beat=beat)))
    assert one.of(steps.Pull)[-1].server == "c"
    assert one.cluster.route(one.now) == "c"
    assert one.cluster.route(one.now, frozenset("c")) == "b", "there is nobody else to try"


def test_a_neighbours_journal_that_is_shorter_and_of_a_later_term_is_better_than_a_long_one_that_was_cut_off() -> None:
    """This server led alone and wrote much; the leader, whom it cannot reach, wrote less by then, in a later term."""
    book = Book()
    book.write("lead", 8, server="a")
    for number in range(6):
        book.edit(camera(number))
    one = One("a", site=book.site)
    for beat in range(1, 4):
        one.wait(POLL_S, said("c", Role.FOLLOWING, 18, 3, Lead(term=18, server="b", beat=beat)))
    pull = one.of(steps.Pull)[-1]
    assert (pull.server, pull.index) == ("c", 7)
    one.feed(steps.Parted("c", 18, 3))
    assert one.of(steps.Search) == [steps.Search("c", 3)]


def test_a_server_that_was_added_while_this_one_was_away_can_be_followed() -> None:
    one = One("a", 2)
    stranger = said("c", Role.LEADING, 18, 9, Lead(term=18, server="c", beat=1), url="http://10.0.0.3:1")
    one.feed(steps.Heard(stranger, answer=False))
    one.wait(0.6, stranger)
    assert one.cluster.members["c"].url == "http://10.0.0.3:1"
    assert one.of(steps.Pull)[-1].server == "c"


def test_a_server_that_is_not_of_the_site_any_more_does_not_lead() -> None:
    book = Book(put("server/b", url="http://10.0.0.2:1", rank=1))
    one = One("a", 2, site=book.site)
    one.wait(6.0)
    assert one.role is Role.LOOKING
    assert not one.cluster.status.able
