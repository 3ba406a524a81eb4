"""`watchkeep site <kind> add | set | remove | list` and `show`: the real command against real directory servers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from directory_kit import Client, directory
from hub_kit import wait_for
from sitectl_kit import site, typed, within

from watchkeep.hub.directory.entities import KINDS
from watchkeep.hub.directory.wording import FIELDS
from watchkeep.hub.sitectl.fields import fields, merged, typed_values
from watchkeep.wire.errors import UsageError


@pytest.fixture(name="one")
def one_(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Client]:
    with directory(tmp_path, free_port, "a") as servers:
        yield servers.led()


def done(*arguments: str, server: str) -> str:
    said = site(*arguments, server=server)
    assert (said.code, said.err) == (0, ""), said
    return said.out


def test_a_site_is_described_and_shown_as_a_tree(one: Client) -> None:
    for words in ("location add hq --name Head\u2003office", "location add floor-1 --parent hq",
                  "archiver add s1 --url http://10.0.0.1:9701", "archiver add s2",
                  "group add halls --copies 2 --archivers s1,s2 --priority 7",
                  "agent add edge-2 --standby", "agent add edge-1 --reaches hq --max-cameras 16 --standbys edge-2",
                  "camera add door --url rtsp://10.1.0.1/s --group halls --location floor-1",
                  "camera add gate --host 10.1.0.2"):  # fmt: skip
        assert "on one server so far" in within(*words.split(" "), server=one.url).out
    wait_for(lambda: set(one.site()["archivers"]) == {"gate"}, "the plan")
    shown = done("show", server=one.url)
    assert "● a  http://127.0.0.1" in shown
    assert "· halls  2 copies on s1, s2 · priority 7 · 1 camera" in shown
    assert "· hq  Head\u2003office" in shown
    assert all(any(f" {name}  " in line for line in shown.splitlines()) for name in ("s1", "s2", "edge-1", "edge-2", "door", "gate"))
    by_place = done("show", "--by", "location", server=one.url)
    assert "without a location  1 camera" in by_place
    assert json.loads(done("show", "--json", server=one.url))["leader"] == "a"
    listed = json.loads(done("camera", "list", "--json", server=one.url))
    assert listed["gate"]["value"] == {"host": "10.1.0.2"}
    assert "rtsp://10.1.0.1/s" in done("camera", "list", server=one.url)
    history = one.get("/v1/site/history?entity=camera/gate").json()["entries"]
    assert [(entry["kind"], entry["actor"]) for entry in history[-2:]] == [("assign", "directory"), ("edit", "ops")]


def test_set_changes_what_is_named_and_keeps_what_somebody_else_changed(one: Client) -> None:
    done("camera", "add", "door", "--url", "rtsp://h/s", "--copies", "1", server=one.url)
    revision = json.loads(done("camera", "list", "--json", server=one.url))["door"]["revision"]
    out = done("camera", "set", "door", "--name", "Door", "--unset", "copies", server=one.url)
    assert "copies 1 → (default)" in out
    assert one.get("/v1/site/camera/door").json() == {"url": "rtsp://h/s", "name": "Door"}
    assert "like that already" in done("camera", "set", "door", "--name", "Door", server=one.url)
    stale = site("camera", "set", "door", "--name", "Gate", "--revision", str(revision), server=one.url)
    assert stale.code == 1
    assert f"this edit is of revision {revision}" in stale.err
    assert one.get("/v1/site/camera/door").json()["name"] == "Door"
    done("window", "add", "w", "--kind", "server", "--target", "a", "--start-s", "2026-09-21T14:13:20Z",
         "--end-s", "1790003600", server=one.url)  # fmt: skip
    assert one.get("/v1/site/window/w").json()["start_s"] == 1_790_000_000.0
    shown = done("window", "list", server=one.url)
    assert shown.split()[:5] == ["id", "kind", "target", "start", "end"]
    assert "2026-09-21 14:13:20Z" in shown
    assert "2026-09-21 15:13:20Z" in shown


def test_what_does_not_fit_is_refused_with_path_and_remedy(one: Client) -> None:
    done("archiver", "add", "s1", server=one.url)
    done("group", "add", "halls", "--archivers", "s1", server=one.url)
    for words, code, part in (
        ("camera add x --url rtsp://u:secret@h/s", 1, "camera/x: url holds credentials"),
        ("camera add x --url rtsp://h/s --group none", 1, "camera/x: names group 'none', which does not exist"),
        ("camera add x --url rtsp://h/s --group halls --copies 2", 1, "camera/x.copies: 2 copies cannot stand on 1 archivers"),
        ("camera add X --url rtsp://h/s", 1, "use 1 to 63 of a-z, 0-9 and -"),
        ("group add halls", 1, "group/halls: exists already"),
        ("group set halls --failback perhaps", 1, "group/halls.failback: has a value that is not known; use 'auto' or 'sticky'"),
        ("role add backups --servers a", 1, "role/backups: is no role of the hub"),
        ("role add backups --servers a", 1, "known roles: backup ("),
        ("group set halls --copies two", 2, "--copies"),
        ("group set halls", 2, "give one of --name"),
        ("group set halls --unset nothing", 2, "a group has no 'nothing'"),
        ("group set none --copies 1", 2, "there is no group/none"),
        ("archiver remove s1 --yes", 1, "is named by group/halls"),
        ("group remove halls", 2, "add --yes"),
    ):
        said = within(*words.split(), server=one.url)
        assert (said.code, part in said.err) == (code, True), said
        assert "secret" not in said.err + said.out
    assert set(one.get("/v1/site/group").json()) == {"halls"}


def test_a_role_says_in_its_help_which_there_are_and_how_one_is_made() -> None:
    shown = " ".join(site("role", "add", "--help").out.split())
    assert "watchkeep site role add backup --servers a,b" in shown.replace("│ ", "")
    assert "health (watches over" in " ".join(site("role", "--help").out.split())


def test_a_removal_is_asked_for_at_a_terminal(one: Client) -> None:
    done("location", "add", "hq", "--name", "Head", server=one.url)
    code, shown = typed("n", "location", "remove", "hq", server=one.url)
    assert (code, "Head" in shown, "nothing was changed" in shown) == (1, True, True)
    assert set(one.get("/v1/site/location").json()) == {"hq"}
    assert typed("y", "location", "remove", "hq", server=one.url)[0] == 0
    assert one.get("/v1/site/location").json() == {}


def test_the_next_server_is_asked_when_one_is_dead_and_edits_go_to_the_leader(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        servers.led()
        urls = f"http://127.0.0.1:{free_port()} {servers.clients['b'].url}"
        assert "on 2 servers" in done("location", "add", "hq", server=urls)
        servers.stop("a")
        late = within("location", "add", "annex", server=servers.clients["b"].url)
        assert late.code == 0, late
        assert "waiting for one" in late.err
        assert "on one server" in late.out


def test_where_no_directory_answers_the_error_names_each(one: Client, free_port: Callable[[], int]) -> None:
    dead = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    said = site("show", "--server", dead[0], "--server", dead[1])
    assert said.code == 1
    assert all(url in said.err for url in dead)
    assert "check that one of them runs" in said.err
    assert site("show", "--server", "not a url").code == 2
    assert site("show", "--server", f"{one.url}/elsewhere").code == 1


def test_every_field_has_an_option_and_a_word_of_help() -> None:
    for kind, model in KINDS.items():
        assert [field.name for field in fields(kind)] == list(model.model_fields)
    assert set(FIELDS) == {name for model in KINDS.values() for name in model.model_fields}


def test_values_as_they_are_typed() -> None:
    assert typed_values("camera", {"archivers": "a, b,", "copies": 2, "group": None}, ("--mbit-s",)) == {
        "archivers": ["a", "b"], "copies": 2, "mbit_s": None}  # fmt: skip
    assert typed_values("group", {"archivers": ""}) == {"archivers": []}
    assert merged({"a": 1, "b": 2}, {"a": None, "c": 3}) == {"b": 2, "c": 3}
    with pytest.raises(UsageError, match="has no time zone"):
        typed_values("window", {"start_s": "2026-09-21T14:13:20"})
    with pytest.raises(UsageError, match="both given and unset"):
        typed_values("camera", {"copies": 2}, ("copies",))
