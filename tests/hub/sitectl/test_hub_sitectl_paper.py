"""`watchkeep site apply | export | history | contingency`: the real command against real directory servers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from directory_kit import CAMERA, Client, directory
from hub_kit import wait_for
from sitectl_kit import site, typed, within

from watchkeep.hub.directory.requests import HistoryEntry
from watchkeep.hub.directory.sitefile import Difference
from watchkeep.hub.sitectl import story
from watchkeep.wire.errors import UsageError

FILE = """
[[archiver]]
id = "s1"
[[group]]
id = "halls"
archivers = ["s1"]
[[camera]]
id = "door"
url = "rtsp://10.1.0.1/s"
group = "halls"
[[camera]]
id = "gate"
host = "10.1.0.2"
"""


@pytest.fixture(name="one")
def one_(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Client]:
    with directory(tmp_path, free_port, "a") as servers:
        yield servers.led()


def test_a_site_is_written_down_once_and_lived_with(one: Client, tmp_path: Path) -> None:
    """Shown, asked for, made; made again it changes nothing; exported it is the same; a line less removes what it named."""
    file = tmp_path / "site.toml"
    file.write_text(FILE)
    dry = site("apply", str(file), "--dry-run", server=one.url)
    assert (dry.code, "+ camera/door: url rtsp://10.1.0.1/s, group halls" in dry.out, "4 to add" in dry.out) == (0, True, True)
    assert one.get("/v1/site/camera").json() == {}
    assert site("apply", str(file), server=one.url).code == 2, "nobody is there to ask"
    assert typed("n", "apply", str(file), server=one.url)[0] == 1
    assert one.get("/v1/site/camera").json() == {}
    code, shown = typed("y", "apply", str(file), server=one.url)
    assert (code, "make these changes? [y/N]" in shown) == (0, True)
    assert set(one.get("/v1/site/camera").json()) == {"door", "gate"}
    assert "like that already" in site("apply", str(file), server=one.url).out
    exported = tmp_path / "exported.toml"
    assert site("export", "-o", str(exported), server=one.url).code == 0
    assert site("export", "-o", str(exported), server=one.url).code == 2
    assert "like that already" in site("apply", str(exported), server=one.url).out
    assert site("export", server=one.url).out == exported.read_text()
    less = FILE.replace('url = "rtsp://10.1.0.1/s"', 'url = "rtsp://10.1.0.9/s"').partition('[[camera]]\nid = "gate"')[0]
    kept = site("apply", "-", "--keep", "--yes", server=one.url, input_text=less)
    assert "~ camera/door: url rtsp://10.1.0.1/s → rtsp://10.1.0.9/s" in kept.out
    gone = site("apply", "-", "--yes", server=one.url, input_text=less)
    assert ("- camera/gate" in gone.out, gone.out.count("camera/door")) == (True, 0)
    assert set(one.get("/v1/site/camera").json()) == {"door"}


def test_one_wrong_line_refuses_the_whole_file(one: Client, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    for wrong, line, part in (
        ('host = "10.1.0.2"\ncopys = 2', 14, "camera/gate.copys: is not a known key"),
        ('host = "u:p@10.1.0.2"', 11, "camera/gate: host holds credentials"),
        ('host = "10.1.0.2"\ngroup = "none"', 11, "camera/gate: names group 'none'"),
        ('host = "10.1.0.2"\n[[tree]]\nid = "oak"', 14, "tree: is no kind of entity"),
        ("host = ", None, "is not TOML"),
    ):
        file.write_text(FILE.replace('host = "10.1.0.2"', wrong))
        said = within("apply", str(file), "--yes", server=one.url)
        assert said.code == 2
        assert (f"{file}:{line}: {part}" if line else part) in said.err, said.err
        assert "u:p" not in said.err
    assert one.get("/v1/site/camera").json() == {}
    assert site("apply", str(tmp_path / "none.toml"), server=one.url).code == 2


def test_history_tells_who_did_what_and_can_be_narrowed(one: Client) -> None:
    one.put("camera/door", CAMERA, Watchkeep_Actor="anna")
    one.put("camera/door", {**CAMERA, "name": "Door"}, Watchkeep_Actor="ben")
    one.put("camera/gate", CAMERA, Watchkeep_Actor="anna")
    everything = within("history", server=one.url).out
    assert all(word in everything for word in ("anna", "ben", "directory", "a leads in term", "+ camera/gate"))
    assert everything.index("+ camera/gate") < everything.index("+ camera/door"), "the newest first"
    door = within("history", "--entity", "camera/door", server=one.url).out
    assert "~ camera/door: name (default) → Door" in door
    assert "gate" not in door
    assert [entry["actor"] for entry in json.loads(within("history", "--by", "anna", "--json", server=one.url).out)] == ["anna"] * 2
    assert len(json.loads(within("history", "-n", "1", "--json", server=one.url).out)) == 1
    assert within("history", "--since", "4000000000", server=one.url).out == "nothing\n"
    assert len(json.loads(within("history", "--since", "1h", "--by", "ben", "--json", server=one.url).out)) == 1
    assert within("history", "--since", "yesterday", server=one.url).code == 2
    for wrong in ("door", "cam/door"):
        said = within("history", "--entity", wrong, server=one.url)
        assert (said.code, "write it as camera/door; kinds: " in said.err) == (2, True), said


def test_an_operator_settles_what_two_leaders_contradict(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        leader.put("camera/both", CAMERA)
        servers.level()
        for name in "ab":
            for running in list(servers.clients):
                servers.stop(running)
            servers.start(name)
            servers.led().put("camera/both", {**CAMERA, "name": f"by {name}"}, Watchkeep_Actor=f"ops of {name}")
        client = servers.start("a")
        servers.led()
        wait_for(lambda: client.get("/v1/site/contingency").json() != [], "what contradicts")
        listed = site("contingency", "list", server=client.url).out
        assert "camera/both, by ops of a" in listed
        assert "wait" in site("show", server=client.url).out
        origin = listed.split()[0]
        shown = site("contingency", "show", origin, server=client.url).out
        assert "~ camera/both: name by b → by a" in shown
        assert within("contingency", "settle", origin, "perhaps", "--yes", server=client.url).code == 2
        assert within("contingency", "settle", "0x", "apply", "--yes", server=client.url).code == 2
        assert within("contingency", "settle", origin, "dismiss", server=client.url).code == 2, "nobody is there to ask"
        settled = site("contingency", "settle", origin, "dismiss", "--yes", server=client.url)
        assert (settled.code, "on 2 servers" in settled.out) == (0, True), settled
        assert client.get("/v1/site/camera/both").json()["name"] == "by b"
        assert "nothing waits" in site("contingency", "list", server=client.url).out
        told = f"contingency {origin}: dismiss, about camera/both"
        assert told in site("history", "--by", "ops", "-n", "1", server=client.url).out
        assert told in site("history", "--entity", "camera/both", "-n", "1", server=client.url).out, "or it seems to wait still"


def entry(kind: str, **payload: object) -> HistoryEntry:
    return HistoryEntry(index=7, term=8, actor="ops", at_s=1_790_000_000.0, kind=kind, payload=payload)


def test_every_kind_of_entry_is_told_in_words() -> None:
    many = {f"cam{number:02}": ["edge-1", 9] for number in range(10)}
    assert story.what(entry("assign", recorders={**many, "x": ["", 1]}, archivers={"x": ["a", "b"], "y": None}), {}) == [
        "nobody records x", "edge-1 records cam00, cam01, cam02, cam03, cam04, cam05, cam06, cam07 and 2 more",
        "x on a, b", "y on no planned archivers"]  # fmt: skip
    assert story.what(entry("lease", role="backup", holder="", number=3), {}) == ["role backup is held by nobody (number 3)"]
    assert story.what(entry("edit", changes=[]), {}) == ["nothing was left to change"]
    assert story.what(entry("dance"), {}) == ["dance, of a newer version"]
    (gone,) = story.what(entry("edit", changes=[{"entity": "camera", "id": "x", "value": None, "was": 3}]), {})
    assert isinstance(gone, Difference)
    assert gone.line() == "- camera/x"


def test_times_as_they_are_typed() -> None:
    assert story.since("2h", 10_000.0) == 2800.0
    assert story.since("1790000000", 0.0) == 1_790_000_000.0
    assert story.since("2026-09-21T14:13:20Z", 0.0) == 1_790_000_000.0
    for wrong in ("2026-09-21T14:13:20", "soon", ""):
        with pytest.raises(UsageError):
            story.since(wrong, 0.0)
