"""When backups are due, who makes them, and what is told: decisions with a clock of their own."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watchkeep.hub.directory.backup.chains import Schedule
from watchkeep.hub.directory.backup.duty import HUNG_S, RETRY_S, Duty, Health
from watchkeep.hub.directory.backup.layout import Backup
from watchkeep.hub.directory.backup.spare import LOOK_S, WAIT_S, Seen, ready

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp()


class Rig:
    """One folder, and a clock."""

    def __init__(self, full: str | None = "0 3 * * *", incremental: str | None = "*/15 * * * *", at_s: float = NOON) -> None:
        self.duty, self.now_s, self.now = Duty("/b", Schedule(full, incremental), UTC), at_s, 100.0

    def work(self, after_s: float = 0.0, *, writing: bool = True) -> str | None:
        self.now_s, self.now = self.now_s + after_s, self.now + after_s
        return self.duty.work(self.now_s, self.now, writing=writing)

    def look(self, *here: Backup) -> None:
        assert self.work() == "look"
        self.duty.looked(here, self.now_s)

    def made(self, kind: str, last: int = 9) -> None:
        self.duty.made(kind, Backup("demo", int(self.now_s), kind, 0, last, 8), self.now_s)  # type: ignore[arg-type]

    def notes(self) -> list[str]:
        note = self.duty.note()
        return [] if note is None else [note.text]


def old(kind: str, age_s: float) -> Backup:
    return Backup("demo", int(NOON - age_s), kind, 0, 5, 8)  # type: ignore[arg-type]


def test_an_empty_folder_gets_a_full_backup_at_once_and_then_by_schedule() -> None:
    rig = Rig()
    rig.look()
    assert rig.work() == "full"
    assert rig.work(1) is None, "one at a time"
    rig.made("full")
    assert rig.work(60) is None
    assert rig.work(15 * 60) == "incremental"
    rig.made("incremental")
    assert rig.work(1) is None
    assert rig.work(15 * 3600) == "full"
    rig.made("full")
    assert rig.work(1) is None, "a full one is the incremental as well"


def test_a_new_leader_makes_at_once_what_the_old_one_did_not_come_to_and_nothing_twice() -> None:
    rig = Rig()
    rig.look(old("full", 3600), old("incremental", 16 * 60))
    assert rig.work() == "incremental"
    rig.made("incremental")
    assert rig.work(writing=False) == "watch"
    rig.duty.watched()
    rig.look(old("full", 3600), old("incremental", -60))
    assert rig.work(60) is None
    late = Rig()
    late.look(old("full", 13 * 3600), old("incremental", 5))
    assert late.work() == "full", "that of three o'clock"


def test_what_failed_is_tried_again_every_minute_and_told_once() -> None:
    rig = Rig()
    rig.look(old("full", 3600))
    for _ in range(3):
        assert rig.work() == "incremental"
        rig.duty.failed("/b cannot be written (No space left on device)", rig.now_s)
        assert rig.work(RETRY_S - 1) is None
        rig.now_s += 1
    (said,) = rig.notes()
    assert "since 2026-11-26 12:00:00 UTC: /b cannot be written (No space left on device)" in said
    assert said.endswith("the newest there is of 2026-11-26 11:00:00 UTC")
    assert rig.notes() == []
    assert (rig.duty.health, rig.duty.since_s) == (Health.FAILING, NOON)
    assert rig.work() == "incremental"
    rig.made("incremental")
    assert rig.notes() == ["backups of the directory to /b are made again"]
    assert rig.notes() == []


def test_a_folder_that_answers_no_more_is_told_and_waited_for() -> None:
    rig = Rig()
    rig.look()
    assert rig.work() == "full"
    assert rig.work(HUNG_S - 1) is None
    rig.duty.went_on(rig.now)
    assert rig.work(HUNG_S - 1) is None
    assert rig.notes() == []
    assert rig.work(1) is None
    assert "has not answered" in rig.notes()[0]
    assert rig.duty.health is Health.HANGING
    rig.made("full")
    assert rig.notes() == ["backups of the directory to /b are made again"]


def test_without_schedules_nothing_is_made() -> None:
    rig = Rig(None, None)
    rig.look()
    assert rig.work(1e6) is None


def test_a_clock_that_is_set_back_ends_no_schedule() -> None:
    rig = Rig()
    rig.look(old("full", -400 * 86400))
    assert rig.work() is None
    assert rig.work(15 * 60) == "incremental"
    rig.duty.failed("x", rig.now_s)
    rig.now_s -= 400 * 86400
    rig.now_s += 15 * 60
    assert rig.work() is None
    assert rig.work(15 * 60) == "incremental"


def test_at_the_end_of_summer_time_nothing_runs_wild() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25, 0, 50, tzinfo=zone).timestamp()
    rig = Rig("0 3 * * *", "*/15 * * * *", start)
    rig.duty = Duty("/b", Schedule("0 3 * * *", "*/15 * * * *"), zone)
    rig.look(Backup("demo", int(start - 3600), "full", 0, 5, 8))
    count: dict[str, int] = {}
    for _ in range(3 * 60):
        if (work := rig.work(60)) is not None:
            count[work] = count.get(work, 0) + 1
            rig.made(work)
    assert count["incremental"] in (11, 12, 13), "three hours of quarters"


def test_a_job_that_was_dropped_is_no_failure_and_whoever_writes_again_looks_first() -> None:
    rig = Rig()
    rig.look()
    assert rig.work() == "full"
    rig.duty.dropped()
    assert (rig.duty.health, rig.notes()) == (Health.WAITING, [])
    assert rig.work(1, writing=False) == "watch"
    rig.duty.watched()
    assert rig.work(1) == "look", "another server has written meanwhile"


def test_a_server_that_does_not_write_reads_what_is_there_and_tells_nothing() -> None:
    rig = Rig()
    assert rig.duty.seen is Seen.NOT_YET
    assert rig.work(writing=False) == "watch"
    assert rig.work(10 * HUNG_S, writing=False) is None, "one at a time, however long"
    rig.duty.failed("away", rig.now_s)
    assert (rig.duty.seen, rig.duty.health, rig.notes()) == (Seen.FAILED, Health.IDLE, [])
    assert rig.work(writing=False) == "watch"
    rig.duty.watched()
    assert rig.duty.seen is Seen.READ
    assert rig.work(LOOK_S - 1, writing=False) is None
    assert rig.work(1, writing=False) == "watch"
    rig.duty.failed("away", rig.now_s)
    assert rig.duty.seen is Seen.READ, "once it was read it counts as read"


@pytest.mark.parametrize(("index", "seen", "waited_s", "good"), [
    (0, "n", 0, False), (9, "n", 0, False), (0, "n", WAIT_S, False), (9, "n", WAIT_S, True), (0, "f", 0, False), (9, "f", 0, True),
    (0, "r", 0, True), (0, "rn", 0, False), (0, "rn", WAIT_S, True), (0, "rf", 0, True), (9, "fn", 0, False), (9, "fn", WAIT_S, True),
    (0, "fn", WAIT_S, False),
])  # fmt: skip
def test_when_a_server_may_lead(index: int, seen: str, waited_s: float, good: bool) -> None:
    folders = [{"n": Seen.NOT_YET, "r": Seen.READ, "f": Seen.FAILED}[one] for one in seen]
    assert ready(index, folders, waited_s) is good


@pytest.mark.parametrize("health", [Health.IDLE, Health.WAITING])
def test_nobody_is_told_of_a_folder_of_which_nothing_is_known(health: Health) -> None:
    rig = Rig()
    rig.duty.health = health
    assert rig.notes() == []
