"""plan(): who records what, by capacity, location, priority and load; few moves, nobody forgotten."""

import time
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from site_kit import Book, camera, put

from watchkeep.hub.directory.entities import Camera
from watchkeep.hub.directory.plan import Alive, Plan, plan
from watchkeep.hub.directory.recorders import UNEVEN, preferred
from watchkeep.hub.directory.rules import priority
from watchkeep.hub.directory.site import Site

NOW = 1_790_000_000.0


def alive(site: Site, *dead: str, steady: frozenset[str] = frozenset()) -> Alive:
    return Alive(frozenset(site.agents) - set(dead), frozenset(site.stores) - set(dead), steady=steady - set(dead))


def agents(count: int, **value: Any) -> list[Any]:
    return [put(f"agent/edge-{number}", **value) for number in range(count)]


def archivers(count: int, **value: Any) -> list[Any]:
    return [put(f"archiver/{'abcdefgh'[number]}", **value) for number in range(count)]


def settled(book: Book, *dead: str, steady: frozenset[str] = frozenset(), **options: Any) -> Plan:
    """The plan, written into the book."""
    found = plan(book.site, alive(book.site, *dead, steady=steady), NOW, **options)
    changed = {name: agent for name, agent in found.recorders.items()
               if name not in book.site.recorders or book.site.recorders[name].agent != agent}  # fmt: skip
    book.assign(changed, {name: list(listed) for name, listed in found.archivers.items()})
    return found


def test_cameras_are_spread_evenly() -> None:
    found = settled(Book(*agents(3), *archivers(2), *map(camera, range(30))))
    assert Counter(found.recorders.values()) == {"edge-0": 10, "edge-1": 10, "edge-2": 10}
    assert found.without == {}


def test_a_plan_that_is_settled_does_not_move_anything() -> None:
    book = Book(*agents(3), *archivers(3), *map(camera, range(30)))
    first = settled(book)
    again = plan(book.site, alive(book.site), NOW, max_moves=100)
    assert (again.recorders, again.archivers) == (first.recorders, first.archivers)


def test_only_the_cameras_of_a_dead_agent_move_and_they_spread_over_all_others() -> None:
    book = Book(*agents(4), *archivers(1), *map(camera, range(40)))
    before = settled(book).recorders
    after = settled(book, "edge-2")
    assert {name for name in before if after.recorders[name] != before[name]} == {name for name in before if before[name] == "edge-2"}
    assert set(Counter(after.recorders.values()).values()) <= {13, 14}


def test_a_dead_agents_standbys_come_first_in_their_order() -> None:
    book = Book(put("agent/edge-0", standbys=["edge-2", "edge-1"]), put("agent/edge-1"), put("agent/edge-2", max_cameras=3),
                *archivers(1), *(camera(number, recorders=None) for number in range(6)))  # fmt: skip
    book.assign({f"cam{number}": "edge-0" for number in range(6)})
    after = settled(book, "edge-0").recorders
    assert [after[f"cam{number}"] for number in range(6)] == ["edge-2"] * 3 + ["edge-1"] * 3


def test_an_agent_that_stands_by_takes_cameras_only_when_the_others_have_no_room() -> None:
    book = Book(put("agent/a1", max_cameras=4), put("agent/s1", standby=True), *archivers(1), *map(camera, range(4)))
    assert set(settled(book).recorders.values()) == {"a1"}
    assert set(settled(book, "a1").recorders.values()) == {"s1"}


def test_an_operators_list_of_recorders_is_kept_to_in_its_order() -> None:
    book = Book(*agents(3), *archivers(1), camera(0, recorders=["edge-2", "edge-1"]))
    assert settled(book).recorders == {"cam0": "edge-2"}
    assert settled(book, "edge-2").recorders == {"cam0": "edge-1"}
    assert settled(book).recorders == {"cam0": "edge-1"}, "sticky: a camera stays where it is"
    assert settled(book, "edge-1", "edge-2").without == {"cam0": "none of its recorders is there: edge-2, edge-1"}


def begun(book: Book) -> None:
    """Everybody records what he was given."""
    book.assign({}, left={name: book.site.recorders[name].term for name in book.site.leaving})


def test_a_camera_goes_back_to_the_first_of_its_list_that_is_steady_and_has_room() -> None:
    book = Book(put("agent/edge-0", max_cameras=1), put("agent/edge-1"), put("agent/edge-2"), *archivers(1),
                put("group/back", recorder_failback="auto"),
                *(camera(number, group="back", recorders=["edge-0", "edge-1", "edge-2"]) for number in range(2)))  # fmt: skip
    book.assign({"cam0": "edge-2", "cam1": "edge-2"})
    assert settled(book, max_returns=9).recorders == {"cam0": "edge-2", "cam1": "edge-2"}, "nobody has lived for long enough"
    steady = frozenset(["edge-0", "edge-1", "edge-2"])
    assert settled(book, steady=steady).recorders == {"cam0": "edge-2", "cam1": "edge-2"}, "not now"
    assert settled(book, "edge-0", steady=steady, max_returns=1).recorders == {"cam0": "edge-1", "cam1": "edge-2"}, "few at a time"
    assert settled(book, steady=steady, max_returns=9).recorders == {"cam0": "edge-1", "cam1": "edge-0"}, "who is being handed over stays"
    begun(book)
    assert settled(book, steady=steady, max_returns=9).recorders == {"cam0": "edge-1", "cam1": "edge-0"}, "there is no room for both"
    book.edit(put("window/w", kind="agent", target="edge-0", start_s=NOW - 10, end_s=NOW + 10), put("agent/edge-0"))
    assert settled(book, steady=steady, max_returns=9).recorders["cam0"] == "edge-1", "somebody works on edge-0"
    book.edit(put("window/w", kind="agent", target="edge-0", start_s=NOW - 10, end_s=NOW))
    assert settled(book, steady=steady, max_returns=9).recorders == {"cam0": "edge-0", "cam1": "edge-0"}


def test_who_stands_by_is_empty_again_when_others_have_room_the_important_cameras_first() -> None:
    book = Book(*agents(2, max_cameras=3), put("agent/s", standby=True), *archivers(1), put("group/back", recorder_failback="auto"),
                *(camera(number, group="back", priority=number) for number in range(7)),
                camera(7), camera(8, group="back", recorder_failback="sticky"))  # fmt: skip
    book.assign({f"cam{number}": "s" for number in range(9)})
    steady = frozenset(["edge-0", "edge-1", "s"])
    found = settled(book, steady=steady, max_returns=2)
    assert {name for name, agent in found.recorders.items() if agent != "s"} == {"cam6", "cam5"}
    found = settled(book, steady=frozenset(["edge-1", "s"]), max_returns=9)
    assert [found.recorders[f"cam{number}"] for number in (4, 3, 2)] == ["edge-1", "edge-1", "s"], "to who is steady, as far as it has room"
    found = settled(book, steady=steady, max_returns=9)
    assert sorted(name for name, agent in found.recorders.items() if agent == "s") == ["cam0", "cam7", "cam8"]
    assert found.without == {}


def test_an_agent_records_what_it_reaches() -> None:
    book = Book(put("location/hq"), put("location/floor", parent="hq"), put("location/barn"),
                put("agent/edge-0", reaches=["hq"]), put("agent/edge-1", reaches=["barn"]), *archivers(1),
                camera(0, location="floor"), camera(1, location="barn"), camera(2))  # fmt: skip
    found = settled(book)
    assert found.recorders == {"cam0": "edge-0", "cam1": "edge-1"}
    assert found.without == {"cam2": "no agent is there"}
    assert settled(book, "edge-1").without["cam1"] == "no agent that is there reaches location 'barn'"


def test_when_room_runs_out_the_highest_priority_is_kept_and_the_rest_named() -> None:
    book = Book(*agents(2, max_cameras=3), *archivers(1), *(camera(number, priority=number) for number in range(10)))
    found = settled(book)
    assert sorted(found.recorders) == [f"cam{number}" for number in range(4, 10)]
    assert sorted(found.without) == [f"cam{number}" for number in range(4)]
    assert "full of cameras of the same or a higher priority" in found.without["cam0"]


def test_after_a_death_a_more_important_camera_takes_the_place_of_a_lesser_one_only_if_there_is_no_other() -> None:
    book = Book(*agents(2, max_cameras=4), *archivers(1), *(camera(number, priority=1 + number % 2) for number in range(6)))
    before = settled(book).recorders
    after = settled(book, "edge-1")
    assert sorted(name for name in after.recorders if int(name[3:]) % 2) == ["cam1", "cam3", "cam5"]
    assert len(after.recorders) == 4
    assert all(before[name] == "edge-0" for name in after.recorders if int(name[3:]) % 2 == 0), "who moved in is the important ones"


def test_a_rate_counts_as_well_as_a_number() -> None:
    book = Book(*agents(2, max_mbit_s=10.0), *archivers(1), *(camera(number, mbit_s=6.0) for number in range(3)))
    assert len(settled(book).recorders) == 2


def test_a_maintenance_window_keeps_an_absent_agents_cameras_and_gives_it_no_new_ones() -> None:
    book = Book(*agents(2), *archivers(1), *map(camera, range(4)))
    before = settled(book).recorders
    book.edit(put("window/w", kind="agent", target="edge-0", start_s=NOW - 10, end_s=NOW + 10), camera(7))
    during = plan(book.site, alive(book.site, "edge-0"), NOW)
    assert {name: during.recorders[name] for name in before} == before
    assert during.recorders["cam7"] == "edge-1"
    after = plan(book.site, alive(book.site, "edge-0"), NOW + 10)
    assert set(after.recorders.values()) == {"edge-1"}


def test_balance_moves_as_many_as_it_may_and_no_more_than_it_is_worth() -> None:
    book = Book(*agents(2, max_cameras=10), *archivers(1), *map(camera, range(10)))
    book.assign({f"cam{number}": "edge-0" for number in range(10)})
    assert plan(book.site, alive(book.site), NOW).moves(book.site.recorders) == []
    assert len(plan(book.site, alive(book.site), NOW, max_moves=2).moves(book.site.recorders)) == 2
    found = plan(book.site, alive(book.site), NOW, max_moves=100)
    loads = Counter(found.recorders.values())
    assert loads["edge-0"] - loads["edge-1"] <= UNEVEN * 10
    assert len(found.moves(book.site.recorders)) == 4


def test_planned_lists_hold_the_copies_and_one_spare_and_balance() -> None:
    book = Book(*agents(1), *archivers(4), *(camera(number, copies=2) for number in range(12)))
    found = settled(book)
    assert {len(listed) for listed in found.archivers.values()} == {3}
    assert set(Counter(name for listed in found.archivers.values() for name in listed[:2]).values()) == {6}


def test_a_dead_archiver_is_replaced_in_planned_lists_and_in_no_other() -> None:
    book = Book(*agents(1), *archivers(3), *(camera(number) for number in range(9)), camera(9, archivers=["a", "b"]))
    before = settled(book).archivers
    after = settled(book, "a").archivers
    assert "cam9" not in after
    assert all("a" not in listed for listed in after.values())
    assert all(after[name] == before[name] for name in before if "a" not in before[name])


def test_a_camera_without_enough_archivers_is_named() -> None:
    book = Book(*agents(1), *archivers(2), camera(0, copies=2), camera(1, archivers=["a"]))
    assert settled(book).without == {}
    found = settled(book, "a")
    assert found.without == {"cam0": "1 of 2 copies: no other planned archiver lives and has room",
                             "cam1": "0 of 1 copies: no other listed archiver lives and has room"}  # fmt: skip


def test_an_archivers_disk_bounds_what_it_is_given() -> None:
    book = Book(*agents(1), put("archiver/a", disk_bytes=8 * 86_400 * 1_000_000 // 8, retention_days=1.0), *(camera(n) for n in range(3)))
    assert len(settled(book).without) == 1, "8 Mbit/s for a day"
    book.edit(put("archiver/a", max_mbit_s=4.0, disk_bytes=1 << 60))
    assert len(settled(book).without) == 2, "its network"


def test_a_camera_that_is_kept_for_longer_takes_more_of_a_disk() -> None:
    week = 4 * 7 * 86_400 * 1_000_000 // 8
    book = Book(*agents(1), *(put(f"archiver/{name}", disk_bytes=week, retention_days=1.0) for name in "ab"),
                put("group/kept", retention_days=6), camera(0, group="kept"),
                camera(1, retention_days=7.0), camera(2), camera(3))  # fmt: skip
    found = settled(book)
    assert found.archivers["cam0"][0] != found.archivers["cam1"][0]
    assert found.without == {"cam3": "0 of 1 copies: no other planned archiver lives and has room"}


sizes = st.integers(0, 6)


@st.composite
def sites(draw: st.DrawFn) -> tuple[Book, tuple[str, ...]]:
    book = Book(put("location/hq"), put("location/barn"), *archivers(draw(st.integers(0, 3)), max_cameras=draw(st.integers(0, 12))))
    count = draw(st.integers(1, 5))
    for number in range(count):
        reaches = draw(st.sampled_from([None, ["hq"], ["hq", "barn"]]))
        book.edit(put(f"agent/edge-{number}", max_cameras=draw(sizes), max_mbit_s=draw(st.sampled_from([8.0, 40.0])), reaches=reaches,
                      standby=draw(st.booleans())))  # fmt: skip
    book.edit(put("group/back", recorder_failback="auto"))
    names = [f"edge-{number}" for number in range(count)]
    for number in range(draw(st.integers(0, 14))):
        book.edit(camera(number, priority=draw(st.integers(0, 2)), mbit_s=draw(st.sampled_from([1.0, 4.0, 7.5])), copies=1,
                         location=draw(st.sampled_from([None, "hq", "barn"])), group=draw(st.sampled_from([None, "back"])),
                         recorders=draw(st.one_of(st.none(), st.permutations(names).map(lambda some: list(some)[:2])))))  # fmt: skip
        if draw(st.booleans()):
            book.assign({f"cam{number}": draw(st.sampled_from(names))})
    return book, tuple(draw(st.sets(st.sampled_from([*names, "a"]))))


@given(sites(), st.integers(0, 3), st.sampled_from([0, 100]))
@settings(deadline=None)
def test_whatever_the_site_the_plan_keeps_its_promises(drawn: tuple[Book, tuple[str, ...]], max_moves: int, max_returns: int) -> None:
    book, dead = drawn
    site, living = book.site, alive(book.site, *dead, steady=frozenset(book.site.agents))
    cameras, known = site.cameras, site.agents
    found = plan(site, living, NOW, max_moves=max_moves, max_returns=max_returns)
    assert found == plan(site, living, NOW, max_moves=max_moves, max_returns=max_returns), "a pure function"
    assert {*found.recorders, *found.without} == set(cameras), "nobody is forgotten"
    used: dict[str, list[Any]] = {}
    for name, agent in found.recorders.items():
        used.setdefault(agent, []).append(cameras[name])
        assert agent in living.agents
        assert cameras[name].recorders is None or agent in cameras[name].recorders
        reaches = known[agent].reaches
        assert cameras[name].recorders is not None or reaches is None or cameras[name].location in reaches
    for agent, those in used.items():
        assert len(those) <= known[agent].max_cameras
        assert sum(one.mbit_s for one in those) <= known[agent].max_mbit_s + 1e-6
    for name in set(cameras) - set(found.recorders):
        one = cameras[name]
        for agent, those in used.items():
            if _may(one, agent, known[agent].reaches):
                more = [other for other in those if priority(site, other) >= priority(site, one)]
                rate = sum(other.mbit_s for other in more) + one.mbit_s
                full = len(more) + 1 > known[agent].max_cameras or rate > known[agent].max_mbit_s
                assert full, f"{name} could have had the room of a lesser camera on {agent}"
    for name in found.moves(site.recorders) if not max_moves and not max_returns else ():
        agent = site.recorders[name].agent
        assert agent not in living.agents or not _could_stay(book, found, name, agent), f"{name} moved without a reason"


@given(sites(), st.integers(1, 4), st.data())
@settings(deadline=None)
def test_returns_are_few_are_to_whom_a_camera_prefers_and_end(drawn: tuple[Book, tuple[str, ...]], most: int, data: Any) -> None:
    book, dead = drawn
    settled(book, *dead)
    steady = frozenset(data.draw(st.sets(st.sampled_from(sorted(book.site.agents)))))
    for _ in range(14 * 2 + 1):  # a camera has two recorders in its list, or goes from who stands by to who does not
        book.assign({}, left={name: book.site.recorders[name].term for name in book.site.leaving})
        before = {name: one.agent for name, one in book.site.recorders.items()}
        still = plan(book.site, alive(book.site, *dead), NOW)
        found = plan(book.site, alive(book.site, *dead, steady=steady), NOW, max_returns=most)
        moved = [name for name, agent in still.recorders.items() if agent != found.recorders[name]]
        assert len(moved) == found.returns <= most
        for name in moved:
            one, agent = book.site.cameras[name], found.recorders[name]
            assert (one.group, agent in steady, agent in dead) == ("back", True, False)
            assert agent in preferred(one, before[name], book.site.agents)
        settled(book, *dead, steady=steady, max_returns=most)
        if not moved:
            return
    raise AssertionError("cameras go round in a circle")


def _may(one: Camera, agent: str, reaches: tuple[str, ...] | None) -> bool:
    return agent in one.recorders if one.recorders is not None else reaches is None or one.location in reaches


def _could_stay(book: Book, found: Plan, name: str, agent: str) -> bool:
    """Whether the agent has room for the camera beside all that it has now."""
    cameras, known = book.site.cameras, book.site.agents[agent]
    one = cameras[name]
    if not _may(one, agent, known.reaches):
        return False
    there = [cameras[other] for other, where in found.recorders.items() if where == agent]
    return len(there) + 1 <= known.max_cameras and sum(other.mbit_s for other in there) + one.mbit_s <= known.max_mbit_s


def big() -> Book:
    places = [put(f"location/l{number}") for number in range(20)]
    recorders = [put(f"agent/edge-{number}", max_cameras=64, max_mbit_s=400.0, reaches=[f"l{number % 20}", f"l{(number + 1) % 20}"])
                 for number in range(200)]  # fmt: skip
    stores = [put(f"archiver/s{number}", location=f"l{number % 20}") for number in range(50)]
    cameras = (camera(number, location=f"l{number % 20}", copies=2, priority=number % 10) for number in range(10_000))
    return Book(*places, *recorders, *stores, *cameras)


def test_ten_thousand_cameras_are_planned_in_a_second() -> None:
    book = big()
    book.site.cameras  # noqa: B018 - typed once, as in a directory that has been running
    for dead in ((), tuple(f"edge-{number}" for number in range(60))):
        start = time.process_time()
        found = plan(book.site, alive(book.site, *dead), NOW, max_moves=20)
        took = time.process_time() - start
        book.assign(found.recorders, {name: list(listed) for name, listed in found.archivers.items()})
        assert len(found.recorders) + len([name for name in found.without if name not in found.recorders]) == 10_000
        assert took < 1.0


def test_ten_thousand_cameras_that_might_return_are_planned_in_a_second() -> None:
    book = big()
    book.edit(put("group/back", recorder_failback="auto"),
              *(put(f"agent/s{number}", standby=True, max_cameras=1000, max_mbit_s=1e6) for number in range(12)))  # fmt: skip
    book.edit(*(camera(number, location=f"l{number % 20}", copies=2, group="back") for number in range(10_000)))
    book.assign({f"cam{number}": f"s{number % 12}" for number in range(10_000)})
    begun(book)
    book.site.cameras  # noqa: B018 - as above
    start = time.process_time()
    found = plan(book.site, alive(book.site, steady=frozenset(book.site.agents)), NOW, max_returns=10_000)
    took = time.process_time() - start
    assert found.returns == 10_000
    assert took < 1.0
