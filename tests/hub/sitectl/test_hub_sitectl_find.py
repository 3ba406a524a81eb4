"""Where a command that only looks asks when no server is named: hub/sitectl/choice.py, hub/sitectl/find.py."""

import uuid
from pathlib import Path

import pytest
from hub_kit import running, wait_for
from sitectl_kit import within

from watchkeep.hub.sitectl import find
from watchkeep.hub.sitectl.choice import MAX_ASKED, candidates
from watchkeep.wire.errors import DiscoveryError, RemoteError, UsageError
from watchkeep.wire.mdns import Found
from watchkeep.wire.shell import mdns

NOBODY = "http://127.0.0.1:1"
LOOPBACK = ["127.0.0.1"]


def hub(name: str, *roles: str, site: str = "demo", url: str = NOBODY) -> Found:
    return Found(name, url, roles or ("directory",), site, "1")


def test_directory_servers_of_one_site_are_asked_by_id_and_no_others() -> None:
    found = candidates([hub("b"), hub("a", "archiver", "broker"), hub("d", "archiver", "directory"), hub("b")], NOBODY)
    assert [one.id for one in found] == ["b", "d"]
    assert len(candidates([hub(f"d{number}") for number in range(500)], NOBODY)) == MAX_ASKED


def test_of_several_sites_nobody_is_asked_and_each_is_named() -> None:
    with pytest.raises(UsageError, match="of 2 sites") as caught:
        candidates([hub("b", site="yard", url="http://h:2"), hub("a", site="yard", url="http://h:1"), hub("a")], NOBODY)
    assert caught.value.remedy == f"name one: --server {NOBODY} for demo, or --server http://h:1 for yard"
    with pytest.raises(RemoteError, match="mDNS shows none"):
        candidates([hub("a", "archiver")], NOBODY)


@pytest.fixture
def site() -> str:
    return f"site-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def nobody_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "HERE", NOBODY)


@pytest.mark.usefixtures("nobody_here")
def test_who_looks_at_a_site_and_names_nobody_is_shown_the_one_that_mdns_shows(tmp_path: Path, site: str,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def ours() -> tuple[Found, ...]:
        """Other tests on this machine may announce sites of their own, and a slow machine may take longer than a person would wait."""
        found: list[Found] = []
        wait_for(lambda: bool(found.extend(one for one in look(LOOPBACK) if one.site == site) or found), "its announcement")
        return tuple(found)

    look = find.shown
    monkeypatch.setattr(find, "shown", ours)
    server = {"id": "d", "site": site, "roles": ["directory"]}
    with running(tmp_path, volumes=0, hub=server, archiver=None, discovery={"mdns": True, "interfaces": LOOPBACK}) as directory:
        wait_for(lambda: directory.get("/v1/site").json()["leader"] == "d", "it leads")
        said = within("show", server="")
        assert (said.code, said.err) == (0, f"asking directory server d of site {site} at {directory.url}, which mDNS shows\n")
        assert said.out.startswith("site  leader d")


def test_what_is_here_is_asked_without_a_look_at_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "shown", lambda: pytest.fail("looked"))
    with running(tmp_path, volumes=0, hub={"roles": ["directory"]}, archiver=None) as directory:
        monkeypatch.setattr(find, "HERE", directory.url)
        assert find.servers(pytest.fail) == [directory.url]


@pytest.mark.usefixtures("nobody_here")
def test_one_that_is_dead_or_somebody_else_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shows(*found: Found) -> None:
        monkeypatch.setattr(find, "shown", lambda: found)

    told: list[str] = []
    with running(tmp_path, volumes=0, hub={"id": "d", "roles": ["directory"]}, archiver=None) as server:
        shows(hub("a"), hub("b", url=server.url), hub("d", url=server.url), hub("e"))
        assert find.servers(told.append) == [server.url, NOBODY]
        assert told == [f"asking directory server d of site demo at {server.url}, which mDNS shows"]
        shows(hub("d", site="yard", url=server.url))
        with pytest.raises(RemoteError, match=f"none answers: d at {server.url}"):
            find.servers(pytest.fail)


@pytest.mark.usefixtures("nobody_here")
def test_an_archiver_here_is_no_directory_server_and_mdns_that_cannot_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(*_: object) -> None:
        raise DiscoveryError("mDNS has no interface to use", remedy="wait")

    monkeypatch.setattr(mdns.Browser, "start", off)
    with running(tmp_path) as archiver:
        monkeypatch.setattr(find, "HERE", archiver.url)
        said = within("health", server="")
    assert (said.code, said.err) == (1, f"no directory server is at {archiver.url}, and mDNS has no interface to use; name one: "
                                     "--server http://host:9701")  # fmt: skip


def test_what_changes_a_site_is_told_where_and_never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "servers", lambda _: pytest.fail("looked"))
    monkeypatch.setattr("watchkeep.hub.sitectl.options.HERE", NOBODY)
    for command in ("camera add x --url rtsp://h/x", "camera set x --priority 3", "camera remove x --yes", "camera move x --to e",
                    "failover directory --yes", "maintenance on e", "contingency settle x apply --yes"):  # fmt: skip
        said = within(*command.split(), server="")
        assert (said.code, NOBODY in said.err) == (1, True)
