"""The hub as a process: start, stop, and the one line that each obstacle gets.  Real `watchkeep hub` commands."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import sealed
from blake3 import blake3
from hub_kit import Hub, config, film, running, wait_for

from watchkeep.hub import preflight
from watchkeep.hub.api.append import Appender
from watchkeep.hub.config import HubConfig, load_hub
from watchkeep.hub.preflight import problems, refusals, volume_problems
from watchkeep.hub.service import HubService
from watchkeep.hub.store import init_volume
from watchkeep.hub.store.identity import Identity
from watchkeep.wire.errors import ConfigError
from watchkeep.wire.mdns import Found
from watchkeep.wire.paths import IDENTITY_FILE
from watchkeep.wire.record import Header, RecordKind, pack_header
from watchkeep.wire.shell.mdns import Browser

COMMAND = [sys.executable, "-m", "watchkeep.wire.shell.cli", "hub"]


@pytest.fixture(name="site")
def site_(tmp_path: Path, free_port: Callable[[], int]) -> Path:
    """hub.toml of a hub with one volume; returns the directory."""
    (tmp_path / "volume").mkdir()
    (tmp_path / "hub.toml").write_text(f"""
[hub]
id = "a"
site = "demo"
roles = ["archiver"]
listen = "127.0.0.1:{free_port()}"
data_dir = "{tmp_path}/state"
[archiver]
volumes = ["{tmp_path}/volume"]
min_free_bytes = 0
retention_days = 36500
[discovery]
mdns = false
""")
    return tmp_path


def changed(site: Path, old: str, new: str) -> None:
    text = (site / "hub.toml").read_text()
    assert old in text
    (site / "hub.toml").write_text(text.replace(old, new))


def url(site: Path) -> str:
    listen = next(line for line in (site / "hub.toml").read_text().splitlines() if line.startswith("listen"))
    return "http://" + listen.split('"')[1]


def hub(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False, cwd=site)


def one_line(done: subprocess.CompletedProcess[str], *parts: str, code: int = 2) -> None:
    """The exit code and one line that holds all of parts."""
    assert done.returncode == code, done
    (line,) = done.stderr.strip().splitlines()
    for part in ("hub.toml", *parts):
        assert part in line


def refused(site: Path, *parts: str, code: int = 2) -> None:
    """What `run` and `check` say to the configuration: one line that holds all of parts, the exit code of `run`, nothing touched."""
    before = traces(site)
    config = load_hub(site / "hub.toml")
    with pytest.raises(ConfigError) as caught:
        HubService(config, "hub.toml").start()
    checked = list(problems(config, "hub.toml"))
    assert caught.value.exit_code == code
    assert caught.value.line() in [error.line() for error in checked]
    for part in ("hub.toml", *parts):
        assert part in caught.value.line()
    assert "\n" not in caught.value.line()
    assert traces(site) == before


def traces(site: Path) -> set[str]:
    return {str(path.relative_to(site)) for path in site.rglob("*")}


def answers(site: Path) -> bool:
    try:
        with urlopen(f"{url(site)}/healthz", timeout=5) as answer:
            return bool(json.load(answer)["status"])
    except (URLError, ConnectionError):
        return False


@contextmanager
def process(site: Path) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "run", "-c", "hub.toml"]
    with (site / "log").open("w") as log, subprocess.Popen(command, stderr=log, text=True, cwd=site) as running_hub:
        try:
            wait_for(lambda: running_hub.poll() is not None or answers(site), "the hub's start")
            yield running_hub
        finally:
            if running_hub.poll() is None:
                running_hub.kill()
            running_hub.wait(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_and_it_starts_again(site: Path, number: signal.Signals) -> None:
    for _ in range(2):
        with process(site) as running_hub:
            assert answers(site)
            started = time.monotonic()
            running_hub.send_signal(number)
            assert running_hub.wait(10) == 0
            assert time.monotonic() - started < 5
    assert "Traceback" not in (site / "log").read_text()


def test_check_says_what_it_would_do_and_changes_nothing(site: Path) -> None:
    before = traces(site)
    done = hub(site, "check", "-c", "hub.toml")
    assert done.returncode == 0, done
    assert "keeps 36500 days" in done.stdout
    assert json.loads(hub(site, "check", "-c", "hub.toml", "--json").stdout) == {"ok": True, "problems": []}
    assert hub(site, "check", "-c", "absent.toml").stderr.startswith("watchkeep: absent.toml: cannot be read")
    assert traces(site) == before


def test_a_port_in_use(site: Path) -> None:
    """It may be that of a killed hub that hangs in its disk, so systemd has to go on trying."""
    port = int(url(site).rpartition(":")[2])
    before = traces(site)
    with socket.create_server(("127.0.0.1", port)):
        for command, code in (("run", 1), ("check", 2)):
            one_line(hub(site, command, "-c", "hub.toml"), "hub.listen", "in use", "ss -ltnp", code=code)
    assert traces(site) == before


@pytest.mark.parametrize(
    ("key", "section"),
    [("mqtt.url", '[mqtt]\nurl = "mqtt://127.0.0.1:{port}"'), ("broker.listen", '[broker]\nlisten = "127.0.0.1:{port}"')],
)
def test_a_brokers_port_in_use(site: Path, free_port: Callable[[], int], key: str, section: str) -> None:
    port = free_port()
    changed(site, 'roles = ["archiver"]', 'roles = ["archiver", "broker"]')
    changed(site, "[discovery]", section.format(port=port) + "\n[discovery]")
    with socket.create_server(("127.0.0.1", port)):
        refused(site, f": {key}: 127.0.0.1:{port} is in use", "ss -ltnp", code=1)


@pytest.mark.parametrize(("key", "folder"), [("archiver.volumes[0]", "volume"), ("hub.data_dir", "state")])
def test_a_folder_on_a_disk_that_is_mounted_read_only(site: Path, key: str, folder: str) -> None:
    """Permissions alone do not stop root."""
    (site / folder).mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "watchkeep-test", str(site / folder)], check=True)
    try:
        refused(site, f": {key}: ", f"{site}/{folder} is on a file system that is read-only", "mount", code=1)
    finally:
        subprocess.run(["umount", str(site / folder)], check=True)


@pytest.mark.parametrize(("key", "folder"), [("archiver.volumes[0]", "volume"), ("hub.data_dir", "state")])
def test_a_folder_that_cannot_even_be_looked_at(site: Path, key: str, folder: str) -> None:
    """A name that is too long stands for all errors of looking; root may look everywhere."""
    changed(site, f"{site}/{folder}", f"{site}/{'x' * 300}")
    refused(site, f": {key}: ", "cannot be used (File name too long)")


def test_a_missing_volume(site: Path) -> None:
    (site / "volume").rmdir()
    refused(site, "archiver.volumes[0]", "does not exist", "mount")


def test_a_good_volume_is_not_touched_when_another_one_is_missing(site: Path) -> None:
    changed(site, f'volumes = ["{site}/volume"]', f'volumes = ["{site}/volume", "{site}/missing"]')
    refused(site, "archiver.volumes[1]")


def test_a_volume_of_another_archiver(site: Path) -> None:
    init_volume(site / "volume", "b", site / "elsewhere")
    refused(site, "archiver.volumes[0]", "belongs to archiver 'b'", "--force")
    assert hub(site, "init-volume", f"{site}/volume", "-c", "hub.toml", "--force").returncode == 0
    assert list(problems(load_hub(site / "hub.toml"), "hub.toml")) == []


def test_a_disk_that_is_not_mounted(site: Path) -> None:
    init_volume(site / "volume", "a", site / "state")
    (site / "volume" / IDENTITY_FILE).unlink()
    refused(site, "archiver.volumes[0]", "not mounted", code=1)
    (site / "volume").rmdir()
    refused(site, "archiver.volumes[0]", "does not exist", code=1)


def test_a_volume_of_another_process_is_tried_again(site: Path) -> None:
    """It may be a killed hub that hangs in its disk."""
    init_volume(site / "volume", "a", site / "state")
    handle = os.open(site / "volume", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="in use by another process") as caught:
            HubService(load_hub(site / "hub.toml"), "hub.toml").start()
        assert caught.value.exit_code == 1
    finally:
        os.close(handle)


def test_one_data_dir_has_one_hub(tmp_path: Path) -> None:
    """The second one would clear the catalog of all that is on the volumes of the first, which serves it by the catalog alone."""
    made = film(6)
    with running(tmp_path) as served:
        served.stored(made.batch())
        served.wait_durable(made)
        (tmp_path / "other").mkdir()
        other = config(tmp_path / "other", hub={"id": "b", "data_dir": str(config(tmp_path).hub.data_dir)})
        with pytest.raises(ConfigError, match=r"hub\.data_dir: .* in use by another hub") as caught:
            HubService(other, "hub.toml").start()
        assert caught.value.exit_code == 1
        assert served.get("/v1/cameras").json()[0]["chunks"] == 6


def two_volumes(site: Path) -> HubConfig:
    """Of a hub that has run; the second disk is not mounted now."""
    changed(site, f'volumes = ["{site}/volume"]', f'volumes = ["{site}/volume", "{site}/late"]')
    for name in ("volume", "late"):
        (site / name).mkdir(exist_ok=True)
        init_volume(site / name, "a", site / "state")
    (site / "late").rename(site / "mounted-later")
    return load_hub(site / "hub.toml")


def test_a_disk_that_is_not_mounted_holds_up_no_other_one_and_is_used_when_it_comes(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.opening.AGAIN_S", 0.05)
    service = HubService(two_volumes(site), "hub.toml")
    service.start()
    try:
        late = Hub(url(site), []).get("/healthz").json()
        assert (late["status"], "does not exist" in str(late["why"])) == ("degraded", True), late
        (site / "mounted-later").rename(site / "late")
        wait_for(lambda: Hub(url(site), []).get("/healthz").json()["status"] == "ok", "the disk to be taken in")
    finally:
        service.stop()


def test_a_disk_that_hangs_before_the_store_is_opened_holds_up_no_other_one(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before anything is touched is a call to the disk as well."""
    config, go, real = two_volumes(site), threading.Event(), preflight.read_identity
    (site / "mounted-later").rename(site / "late")

    def hangs(root: Path) -> Identity | None:
        if root.name == "late":
            go.wait(30)
        return real(root)

    monkeypatch.setattr(preflight, "read_identity", hangs)
    monkeypatch.setattr(preflight, "LOOK_S", 0.1)
    try:
        assert list(refusals(config, "hub.toml")) == []
        (problem,) = volume_problems(config, "hub.toml")
        assert (problem.key, problem.exit_code, "hangs" in problem.problem) == ("archiver.volumes[1]", 1, True)
    finally:
        go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("wk-hub-look"):
                thread.join(10)


def test_another_disk_than_before(site: Path) -> None:
    init_volume(site / "volume", "a", site / "state")
    (site / "volume" / IDENTITY_FILE).unlink()
    init_volume(site / "volume", "a", site / "elsewhere")
    refused(site, "archiver.volumes[0]", "another disk")


def test_a_directory_with_other_files_is_no_volume(site: Path) -> None:
    (site / "volume" / "holiday.jpg").touch()
    refused(site, "archiver.volumes[0]", "not empty")


@pytest.mark.parametrize("at", ["/proc", "/proc/nothing"])
def test_a_data_dir_that_cannot_be_written(site: Path, at: str) -> None:
    """/proc refuses even root."""
    changed(site, f'data_dir = "{site}/state"', f'data_dir = "{at}/x/state"')
    refused(site, "hub.data_dir", "cannot be made")


def test_a_file_that_is_not_there(site: Path) -> None:
    one_line(hub(site, "run", "-c", "other/hub.toml"), "cannot be read")
    done = hub(site, "check", "-c", "other/hub.toml", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"][0]["file"] == "other/hub.toml"


def test_init_volume_wants_the_path_that_the_configuration_has(site: Path) -> None:
    done = hub(site, "init-volume", "volume", "-c", "hub.toml")
    assert done.returncode == 2
    assert "absolute" in done.stderr


def test_an_append_under_way_is_finished_by_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes, and what it says is on disk afterwards."""
    begun, go = threading.Event(), threading.Event()
    real = Appender._prove_and_store

    def slow(appender: Appender, *given: Any) -> bytes:
        begun.set()
        go.wait(10)
        return real(appender, *given)

    monkeypatch.setattr(Appender, "_prove_and_store", slow)
    made, statuses = film(6), []
    with running(tmp_path) as served:
        sender = threading.Thread(target=lambda: statuses.append(served.append(made.batch()).status))
        sender.start()
        assert begun.wait(10)
        threading.Timer(0.5, go.set).start()
    sender.join()
    assert statuses == [200]
    (name,) = served.files()
    assert (served.volumes[0] / name).read_bytes() == made.init + b"".join(made.chunks)


def test_a_player_that_does_not_read_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    """30 MB of export are more than the sockets' buffers take."""
    with running(tmp_path) as served:
        init = pack_header(Header(RecordKind.INIT, sealed.CAMERA, sealed.EPOCH, 0, len(sealed.INIT), blake3(sealed.INIT).digest()))
        prev = sealed.ZERO_HASH
        for seq in range(30):
            seal, payload = sealed.chunk(seq, video=[bytes(1_000_000)], prev=prev)
            served.stored(init + sealed.INIT + sealed.record(seal, payload))
            prev = seal.chunk_hash
        where = urlsplit(served.url)
        player = socket.create_connection((where.hostname or "", where.port or 0))
        player.sendall(f"GET /v1/cameras/cam0/export.mp4?start={sealed.EPOCH}&end={sealed.EPOCH + 30} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert player.recv(15) == b"HTTP/1.1 200 OK"
        started = time.monotonic()
    assert time.monotonic() - started < 8
    player.close()


def test_mdns_finds_it_under_its_id(tmp_path: Path) -> None:
    found: dict[str, Found] = {}
    site = f"test-{os.getpid()}"  # other hubs of this machine may announce themselves too
    browser = Browser(["127.0.0.1"], site, found.update)
    browser.start()
    try:
        with running(tmp_path, hub={"site": site}, discovery={"mdns": True, "interfaces": ["127.0.0.1"]}) as served:
            wait_for(lambda: "a" in found, "the announcement")
            assert (found["a"].url, found["a"].roles) == (served.url, ("archiver",))
    finally:
        browser.stop()


def test_a_killed_hub_starts_again_with_everything_durable(site: Path) -> None:
    made, client = film(6), Hub(url(site), [site / "volume"])
    with process(site) as running_hub:
        client.stored(made.batch())
        client.wait_durable(made)
        running_hub.kill()
        running_hub.wait(10)
    with process(site):
        assert client.get("/v1/cameras").json()[0]["chunks"] == 6
        assert client.get("/healthz").json()["status"] == "ok"


def test_nothing_is_left_of_a_start_that_fails_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leak check of conftest.py looks for threads, sockets and files afterwards."""
    monkeypatch.setattr("watchkeep.hub.service.HttpServer.start", lambda _self: Path("/nonexistent").stat())
    with pytest.raises(FileNotFoundError), running(tmp_path):
        pass


def test_a_hub_that_archives_does_not_load_the_database_of_the_directory() -> None:
    code = "import sys, watchkeep.hub.cli; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
