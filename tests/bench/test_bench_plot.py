"""The picture of bench runs: tests/bench/plot.py."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from judge import BASELINE, Counted, Result
from plot import OURS, PANELS, THEIRS, step_above, svg

SVG = "{http://www.w3.org/2000/svg}"


def run(cameras, **figures):
    figures = {"agent_cpu_percent_per_camera": 0.2, "agent_rss_mb_per_camera": 4.0, "archiver_cpu_percent_per_camera": 0.1,
               "agent_wakeups_per_s": 90.0, "ffmpeg_cpu_percent_per_camera": 0.6, "ffmpeg_rss_mb_per_camera": 50.0, **figures}  # fmt: skip
    counted = [Counted(name, cameras, 350 * cameras, 350 * cameras, 350) for name in ("a", "b", BASELINE)]
    return Result("2026-11-27 01:00 UTC", cameras, 10.0, ("a", "b"), counted=counted, **figures)


def texts(drawn):
    return [one.text for one in ET.fromstring(drawn).iter(f"{SVG}text")]


def test_each_run_is_a_point_of_each_line_with_its_number_beside_it():
    drawn = svg([run(64, agent_cpu_percent_per_camera=0.15), run(8, agent_cpu_percent_per_camera=0.3)])
    points = [one.get("fill") for one in ET.fromstring(drawn).iter(f"{SVG}circle")]
    assert (points.count(OURS), points.count(THEIRS)) == (2 * len(PANELS), 2 * sum(panel.theirs is not None for panel in PANELS))
    said = texts(drawn)
    assert {"0.150", "0.300", "0.600", "4.0", "50.0", "90"} <= set(said)
    assert [text for text in said if text in ("8", "64")] == ["8", "64"] * len(PANELS), "fewest cameras first"


def test_a_run_with_a_lost_frame_is_named_and_not_drawn():
    lossy = run(128)
    lossy.counted[0] = replace(lossy.counted[0], frames=1)
    said = texts(svg([run(64), lossy]))
    assert "128" not in said
    assert any("does not count: 128 cameras" in text for text in said)
    with pytest.raises(ValueError, match="no run counts"):
        svg([lossy])


def test_a_higher_value_is_drawn_higher_and_none_outside_its_panel():
    drawn = svg([run(8, agent_wakeups_per_s=40.0), run(64, agent_wakeups_per_s=190.0)])
    heights = [float(one.get("cy")) for one in ET.fromstring(drawn).iter(f"{SVG}circle") if one.get("fill") == OURS]
    assert heights[-1] < heights[-2]
    box = [float(number) for number in ET.fromstring(drawn).get("viewBox").split()]
    assert all(0 < height < box[3] for height in heights)


@pytest.mark.parametrize(("value", "step"), [(0, 1), (0.3, 0.5), (1, 1), (1.01, 2), (51.4, 100), (193, 200), (200.1, 500)])
def test_axes_end_at_a_round_number_above_the_highest_value(value, step):
    assert step_above(value) == pytest.approx(step)
