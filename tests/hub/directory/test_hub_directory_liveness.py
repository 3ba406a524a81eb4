"""Who lives, by what is heard; who is gone, and when nobody is although nobody is heard."""

import pytest

from watchkeep.hub.directory.liveness import BEAT_S, BLIP_S, CLOSED_S, COLD_S, SILENT_S, START_S, Life, Liveness, Turned

NAMES = ("e1", "e2", "e3")


def running(*names: str) -> Liveness:
    live = Liveness()
    live.know(names or NAMES, 0.0)
    for name in names or NAMES:
        live.beat(name, 0.0, 0.0)
    return live


def keep(live: Liveness, until: float, *names: str, since: float = 0.0) -> list[Turned]:
    """These beat every second, and time goes on; what is told meanwhile."""
    told: list[Turned] = []
    now = since
    while now < until:
        now = round(now + BEAT_S / 2, 3)
        if now % BEAT_S == 0:
            for name in names:
                told += live.beat(name, now, now)
        told += live.tick(now)
    return told


def gone(told: list[Turned]) -> list[str]:
    return [turned.member for turned in told if turned.life is Life.GONE]


def test_who_is_heard_lives() -> None:
    live = running()
    assert keep(live, 60, *NAMES) == []
    assert live.alive == set(NAMES)
    assert live.doubtful == set()


def test_who_falls_silent_is_gone_after_four_seconds() -> None:
    live = running()
    assert keep(live, SILENT_S - 0.5, "e1", "e2") == []
    assert keep(live, SILENT_S + 0.5, "e1", "e2", since=SILENT_S - 0.5) == [Turned("e3", Life.GONE, "silent for 4 s")]
    assert live.alive == {"e1", "e2"}


def test_a_closed_connection_counts_after_two_seconds_and_meanwhile_nothing_more_is_given() -> None:
    live = running()
    live.closed("e3", 0.1)
    assert live.life("e3") is Life.SUSPECT
    assert live.doubtful == {"e3"}
    assert live.next_deadline() == CLOSED_S + 0.1
    assert keep(live, 1.5, "e1", "e2") == []
    assert gone(keep(live, 2.5, "e1", "e2", since=1.5)) == ["e3"]


def test_a_restart_within_two_seconds_is_no_death() -> None:
    live = running()
    live.closed("e3", 0.1)
    assert live.beat("e3", 1.9, 1.9) == []
    assert keep(live, 5, *NAMES, since=2) == []


def test_who_comes_back_is_told_once() -> None:
    live = running()
    keep(live, 10, "e1", "e2")
    assert live.beat("e3", 10.0, 10.1) == [Turned("e3", Life.LIVES, "it answers again")]
    assert live.beat("e3", 11.0, 11.0) == []


def test_signs_count_in_the_order_of_their_happening() -> None:
    live = running()
    live.beat("e3", 3.0, 3.0)
    live.closed("e3", 2.9)
    assert live.life("e3") is Life.LIVES, "it asked another server after that"
    live.closed("e3", 3.1)
    assert live.beat("e3", 3.05, 3.2) == []
    assert live.life("e3") is Life.SUSPECT


def test_a_sign_that_comes_too_late_brings_nobody_back() -> None:
    live = running()
    keep(live, 10, "e1", "e2")
    assert live.beat("e3", 5.0, 10.0) == []
    assert live.life("e3") is Life.GONE
    live.closed("e3", 10.0)
    assert live.life("e3") is Life.GONE


def test_a_new_leader_gives_everybody_time_but_those_who_were_gone() -> None:
    live = running()
    keep(live, 10, "e1", "e2")
    live.anew(10.0)
    assert live.unheard
    assert (live.alive, live.doubtful) == ({"e1", "e2"}, {"e1", "e2"})
    assert keep(live, 10 + START_S - 0.5, "e1", since=10.0) == [Turned("e1", Life.LIVES, "it has come up")]
    assert gone(keep(live, 10 + START_S + 0.5, "e1", since=10 + START_S - 0.5)) == ["e2"]
    assert not live.unheard


def test_a_directory_that_was_away_waits_longer() -> None:
    live = Liveness(cold_until=COLD_S)
    live.know(NAMES, 0.0)
    live.anew(2.0)
    assert gone(keep(live, COLD_S - 0.5, "e1")) == []
    assert gone(keep(live, COLD_S + 0.5, "e1", since=COLD_S - 0.5)) == ["e2", "e3"]


def test_when_all_fall_silent_together_it_is_this_server_that_is_cut_off() -> None:
    live = running()
    assert keep(live, 100) == []
    assert live.isolated
    assert live.alive == set(NAMES)
    assert live.next_deadline() is None
    assert live.beat("e1", 100.0, 100.0) == []
    assert not live.isolated
    assert gone(keep(live, 100 + START_S - 0.5, "e1", since=100.0)) == [], "they have time to find back"
    assert gone(keep(live, 100 + START_S + 0.5, "e1", since=100 + START_S - 0.5)) == ["e2", "e3"], "now it is their own silence"


def test_beats_that_come_late_together_delay_no_verdict() -> None:
    live = running("e1", "e2")
    live.beat("e1", 1.9, 1.9)
    assert live.tick(SILENT_S) == []
    assert live.isolated
    now = SILENT_S + BLIP_S / 2
    live.beat("e1", now, now)
    assert gone(live.tick(now)) == ["e2"]


def test_a_single_member_that_falls_silent_is_gone() -> None:
    live = running("e1")
    assert gone(keep(live, 5)) == ["e1"]


def test_a_connection_that_broke_is_no_silence_of_a_server_that_is_cut_off() -> None:
    live = running()
    keep(live, 2.0, *NAMES)
    live.closed("e3", 2.5)
    assert gone(keep(live, 30, since=2.5)) == ["e3"]
    assert live.isolated
    assert live.alive == {"e1", "e2"}


def test_who_is_not_known_counts_for_nothing() -> None:
    live = running()
    assert live.beat("stranger", 1.0, 1.0) == []
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
            live.beat(name, now, now)
        told = live.tick(now)
    assert [turned.member for turned in told] == [silent]
    assert now <= SILENT_S + BEAT_S
