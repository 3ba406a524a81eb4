"""Scheduled backups of running servers: the leader writes, another one goes on, and a bad folder is told and holds up nobody."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from directory_kit import CAMERA, Client, Servers, directory
from hub_kit import wait_for

from watchkeep.hub.directory.backup import duty as duties
from watchkeep.hub.directory.backup import runner
from watchkeep.hub.directory.backup.job import prove
from watchkeep.hub.directory.backup.layout import Backup
from watchkeep.hub.directory.backup.model import SiteBackups
from watchkeep.hub.directory.backup.place import Folder
from watchkeep.hub.directory.server import DirectoryServer
from watchkeep.wire import http


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TICK_S", 0.05)
    monkeypatch.setattr(duties, "RETRY_S", 0.2)


def made(folder: Path) -> list[Backup]:
    return Folder(folder).list()


def reaches(folder: Path, index: int) -> bool:
    here = made(folder)
    return bool(here) and here[-1].last >= index


def texts(servers: Servers, name: str) -> list[str]:
    return [event["text"] for event in servers.clients[name].get("/v1/events").json()["events"] if event["kind"] == "backup"]


def saved(client: Client) -> SiteBackups:
    return SiteBackups.model_validate_json(client.get(http.SITE_BACKUPS).body)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "disk", tmp_path / "share"]
    for folder in found:
        folder.mkdir()
    return found


def backup(folders: list[Path]) -> dict[str, object]:
    return {"folders": tuple(map(str, folders)), "full": "0 3 * * *", "incremental": "* * * * * *", "keep_full": 3}


@pytest.fixture
def servers(tmp_path: Path, free_port: Callable[[], int], folders: list[Path]) -> Iterator[Servers]:
    with directory(tmp_path, free_port, "ab", directory={"backup": backup(folders)}) as found:
        yield found


@pytest.fixture
def one(tmp_path: Path, free_port: Callable[[], int], folders: list[Path]) -> Iterator[Servers]:
    with directory(tmp_path, free_port, "a", directory={"backup": backup(folders)}) as found:
        yield found


def test_the_leader_writes_to_every_folder_and_another_one_goes_on_after_it(servers: Servers, folders: list[Path]) -> None:
    leader = servers.led()
    index = leader.put("camera/cam0", CAMERA).json()["index"]
    for folder in folders:
        wait_for(lambda folder=folder: reaches(folder, index), "a backup")
        assert made(folder)[0].kind == "full"
    servers.level()
    servers.stop(leader.name)
    index = servers.led().put("camera/cam1", CAMERA).json()["index"]
    for folder in folders:
        wait_for(lambda folder=folder: reaches(folder, index), "a backup by the next leader")
        here = made(folder)
        assert [one.kind for one in here].count("full") == 1, "the next leader's go on from the old one's"
        heads = [prove(Folder(folder), one).head.server for one in here]
        assert {heads[0], heads[-1]} == {"a", "b"}


def test_a_folder_that_is_not_mounted_is_told_and_gets_nothing(one: Servers, folders: list[Path],
                                                                caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    client = one.led()
    wait_for(lambda: [folder.health for folder in saved(client).folders] == ["good", "good"], "first backups, proved")
    assert all(map(made, folders))
    away = folders[0].with_name("away")
    folders[0].rename(away)
    folders[0].mkdir()
    index = client.put("camera/cam0", CAMERA).json()["index"]
    # A backup that was being written in that moment fails first, with a reason of its own, and the event is told once.
    wait_for(lambda: any("no backup" in text for text in texts(one, "a")), "the event")
    wait_for(lambda: "probably not mounted" in saved(client).folders[0].why, "the reason that stays")
    wait_for(lambda: reaches(folders[1], index), "the other folder's backup")
    assert made(folders[0]) == []
    health = client.get(http.HEALTH)
    assert (health.status, health.json()["status"]) == (200, "degraded")
    assert [why.startswith(f"backups to {folders[0]} are failing: ") for why in health.json()["why"]] == [True]
    away_, good = saved(client).folders
    assert (away_.health, "not mounted" in away_.why, good.health) == ("failing", True, "good")
    folders[0].rmdir()
    away.rename(folders[0])
    wait_for(lambda: reaches(folders[0], index), "a backup when it is back")
    wait_for(lambda: any("are made again" in text for text in texts(one, "a")), "the event that it is well")
    assert len([text for text in texts(one, "a") if "no backup" in text]) == 1, "told once, tried often"
    logged = [record for record in caplog.records if record.message == "no backup of the directory"]
    assert len({record.__dict__["why"] for record in logged}) == len(logged) > 0, "each reason once in the log as well"


def test_a_folder_that_hangs_holds_up_nobody(one: Servers, folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    client = one.led()
    wait_for(lambda: all(made(folder) for folder in folders), "first backups")
    monkeypatch.setattr(duties, "HUNG_S", 0.3)
    listed, released = Folder.list, threading.Event()

    def hang(folder: Folder) -> list[Backup]:
        if folder.path == folders[0]:
            released.wait(30)
        return listed(folder)

    monkeypatch.setattr(Folder, "list", hang)
    try:
        wait_for(lambda: any("has not answered" in text for text in texts(one, "a")), "the event")
        index = client.put("camera/cam0", CAMERA).json()["index"]
        wait_for(lambda: reaches(folders[1], index), "the other folder's backup")
    finally:
        released.set()
    wait_for(lambda: reaches(folders[0], index), "a backup when it answers")


def test_the_holder_of_the_role_writes_and_not_the_leader(servers: Servers, folders: list[Path]) -> None:
    leader = servers.led()
    holder = next(name for name in servers.clients if name != leader.name)
    assert leader.put("role/backup", {"servers": [holder]}).status == 200
    wait_for(lambda: leader.site()["leases"].get("backup", [""])[0] == holder, "the role's holder")
    index = leader.put("camera/cam0", CAMERA).json()["index"]
    wait_for(lambda: reaches(folders[0], index), "a backup")
    assert prove(Folder(folders[0]), made(folders[0])[-1]).head.server == holder
    for name, client in servers.clients.items():
        wait_for(lambda client=client: saved(client).folders[0].newest_index >= index, "its word of it")
        told = saved(client)
        assert (told.server, told.configured) == (holder, True), f"{name} asks who writes"
        assert [one.folder for one in told.folders] == list(map(str, folders))


def test_who_loses_the_duty_while_it_writes_leaves_nothing(tmp_path: Path, free_port: Callable[[], int], folders: list[Path],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    dropped: list[str] = []
    whole = threading.Event()

    def on_duty(server: DirectoryServer, role: str) -> bool:
        """For the thread that decides; while it writes another server is, until `whole`."""
        who = threading.current_thread().name
        if who != "wk-dir-backups" and not whole.is_set():
            dropped.append(who)
            return False
        return server.leads

    monkeypatch.setattr(DirectoryServer, "on_duty", on_duty)
    with directory(tmp_path, free_port, "a", directory={"backup": backup(folders)}) as found:
        found.led()
        wait_for(lambda: len({*dropped} & {"wk-dir-backup-0", "wk-dir-backup-1"}) == 2, "both folders' turns")
        assert [made(folder) for folder in folders] == [[], []]
        whole.set()
        wait_for(lambda: all(made(folder) for folder in folders), "backups")
        assert texts(found, "a") == [], "no failure"
