"""The archiver's beacon, its will and its events, over the hub's own embedded broker."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_kit import Hub, film, running, wait_for

from watchkeep.hub.beacon import WILL_BEAT, Identity, Vitals, compose, farewell
from watchkeep.wire import topics
from watchkeep.wire.messages import ArchiverBeacon, VolumeState
from watchkeep.wire.shell.mqtt import MqttClient

WHO = Identity("a", "demo", "b00t", "http://h:1")


class Watcher:
    """Everything said on the site's topics."""

    def __init__(self, url: str) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self._client = MqttClient(url, client_id="watcher", will=None, birth=list)
        self._client.subscribe(topics.everything("demo"), lambda topic, payload: self.said.append((topic, json.loads(payload))))
        self._client.start()

    def beacons(self) -> list[ArchiverBeacon]:
        return [ArchiverBeacon.model_validate(message) for topic, message in list(self.said) if topic == WHO.topic]

    def online(self) -> bool:
        return any(beacon.online for beacon in self.beacons())

    def stop(self) -> None:
        self._client.stop()


@pytest.fixture(name="watch")
def watch_() -> Iterator[Callable[[str], Watcher]]:
    made: list[Watcher] = []

    def watch(url: str) -> Watcher:
        made.append(Watcher(url))
        return made[-1]

    yield watch
    for watcher in made:
        watcher.stop()


def test_beacon_and_will_are_the_same_message_on_one_topic() -> None:
    vitals = Vitals(2, 10, 9, 1, (VolumeState(path="/v", online=True, free_bytes=1, total_bytes=2),), desired=(8, 41))
    beacon = compose(WHO, vitals, beat=4, now_s=7.0, uptime_s=3.0)
    assert (beacon.archiver, beacon.boot, beacon.beat, beacon.online, beacon.durable) == ("a", "b00t", 4, True, 9)
    assert (beacon.desired_term, beacon.desired_index) == (8, 41)
    gone = ArchiverBeacon.model_validate_json(farewell(WHO, 7.0))
    assert (gone.archiver, gone.boot, gone.beat, gone.online, gone.url) == ("a", "b00t", WILL_BEAT, False, "http://h:1")
    assert WHO.topic == "watchkeep/v1/demo/archiver/a/beacon"


def test_birth_beats_tampering_and_goodbye(
    tmp_path: Path, free_port: Callable[[], int], watch: Callable[[str], Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site's broker is another hub, as it would be in the field, so that the goodbye has somewhere to go."""
    monkeypatch.setattr("watchkeep.hub.service.BEACON_S", 0.1)
    mqtt = {"url": f"mqtt://127.0.0.1:{free_port()}"}
    (tmp_path / "broker").mkdir()
    broker = {"hub": {"id": "m", "roles": ["broker"]}, "mqtt": mqtt}
    with running(tmp_path / "broker", archiver=None, **broker) as _:
        watcher = watch(mqtt["url"])
        with running(tmp_path, mqtt=mqtt) as hub:
            wait_for(watcher.online, "the birth")
            hub.stored(film(2).batch())
            other = film(2, width=80)
            assert hub.append(other.init_record() + other.record(1)).status == 409
            wait_for(lambda: any(beacon.received == 2 and beacon.refused >= 1 for beacon in watcher.beacons()), "a beacon with counts")
            wait_for(lambda: any(topic == topics.event("demo", "tamper") for topic, _ in watcher.said), "the event")
            beats = [beacon.beat for beacon in watcher.beacons()]
            assert beats == sorted(set(beats))
            assert watcher.beacons()[-1].url == hub.url
        wait_for(lambda: not watcher.beacons()[-1].online, "the goodbye")


def test_a_killed_archiver_leaves_its_will(tmp_path: Path, free_port: Callable[[], int], watch: Callable[[str], Watcher]) -> None:
    mqtt = {"url": f"mqtt://127.0.0.1:{free_port()}"}
    (tmp_path / "volume").mkdir()
    (tmp_path / "hub.toml").write_text(f"""
[hub]
id = "a"
site = "demo"
roles = ["archiver"]
listen = "127.0.0.1:{free_port()}"
data_dir = "{tmp_path}/state"
[mqtt]
url = "{mqtt["url"]}"
[archiver]
volumes = ["{tmp_path}/volume"]
min_free_bytes = 0
[discovery]
mdns = false
""")
    (tmp_path / "broker").mkdir()
    with running(tmp_path / "broker", archiver=None, hub={"id": "m", "roles": ["broker"]}, mqtt=mqtt):
        watcher = watch(mqtt["url"])
        command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "hub", "run", "-c", str(tmp_path / "hub.toml")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as archiver:
            wait_for(watcher.online, "the birth")
            archiver.send_signal(signal.SIGKILL)
        wait_for(lambda: not watcher.beacons()[-1].online, "the will")
        assert watcher.beacons()[-1].boot == watcher.beacons()[0].boot


def test_one_process_holds_both_roles(tmp_path: Path, free_port: Callable[[], int], watch: Callable[[str], Watcher]) -> None:
    mqtt = {"url": f"mqtt://127.0.0.1:{free_port()}"}
    with running(tmp_path, hub={"roles": ["archiver", "broker"]}, mqtt=mqtt) as hub:
        wait_for(watch(mqtt["url"]).online, "the beacon")
        assert hub.get("/healthz").json()["roles"] == ["archiver", "broker"]


def test_recording_needs_no_broker(tmp_path: Path, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), running(tmp_path, mqtt={"url": f"mqtt://127.0.0.1:{free_port()}"}) as hub:
        made = film(2)
        hub.stored(made.batch())
        hub.wait_durable(made)


def test_a_hub_without_the_archiver_role_has_health_and_nothing_to_append_to(tmp_path: Path, free_port: Callable[[], int]) -> None:
    broker = {"hub": {"roles": ["broker"]}, "broker": {"listen": f"127.0.0.1:{free_port()}"}}
    with running(tmp_path, archiver=None, **broker) as hub:
        assert isinstance(hub, Hub)
        assert hub.get("/healthz").json()["status"] == "ok"
        assert hub.get("/metrics").status == 200
        assert hub.append(b"").status == 404
