"""Which cases `./run reliability` runs and what its report says of one: tests/bench/reliability.py."""

import pytest
import reliability
from series import Series
from verdict import JUDGES

from watchkeep.wire.errors import WatchkeepError


def test_without_names_every_case_is_run_and_the_one_that_wants_a_commit_when_it_has_one():
    assert reliability.chosen(reliability.parse([])) == reliability.KNOWN
    assert reliability.chosen(reliability.parse(["--from", "abc"])) == (*reliability.KNOWN, "upgrade")
    assert reliability.chosen(reliability.parse(["kill", "directory"])) == ("kill", "directory")


def test_each_judge_has_a_case():
    assert {case.split("-", maxsplit=1)[0] for case in reliability.KNOWN} >= set(JUDGES)


@pytest.mark.parametrize("wrong", [["nothing"], ["upgrade"]])
def test_a_case_that_is_not_there_or_lacks_its_commit_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        reliability.parse(wrong)
    assert "--from" in capsys.readouterr().err


def test_the_report_has_each_time_what_is_missed_and_how_busy_the_machine_was(monkeypatch):
    series = Series("copies 1, kill", "what", trials=2, seconds={"first chunk on the stand-in": [0.5, 1.5]})
    monkeypatch.setattr(reliability, "run", lambda *_: series)
    found, part = reliability.judged("kill", reliability.parse([]))
    assert found is series
    assert part["name"] == "kill"
    assert part["seconds"] == series.seconds
    assert part["missed"] == ["first chunk on the stand-in: 1.50 p99, the target is at most 1.00"]
    assert (len(part["load_before"]), len(part["load_after"])) == (3, 3)


def test_a_case_that_ends_early_is_missed_with_its_reason(monkeypatch, capsys):
    def run(*_):
        raise WatchkeepError("recording did not happen", remedy="")

    monkeypatch.setattr(reliability, "run", run)
    _, part = reliability.judged("outage", reliability.parse([]))
    assert any("recording did not happen" in line for line in part["missed"])
    assert "Traceback" in capsys.readouterr().err


def test_a_mistake_in_the_bench_itself_ends_it(monkeypatch):
    monkeypatch.setattr(reliability, "run", lambda *_: {}["key"])
    with pytest.raises(KeyError):
        reliability.judged("outage", reliability.parse([]))
