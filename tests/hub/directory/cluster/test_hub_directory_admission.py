"""hub/directory/cluster/admission.py: who takes a request, and that no number is given while others are owed."""

import pytest
from cluster_kit import UTC_S, members, said
from site_kit import Book, camera

from watchkeep.hub.directory.cluster.admission import Request, able_ones, admit
from watchkeep.hub.directory.cluster.aside import Aside
from watchkeep.hub.directory.cluster.leading import Leading
from watchkeep.hub.directory.cluster.merge import Parcel
from watchkeep.hub.directory.cluster.sight import Sight
from watchkeep.hub.directory.cluster.steps import Action, Assign, Edit, HandOver, Offer, Refused, Unable

NOW = 1000.0
EDIT = Edit(1, (camera(2),), "ops")


def asked(event: Request, *, leads: bool = True, owes: bool = False, others: bool = True) -> tuple[list[Action], bool]:
    site, aside, sight = Book(camera(1)).site, Aside(), Sight()
    leading = Leading(members()[0], 8, site, lambda: UTC_S) if leads else None
    if owes:
        aside.add({"f" * 64: "assign"}, site)
    if others:
        sight.members({"b", "c"})
        sight.heard(said("b"), NOW, answer=True)
    return admit(event, "a", leading, aside, sight, NOW, "numbers of before")


def test_only_a_leader_takes_a_request() -> None:
    for event in (EDIT, Assign(1, {}, {}), HandOver(1, "", "ops")):
        assert asked(event, leads=False) == ([Unable(1, "this server does not lead")], False)


@pytest.mark.parametrize("event", [
    Assign(1, {"cam1": "edge"}, {}),
    HandOver(1, "", "ops"),
    HandOver(1, "consolidator", "ops"),
    Offer(1, Parcel("b", 0, "0" * 64, (), ()), base_known=True),
])  # fmt: skip
def test_what_gives_numbers_waits_for_those_that_are_owed(event: Request) -> None:
    assert asked(event, owes=True) == ([Unable(1, "this server first takes in numbers of before")], False)
    assert not any(isinstance(action, Unable) for action in asked(event)[0])


def test_edits_and_what_this_server_delivers_itself_do_not_wait() -> None:
    for event in (EDIT, Offer(1, Parcel("a", 0, "0" * 64, (), ()), base_known=True)):
        assert not any(isinstance(action, Unable) for action in asked(event, owes=True)[0])


def test_the_lead_is_handed_over_only_when_another_could_take_it() -> None:
    assert asked(HandOver(1, "", "ops"))[1]
    (refused,), handing = asked(HandOver(1, "", "ops"), others=False)
    assert isinstance(refused, Refused)
    assert not handing
    assert not asked(HandOver(1, "consolidator", "ops"))[1]


def test_a_role_may_go_to_this_server_and_to_those_that_live() -> None:
    assert able_ones("a", {"b": said("b"), "c": said("c", able=False)}) == {"a", "b"}
