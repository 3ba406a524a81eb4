"""Directory servers with real threads, databases and HTTP: edits, who may make them, followers, take-over, what is refused."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from directory_kit import CAMERA, Servers, directory
from hub_kit import wait_for

from watchkeep.hub.directory.courier import Courier, Job


def test_edits_at_any_server_are_read_at_every_server(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port) as servers:
        leader = servers.led()
        for number, client in enumerate(servers.clients.values()):
            answer = client.put(f"camera/cam{number}", {"url": f"rtsp://10.0.0.{number}/a"}, Watchkeep_Actor="ops")
            assert answer.status == 200, answer.body
            assert answer.json()["copies"] >= 2, "a follower has it too"
        servers.level()
        for client in servers.clients.values():
            assert set(client.get("/v1/site/camera").json()) == {"cam0", "cam1", "cam2"}
            assert client.leader() == leader.name
        history = servers.clients["c"].get("/v1/site/history?entity=camera/cam1").json()
        assert [(entry["actor"], entry["kind"]) for entry in history["entries"]] == [("ops", "edit")]


def test_a_revision_guards_an_edit_at_a_follower_as_at_the_leader(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        servers.led()
        client = servers.clients["b"]
        assert client.put("camera/cam0", CAMERA, If_None_Match="*").status == 200
        wait_for(lambda: client.get("/v1/site/camera/cam0").status == 200, "the follower")
        tag = client.get("/v1/site/camera/cam0").headers["etag"]
        assert client.put("camera/cam0", {**CAMERA, "name": "door"}, If_Match=tag).status == 200
        stale = client.put("camera/cam0", {**CAMERA, "name": "gate"}, If_Match=tag)
        assert stale.status == 412
        assert stale.json()["code"] == "stale"
        assert stale.json()["now"]["value"]["name"] == "door"
        assert client.put("camera/cam0", CAMERA, If_None_Match="*").status == 412
        assert client.put("camera/cam0", CAMERA, If_Match='"x"').status == 400
        assert client.delete("camera/cam0", If_Match=f'"{stale.json()["now"]["revision"]}"').status == 200
        wait_for(lambda: client.get("/v1/site/camera/cam0").status == 404, "its removal")


def test_one_server_refuses_what_does_not_fit_with_every_problem(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        good = {"entity": "camera", "id": "cam0", "value": CAMERA}
        bad = [{"entity": "camera", "id": "cam1", "value": {**CAMERA, "group": "none"}}, {"entity": "camera", "id": "gone", "value": None}]
        answer = client.post("edit", {"changes": [good, *bad]})
        assert answer.status == 422
        assert [problem["path"] for problem in answer.json()["problems"]] == ["camera/gone", "camera/cam1"]
        assert client.get("/v1/site/camera").json() == {}, "nothing half applied"
        assert client.post("edit", {"changes": [good]}).json() == {"index": 3, "copies": 1}
        for path, status in (("/v1/site/nothing", 404), ("/v1/site/camera/none", 404), ("/v1/site/history?limit=0", 400)):
            assert client.get(path).status == status
        assert client.post("edit", {"changes": []}).status == 400
        assert client.post("edit", {"changes": [good], "more": 1}).status == 400
        assert client.post("contingency/none", {"verdict": "apply"}).status == 422
        assert client.post("contingency/none", {"verdict": "perhaps"}).status == 400


def test_history_is_paged_from_the_newest_on(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        for number in range(7):
            client.put("camera/cam0", {**CAMERA, "name": str(number)})
        found, before = [], ""
        while True:
            page = client.get(f"/v1/site/history?entity=camera/cam0&limit=3{before}").json()
            found += [entry["payload"]["changes"][0]["value"]["name"] for entry in page["entries"]]
            if page["before"] is None:
                break
            before = f"&before={page['before']}"
        assert found == [str(number) for number in reversed(range(7))]


def test_a_leader_that_stops_is_followed_by_the_next_and_learns_what_it_missed(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port) as servers:
        first = servers.led()
        assert first.put("camera/cam0", CAMERA).status == 200
        servers.level()
        servers.stop(first.name)
        other = next(iter(servers.clients.values()))
        began = time.monotonic()
        wait_for(lambda: other.put("camera/cam1", CAMERA).status == 200, "a new leader")
        assert time.monotonic() - began < 8.0
        assert other.get("/v1/site/camera/cam0").status == 200
        servers.start(first.name)
        servers.led()
        servers.level()
        assert servers.clients[first.name].get("/v1/site/camera/cam1").status == 200


def test_a_restart_keeps_what_was_answered_and_a_lost_disk_is_filled_again(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        for number in range(20):
            assert leader.put(f"camera/cam{number}", CAMERA).status == 200
        servers.level()
        servers.stop("b")
        for file in (tmp_path / "b").glob("directory.sqlite*"):
            file.unlink()
        servers.start("b")
        servers.level()
        assert len(servers.clients["b"].get("/v1/site/camera").json()) == 20
        servers.close()
        only = servers.start("a")
        servers.led()
        assert len(only.get("/v1/site/camera").json()) == 20


def test_two_branches_become_one_and_an_operator_settles_what_contradicts(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Each of the two has led alone: what touches nothing else is merged, the same camera is shown with both versions."""
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        assert leader.put("camera/both", CAMERA).status == 200
        servers.level()
        for name in "ab":
            for running in list(servers.clients):
                servers.stop(running)
            alone = servers.start(name)
            servers.led()
            assert alone.put("camera/both", {**CAMERA, "name": f"by {name}"}, Watchkeep_Actor=f"ops of {name}").json()["copies"] == 1
            assert alone.put(f"camera/only-{name}", CAMERA).status == 200
        servers.start("a")
        servers.led()
        client = servers.clients["a"]
        wait_for(lambda: len(client.get("/v1/site/camera").json()) == 3, "the merged edit")
        servers.level()
        (kept,) = client.get("/v1/site/contingency").json()
        theirs = kept["entries"][0]
        assert theirs["now"]["camera/both"]["value"]["name"] == "by b", "the later leader's stays"
        assert theirs["changes"][0]["value"]["name"] == "by a"
        assert theirs["actor"] == "ops of a"
        assert client.post(f"contingency/{kept['origin']}", {"verdict": "apply"}).status == 200
        servers.level()
        for each in servers.clients.values():
            assert each.get("/v1/site/camera/both").json()["name"] == "by a"
            assert each.get("/v1/site/contingency").json() == []


def test_a_damaged_database_stops_the_start_with_a_remedy(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        servers.led()
        servers.stop("a")
        path = tmp_path / "a" / "directory.sqlite"
        raw = sqlite3.connect(path)
        (root,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'entry'").fetchone()
        raw.close()
        whole = path.read_bytes()
        index = (root - 1) * 4096  # no start reads it, and every edit needs it
        path.write_bytes(whole[:index] + b"\xa5" * 2000 + whole[index + 2000 :])
        refused(servers)
        path.write_bytes(whole)
        with sqlite3.connect(path) as raw:
            raw.execute("UPDATE entry SET body = 'x' WHERE number = 1")
        raw.close()
        refused(servers)


def refused(servers: Servers) -> None:
    with pytest.raises(Exception, match=r"directory\.database") as caught:
        servers.start("a")
    assert "backup" in str(getattr(caught.value, "remedy", ""))


def test_a_courier_reports_a_job_that_raises_and_goes_on() -> None:
    done: list[str] = []

    def fails() -> None:
        raise ValueError("a bug")

    courier = Courier("wk-test-courier")
    courier.start()
    courier.give(Job(fails, lambda: done.append("failed")))
    wait_for(lambda: done == ["failed"], "the report")
    courier.give(Job(lambda: done.append("done"), lambda: None))
    wait_for(lambda: done == ["failed", "done"], "the next job")
    courier.stop()
    assert courier.join(5)
