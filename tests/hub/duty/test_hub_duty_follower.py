"""An archiver that follows real directory servers, over real HTTP, in one process."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from directory_kit import CAMERA, directory
from hub_kit import Hub, config, running, wait_for

from watchkeep.hub.consolidate.worker import Consolidator
from watchkeep.hub.duty import directed
from watchkeep.hub.duty.directed import FOR_EVER
from watchkeep.hub.service import HubService
from watchkeep.hub.store import Store
from watchkeep.wire.shell.directory_finder import KEPT, ServerFinder
from watchkeep.wire.shell.directory_link import CACHE

DEAD = "http://127.0.0.1:1"


class Seen:
    """What reached the store and consolidation of an archiver."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days: list[tuple[float, float]] = []
        self.cameras: list[dict[str, float]] = []
        self.opened: list[tuple[float, float]] = []
        self.peers: list[dict[str, str]] = []
        keep_for, opens, listed = Store.keep_for, Store.open, Consolidator.listed

        def kept(store: Store, days: float, spared: float = 0.0, cameras: Mapping[str, float] | None = None) -> None:
            self.days.append((days, spared))
            self.cameras.append(dict(cameras or {}))
            keep_for(store, days, spared, cameras)

        def opened(store: Store) -> None:
            self.opened = list(self.days)
            opens(store)

        def told(worker: Consolidator, peers: dict[str, str]) -> None:
            self.peers.append(peers)
            listed(worker, peers)

        monkeypatch.setattr(Store, "keep_for", kept)
        monkeypatch.setattr(Store, "open", opened)
        monkeypatch.setattr(Consolidator, "listed", told)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    monkeypatch.setattr(directed, "UNDO_S", 0.0)
    return Seen(monkeypatch)


@contextmanager
def archiver(folder: Path, url: str, sections: dict[str, dict[str, Any]] | None = None, **keys: Any) -> Iterator[Hub]:
    """An archiver `a` that follows a server, or as the sections say."""
    made = config(folder, **(sections or {"directory": {"servers": [{"id": "d", "url": url, "rank": 0}]}}))
    assert made.archiver is not None
    fields = {name: value for name, value in made.archiver if name != "retention_days"}
    service = HubService(made.model_copy(update={"archiver": type(made.archiver)(**fields, **keys)}), "hub.toml")
    service.start()
    try:
        yield Hub(service.url, [])
    finally:
        service.stop()


def told(hub: Hub) -> list[str]:
    return [event["text"] for event in hub.get("/v1/events").json()["events"] if event["kind"] == "configuration"]


def test_days_and_peers_are_taken_up_as_they_are_edited_and_kept_over_a_start_without_a_directory(
        tmp_path: Path, free_port: Callable[[], int], seen: Seen) -> None:  # fmt: skip
    with directory(tmp_path, free_port, "d") as servers:
        site = servers.led()
        site.put("archiver/a", {"url": "http://127.0.0.1:2"})
        site.put("archiver/b", {"url": DEAD})
        with archiver(tmp_path, site.url) as hub:
            wait_for(lambda: seen.peers[-1:] == [{"b": DEAD}], "its peers")
            wait_for(lambda: seen.days[-1] == (30, 0), "the default, as the site says nothing")
            assert seen.opened == [(30, FOR_EVER)]
            site.put("archiver/a", {"url": "http://127.0.0.1:2", "retention_days": 90.0})
            wait_for(lambda: seen.days[-1] == (90, 0), "more days")
            site.put("archiver/a", {"url": "http://127.0.0.1:2", "retention_days": 7.0})
            wait_for(lambda: seen.days[-1] == (7, 0), "fewer days")
            assert (7, 90) in seen.days
            site.put("group/doors", {"retention_days": 365.0})
            site.put("camera/door", {**CAMERA, "group": "doors"})
            wait_for(lambda: seen.cameras[-1] == {"door": 365}, "a camera's days by its group")
            wait_for((tmp_path / "state" / CACHE).exists, "it is on disk")
            for change in ("video is kept for 90 days from now on, 30 before", "video is kept for 7 days from now on, 90 before",
                           "video of door is kept for 365 days from now on, 7 before, as the directory says at"):  # fmt: skip
                assert len([text for text in told(hub) if text.startswith(change)]) == 1, change
            held = time.monotonic()
        assert time.monotonic() - held < 8, "a question that is held holds up no stop"
    seen.days.clear()
    seen.peers.clear()
    with archiver(tmp_path, DEAD) as hub:
        assert (seen.opened, seen.peers) == ([(7, FOR_EVER)], [{"b": DEAD}])
        wait_for(lambda: (seen.days[-1], seen.cameras[-1]) == ((7, 0), {"door": 365}), "as it was told")
        assert len(told(hub)) == 3


def test_days_of_hub_toml_win_and_peers_come_all_the_same(tmp_path: Path, free_port: Callable[[], int], seen: Seen) -> None:
    with directory(tmp_path, free_port, "d") as servers:
        site = servers.led()
        site.put("archiver/a", {"retention_days": 7.0})
        site.put("archiver/b", {"url": DEAD})
        with archiver(tmp_path, site.url, retention_days=90) as hub:
            wait_for(lambda: seen.peers[-1:] == [{"b": DEAD}], "its peers")
            assert (seen.days, told(hub)) == ([], [])


def test_an_archiver_that_the_site_does_not_have_keeps_its_own_days(tmp_path: Path, free_port: Callable[[], int], seen: Seen) -> None:
    with directory(tmp_path, free_port, "d") as servers:
        site = servers.led()
        answer = site.get("/v1/site/archivers/a/desired")
        assert (answer.status, answer.json()["code"]) == (404, "not-found")
        for wrong in ("a/desired?hold_s=31", "a/desired?term=-1", "A/desired"):
            assert site.get(f"/v1/site/archivers/{wrong}").status == 400
        with archiver(tmp_path, site.url) as hub:
            wait_for(lambda: seen.days[-1] == (30, 0), "its own days")
            assert told(hub) == []
        assert not (tmp_path / "state" / CACHE).exists()


def test_an_archiver_beside_a_directory_follows_it_without_a_list(tmp_path: Path, seen: Seen) -> None:
    with running(tmp_path, hub={"roles": ["archiver", "directory"]}) as hub:
        site = hub.get("/v1/site")
        wait_for(lambda: hub.get("/v1/site").json()["leader"] == "a", "it leads")
        assert site.status == 200
        body = b'{"url": "http://127.0.0.1:1"}'
        assert hub.request("PUT", "/v1/site/archiver/a", b"{}", Content_Type="application/json").status == 200
        assert hub.request("PUT", "/v1/site/archiver/b", body, Content_Type="application/json").status == 200
        wait_for(lambda: seen.peers[-1:] == [{"b": DEAD}], "its peers")


def test_a_server_that_mdns_shows_is_followed_and_kept_for_the_next_start(tmp_path: Path, seen: Seen) -> None:
    site = f"site-{uuid.uuid4().hex[:8]}"  # other hubs of this machine may announce themselves too
    shown = {"hub": {"site": site}, "discovery": {"mdns": True, "interfaces": ["127.0.0.1"]}}
    server = {**shown, "hub": {"id": "d", "site": site, "roles": ["directory"]}, "archiver": None}
    finding = {**shown, "directory": {"mdns": True}, "consolidation": {"auto": False}}
    (tmp_path / "d").mkdir()
    with running(tmp_path / "d", volumes=0, **server) as directory:
        wait_for(lambda: directory.get("/v1/site").json()["leader"] == "d", "it leads")
        body = b'{"retention_days": 90}'
        assert directory.request("PUT", "/v1/site/archiver/a", body, Content_Type="application/json").status == 200
        with archiver(tmp_path, "", finding):
            wait_for(lambda: seen.days[-1] == (90, 0), "the directory's days")
            wait_for((tmp_path / "state" / KEPT).exists, "the server is on disk")
    assert ServerFinder(tmp_path / "state").urls() == (directory.url,)


def test_without_a_directory_nothing_is_followed(tmp_path: Path, seen: Seen) -> None:
    with running(tmp_path):
        assert (seen.days, seen.peers) == ([], [])
