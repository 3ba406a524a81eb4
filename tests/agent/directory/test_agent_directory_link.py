"""An agent that follows a directory over real HTTP: agent/directory/link.py, client.py, and the service around them."""

import json
import logging
import socket
import threading
import time
import uuid
from contextlib import ExitStack, closing, suppress
from urllib.parse import urlsplit

import pytest
from directory_stub import directory_stub

from watchkeep.agent.config import read
from watchkeep.agent.credentials import NAME
from watchkeep.agent.directory import client
from watchkeep.agent.directory.link import CACHE, DirectoryLink
from watchkeep.agent.reporter import Reporter
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.wire import topics
from watchkeep.wire.causes import CameraStatus, EventKind
from watchkeep.wire.desired import AgentDesired, DesiredArchiver, DesiredCamera
from watchkeep.wire.errors import ConfigError, WatchkeepError
from watchkeep.wire.ids import epoch_term
from watchkeep.wire.mdns import Announcement
from watchkeep.wire.shell import directory_client
from watchkeep.wire.shell.directory_finder import KEPT
from watchkeep.wire.shell.mdns import Advertiser

pytestmark = pytest.mark.timeout(90)
TEXT = """
[agent]
id = "edge-1"
site = "demo"
data_dir = "DATA"
[discovery]
mdns = false
[directory]
servers = [SERVERS]
[[camera]]
id = "cam0"
url = "rtsp://127.0.0.1:1/static"
"""
DEAD = "http://127.0.0.1:1"
LOOPBACK = ["127.0.0.1"]


@pytest.fixture
def servers():
    with ExitStack() as stack:
        yield [stack.enter_context(directory_stub()) for _ in range(2)]


@pytest.fixture
def told(monkeypatch):
    events = []
    monkeypatch.setattr(Reporter, "event", lambda self, event: events.append(event))
    return events


def agent(folder, *urls, **changes):
    file = folder / "agent.toml"
    text = TEXT.replace("DATA", str(folder / "data")).replace("SERVERS", ", ".join(f'"{url}"' for url in urls))
    for old, new in changes.values():
        text = text.replace(old, new)
    file.write_text(text)
    return AgentService(plan(file, read(file)))


def camera(name, **options):
    return DesiredCamera(id=name, **({"url": f"rtsp://127.0.0.1:1/{name}", "term": 16} | options))


def document(index, *cameras, term=3, who="edge-1", archivers=(), site="demo"):
    return AgentDesired(site=site, agent=who, term=term, index=index, cameras=cameras, archivers=archivers)


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true within 20 s"
        threading.Event().wait(0.02)


def there(service):
    return sorted(service._crew.there())


def test_cameras_of_the_directory_come_change_and_go_and_static_ones_stay(tmp_path, servers, told):
    one = servers[0]
    with agent(tmp_path, one.url) as service:
        until(lambda: one.asked == [("/v1/site/agents/edge-1/desired", 0, 0)])
        assert there(service) == ["cam0"]
        cam0 = service._crew.there()["cam0"]
        one.say(document(7, camera("x"), camera("cam0"), archivers=(DesiredArchiver(id="a", url="http://127.0.0.1:1"),)))
        until(lambda: there(service) == ["cam0", "x"])
        assert service._book.urls() == {"a": "http://127.0.0.1:1"}
        assert epoch_term(service._epochs.next("x")) == 16
        assert epoch_term(service._epochs.next("cam0")) == 0
        x = service._crew.there()["x"]
        one.say(document(8, camera("x", copies=2), camera("y")))
        until(lambda: there(service) == ["cam0", "x", "y"])
        assert service._crew.there()["x"] is x
        assert x.wanted.policy.copies == 2
        one.say(document(9, camera("y", term=24)))
        until(lambda: there(service) == ["cam0", "y"] and epoch_term(service._epochs.next("y")) == 24)
        assert service._crew.there()["cam0"] is cam0
        until(lambda: one.asked[-1] == ("/v1/site/agents/edge-1/desired", 3, 9))
    assert [event.text for event in told if event.kind is EventKind.CONFIGURATION] == [
        "the directory's assignment is taken up: x is added",
        "the directory's assignment is taken up: y is added, x is kept otherwise",
        "the directory's assignment is taken up: y is renumbered, x is removed"]  # fmt: skip


def test_the_state_of_a_camera_that_was_left_to_another_agent_is_not_withdrawn_and_that_of_others_is(tmp_path, servers, monkeypatch):
    published = []
    monkeypatch.setattr(Reporter, "_publish_all", lambda self, messages: published.extend(messages))
    x, y = (topics.camera_state("demo", name) for name in "xy")
    with agent(tmp_path, servers[0].url) as service:
        servers[0].say(document(7, camera("x"), camera("y")))
        until(lambda: {x, y} <= {topic for topic, _ in published})
        servers[0].say(document(8, camera("y"), camera("x", leaving=True)))
        until(lambda: service._reporter._passed_on == {"x"})
        servers[0].say(document(9))
        until(lambda: (y, b"") in published)
        until(lambda: not service._crew.there().keys() - {"cam0"})
    assert (x, b"") not in published


def test_without_a_directory_an_agent_starts_with_what_it_was_told_last(tmp_path, servers):
    with agent(tmp_path, servers[0].url) as service:
        servers[0].say(document(7, camera("x"), archivers=(DesiredArchiver(id="a", url="http://127.0.0.1:1"),)))
        until((tmp_path / "data" / CACHE).exists)
        epoch = service._epochs.next("x")
    with agent(tmp_path, DEAD) as service:
        assert there(service) == ["cam0", "x"]
        said = service._reporter.status(service._replicator.overview()).beacon
        assert (said.desired_term, said.desired_index) == (3, 7)
        assert service._book.urls() == {"a": "http://127.0.0.1:1"}
        assert service._epochs.next("x") > epoch
    (tmp_path / "data" / CACHE).write_bytes(b'{"site"')
    with agent(tmp_path, DEAD) as service:
        assert there(service) == ["cam0"]


def test_a_newer_directory_is_followed_and_what_was_applied_stays(tmp_path, servers, told):
    one = servers[0]
    with agent(tmp_path, one.url) as service:
        one.say(document(7, camera("x")))
        until(lambda: there(service) == ["cam0", "x"])
        x = service._crew.there()["x"]
        newer = json.loads(document(8, camera("x", ingest="holographic"), camera("y")).model_dump_json()) | {"seal": 5}
        one.answer(200, json.dumps(newer).encode())
        until(lambda: there(service) == ["cam0", "x", "y"])
        assert service._crew.there()["x"] is x
        until(lambda: json.loads((tmp_path / "data" / CACHE).read_bytes())["index"] == 8)
    kept = json.loads((tmp_path / "data" / CACHE).read_bytes())
    assert (kept["seal"], kept["cameras"][0]["ingest"]) == (5, "holographic")
    assert [event.remedy for event in told if "x: ingest 'holographic'" in event.text] == ["update this agent"]


def test_a_server_that_mdns_shows_is_followed_and_remembered_when_mdns_is_silent(tmp_path, servers):
    site = f"site-{uuid.uuid4().hex[:8]}"  # other hubs of this machine may announce themselves too
    changes = {"site": ('"demo"', f'"{site}"'), "mdns": ("mdns = false", f"mdns = true\ninterfaces = {LOOPBACK}".replace("'", '"')),
               "servers": ("servers = []", "mdns = true")}  # fmt: skip
    directory, archiver = servers
    directory.say(document(7, camera("x"), site=site))
    with agent(tmp_path, **changes) as service, ExitStack() as announced:
        assert (there(service), service._link.at) == (["cam0"], (0, 0))
        for name, roles, server in (("a", ("archiver",), archiver), ("d", ("broker", "directory"), directory)):
            shown = Advertiser(Announcement(name, roles, site, "1"), urlsplit(server.url).port, interfaces=LOOPBACK)
            shown.start()
            announced.callback(shown.stop)
        until(lambda: there(service) == ["cam0", "x"])
        until((tmp_path / "data" / KEPT).exists)
        assert service._book.last_known() == {"a": archiver.url}
    directory.say(document(8, camera("y"), site=site))
    with agent(tmp_path, **changes) as service:
        until(lambda: there(service) == ["cam0", "y"])
    assert archiver.asked == [], "it is no directory server"


@pytest.mark.parametrize(("status", "body", "said"), [
    (200, b"<html>", "no document"),
    (200, b'{"site": "demo", "agent": "edge-1", "term": 3, "index": 9, "cameras": [{"id": "../x"}]}', "no document"),
    (200, b"[" * 100_000, "no document"),
    (200, document(9, camera("z"), who="edge-2").model_dump_json().encode(), "for agent edge-2"),
    (200, document(6, camera("z")).model_dump_json().encode(), "it is at 3.6"),
    (200, document(99, camera("z"), term=2).model_dump_json().encode(), "it is at 2.99"),
    (404, b"", "does not know this agent"),
    (500, b"oops", "status 500"),
])  # fmt: skip
def test_a_server_that_talks_nonsense_changes_nothing_and_the_next_one_is_heard(tmp_path, servers, caplog, status, body, said):
    caplog.set_level(logging.WARNING, "watchkeep.wire.shell.directory_link")
    bad, good = servers
    with agent(tmp_path, good.url, bad.url) as service:  # of two, edge-1 begins with the second
        bad.say(document(7, camera("x")))
        until(lambda: there(service) == ["cam0", "x"])
        x = service._crew.there()["x"]
        bad.answer(status, body)
        until(lambda: good.asked)
        assert service._crew.there()["x"] is x
        assert there(service) == ["cam0", "x"]
        good.say(document(8, camera("x"), camera("y")))
        until(lambda: there(service) == ["cam0", "x", "y"])
        assert service._crew.there()["x"] is x
    warnings = [record for record in caplog.records if getattr(record, "server", "") == bad.url]
    assert len(warnings) == 1
    assert said in warnings[0].why
    assert warnings[0].remedy


def test_a_camera_without_its_credentials_says_so_and_is_recorded_after_a_reload(tmp_path, servers):
    with agent(tmp_path, servers[0].url) as service:
        servers[0].say(document(7, camera("x", credentials="yard")))
        until(lambda: there(service) == ["cam0", "x"])
        life = service._crew.there()["x"].ingest.life
        until(lambda: life.shown.status is CameraStatus.UNAUTHORIZED)
        assert "credentials 'yard' are not in this agent's credentials.toml; add [[login]]" in life.shown.why
        file = tmp_path / "data" / NAME
        file.write_text('[[login]]\nname = "yard"\nuser = "viewer"\npassword = "open-sesame"\n')
        file.chmod(0o644)
        with pytest.raises(ConfigError, match="others may read it"):
            service.reload()
        file.chmod(0o600)
        assert service.reload().changes == "x is asked anew"
        assert service._crew.there()["x"].wanted.source.url == "rtsp://viewer:open-sesame@127.0.0.1:1/x"
        until(lambda: life.shown.status is CameraStatus.CONNECTING and "refused" in life.shown.why)
        assert "open-sesame" not in life.shown.why


def test_a_question_that_is_held_holds_up_no_stop(tmp_path, servers):
    with agent(tmp_path, servers[0].url):
        until(lambda: servers[0].asked)
        began = time.monotonic()
    assert time.monotonic() - began < 8


def test_what_could_not_be_taken_up_is_tried_again_although_the_directory_says_nothing_new(tmp_path, servers):
    seen = []

    def taken():
        seen.append(link.at)
        if len(seen) == 1:
            raise RuntimeError("can't start new thread")

    link = DirectoryLink(tmp_path, "demo", "edge-1", [servers[0].url], taken, dict)
    servers[0].say(document(7, camera("x")))
    link.start()
    try:
        until(lambda: len(seen) == 2)
        until((tmp_path / CACHE).exists)
    finally:
        link.stop()
    assert seen == [(3, 7), (3, 7)]


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_a_server_that_trickles_its_answer_is_left(start, monkeypatch):
    monkeypatch.setattr(client, "HOLD_S", 0.1)
    monkeypatch.setattr(directory_client, "WHOLE_ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle():
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the agent has had enough
                connection.sendall(start)
                while True:
                    connection.sendall(b"x")
                    threading.Event().wait(0.02)

        thread = threading.Thread(target=trickle)
        thread.start()
        with closing(client.DirectoryClient()) as asker, pytest.raises(WatchkeepError, match="does not answer in time"):
            asker.ask(f"http://127.0.0.1:{listener.getsockname()[1]}", "edge-1", (0, 0))
        thread.join()


def test_a_server_that_no_name_can_be_keeps_nobody_from_asking_the_next_one():
    """It ended the thread, which began with the same server again, for ever."""
    with pytest.raises(WatchkeepError, match="no host can have such a name"):
        client.DirectoryClient().ask("http://a..b:1", "edge-1", (0, 0))
