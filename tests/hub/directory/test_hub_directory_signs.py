"""Signs of agents as servers pass them on: the newest counts, and none is made younger by going round."""

import pytest

from watchkeep.hub.directory.exchange import Said, SignsText
from watchkeep.hub.directory.reach import MISSES, Reach
from watchkeep.hub.directory.signs import MAX_BEGUN_SAID, MAX_ORIGINS, MAX_SAID, RELAYED_S, SAID_BYTES, Sign, Signs
from watchkeep.wire.begun import MAX_BEGUN
from watchkeep.wire.ids import MAX_TERM


def servers(*names: str) -> list[Signs]:
    found = [Signs(name, f"{name}-1") for name in names]
    for one in found:
        one.keep(["e1", "e2"])
    return found


def tell(source: Signs, target: Signs, now: float, *, transit_s: float = 0.0) -> None:
    text = Said(server="x", boot="y", rank=0, signs=source.say(now)).model_dump_json()
    target.hear(Said.model_validate_json(text).signs, now + transit_s)


def test_a_sign_reaches_a_server_that_the_one_asked_cannot_reach() -> None:
    a, b, c = servers("a", "b", "c")
    c.own("e1", 10.0, closed=False)
    tell(c, b, 10.5)
    tell(b, a, 11.0)
    assert a.newest() == {"e1": Sign(pytest.approx(10.0), closed=False)}
    c.own("e1", 11.2, closed=True)
    tell(c, b, 11.3)
    tell(b, a, 11.4)
    assert a.newest() == {"e1": Sign(pytest.approx(11.2), closed=True)}


def test_a_sign_that_goes_round_grows_no_younger() -> None:
    a, b, c = servers("a", "b", "c")
    a.own("e1", 10.0, closed=False)
    now = 10.0
    for _ in range(2):
        for source, target in ((a, b), (b, c), (c, a), (c, b), (b, a)):
            tell(source, target, now, transit_s=0.4)
            now += 0.4
    assert a.newest()["e1"].at == 10.0
    assert b.newest()["e1"].at <= 10.5
    assert c.newest()["e1"].at <= 10.9


def test_the_newest_of_several_servers_counts_and_a_restart_of_one_begins_anew() -> None:
    a, b, c = servers("a", "b", "c")
    b.own("e1", 10.0, closed=True)
    c.own("e1", 10.2, closed=False)
    for source in (c, b):
        tell(source, a, 10.3)
    assert a.newest() == {"e1": Sign(pytest.approx(10.2), closed=False)}
    again = Signs("b", "b-2")
    again.keep(["e1"])
    again.own("e1", 11.0, closed=True)
    tell(again, a, 11.1)
    assert a.newest() == {"e1": Sign(pytest.approx(11.0), closed=True)}
    tell(b, a, 11.2)
    assert a.newest() == {"e1": Sign(pytest.approx(11.0), closed=True)}, "words of the process before"


def test_strangers_and_what_is_old_are_not_kept_nor_told() -> None:
    a, b = servers("a", "b")
    a.own("stranger", 10.0, closed=False)
    a.own("e1", 10.0, closed=False)
    assert set(a.say(10.0 + RELAYED_S - 0.1)["a"].agents) == {"e1"}
    assert a.say(10.0 + RELAYED_S) == {}
    b.keep(["e2"])
    tell(a, b, 11.0)
    assert b.newest() == {}
    a.keep(["e2"])
    assert a.newest() == {}
    for number in range(2 * MAX_ORIGINS):
        one = Signs(f"s{number}", "1")
        one.keep(["e2"])
        one.own("e2", 20.0 + number, closed=False)
        tell(one, a, 20.0 + number)
    assert len(a._known["e2"]) == MAX_ORIGINS
    assert a.newest()["e2"].at == 20.0 + 2 * MAX_ORIGINS - 1


def test_what_is_said_fits_into_what_is_read() -> None:
    names = [f"{number:063d}" for number in range(MAX_SAID + 500)]
    a = Signs("a", "b" * 64)
    a.keep(names)
    for number, name in enumerate(names):
        a.own(name, 10.0 + number / 1e6, closed=True)
    said = a.say(11.0)
    assert len(said["a"].agents) == MAX_SAID
    assert names[0] not in said["a"].agents
    assert len(Said(server="x", boot="y", rank=0, signs=said).model_dump_json()) < SAID_BYTES


def test_what_an_agent_has_begun_goes_along_with_its_newest_sign_and_is_bounded() -> None:
    a, b, c = servers("a", "b", "c")
    c.own("e1", 10.0, closed=False, begun={"cam0": 24})
    tell(c, b, 10.1)
    tell(b, a, 10.2)
    assert a.newest()["e1"].begun == {"cam0": 24}
    c.own("e1", 11.0, closed=False)
    tell(c, a, 11.1)
    assert a.newest()["e1"].begun == {}
    names = [f"{number:063d}" for number in range(200)]
    long = {f"{number:063d}": MAX_TERM for number in range(MAX_BEGUN)}
    a.keep(names)
    for name in names:
        a.own(name, 12.0, closed=False, begun=long)
    said = a.say(12.0)
    assert sum(map(len, said["a"].begun.values())) == MAX_BEGUN_SAID // MAX_BEGUN * MAX_BEGUN
    assert len(Said(server="x", boot="y", rank=0, signs={"a": SignsText(boot="b", begun=said["a"].begun)}).model_dump_json()) < 310_000


def test_an_archiver_is_gone_after_some_questions_and_none_is_when_none_answers() -> None:
    reach = Reach()
    reach.know(["a", "b", "c"])
    assert reach.lives == {}, "nobody was asked yet"
    for _ in range(MISSES - 1):
        reach.asked("a", answered=False)
    assert reach.gone == set()
    reach.asked("a", answered=False)
    assert reach.gone == {"a"}
    for name in ("b", "c"):
        reach.asked(name, answered=False)
    assert reach.gone == set(), "this server is cut off"
    reach.asked("b", answered=True)
    assert reach.gone == {"a"}
    assert reach.lives == {"a": "gone", "b": "lives", "c": "suspect"}
    reach.asked("a", answered=True)
    assert reach.gone == set()
    reach.know(["b"])
    assert reach.lives == {"b": "lives"}
    reach.asked("a", answered=False)
    for _ in range(MISSES):
        reach.asked("b", answered=False)
    assert reach.gone == {"b"}, "of one alone nothing else can be said"
