"""What a case of `./run reliability` misses: tests/bench/verdict.py."""

import pytest
from endurance import kill_faults
from faultplays import bound_frames
from faultrig import different_files
from lane import LIVE_AGE_S
from series import Series
from verdict import (
    AGE,
    BURST,
    BURST_RATE,
    DIRECTORY_S,
    DURABLE_AGE,
    DURABLE_AGE_S,
    FIRST_CHUNK,
    LAG,
    PAUSE_AFTER,
    PAUSE_BEFORE,
    PAUSE_MARGIN_S,
    RATE_FROM_FIRST,
    RATE_FROM_RETURN,
    RECORDER_FIRST,
    RECORDER_S,
    TAKEOVER_S,
    UNTIL_LIVE,
    WRITES,
    missed,
)

RATES = (RATE_FROM_RETURN, RATE_FROM_FIRST)


def series(seconds=(), **more):
    return Series("case", "what", trials=50, seconds=dict(seconds), **more)


def test_a_case_without_targets_of_its_own_is_good_when_nothing_was_lost():
    assert missed("outage", series()) == []


@pytest.mark.parametrize("wrong", [{"frames_lost": 1}, {"damage": 1}, {"shortfalls": ["the archives differ"]}])
def test_a_lost_frame_damage_and_what_the_case_saw_are_missed_by_any(wrong):
    assert len(missed("outage", series(**wrong))) == 1


def test_all_that_is_wrong_is_said():
    assert len(missed("outage", series(frames_lost=1, damage=1, shortfalls=["one", "two"]))) == 4


def test_no_trial_is_no_figure():
    assert missed("outage", Series("case", "what")) == ["no trial was made"]


@pytest.mark.parametrize(("case", "name", "limit"), [*((case, FIRST_CHUNK, limit) for case, limit in TAKEOVER_S.items()),
                                                     *((case, RECORDER_FIRST, limit) for case, limit in RECORDER_S.items())])  # fmt: skip
def test_a_takeover_is_judged_at_p99_and_has_to_be_measured(case, name, limit):
    assert missed(case, series({name: [limit] * 50})) == []
    [line] = missed(case, series({name: [0.1] * 49 + [limit + 0.01]}))
    assert name in line
    assert missed(case, series()) == [f"{name}: not measured"]


@pytest.mark.parametrize("late", [[1.0] * 49 + [1.02 + PAUSE_MARGIN_S], [1.01 + PAUSE_MARGIN_S] * 30 + [1.0] * 20])
def test_the_survivor_may_not_pause_longer_than_before_neither_at_worst_nor_usually(late):
    before = {PAUSE_BEFORE: [1.0] * 49 + [1.01]}
    assert missed("redundant-kill", series({**before, PAUSE_AFTER: [1.0 + PAUSE_MARGIN_S] * 50})) == []
    assert len(missed("redundant-kill", series({**before, PAUSE_AFTER: late}))) == 1


def test_one_bad_moment_before_the_faults_does_not_hide_what_they_usually_do():
    [line] = missed("redundant-stop", series({PAUSE_BEFORE: [1.0] * 49 + [5.0], PAUSE_AFTER: [3.0] * 50}))
    assert "p50" in line


def caught_up(**more):
    return {"seconds": {UNTIL_LIVE: [1.9], AGE: [1.2, 1.9], **more}, "figures": {name: [20.0] * 50 for name in RATES}}


def test_a_catch_up_is_judged_usually_and_at_its_slow_end_by_both_clocks():
    assert missed("catchup", Series("case", "what", trials=50, **caught_up())) == []
    for name in RATES:
        figures = caught_up()
        figures["figures"][name] = [40.0] * 49 + [19.9]
        [line] = missed("catchup", Series("case", "what", trials=50, **figures))
        assert name in line
        assert "p99" in line
        figures["figures"][name] = [19.9] * 50
        assert len(missed("catchup", Series("case", "what", trials=50, **figures))) == 2


@pytest.mark.parametrize("name", [UNTIL_LIVE, AGE])
def test_one_moment_at_which_live_video_was_too_old_is_a_miss(name):
    [line] = missed("catchup", Series("case", "what", trials=50, **caught_up(**{name: [1.0] * 999 + [2.1]})))
    assert name in line
    assert "worst" in line


def test_a_catch_up_that_was_not_measured_is_missed():
    assert len(missed("catchup", series())) == 6


def test_under_a_stall_of_the_disk_archivers_get_their_chunks_as_always():
    assert missed("agent-disk", series({AGE: [LIVE_AGE_S], DURABLE_AGE: [DURABLE_AGE_S]})) == []
    assert len(missed("agent-disk", series({AGE: [0.5, LIVE_AGE_S + 0.1], DURABLE_AGE: [0.5, DURABLE_AGE_S + 0.1]}))) == 2
    assert len(missed("agent-disk", series())) == 2


@pytest.mark.parametrize(("name", "limit"), [(name, limit) for name, (_, limit) in DIRECTORY_S.items()])
def test_the_directory_is_judged_by_what_was_not_left_out(name, limit):
    assert missed("directory", series()) == []
    assert missed("directory", series({name: [limit] * 50}, edits=1)) == []
    [line] = missed("directory", series({name: [limit] * 49 + [limit * 1.1]}, edits=1))
    assert name in line


@pytest.mark.parametrize("name", [WRITES, LAG])
def test_one_acknowledged_edit_that_is_missing_is_too_many_and_edits_have_to_be_counted(name):
    assert missed("directory", series({name: [0.1] * 50}, edits=2000, edits_missing=1)) == ["acknowledged edits missing: 1"]
    assert missed("directory", series({name: [0.1] * 50})) == ["acknowledged edits missing: not measured"]


def test_the_directory_on_postgresql_has_the_same_targets_but_for_the_pace_of_a_file():
    assert len(missed("directory-postgres", series({WRITES: [4.1], LAG: [0.3]}, edits=1, edits_missing=1))) == 3
    assert missed("directory-postgres", series(figures={f"{BURST}, PostgreSQL": [1.0]})) == []


def test_the_directorys_journal_has_its_pace():
    assert missed("directory", series(figures={BURST: [BURST_RATE]})) == []
    assert len(missed("directory", series(figures={BURST: [BURST_RATE - 1]}))) == 1


def test_pauses_that_were_not_measured_are_missed():
    assert missed("redundant-drop", series({PAUSE_AFTER: [1.0]})) == [f"{PAUSE_BEFORE}: not measured"] * 2
    assert missed("redundant-drop", series({PAUSE_BEFORE: [1.0]})) == [f"{PAUSE_AFTER}: not measured"] * 2


def test_a_kill_that_lost_too_many_frames_does_not_hide_acknowledged_chunks_that_are_gone():
    assert kill_faults(0, bound_frames()) == []
    gone, lost = kill_faults(2, bound_frames() + 1)
    assert "acknowledged" in gone
    assert str(bound_frames() + 1) in lost


def test_files_of_two_volumes_are_held_against_each_other_byte_by_byte(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for volume, files in ((here, {"same": b"1", "other": b"12", "here": b"1"}), (there, {"same": b"1", "other": b"13", "there": b"1"})):
        volume.mkdir()
        for name, content in files.items():
            (volume / f"{name}.mp4").write_bytes(content)
    assert different_files(here, there) == [f"here.mp4 is missing in {there}", f"other.mp4 has other bytes in {there}",
                                            f"there.mp4 is missing in {here}"]  # fmt: skip
    assert different_files(here, here) == []
