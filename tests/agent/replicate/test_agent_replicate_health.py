"""The health table is complete, its timers run when they should, and only then."""

import pytest

from watchkeep.agent.replicate.health import TABLE, ArchiverHealth, Health, HealthLimits, Sign
from watchkeep.wire.messages import MAX_MAINTENANCE_S

LIMITS = HealthLimits(ack_timeout_s=2.0, failback_hold_s=60.0)


def test_the_table_names_every_state_and_sign() -> None:
    assert set(TABLE) == set(Health)
    assert all(set(row) == set(Sign) for row in TABLE.values())


@pytest.mark.parametrize("state", Health)
@pytest.mark.parametrize("sign", Sign)
def test_only_what_the_drawing_shows(state: Health, sign: Sign) -> None:
    down = sign in (Sign.BROKEN, Sign.ACK_LATE)
    expected = Health.UNHEALTHY if down and state not in (Health.PAUSED, Health.COLD, Health.WAKING) else state
    if sign is Sign.REST:
        expected = Health.COLD
    if state is Health.COLD and sign is Sign.WANTED:
        expected = Health.WAKING
    if state is Health.WAKING and sign in (Sign.ANSWERED, Sign.RESUMED, Sign.ANNOUNCED, Sign.OVERDUE):
        expected = {Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.UNHEALTHY}.get(sign, Health.HEALTHY)
    if state is Health.UNHEALTHY and sign in (Sign.ANSWERED, Sign.RESUMED):
        expected = Health.HOLDING
    if state in (Health.HEALTHY, Health.UNHEALTHY, Health.HOLDING) and sign is Sign.ANNOUNCED:
        expected = Health.PAUSED
    if state is Health.PAUSED and sign in (Sign.ANSWERED, Sign.RESUMED, Sign.OVERDUE):
        expected = {Sign.ANSWERED: Health.HEALTHY, Sign.RESUMED: Health.HOLDING, Sign.OVERDUE: Health.UNHEALTHY}[sign]
    if state is Health.HOLDING and sign in (Sign.HOLD_OVER, Sign.MOVED):
        expected = Health.HEALTHY
    assert TABLE[state][sign] is expected


def test_silence_counts_from_the_first_unanswered_request() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    assert health.next_deadline() is None
    assert not health.tick(1e6)
    health.waiting(10.0)
    health.waiting(11.0)
    assert health.next_deadline() == 12.0
    assert not health.tick(11.99)
    assert health.tick(12.0)
    assert (health.state, health.since) == (Health.UNHEALTHY, 12.0)
    assert health.why == "no answer for 2 s"


def test_an_answer_disarms_the_timer() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.waiting(10.0)
    health.handle(Sign.ANSWERED, 11.0)
    assert health.next_deadline() is None
    health.waiting(11.5)
    assert health.next_deadline() == 13.5


def test_failures_give_the_reason_and_do_not_stop_the_timer() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.waiting(10.0)
    health.failed("status 500")
    assert health.state is Health.HEALTHY
    assert health.tick(12.0)
    assert health.why == "status 500"


def test_a_hold_down_starts_over_with_every_failure() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.BROKEN, 1.0, "refused")
    health.handle(Sign.ANSWERED, 2.0)
    health.handle(Sign.BROKEN, 50.0, "refused")
    health.handle(Sign.ANSWERED, 51.0)
    assert health.next_deadline() == 111.0
    assert not health.tick(110.9)
    assert health.tick(111.0)
    assert health.state is Health.HEALTHY


def test_it_was_away_until_an_operator_moves_it_whatever_its_hold_down_says() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    assert not health.was_away
    health.handle(Sign.BROKEN, 1.0, "refused")
    health.handle(Sign.MOVED, 1.5)
    assert health.was_away, "an order does not bring one back that is silent"
    health.handle(Sign.ANSWERED, 2.0)
    assert health.tick(62.0)
    assert (health.state, health.was_away) == (Health.HEALTHY, True)
    assert not health.handle(Sign.MOVED, 63.0)
    assert not health.was_away


def test_an_announced_silence_is_no_failure_until_it_is_overdue() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    assert health.handle(Sign.ANNOUNCED, 10.0, left_s=100.0)
    assert (health.state, health.serves, health.next_deadline()) == (Health.PAUSED, True, None)
    assert not health.handle(Sign.BROKEN, 20.0, "refused")
    assert (health.serves, health.why, health.next_deadline()) == (False, "refused", 110.0)
    assert not health.tick(109.9)
    assert health.tick(110.0)
    assert (health.state, health.why) == (Health.UNHEALTHY, "it has not come back from its maintenance: refused")


def test_silence_of_one_that_hangs_counts_after_the_ack_time_out() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.ANNOUNCED, 10.0, left_s=100.0)
    health.waiting(20.0)
    assert not health.tick(22.0)
    assert (health.state, health.serves) == (Health.PAUSED, False)


def test_one_that_answers_to_the_end_of_its_time_and_then_no_more_is_unhealthy_at_once() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.ANNOUNCED, 10.0, left_s=5.0)
    assert not health.tick(1e6)
    assert health.handle(Sign.BROKEN, 1e6, "refused")
    assert health.state is Health.UNHEALTHY


def test_each_answer_says_anew_how_long_it_lasts_and_an_agent_has_a_bound_of_its_own() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.ANNOUNCED, 0.0, left_s=100.0)
    health.handle(Sign.BROKEN, 1.0, "refused")
    health.handle(Sign.ANNOUNCED, 2.0, left_s=10.0)
    assert (health.serves, health.paused_until) == (True, 12.0)
    health.handle(Sign.ANNOUNCED, 3.0, left_s=1e9)
    assert health.paused_until == 3.0 + MAX_MAINTENANCE_S
    assert health.handle(Sign.ANSWERED, 4.0)
    assert health.state is Health.HEALTHY


@pytest.mark.parametrize("answers", [0, 1])
def test_maintenance_in_a_hold_down_is_waited_for_and_begins_it_anew(answers: int) -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.BROKEN, 1.0, "refused")
    for _ in range(answers):
        health.handle(Sign.ANSWERED, 1.5)
    assert health.handle(Sign.ANNOUNCED, 2.0, left_s=100.0)
    assert not health.handle(Sign.ANNOUNCED, 50.0, left_s=52.0)
    assert not health.handle(Sign.BROKEN, 55.0, "refused")
    assert (health.state, health.silent, health.next_deadline()) == (Health.PAUSED, True, 102.0)
    assert health.handle(Sign.ANSWERED, 80.0)
    assert (health.state, health.next_deadline()) == (Health.HOLDING, 140.0)
    assert health.tick(140.0)
    health.handle(Sign.ANNOUNCED, 200.0, left_s=100.0)
    health.handle(Sign.ANSWERED, 210.0)
    assert health.state is Health.HEALTHY, "what was forgotten with the first one"


def test_a_maintenance_is_no_way_round_having_been_away_but_an_operator_s_word_is() -> None:
    health = ArchiverHealth(LIMITS, 0.0)
    health.handle(Sign.BROKEN, 1.0, "refused")
    health.handle(Sign.ANNOUNCED, 2.0, left_s=100.0)
    health.handle(Sign.ANSWERED, 3.0)
    assert (health.state, health.was_away) == (Health.HOLDING, True)
    health.handle(Sign.ANNOUNCED, 4.0, left_s=100.0)
    assert not health.handle(Sign.MOVED, 5.0)
    health.handle(Sign.ANSWERED, 6.0)
    assert (health.state, health.was_away) == (Health.HEALTHY, False)


def test_a_standby_that_sleeps_again_was_not_away() -> None:
    health = ArchiverHealth(LIMITS, 0.0, cold=True)
    health.handle(Sign.WANTED, 1.0)
    health.handle(Sign.BROKEN, 2.0, "no route")
    assert health.tick(1e3)
    assert health.was_away
    health.handle(Sign.REST, 2e3)
    health.handle(Sign.WANTED, 3e3)
    health.handle(Sign.ANSWERED, 3e3 + 1)
    assert not health.was_away


def test_a_cold_standby_is_not_missed_until_it_was_woken_and_has_not_come() -> None:
    health = ArchiverHealth(HealthLimits(wake_timeout_s=100.0), 0.0, cold=True)
    assert (health.state, health.serves, health.next_deadline()) == (Health.COLD, False, None)
    assert not health.tick(1e6)
    assert health.handle(Sign.WANTED, 10.0)
    assert (health.state, health.serves, health.next_deadline()) == (Health.WAKING, False, 110.0)
    assert not health.handle(Sign.BROKEN, 20.0, "no route")
    assert not health.tick(109.0)
    assert health.tick(110.0)
    assert (health.state, health.why) == (Health.UNHEALTHY, "it was woken and has not answered within 100 s: no route")
    assert health.handle(Sign.REST, 800.0)
    health.handle(Sign.WANTED, 900.0)
    assert health.handle(Sign.ANSWERED, 950.0)
    assert (health.state, health.serves, health.next_deadline()) == (Health.HEALTHY, True, None)
