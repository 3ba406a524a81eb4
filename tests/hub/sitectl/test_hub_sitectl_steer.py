"""`watchkeep site roles | failover | maintenance` and `camera move`: the real command against real directory servers."""

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from directory_asker import Asker
from directory_kit import CAMERA, Client, directory
from hub_kit import wait_for
from sitectl_kit import site, typed, within


def describe(client: Client) -> None:
    for path, value in (("agent/edge-1", {}), ("agent/edge-2", {"max_cameras": 1}), ("archiver/s1", {}), ("camera/door", CAMERA),
                        ("camera/gate", CAMERA)):  # fmt: skip
        assert client.put(path, value).status == 200


def recorders(client: Client) -> dict[str, str]:
    return {name: agent for name, (agent, _) in client.site()["recorders"].items()}


def test_lead_and_role_go_to_another_server_and_stay_there(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        assert json.loads(site("roles", "--json", server=leader.url).out)[1:] == [
            {"role": name, "holder": "a", "number": 0, "servers": "", "mode": "leader"} for name in ("backup", "health")]  # fmt: skip
        assert leader.put("role/backup", {"servers": ["b", "a"]}).status == 200
        servers.level()
        wait_for(lambda: leader.site()["leases"].get("backup", [""])[0] == "b", "the role's holder")
        follower = servers.clients["b"].url
        assert json.loads(site("roles", "--json", server=follower).out)[0] == {
            "role": "directory", "holder": "a", "number": leader.site()["term"], "servers": "a, b", "mode": "sticky"}  # fmt: skip
        assert site("failover", "directory", server=follower).code == 2, "nobody is there to ask"
        code, shown = typed("y", "failover", "directory", server=follower)
        assert (code, "let another server lead instead of a?" in shown, "b leads in term" in shown) == (0, True, True), shown
        assert servers.led().name == "b"
        assert servers.led().put("location/hq", {}).status == 200
        passed = json.loads(site("failover", "backup", "--yes", "--json", server=leader.url).out)
        assert "role backup is held by a" in passed["text"], passed
        assert passed["index"] == servers.led().site()["index"]
        assert "backup     a" in site("roles", server=follower).out
        entry = servers.clients["b"].get("/v1/site/history?actor=ops&limit=1").json()["entries"][0]
        assert entry["kind"] == "lease"
        servers.stop("a")
        wait_for(lambda: "start one" in site("failover", "directory", "--yes", server=follower).err, "a's being missed")


def test_cameras_move_and_an_agents_cameras_are_taken_over(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers, ExitStack() as agents:
        describe(servers.led())
        servers.level()
        url = servers.clients["b"].url
        for name in ("edge-1", "edge-2"):
            asker = agents.enter_context(closing(Asker(name, [url])))
        asker.refuses = {"door", "gate"}
        wait_for(lambda: set(servers.led().site()["lives"].values()) == {"lives"}, "living agents")
        moved = site("camera", "move", "door", "gate", "--to", "edge-1", server=url)
        assert moved.code == 0, moved
        wait_for(lambda: recorders(servers.clients["b"]) == {"door": "edge-1", "gate": "edge-1"}, "the move")
        terms = servers.led().site()["recorders"]
        again = json.loads(site("camera", "move", "door", "gate", "--to", "edge-1", "--json", server=url).out)
        assert again["text"] == "edge-1 has door, gate already"
        assert servers.led().site()["recorders"] == terms, "no camera is asked anew"
        full = site("camera", "move", "door", "gate", "--to", "edge-2", server=url)
        assert (full.code, "agent/edge-2.max_cameras: 2 would be more than 1" in full.err) == (1, True)
        assert site("camera", "move", "Door", "--to", "edge 2", server=url).code == 2
        over = site("failover", "edge-1", "--yes", server=url)
        assert "stay with edge-1, nobody else has room" in over.out
        wait_for(lambda: sorted(recorders(servers.clients["b"]).values()) == ["edge-1", "edge-2"], "the failover")
        leaving = json.loads(within("show", "--json", server=url).out)["leaving"]
        assert [[agent for agent, _ in leaves] for leaves in leaving.values()] == [["edge-1"]], "edge-2 cannot open it"
        assert "edge-1 until it has begun" in within("show", server=url).out
        shown = site("show", server=url).out
        assert "● edge-1" in shown
        assert f"as {servers.led().url} tells it" in shown, "the leader knows more than the server that was asked"
        agents.close()
        wait_for(lambda: servers.led().site()["lives"]["edge-2"] == "gone", "the agents' being missed")
        gone = site("camera", "move", "door", "--to", "edge-2", server=url)
        assert (gone.code, "agent/edge-2: is gone" in gone.err) == (1, True), gone


def test_a_maintenance_is_announced_shown_and_ended(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        describe(servers.led())
        url = servers.clients["a"].url
        on = site("maintenance", "on", "s1", "--for", "2h", server=url)
        assert (on.code, "archiver/s1 is in maintenance until" in on.out, "watchkeep hub maintenance on" in on.err) == (0, True, True)
        assert "archiver/s1" in within("maintenance", "show", server=url).out
        assert "in maintenance" in within("show", server=url).out
        assert json.loads(within("maintenance", "show", "edge-1", "--json", server=url).out) == {}
        assert "is back from" in within("maintenance", "off", "archiver/s1", server=url).out
        assert within("maintenance", "off", "s1", server=url).code == 1
        assert "nobody" in within("maintenance", "show", server=url).out
        for words, code in (("on none", 1), ("on s1 --for soon", 2), ("on", 2), ("on s1 --for 400d", 2), ("perhaps s1", 2)):
            assert within("maintenance", *words.split(), server=url).code == code, words


def test_an_archiver_is_taken_out_of_use_and_given_back_by_way_of_any_server(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        describe(leader)
        group = {"archivers": ["s1", "s2"]}
        for path, value in (("archiver/s2", {}), ("group/halls", group), ("camera/door", {**CAMERA, "group": "halls"})):
            assert leader.put(path, value).status == 200
        servers.level()
        url = servers.clients["b"].url
        wrong = within("failover", "s1", "--back", "--yes", server=url)
        assert (wrong.code, "archiver/s1: is not used last" in wrong.err) == (1, True), wrong
        out = within("failover", "s1", "--yes", server=url)
        assert (out.code, "archiver/s1 is used last until it is given back: s2 has door" in out.out) == (0, True), out
        wait_for(lambda: "1 copy on s2, s1" in within("show", server=url).out, "the other order")
        assert "used last until it is given back" in within("show", server=url).out
        assert "used_last (default) → True" in within("history", "--entity", "archiver/s1", server=url).out
        assert within("failover", "s1", "--yes", server=url).code == 1, "it is used last already"
        back = within("failover", "archiver/s1", "--back", "--yes", server=url)
        assert (back.code, "has its place in every list again: s1 has door" in back.out) == (0, True), back
        wait_for(lambda: "1 copy on s1, s2" in within("show", server=url).out, "the old order")
        assert leader.post("failover", {"name": "s1", "back": 1}).status == 400


def test_orders_over_http_are_strict(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        describe(client)
        for path, body, status in (
            ("failover", {"name": "directory", "to": "b"}, 400), ("failover", {}, 400), ("failover", {"name": 7}, 400),
            ("failover", {"name": "directory"}, 422), ("failover", {"name": "none"}, 422),
            ("move", {"cameras": [], "agent": "edge-1"}, 400), ("move", {"cameras": ["none"], "agent": "edge-1"}, 422),
            ("maintenance", {"name": "s1", "on": "yes"}, 400), ("maintenance", {"name": "s1", "on": True, "lasting_s": -1}, 400),
            ("maintenance", {"name": "s1", "on": True, "lasting_s": 60}, 200),
        ):  # fmt: skip
            answer = client.post(path, body)
            assert answer.status == status, (path, body, answer.body)
            assert status == 200 or answer.json()["remedy"]
