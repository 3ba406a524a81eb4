"""The small parts of a server's decisions: numbers that are never given twice, who lives, where journals part."""

import pytest
from cluster_kit import said
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.directory.cluster.common import common_ancestor
from watchkeep.hub.directory.cluster.sight import EASY_S, POLL_S, SILENT_S, SPARED, Sight
from watchkeep.hub.directory.cluster.status import Lead, Role
from watchkeep.hub.directory.cluster.terms import next_number, recorder_term
from watchkeep.wire.errors import IdError
from watchkeep.wire.ids import MAX_TERM


@given(st.integers(0, 60_000), st.lists(st.integers(0, 6), min_size=1, max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_two_sides_never_give_the_same_number(last: int, left: list[int], right: list[int]) -> None:
    """Servers of one side are not on the other one."""
    sides = [], []
    for side, ranks in zip(sides, (left, [rank for rank in right if rank not in left]), strict=True):
        number = last
        for rank in ranks:
            following = next_number(number, rank)
            assert following > number
            assert following % 8 == rank
            number = following
            side.append(number)
    assert not set(sides[0]) & set(sides[1])


def test_terms_of_recorders_end_with_an_error_that_names_the_remedy() -> None:
    assert recorder_term(0, 3) == 11
    assert recorder_term(MAX_TERM - 8, 6) <= MAX_TERM
    with pytest.raises(IdError) as caught:
        recorder_term(MAX_TERM, 0)
    assert "new id" in caught.value.remedy


def sight() -> Sight:
    found = Sight()
    found.members({"b", "c"})
    return found


def test_everybody_is_asked_each_round_and_once_at_a_time() -> None:
    seen = sight()
    assert seen.due(0.0) == ["b", "c"]
    assert seen.due(10.0) == []
    seen.heard(said("b"), 10.0, answer=True)
    assert seen.due(10.0) == ["b"]
    seen.heard(said("b"), 10.1, answer=True)
    assert seen.due(10.2) == []
    assert seen.next_deadline() == 10.0 + POLL_S


def test_silence_is_death_after_its_time_and_refusal_at_once_when_it_is_confirmed() -> None:
    seen = sight()
    seen.heard(said("b"), 0.0, answer=True)
    seen.heard(said("c"), 0.0, answer=True)
    seen.failed("b", 0.1, refused=True)
    assert "b" in seen.living(0.1)
    assert seen.due(0.1) == ["b", "c"], "asked again at once"
    seen.failed("b", 0.2, refused=True)
    assert set(seen.living(0.2)) == {"c"}
    assert seen.refuses("b", 0.2)
    assert not seen.living(SILENT_S)
    seen.heard(said("b"), 5.0, answer=True)
    assert set(seen.living(5.0)) == {"b"}


def test_one_that_asks_lives_although_its_own_port_refuses() -> None:
    seen = sight()
    seen.heard(said("b"), 0.0, answer=False)
    for moment in (0.1, 0.2, 0.3):
        seen.failed("b", moment, refused=True)
    assert "b" in seen.living(0.4)


LEAD = Lead(term=8, server="b")


def asked_at(seen: Sight, leads: str, until: float, silent_from: float = 1e9) -> dict[str, list[float]]:
    """When b, whose lead is LEAD, and c, which follows `leads`, are asked; b answers no more from `silent_from` on."""
    found: dict[str, list[float]] = {"b": [], "c": []}
    answers = {"b": said("b", Role.LEADING, 8, lead=LEAD), "c": said("c", Role.FOLLOWING, 8, lead=Lead(term=8, server=leads))}
    for step in range(round(until / 0.05)):
        now = step * 0.05 + 0.01
        seen.pace(LEAD, now)
        for name in seen.due(now):
            found[name].append(now)
            if name == "b" and now >= silent_from:
                seen.failed(name, now, refused=False)
            else:
                seen.heard(answers[name], now, answer=True)
    return found


def test_followers_of_a_leader_that_is_heard_ask_each_other_half_as_often() -> None:
    found = asked_at(sight(), "b", 10.0)
    assert len(found["b"]) == pytest.approx(10.0 / POLL_S, abs=2)
    assert len(found["c"]) == pytest.approx(10.0 / EASY_S, abs=2)


def test_who_follows_another_leader_is_asked_every_round() -> None:
    assert len(asked_at(sight(), "d", 10.0)["c"]) == pytest.approx(10.0 / POLL_S, abs=2)


def test_once_the_leader_is_not_heard_the_others_are_asked_every_round_again() -> None:
    found = asked_at(sight(), "b", 20.0, silent_from=10.0)["c"]
    later = [now for now in found if now > 10.0 + 2 * POLL_S]
    assert len(later) == pytest.approx((20.0 - 10.0 - 2 * POLL_S) / POLL_S, abs=2)


def test_a_leader_that_refuses_makes_the_others_be_asked_without_waiting() -> None:
    seen = sight()
    asked_at(seen, "b", 5.0)
    seen.heard(said("c", Role.FOLLOWING, 8, lead=LEAD), 5.0, answer=False)
    assert seen.next_deadline() is not None
    seen.failed("b", 5.1, refused=True)
    seen.pace(LEAD, 5.1)
    assert "c" not in seen.due(5.0 + SPARED * POLL_S - 0.01)
    assert "c" in seen.due(5.0 + SPARED * POLL_S)


def test_time_that_this_process_slept_is_nobodys_silence() -> None:
    seen = sight()
    seen.heard(said("b"), 0.0, answer=True)
    seen.woke(30.0)
    assert "b" in seen.living(30.5)
    assert not seen.living(30.0 + SILENT_S)


def test_strangers_are_not_heard_and_those_that_left_are_forgotten() -> None:
    seen = sight()
    seen.heard(said("d"), 0.0, answer=True)
    seen.heard(said("b"), 0.0, answer=True)
    seen.members({"c"})
    assert not seen.living(0.0)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_the_last_common_entry_is_found_in_few_questions(common: int, mine: int, theirs: int) -> None:
    ours = ["x"] * (common + 1) + ["ours"] * mine
    others = ["x"] * (common + 1) + ["theirs"] * theirs
    asked = []

    def ask(index: int) -> str | None:
        asked.append(index)
        return others[index] if index < len(others) else None

    assert common_ancestor(len(ours) - 1, lambda index: ours[index], ask) == common
    assert len(asked) <= 10
