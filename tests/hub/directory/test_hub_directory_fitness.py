"""What `/healthz` says of a directory server, decided here and asked of real ones."""

from collections.abc import Callable
from pathlib import Path

from directory_kit import directory
from hub_kit import wait_for

from watchkeep.hub.directory.cluster.status import Role, Status
from watchkeep.hub.directory.fitness import problems
from watchkeep.wire import http
from watchkeep.wire.messages import BackupState

WELL = Status(server="a", boot="1", rank=0, role=Role.FOLLOWING)


def folder(health: str, why: str = "") -> BackupState:
    return BackupState(folder="/mnt/nas", health=health, since_s=0, why=why)


def test_each_problem_is_one_sentence_and_a_server_that_is_well_has_none() -> None:
    for role in (Role.LEADING, Role.FOLLOWING, Role.CLAIMING):
        assert list(problems(WELL.model_copy(update={"role": role}), [folder("good"), folder("waiting")])) == []
    assert [("no leader" in text) for text in problems(WELL.model_copy(update={"role": Role.LOOKING}), [])] == [True]
    assert [("no entries" in text) for text in problems(WELL.model_copy(update={"able": False}), [])] == [True]
    found = list(problems(WELL, [folder("failing", "it is not mounted"), folder("hanging", "it does not answer"), folder("good")]))
    assert found == ["backups to /mnt/nas are failing: it is not mounted", "backups to /mnt/nas are hanging: it does not answer"]


def test_a_server_says_that_it_hears_no_leader_until_it_leads(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        servers.led()
        for client in servers.clients.values():
            wait_for(lambda client=client: client.get(http.HEALTH).json()["status"] == "ok", "a server that is well")
        left = servers.clients["b"]
        servers.stop("a")
        wait_for(lambda: any("no leader" in why for why in left.get(http.HEALTH).json()["why"]), "the sentence")
        wait_for(lambda: left.leader() == "b", "b's lead")
        assert left.get(http.HEALTH).json()["why"] == []
