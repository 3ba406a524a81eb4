"""The tree that `watchkeep site show` draws, of sites made up here: what it says of each part, in 80 and in 120 columns."""

import pytest
from rich.console import Console
from site_kit import Book, camera, put

from watchkeep.hub.directory.site import Site
from watchkeep.hub.sitectl.client import Seen
from watchkeep.hub.sitectl.tree import By, tree

NOW = 1_790_000_000.0
SERVERS = {"a": {"role": "leading", "index": 4, "able": True}, "b": {"role": "following", "index": 1, "able": True},
           "x": {"role": "looking", "index": 4, "able": False}}  # fmt: skip


def site() -> Site:
    book = Book(put("location/hq", name="Head office"), put("location/floor", parent="hq"), put("archiver/s1", url="http://10.0.0.1:9701"),
                put("archiver/s2", retention_days=90.0),
                put("group/halls", copies=2, archivers=["s1", "s2"], priority=7, failback="sticky", retention_days=365.0),
                put("agent/edge-1", location="hq", standbys=["edge-2"]), put("agent/edge-2", standby=True), put("agent/edge-3"),
                put("server/a", url="http://a:1", rank=0), put("server/b", url="http://b:1", rank=1),
                put("server/r", url="http://r:1", rank=6, recovery=True), put("role/backup", servers=["a", "b"]),
                put("role/backups", servers=["a"]))  # fmt: skip
    book.edit(camera(0, group="halls", location="floor", name="Door"), camera(1, group="halls"), camera(2), camera(3),
              camera(4, copies=2, retention_days=7.5),
              put("window/w", kind="archiver", target="s2", start_s=NOW - 10, end_s=NOW + 10))  # fmt: skip
    book.assign({"cam0": "edge-1", "cam1": "edge-3", "cam4": "edge-1"}, {"cam4": ["s1"]})
    book.write("lease", role="backup", holder="b", number=8)
    return book.site


def drawn(found: Site, by: By = By.RECORDER, width: int = 120, lives: dict[str, str] | None = None,
          without: dict[str, str] | None = None, stores: dict[str, str] | None = None) -> list[str]:  # fmt: skip
    to = Console(width=width, no_color=True, highlight=False)
    with to.capture() as captured:
        to.print(tree(Seen("http://a:1", found, "a", SERVERS, lives or {}, without or {}, stores or {}, b""), by, NOW))
    return captured.get().splitlines()


def line(lines: list[str], start: str) -> str:
    (found,) = [one.strip("│├└─ ") for one in lines if one.strip("│├└─ ").startswith(start)]
    return found


def test_who_leads_who_stores_by_which_rules() -> None:
    lines = drawn(site())
    assert lines[0].startswith("site  leader a  term 1, entry 4, as http://a:1 tells it")
    assert line(lines, "● a") == "● a  http://a:1  leading"
    assert line(lines, "● b  ") == "● b  http://b:1 · 3 entries behind  following"
    assert line(lines, "○ r") == "○ r  http://r:1 · recovery  does not answer"
    assert line(lines, "○ x") == "○ x  not in the site  looking, its database takes no entries"
    assert line(lines, "· s1") == "· s1  http://10.0.0.1:9701 · days by its hub.toml, else 30"
    assert line(lines, "◐ s2") == "◐ s2  found by mDNS · 90 days · until 2026-09-21 14:13Z  in maintenance"
    assert line(lines, "· halls") == "· halls  2 copies on s1, s2 · priority 7 · failback sticky · 365 days · 2 cameras"
    assert line(lines, "◐ backups") == "◐ backups  of a · sticky  this version knows no such role: nobody does anything for it"
    assert line(lines, "● backup") == "● backup  of a, b · sticky  held by b"
    assert lines.index("│   └── · hq  Head office") + 1 == lines.index("│       └── · floor  1 camera")


def test_agents_and_cameras_by_what_the_directory_knows() -> None:
    lines = drawn(site(), lives={"edge-1": "lives", "edge-2": "suspect", "edge-3": "gone"}, without={"cam2": "no agent reaches it"})
    assert line(lines, "● edge-1") == "● edge-1  hq · 2 of 64 cameras · 8 of 400 Mbit/s · then edge-2"
    assert line(lines, "● cam0") == "● cam0  Door  halls · floor · 2 copies on s1, s2 · priority 7"
    assert line(lines, "◐ cam4") == "◐ cam4  2 copies on s1 · priority 5 · 7.5 days  1 of 2 archivers"
    assert line(lines, "◐ edge-2") == "◐ edge-2  0 of 64 cameras · 0 of 400 Mbit/s · stands by  its connection was closed"
    assert line(lines, "○ edge-3") == "○ edge-3  1 of 64 cameras · 4 of 400 Mbit/s  gone"
    assert line(lines, "○ cam1") == "○ cam1  halls · 2 copies on s1, s2 · priority 7  its recorder edge-3 is gone"
    assert line(lines, "○ cam2") == "○ cam2  1 copy, archivers not planned yet · priority 5  nobody records it: no agent reaches it"
    assert line(lines, "not assigned") == "not assigned to an agent  2 cameras"


def test_a_camera_that_is_moved_is_with_its_new_agent_and_says_who_goes_on() -> None:
    book = Book(put("agent/edge-1"), put("agent/edge-2"), camera(0), camera(1))
    book.assign({"cam0": "edge-1", "cam1": "edge-1"})
    book.assign({"cam0": "edge-2"})
    lines = drawn(book.site)
    assert "1 of 64 cameras · records 1 camera more until another agent has begun · " in line(lines, "· edge-1")
    assert "more until" not in line(lines, "· edge-2")
    assert line(lines, "· cam0").startswith("· cam0  edge-1 until it has begun · 1 copy")
    assert "until it has begun" not in line(lines, "· cam1")
    assert line(drawn(book.site, By.GROUP), "· cam0").startswith("· cam0  by edge-2 · edge-1 until it has begun · ")
    book.assign({}, left={"cam0": book.site.recorders["cam0"].term})
    assert not [one for one in drawn(book.site) if "begun" in one]


def test_archivers_by_their_answers_to_the_leader() -> None:
    lines = drawn(site(), stores={"s1": "lives", "s2": "gone"})
    assert line(lines, "● s1") == "● s1  http://10.0.0.1:9701 · days by its hub.toml, else 30"
    assert line(lines, "◐ s2").endswith("in maintenance, gone")
    assert line(drawn(site(), stores={"s1": "suspect"}), "◐ s1").endswith("does not answer the last question")
    assert line(drawn(site(), stores={"s1": "gone"}), "○ s1").endswith("gone")


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    lines = drawn(site())
    assert line(lines, "· edge-3").startswith("· edge-3  1 of 64")
    assert line(lines, "· cam0").startswith("· cam0  Door")
    lines = drawn(Book(camera(0)).site)
    assert line(lines, "· cam0"), "a site without agents records by agents' own files"


@pytest.mark.parametrize(("by", "heads"), [
    (By.LOCATION, ["· floor  1 camera", "without a location  4 cameras"]),
    (By.GROUP, ["· halls  2 cameras", "without a group  3 cameras"]),
])  # fmt: skip
def test_cameras_can_be_listed_by_what_they_share(by: By, heads: list[str]) -> None:
    lines = [one.strip("│├└─ ") for one in drawn(site(), by)]
    assert [one for one in lines[lines.index(f"cameras by {by}") :] if one in heads] == heads
    assert any(one.startswith(("● cam0", "· cam0")) for one in lines)
    assert any("by edge-1" in one for one in lines)


def test_it_fits_a_narrow_terminal_and_shows_what_comes_from_the_site_as_it_is() -> None:
    book = Book(put("location/hq", name="[bold]not markup[/]"), camera(0, name="x" * 150))
    for width in (80, 120):
        lines = drawn(book.site, width=width)
        assert max(map(len, lines)) <= width
        assert any("[bold]not markup[/]" in one for one in lines)
    book.write("keep", origin="f" * 64, why="both sides", entries=[{"changes": []}], of=[])
    assert any("1 edit waits for your decision" in one for one in drawn(book.site))
