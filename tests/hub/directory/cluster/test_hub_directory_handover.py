"""A leader that an operator orders to hand over does, answers everybody first, rests, and leads on when nobody can follow it."""

from cluster_kit import One, said
from site_kit import put

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.handover import ORDER_S, REST_S
from watchkeep.hub.directory.cluster.sight import SILENT_S
from watchkeep.hub.directory.cluster.status import Role, Status


def led(recovery: str = "") -> One:
    one = One("a", recovery=recovery)
    one.wait(SILENT_S + 1.5, said("b"), said("c"))
    assert one.role is Role.LEADING
    return one


def follower(one: One, name: str = "b", behind: int = 0, **more: object) -> Status:
    site = one.cluster.site
    return said(name, Role.FOLLOWING, site.term, site.index - behind, one.cluster.lead, **more)


def order(one: One, ticket: int = 1, role: str = "") -> list[steps.Action]:
    return one.feed(steps.HandOver(ticket, role, "ops"))


def answers(actions: list[steps.Action], kind: type) -> list[int]:
    return [action.ticket for action in actions if isinstance(action, kind)]


def test_an_order_is_written_down_answered_and_carried_out() -> None:
    one = led()
    one.wait(0.6, follower(one))
    order(one)
    assert one.journal[-1].actor == "ops"
    one.feed(steps.Fetched("b", one.cluster.site.index))
    found = one.wait(1.2, follower(one))
    assert one.role is not Role.LEADING
    assert (answers(one.did, steps.Done), answers(one.did, steps.Unable)) == ([1], [])
    assert any("an operator has ordered it" in action.why for action in found if isinstance(action, steps.Turned))
    assert one.cluster.status.rests


def test_it_leaves_the_lead_to_others_for_a_while_and_no_longer() -> None:
    """Its rank is the lowest: without a rest it would be the next one again."""
    one = led()
    one.wait(0.6, follower(one))
    order(one)
    one.feed(steps.Fetched("b", one.cluster.site.index))
    one.wait(1.2, follower(one))
    left = said("b", Role.LOOKING, one.cluster.site.term, one.cluster.site.index)
    one.wait(REST_S - 1.5, left)
    assert one.role is Role.LOOKING
    one.wait(3.0, left)
    assert one.role is Role.LEADING, "nobody else did"


def test_another_server_takes_the_lead_although_the_resting_one_has_a_lower_rank() -> None:
    for rests, expected in ((True, Role.LEADING), (False, Role.LOOKING)):
        one = One("b")
        one.wait(SILENT_S + 1.5, said("a", rests=rests))
        assert one.role is expected


def test_who_lacks_much_is_waited_for_and_edits_go_on_until_then() -> None:
    one = led()
    one.wait(0.6, follower(one))
    for number in range(150):
        one.feed(steps.Edit(100 + number, (put(f"camera/cam{number}", url="rtsp://10.0.0.1/a"),), "ops"))
    order(one)
    one.wait(1.0, follower(one, behind=120))
    assert one.role is Role.LEADING
    one.feed(steps.Edit(3, (put("location/hq"),), "ops"))
    one.feed(steps.Fetched("b", one.cluster.site.index - 5))
    one.wait(0.6, follower(one, behind=5))
    assert answers(one.feed(steps.Edit(4, (put("location/annex"),), "ops")), steps.Unable) == [4], "it is closing"
    one.wait(ORDER_S, follower(one, behind=5))
    assert one.role is Role.LEADING
    one.feed(steps.Edit(5, (put("location/annex"),), "ops"))
    assert "annex" in one.cluster.site.locations, "the order is forgotten, it leads on"


def test_nobody_to_hand_over_to_is_a_refusal() -> None:
    one = led()
    one.wait(SILENT_S + 1.0)
    assert answers(order(one), steps.Refused) == [1]
    one = led(recovery="b")
    one.wait(SILENT_S + 1.0, follower(one, recovery=True))
    assert answers(order(one), steps.Refused) == [1], "one for recovery does not count"


def test_a_role_goes_to_the_next_server_of_its_list_that_lives() -> None:
    one = led()
    one.wait(SILENT_S + 1.0, follower(one))
    one.feed(steps.Edit(1, (put("role/backup", servers=["c", "a", "b"]), put("role/health", servers=["a", "b"], holder="highest")), "ops"))
    one.wait(0.6, follower(one))
    assert one.cluster.site.leases["backup"].holder == "a", "c does not live"
    number = one.cluster.site.leases["backup"].number
    order(one, 2, "backup")
    lease = one.cluster.site.leases["backup"]
    assert (lease.holder, lease.number > number, one.journal[-1].actor) == ("b", True, "ops")
    one.wait(1.2, follower(one))
    assert one.cluster.site.leases["backup"].holder == "b", "sticky"
    order(one, 3, "backup")
    assert one.cluster.site.leases["backup"].holder == "a"
    assert answers(order(one, 4, "health"), steps.Refused) == [4]
    assert answers(order(one, 5, "none"), steps.Refused) == [5]


def test_who_does_not_lead_takes_no_order() -> None:
    one = One("b")
    assert answers(order(one), steps.Unable) == [1]
