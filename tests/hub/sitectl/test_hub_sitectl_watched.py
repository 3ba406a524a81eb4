"""`watchkeep site health` and the colours of `show`: what is wrong first, with why, in 80 columns."""

from rich.console import Console
from site_kit import Book, camera, put

from watchkeep.hub.directory.health.model import (
    CameraHealth,
    Level,
    MemberHealth,
    SiteAvailability,
    SiteHealth,
    Standing,
    ThingAvailability,
)
from watchkeep.hub.sitectl.client import Seen
from watchkeep.hub.sitectl.story import lasting
from watchkeep.hub.sitectl.tree import By, tree
from watchkeep.hub.sitectl.watched import show, show_period

NOW = 1_790_000_000.0


def found(blind: str = "") -> SiteHealth:
    cameras = {
        "well": CameraHealth(state=Level.PROTECTED, since_s=NOW - 9000, copies=2, wanted=2, age_s=0.4),
        "door": CameraHealth(state=Level.UNPROTECTED, since_s=NOW - 20, wanted=2, age_s=34.9,
                             why="archiver b, which had it, does not answer"),
        "gate": CameraHealth(state=Level.DEGRADED, since_s=NOW - 7300, copies=1, wanted=2, age_s=0.4,
                             why="1 of 2 copies: b has nothing [new]"),
        "new": CameraHealth(state=Level.UNSEEN, since_s=NOW - 3, why="nothing of it yet"),
    }  # fmt: skip
    agents = {"edge-1": MemberHealth(state=Standing.UP, since_s=NOW),
              "edge-2": MemberHealth(state=Standing.DOWN, since_s=NOW - 90, why="is gone")}  # fmt: skip
    return SiteHealth(server="a", since_s=NOW, limit_s=15, blind=blind, cameras=cameras, agents=agents)


def shown(one: SiteHealth, *, every: bool = False) -> list[str]:
    to = Console(width=80, no_color=True, highlight=False)
    with to.capture() as captured:
        show(one, NOW, to, every=every)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_what_is_wrong_comes_first_and_what_is_well_is_counted() -> None:
    lines = shown(found())
    assert lines[0] == "cameras  1 unprotected, 1 degraded, 1 unseen, 1 protected"
    assert [line.split()[0] for line in lines[1:4]] == ["door", "gate", "new"]
    assert lines[1].split("  ")[-1] == "archiver b, which had it, does not answer"
    assert "for 35 s" in lines[1]
    assert "for 2.03 h" in lines[2]
    assert lines[2].endswith("1 of 2 copies: b has nothing [new]")
    assert lines[4] == "agents  1 down, 1 up"
    assert lines[5].split() == ["edge-2", "down", "for", "90", "s", "is", "gone"]
    assert lines[-1] == "server a watches since 2026-09-21 14:13:20Z, limit 15 s"
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["well", "protected"] for line in shown(found(), every=True))


def test_a_server_that_sees_nobody_says_so_before_everything_else() -> None:
    lines = shown(found("this server is cut off"))
    assert lines[1] == "nothing can be said of any camera: this server is cut off"
    assert lines[2].startswith("agents"), "and not the same of each camera"


def test_of_many_cameras_the_worst_are_named_and_the_rest_is_counted() -> None:
    bad = {f"cam{number:04}": CameraHealth(state=Level.DEGRADED, since_s=NOW, why="1 of 2 copies") for number in range(200)}
    bad["zoo"] = CameraHealth(state=Level.UNPROTECTED, since_s=NOW, why="no archiver gets anything new")
    site = found().model_copy(update={"cameras": bad})
    lines = shown(site)
    assert lines[1].split()[0] == "zoo"
    assert lines[41] == "and 161 more, with --all"
    assert len(lines) < 50
    assert len(shown(site, every=True)) > 200


def test_the_tree_takes_the_worse_of_video_and_assignment() -> None:
    book = Book(put("agent/e1"), put("agent/e2"), *(camera(number) for number in range(5)))
    book.assign({"cam0": "e1", "cam1": "e1", "cam2": "e1", "cam3": "e2", "cam4": "e1"})
    states = {"cam0": (Level.PROTECTED, ""), "cam1": (Level.UNPROTECTED, "see there"), "cam2": (Level.DEGRADED, "1 of 2 copies"),
              "cam3": (Level.PROTECTED, ""), "cam4": (Level.UNSEEN, "nothing of it yet")}  # fmt: skip
    cameras = {name: CameraHealth(state=state, since_s=NOW, why=why, age_s=40.0) for name, (state, why) in states.items()}
    health = SiteHealth(server="a", since_s=NOW, limit_s=15, cameras=cameras)
    seen = Seen("http://a:1", book.site, "a", {}, {"e1": "lives", "e2": "gone"}, {}, {}, b"", health)
    to = Console(width=120, no_color=True, highlight=False)
    with to.capture() as captured:
        to.print(tree(seen, By.RECORDER, NOW))
    lines = [line.strip("│├└─ ") for line in captured.get().splitlines()]
    told = {line.split()[1]: (line[0], line.rpartition("  ")[2]) for line in lines if " cam" in line and line[0] in "●◐○·"}
    assert told["cam0"][0] == "●"
    assert told["cam1"] == ("○", "no durable video for 40 s: see there")
    assert told["cam2"] == ("◐", "1 of 2 copies")
    assert told["cam3"] == ("○", "its recorder e2 is gone")
    assert told["cam4"][0] == "●", "by its assignment alone"
    assert lines[-1] == "1 camera without durable video: watchkeep site health"


def test_a_period_is_told_the_worst_first_and_nothing_is_rounded_up_to_all() -> None:
    def thing(kind: str, name: str, up_s: float, down_s: float, **more: float) -> ThingAvailability:
        share = up_s / (up_s + down_s) if up_s + down_s else None
        return ThingAvailability(kind=kind, id=name, share=share, up_s=up_s, down_s=down_s, planned_s=more.get("planned_s", 0.0),
                                 unknown_s=more.get("unknown_s", 0.0), outages=int(down_s > 0), longest_s=down_s)  # fmt: skip

    things = [thing("agent", "edge-1", 1000.0, 0.0, unknown_s=9000), thing("camera", "door", 99_999_999.0, 1.0),
              thing("camera", "gate-" * 8, 500.0, 500.0, planned_s=7200.0), thing("role", "backup", 0.0, 0.0, planned_s=60.0)]  # fmt: skip
    to = Console(width=80, no_color=True, highlight=False)
    with to.capture() as captured:
        show_period(SiteAvailability(from_s=NOW - 86_400, to_s=NOW, things=things), to)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0] == "from 2026-09-20 14:13:20Z to 2026-09-21 14:13:20Z"
    assert lines[1].split() == ["there", "down", "outages", "longest", "planned", "unknown"]
    assert lines[2].split()[1:] == ["50.000", "%", "8", "min", "1", "8", "min", "2", "h", "-"]
    rest = [line.split() for line in lines if line.split()[0] in ("camera/door", "agent/edge-1", "role/backup")]
    assert [line[:3] for line in rest] == [["camera/door", "99.999", "%"], ["agent/edge-1", "100.000", "%"], ["role/backup", "-", "-"]]
    with to.capture() as captured:
        show_period(SiteAvailability(from_s=NOW - 86_400, to_s=NOW, things=[]), to)
    assert captured.get().splitlines()[1] == "nothing is known of it"


def test_a_time_is_told_in_the_unit_that_people_use() -> None:
    assert [lasting(seconds) for seconds in (0.4, 119.0, 120.0, 7199.0, 12_600.0, 172_800.0)] == [
        "0 s", "119 s", "2 min", "120 min", "3.5 h", "2 d"]  # fmt: skip
