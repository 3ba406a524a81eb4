"""What the demo draws: hub/demo/show.py, at the sizes of real terminals."""

import io

import pytest
from rich.console import Console

from watchkeep.hub.demo import show
from watchkeep.hub.demo.follow import SiteView
from watchkeep.hub.demo.verdict import Archive, Takeover, Verdict
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import AgentBeacon, ArchiverLink, CameraState, Event

WHY = "no connection (Connection refused), and a reason that is much longer than any terminal is wide" * 3


def site(cameras: int) -> SiteView:
    """A site in its worst state: the longest words, the largest numbers."""
    view = SiteView()
    for number in range(cameras):
        view.cameras[f"cam{number}"] = CameraState(
            camera=f"cam{number}", agent="e", boot="x", status="unauthorized", since_s=0, protection="unprotected", protection_since_s=0,
            frames=99_999, dropped_frames=123, chunk_age_s=12.3, durable_age_s=123.4, mbit_s=12.3, codec="hevc")  # fmt: skip
    links = tuple(ArchiverLink(archiver=name, healthy=False, why=WHY, since_s=0, received=99_999, durable=99_999, missing=9_999,
                               sent_bytes=9_999_999_999) for name in "ab")  # fmt: skip
    view.agents["e"] = AgentBeacon(agent="e", site="s", version="1", online=True, boot="x", beat=1, sent_s=0, cameras=cameras, links=links)
    view.events.extend(Event(kind=EventKind.TAKEOVER, source="e", archiver="a", at_s=0, text=f"[red]{WHY}") for _ in range(9))
    return view


def drawn(renderable, columns: int) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, color_system=None, force_terminal=True)
    console.print(renderable)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("cameras", [1, 4, 64])
def test_a_frame_fits_the_terminal_and_cuts_no_word_but_reasons(size, cameras):
    lines = drawn(show.live(site(cameras), "headline", size), size[0])
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert sum("unauthorized  unprotected    12.3   99999      123  12.3 s  123.4 s" in line for line in lines) >= min(cameras, 4)
    assert sum("99999" in line and "unhealthy" in line and "9999  10000 MB  no conn" in line for line in lines) == 2
    assert sum("…" in line for line in lines) == 2 + show.SHOWN_EVENTS


def test_cameras_that_do_not_fit_are_counted():
    lines = drawn(show.cameras(site(64), 6), 80)
    assert sum("cam" in line for line in lines[2:]) == 5
    assert any(line.split()[:2] == ["+", "59"] for line in lines)


def test_markup_in_what_others_send_is_shown_as_it_is():
    assert any("[red]" in line for line in drawn(show.events(site(1)), 80))


@pytest.mark.parametrize(("problems", "says"), [((), "NOTHING LOST"), (("archive b: [red] is missing",), "archive b: [red] is missing")])
def test_the_verdict_says_it_in_one_line(problems, says):
    archives = [Archive(name, {"cam0": 250}, {"cam0": 0}, {"cam0": 0}, []) for name in "ab"]
    result = Verdict(1, 10, {"cam0": 250}, archives, True, Takeover("a", "b", None, 3.0, 1.0, 0.9), True, problems)
    lines = drawn(show.verdict(result), 80)
    assert any(says in line for line in lines)
    assert any("never noticed" in line for line in lines)
    assert max(map(len, lines)) <= 80
