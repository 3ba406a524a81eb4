"""The health table is complete, its timers run when they should, and only then."""

import pytest

from watchkeep.agent.replicate.health import TABLE, ArchiverHealth, Health, HealthLimits, Sign

LIMITS = HealthLimits(ack_timeout_s=2.0, failback_hold_s=60.0)


def test_the_table_names_every_state_and_sign() -> None:
    assert set(TABLE) == set(Health)
    assert all(set(row) == set(Sign) for row in TABLE.values())


@pytest.mark.parametrize("state", Health)
@pytest.mark.parametrize("sign", Sign)
def test_only_what_the_drawing_shows(state: Health, sign: Sign) -> None:
    down = sign in (Sign.BROKEN, Sign.ACK_LATE)
    expected = Health.UNHEALTHY if down else state
    if state is Health.UNHEALTHY and sign is Sign.ANSWERED:
        expected = Health.HOLDING
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


def test_sticky_holds_until_an_operator_moves_it() -> None:
    health = ArchiverHealth(HealthLimits(failback="sticky"), 0.0)
    health.handle(Sign.BROKEN, 1.0, "refused")
    health.handle(Sign.ANSWERED, 2.0)
    assert health.next_deadline() is None
    assert not health.tick(1e6)
    assert health.handle(Sign.MOVED, 1e6)
    assert health.state is Health.HEALTHY
