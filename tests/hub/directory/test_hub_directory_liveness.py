"""Who lives, by what is heard; who is gone, and when nobody is although nobody is heard."""

import pytest

from watchkeep.hub.directory.liveness import BEAT_S, CLOSED_S, SILENT_S, START_S, Life, Liveness, Turned

NAMES = ("e1", "e2", "e3")


def running(*names: str) -> Liveness:
    live = Liveness()
    live.know(names or NAMES, 0.0)
    for name in names or NAMES:
        live.beat(name, 0.0)
    return live


def keep(live: Liveness, until: float, *names: str, since: float = 0.0) -> list[Turned]:
    """These beat every second, and time goes on; what is told meanwhile."""
    told: list[Turned] = []
    now = since
    while now < until:
        now = round(now + BEAT_S / 2, 3)
        if now % BEAT_S == 0:
            for name in names:
                told += live.beat(name, now)
        told += live.tick(now)
    return told


def test_who_is_heard_lives() -> None:
    live = running()
    assert keep(live, 60, *NAMES) == []
    assert live.alive == set(NAMES)


def test_who_falls_silent_is_gone_after_four_seconds() -> None:
    live = running()
    assert keep(live, SILENT_S - 0.5, "e1", "e2") == []
    assert keep(live, SILENT_S + 0.5, "e1", "e2", since=SILENT_S - 0.5) == [Turned("e3", Life.GONE, "silent for 4 s")]
    assert live.alive == {"e1", "e2"}


def test_a_closed_connection_counts_after_two_seconds() -> None:
    live = running()
    live.closed("e3", 0.0)
    assert live.life("e3") is Life.SUSPECT
    assert live.next_deadline() == CLOSED_S
    assert keep(live, 1.5, "e1", "e2") == []
    assert [(turned.member, turned.life) for turned in keep(live, 2.5, "e1", "e2", since=1.5)] == [("e3", Life.GONE)]


def test_a_restart_within_two_seconds_is_no_death() -> None:
    live = running()
    live.closed("e3", 0.0)
    assert live.beat("e3", 1.9) == []
    assert keep(live, 5, *NAMES, since=2) == []


def test_who_comes_back_is_told_once() -> None:
    live = running()
    keep(live, 10, "e1", "e2")
    assert live.beat("e3", 10.0) == [Turned("e3", Life.LIVES, "it answers again")]
    assert live.beat("e3", 11.0) == []


def test_a_goodbye_counts_at_once() -> None:
    live = running()
    assert [turned.member for turned in live.left("e2")] == ["e2"]
    assert live.left("e2") == []
    assert live.alive == {"e1", "e3"}


def test_a_new_leader_gives_everybody_time() -> None:
    live = Liveness()
    live.know(NAMES, 0.0)
    assert keep(live, START_S - 0.5, "e1") == [Turned("e1", Life.LIVES, "it has come up")]
    assert live.alive == set(NAMES)
    assert [turned.member for turned in keep(live, START_S + 1, "e1", since=START_S - 0.5)] == ["e2", "e3"]


def test_when_all_fall_silent_together_it_is_this_server_that_is_cut_off() -> None:
    live = running()
    assert keep(live, 100) == []
    assert live.isolated
    assert live.alive == set(NAMES)
    assert live.next_deadline() is None
    assert live.beat("e1", 100.0) == []
    assert not live.isolated
    assert [turned.member for turned in keep(live, 101, "e1", since=100.0)] == ["e2", "e3"], "now it is their own silence"


def test_a_single_member_that_falls_silent_is_gone() -> None:
    live = running("e1")
    assert [turned.member for turned in keep(live, 5)] == ["e1"]


def test_all_of_two_whose_connections_close_are_not_gone_either() -> None:
    live = running("e1", "e2")
    for name in ("e1", "e2"):
        live.closed(name, 0.5)
    assert keep(live, 30) == []
    assert live.isolated


def test_who_is_not_known_counts_for_nothing() -> None:
    live = running()
    assert live.beat("stranger", 1.0) == []
    assert live.left("stranger") == []
    live.closed("stranger", 1.0)
    live.know(("e1",), 1.0)
    assert live.alive == {"e1"}
    assert live.life("e2") is Life.GONE


@pytest.mark.parametrize("silent", NAMES)
def test_ticks_at_the_deadlines_are_enough(silent: str) -> None:
    """A shell that sleeps until next_deadline says the same as one that ticks all the time."""
    live = running()
    others = [name for name in NAMES if name != silent]
    told: list[Turned] = []
    now = 0.0
    while not told and now < 20:
        deadline = live.next_deadline()
        assert deadline is not None
        now = max(min(deadline, now + BEAT_S), now + 0.01)
        for name in others:
            live.beat(name, now)
        told = live.tick(now)
    assert [turned.member for turned in told] == [silent]
    assert now <= SILENT_S + BEAT_S
