"""What fails a bench run: tests/bench/judge.py, and the counting of FFmpeg's files in tests/bench/baseline.py."""

import subprocess
from dataclasses import replace

import pytest
from baseline import count
from judge import BASELINE, LIMITS, TARGET_CAMERAS, Counted, Result, faults, missed


def good():
    return Result("now", 2, 10.0, ("a", "b"), agent_cpu_percent_per_camera=0.7, agent_rss_mb_per_camera=9.0,
                  archiver_cpu_percent_per_camera=0.1, ffmpeg_cpu_percent_per_camera=0.5, ffmpeg_rss_mb_per_camera=50.0,
                  counted=[Counted(name, 2, 700, 700, 350) for name in ("a", "b", BASELINE)])  # fmt: skip


def test_a_run_that_lost_nothing_and_kept_its_limits_counts():
    assert faults(good()) == []
    assert faults(replace(good(), **LIMITS)) == []


@pytest.mark.parametrize("name", LIMITS)
def test_an_exceeded_limit_fails_it_and_names_the_figure(name):
    [line] = faults(replace(good(), **{name: LIMITS[name] * 1.001}))
    assert name in line


@pytest.mark.parametrize("name", [*LIMITS, "ffmpeg_cpu_percent_per_camera", "ffmpeg_rss_mb_per_camera"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_figure_that_was_not_measured_fails_it(name, value):
    [line] = faults(replace(good(), **{name: value}))
    assert name in line
    assert "not measured" in line


@pytest.mark.parametrize(("name", "word"), [("losses", "losses"), ("gaps", "gaps"), ("damage", "damaged")])
def test_a_told_loss_a_gap_or_damage_fails_it(name, word):
    [line] = faults(replace(good(), **{name: 1}))
    assert word in line
    assert line.endswith(": 1")


@pytest.mark.parametrize("who", ["a", "b", BASELINE])
@pytest.mark.parametrize(("wrong", "said"), [
    ({"frames": 699}, "699 frames, 700 were sent"), ({"frames": 701}, "701 frames, 700 were sent"), ({"cameras": 1}, "1 of 2 cameras"),
    ({"fewest": 299}, "299 frames, 10 s have 300"),
])  # fmt: skip
def test_a_frame_or_camera_that_is_missing_anywhere_fails_it(who, wrong, said):
    result = good()
    result.counted = [replace(one, **wrong) if one.name == who else one for one in result.counted]
    [line] = faults(result)
    assert line.startswith(f"{who}: ")
    assert said in line


@pytest.mark.parametrize("who", ["a", "b", BASELINE])
def test_a_recorder_that_was_not_counted_fails_it(who):
    result = good()
    result.counted = [one for one in result.counted if one.name != who]
    assert faults(result) == [f"{who}: nothing was counted"]


def test_each_fault_has_its_line():
    assert len(faults(Result("now", 2, 10.0, ("a", "b"), damage=1, losses=1, gaps=1))) == len(LIMITS) + 2 + 3 + 3


def test_ffmpegs_frames_are_counted_and_one_that_is_missing_is_missed(tmp_path):
    """Two cameras of 90 frames; of the second, frame 45 did not arrive."""
    for number, lost in enumerate(("", ",select='not(eq(n,45))'")):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size=64x64:rate=30:duration=3{lost}", "-c:v", "libx264",
                        "-bf", "0", "-g", "30", "-fps_mode", "passthrough", "-f", "segment", "-segment_time", "1", "-segment_format", "mp4",
                        "-reset_timestamps", "1", "-segment_list", str(tmp_path / f"c{number}.csv"), str(tmp_path / f"c{number}_%05d.mp4")],
                       check=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert count(tmp_path) == Counted(BASELINE, 2, 179, 180, 89)


def test_targets_are_wanted_of_64_cameras_and_named_when_missed():
    assert missed(replace(good(), cameras=TARGET_CAMERAS - 1, agent_wakeups_per_s=500.0)) == []
    reached = replace(good(), cameras=TARGET_CAMERAS, agent_cpu_percent_per_camera=0.12, agent_rss_mb_per_camera=4.0)
    assert missed(reached) == []
    [line] = missed(replace(reached, agent_wakeups_per_s=100.5))
    assert line == "agent_wakeups_per_s is 100.500, the target is 100"
    assert [line.split()[0] for line in missed(replace(reached, agent_cpu_percent_per_camera=0.126, agent_rss_mb_per_camera=4.1,
                                                       archiver_cpu_percent_per_camera=0.26))] == [
        "cpu_ratio", "agent_rss_mb_per_camera", "archiver_cpu_percent_per_camera"]  # fmt: skip
