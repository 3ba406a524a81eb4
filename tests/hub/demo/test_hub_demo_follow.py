"""SiteView reads messages by the rules of docs/MQTT.md; a late will of an older process changes nothing, also at a real broker."""

import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_kit import running, wait_for

from watchkeep.hub.demo.follow import SiteView
from watchkeep.wire import topics
from watchkeep.wire.messages import AgentBeacon, ArchiverBeacon, CameraState
from watchkeep.wire.shell.mqtt import MqttClient

AGENT, ARCHIVER = topics.agent_beacon("demo", "edge-1"), topics.archiver_beacon("demo", "a")


def agent(boot: str, beat: int) -> bytes:
    """A beacon, or with beat -1 the will."""
    beacon = AgentBeacon(agent="edge-1", site="demo", version="1", online=beat >= 0, boot=boot, beat=beat, sent_s=1.0)
    return beacon.model_dump_json().encode()


def archiver(boot: str, beat: int) -> bytes:
    beacon = ArchiverBeacon(archiver="a", site="demo", version="1", online=beat >= 0, boot=boot, beat=beat, sent_s=1.0)
    return beacon.model_dump_json().encode()


def camera(boot: str) -> bytes:
    return CameraState(camera="cam0", agent="edge-1", boot=boot, status="recording", since_s=1.0, protection="protected",
                       protection_since_s=1.0).model_dump_json().encode()  # fmt: skip


@pytest.mark.parametrize(("topic", "said", "kept"), [(AGENT, agent, "agents"), (ARCHIVER, archiver, "archivers")])
def test_late_wills_and_old_beacons_change_nothing(topic: str, said: Callable[[str, int], bytes], kept: str) -> None:
    view = SiteView()

    def shown(boot: str, beat: int) -> tuple[bool, str, int, int]:
        view.take(topic, said(boot, beat))
        (beacon,) = getattr(view, kept).values()
        return beacon.online, beacon.boot, beacon.beat, view.stale

    assert shown("one", -1) == (False, "one", -1, 0), "retained from before we came"
    assert shown("one", 5) == (True, "one", 5, 0)
    assert shown("one", 5) == (True, "one", 5, 1), "QoS 1 may send twice"
    assert shown("one", 4) == (True, "one", 5, 2)
    assert shown("two", 0) == (True, "two", 0, 2), "a re-birth counts from 0"
    assert shown("one", -1) == (True, "two", 0, 3), "the late will of the process before"
    assert shown("two", 1) == (True, "two", 1, 3)
    assert shown("two", -1) == (False, "two", -1, 3), "its own will"
    assert shown("two", 1) == (False, "two", -1, 4), "a beacon of before the will"
    assert shown("two", 2) == (True, "two", 2, 4), "the same process is connected again"


def test_a_camera_counts_while_its_agents_process_is_online() -> None:
    view, state = SiteView(), topics.camera_state("demo", "cam0")
    view.take(state, camera("one"))
    assert view.recording() == 0, "nobody says that its agent is alive"
    view.take(AGENT, agent("one", 0))
    assert view.recording() == 1
    view.take(AGENT, agent("one", -1))
    assert view.recording() == 0
    view.take(AGENT, agent("two", 0))
    assert view.recording() == 0, "that state is of the process before"
    view.take(state, camera("two"))
    view.take(AGENT, agent("one", -1))
    assert view.recording() == 1, "a late will takes nothing back"
    view.take(state, b"")
    assert (view.recording(), view.foreign) == (0, 0), "it was taken off its topic"


def connect(topic: str, will: bytes) -> bytes:
    """An MQTT 3.1.1 CONNECT with a retained will."""
    def text(data: bytes) -> bytes:
        return struct.pack(">H", len(data)) + data

    body = text(b"MQTT") + bytes((4, 0b0010_0110)) + struct.pack(">H", 60) + text(b"old-process") + text(topic.encode()) + text(will)
    return bytes((0x10, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def test_a_late_will_at_a_real_broker_leaves_no_stale_state(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The old process hangs without closing its connection; the new one is born; then the broker gives the old one up."""
    view, port = SiteView(), free_port()
    url = f"mqtt://127.0.0.1:{port}"
    watcher = MqttClient(url, client_id="watcher", will=None, birth=list)
    watcher.subscribe(topics.everything("demo"), view.take)
    new = MqttClient(url, client_id="new-process", will=(AGENT, agent("two", -1)), birth=lambda: [(AGENT, agent("two", 0))])
    broker = {"hub": {"id": "m", "roles": ["broker"]}, "mqtt": {"url": url}}
    with running(tmp_path, archiver=None, **broker), socket.create_connection(("127.0.0.1", port), 10) as old:
        old.sendall(connect(AGENT, agent("one", -1)))
        assert old.recv(4) == b"\x20\x02\x00\x00", "the broker has the will"
        watcher.start()
        new.start()
        try:
            wait_for(lambda: "edge-1" in view.agents and view.agents["edge-1"].boot == "two", "the birth")
            old.shutdown(socket.SHUT_RDWR)  # without a DISCONNECT
            wait_for(lambda: view.stale == 1, "the late will")
            assert (view.agents["edge-1"].online, view.agents["edge-1"].boot) == (True, "two")
        finally:
            new.stop()
            watcher.stop()
