"""A site described once and lived with, by the commands that an operator has: real servers, Mosquitto, a leader that is killed."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from directory_asker import Asker
from directory_site import DirectorySite, directory_site
from sitectl_kit import Said, site
from wksite import wait_until

from watchkeep.wire import topics
from watchkeep.wire.commands import CommandReply

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FILE = """
[[location]]
id = "hq"
[[archiver]]
id = "s1"
[[archiver]]
id = "s2"
[[agent]]
id = "edge-1"
reaches = ["hq"]
[[agent]]
id = "edge-2"
[[group]]
id = "halls"
copies = 2
archivers = ["s1", "s2"]
[[camera]]
id = "door"
url = "rtsp://10.1.0.1/s"
group = "halls"
location = "hq"
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[DirectorySite]:
    """With two agents that ask all servers, and record nothing."""
    with directory_site(tmp_path) as made:
        made.servers("abc")
        urls = [client.url for client in made.clients.values()]
        with closing(Asker("edge-1", urls)), closing(Asker("edge-2", urls)):
            yield made


def replies(live: DirectorySite) -> list[CommandReply]:
    return [CommandReply.model_validate_json(payload) for payload in list(live.heard) if b'"outcome"' in payload]


def publish(live: DirectorySite, kind: str, ident: str, **fields: object) -> None:
    topic, message = topics.command(live.site, kind, ident), json.dumps({"at_s": time.time(), **fields})
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(live.port("broker")), "-q", "1", "-t", topic, "-m", message], check=True,
                   stdin=subprocess.DEVNULL)  # fmt: skip


def test_a_site_is_described_once_and_steered_while_its_leader_is_killed(live, tmp_path):
    leader = live.leader("abc")
    others = [name for name in "abc" if name != leader]
    urls = {name: client.url for name, client in live.clients.items()}

    def run(*arguments: str, input_text: str = "") -> Said:
        """At the killed server first, so that every command has to go on to the next one."""
        said = site(*arguments, server=f"{urls[leader]} {urls[others[0]]}", input_text=input_text)
        assert said.code == 0, said
        return said

    assert "7 to add" in run("apply", "-", "--yes", input_text=FILE).out
    wait_until(lambda: set(live.clients[leader].site()["lives"].values()) == {"lives"}, 20, "living agents")
    run("camera", "move", "door", "--to", "edge-1")
    wait_until(lambda: live.leader("abc") == leader, 20, "equal journals")
    live.kill(leader)
    late = run("camera", "add", "gate", "--url", "rtsp://10.1.0.2/s", "--group", "halls")
    assert "on 2 servers" in late.out
    shown = run("show").out
    assert f"○ {leader}" in shown
    assert "does not answer" in shown
    assert [line for line in shown.splitlines() if "door" in line and "2 copies on s1, s2" in line]
    now = live.leader("".join(others))
    wait_until(lambda: live.clients[now].site()["lives"]["edge-2"] == "lives", 20, "a living agent")
    publish(live, "move", "m1", cameras=["gate"], agent="edge-2")
    wait_until(lambda: replies(live) != [], 20, "the reply")
    publish(live, "move", "m1", cameras=["gate"], agent="edge-1")
    publish(live, "failover", "f1", name="edge 1")
    wait_until(lambda: len(replies(live)) == 3, 20, "the other replies")
    assert [(reply.outcome, reply.server) for reply in replies(live)] == [("done", now), ("repeated", now), ("malformed", now)]
    run("failover", "directory", "--yes")
    wait_until(lambda: live.leader("".join(others)) not in ("", now), 30, "another leader")
    live.start(leader)
    wait_until(lambda: live.leader("abc") != "", 40, "everybody's agreeing")
    told = json.loads(site("history", "--json", "-n", "100", server=urls[leader]).out)
    assert {"ops", "directory", "mqtt/m1"} <= {entry["actor"] for entry in told}
    exported = site("export", server=urls[leader]).out
    assert "like that already" in run("apply", "-", "--dry-run", input_text=exported).out
