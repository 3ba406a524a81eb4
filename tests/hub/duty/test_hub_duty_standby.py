"""A standby's machine sleeps when nobody needs it: the decision, and a real command of a real hub."""

from dataclasses import replace
from pathlib import Path

import pytest
from hub_kit import film, running, wait_for

from watchkeep.hub.config import HubConfig, problems
from watchkeep.hub.duty.sleeper import Sleeper
from watchkeep.hub.duty.standby import Standby, Standing
from watchkeep.hub.events.log import EVENTS_FILE
from watchkeep.hub.store.ledger import EpochLedger
from watchkeep.wire import http
from watchkeep.wire.config import validate

QUIET = Standing(asked_at=0.0, under_way=0, consolidating=False, maintenance=False)


def test_it_sleeps_after_so_long_without_a_question() -> None:
    standby = Standby(60.0, 0.0)
    assert not standby.due(59.9, QUIET)
    assert standby.due(60.0, QUIET)
    assert not standby.due(60.0, replace(QUIET, asked_at=0.1))
    standby.slept(60.0)
    assert not standby.due(119.0, QUIET)
    assert standby.due(120.0, QUIET)


@pytest.mark.parametrize("busy", [{"under_way": 1}, {"consolidating": True}, {"maintenance": True}])
def test_not_while_anything_goes_on_and_for_so_long_after_it(busy: dict[str, bool]) -> None:
    standby = Standby(60.0, 0.0)
    assert not standby.due(100.0, replace(QUIET, **busy))
    assert not standby.due(159.0, QUIET)
    assert standby.due(160.0, QUIET)


def test_a_real_command_runs_each_time_that_nobody_has_asked_for_long_enough(tmp_path: Path) -> None:
    slept = tmp_path / "slept"
    command = ["/bin/sh", "-c", f"echo asleep >> {slept}"]
    with running(tmp_path, standby={"sleep_command": command, "sleep_after_s": 1.0}) as hub:
        made = film(2)
        hub.stored(made.batch())
        hub.wait_durable(made)
        wait_for(lambda: hub.get(http.HEALTH).status == 200 and slept.exists(), "its falling asleep, whatever health checks there are")
        hub.stored(made.batch())
        before = len(slept.read_text())
        wait_for(lambda: len(slept.read_text()) > before, "its falling asleep again")


def test_it_stays_awake_while_something_is_unsynced(tmp_path: Path) -> None:
    slept, asked = tmp_path / "slept", list[bool]()
    left = [True, True, False]

    def unsynced() -> bool:
        asked.append(left.pop(0) if left else False)
        return asked[-1]

    sleeper = Sleeper(["touch", str(slept)], 0.0, lambda: QUIET, unsynced, lambda text, _remedy: pytest.fail(text))
    sleeper.start()
    try:
        wait_for(lambda: slept.exists() or len(asked) > 3, "its falling asleep")
    finally:
        sleeper.stop()
    assert asked[:3] == [True, True, False]


def test_what_is_unsynced() -> None:
    ledger = EpochLedger()
    assert not ledger.unsynced
    ledger.plan(0, b"digest")
    assert ledger.unsynced
    ledger.written(0)
    assert ledger.unsynced
    ledger.synced(0, 0)
    assert not ledger.unsynced


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with running(tmp_path, standby={"sleep_command": ["/bin/sh", "-c", "echo no permission; exit 3"], "sleep_after_s": 1.0}) as hub:
        listed = tmp_path / "state" / EVENTS_FILE
        wait_for(lambda: listed.exists() and "no permission" in listed.read_text(), "the event")
        texts = [event["text"] for event in hub.get(f"{http.EVENTS}?kind=archiver").json()["events"]]
        assert texts == ["standby.sleep_command failed, and this archiver stays awake: exit code 3: no permission"]


def test_only_a_hub_that_is_nothing_but_an_archiver_may_sleep() -> None:
    standby = {"sleep_command": ["true"]}
    hub = {"id": "a", "site": "s", "roles": ["archiver", "broker"], "listen": "127.0.0.1:1", "data_dir": "/d"}
    rest = {"archiver": {"volumes": ["/v"]}, "mqtt": {"url": "mqtt://127.0.0.1"}}
    both = validate("hub.toml", {"hub": hub, "standby": standby, **rest}, HubConfig)
    assert [problem.key for problem in problems(both)] == ["standby.sleep_command"]
    one = validate("hub.toml", {"hub": {**hub, "roles": ["archiver"]}, "standby": standby, **rest}, HubConfig)
    assert list(problems(one)) == []
