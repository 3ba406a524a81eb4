"""Asking and steering an agent over its control socket: a real socket, a real agent, and the commands as they are typed."""

import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_toml import TEXT, B, written
from typer.testing import CliRunner, Result

from watchkeep.agent import cli, usage
from watchkeep.agent.config import read
from watchkeep.agent.control import server
from watchkeep.agent.control.client import ask
from watchkeep.agent.control.model import MAX_REQUEST_BYTES, SOCKET_NAME, Answer, Request
from watchkeep.agent.control.server import ControlServer
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.wire.errors import UsageError, WatchkeepError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, TEXT + B)


@pytest.fixture
def agent(config: Path) -> Iterator[AgentService]:
    with AgentService(plan(config, read(config))) as service:
        yield service


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, [*arguments, "-c", str(config)])


def test_status_says_how_the_agent_is_and_no_password(agent: AgentService, config: Path) -> None:
    found = json.loads(run(config, "status", "--json").stdout)
    assert found["beacon"]["agent"] == "edge-1"
    assert [camera["camera"] for camera in found["cameras"]] == ["cam0"]
    assert [(lane["archiver"], lane["live"], lane["catchup"]) for lane in found["replication"]["lanes"]] == [("a", 0, 0), ("b", 0, 0)]
    shown = run(config, "status")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0].startswith("agent edge-1: 0 of 1 cameras recording; journal 0.")
    assert "cam0: connecting" in shown.stdout
    assert ", protected; 1 of a, b wanted, goes to" in " ".join(shown.stdout.split())
    assert "open-sesame" not in shown.stdout + json.dumps(found)


def test_top_shows_what_it_costs_once_when_nobody_watches_or_as_json(agent: AgentService, config: Path) -> None:
    found = json.loads(run(config, "top", "--json").stdout)
    assert found["rss_mb"] > 1
    assert {"cpu_percent", "cpu_percent_per_camera", "wakeups_s"} <= found.keys()
    assert [(camera["camera"], camera["ingest_why"]) for camera in found["cameras"]] == [("cam0", "")]
    shown = run(config, "top")
    assert shown.exit_code == 0
    assert "agent edge-1: 0 of 1 cameras" in " ".join(shown.stdout.split())
    assert "cam0" in shown.stdout


def test_top_shows_how_often_the_agents_threads_wake(agent: AgentService, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "PERIOD_S", 0.05)

    def found() -> float:
        return float(json.loads(run(config, "top", "--json").stdout)["wakeups_s"])

    assert any(found() > 1 or threading.Event().wait(0.05) for _ in range(400)), "its writer alone wakes five times a second"


def test_a_camera_is_moved_and_given_back(agent: AgentService, config: Path) -> None:
    moved = json.loads(run(config, "move", "cam0", "--to", "b", "--json").stdout)
    assert [each["camera"] for each in moved] == ["cam0"]
    assert "moved to b by an operator" in run(config, "status").stdout
    assert run(config, "move", "--all", "--back").stdout.startswith("cam0: ")
    assert "by an operator" not in run(config, "status").stdout


@pytest.mark.parametrize("arguments", [
    ("cam9", "--to", "a"), ("cam0", "--to", "z"), ("cam0",), ("--to", "a"), ("cam0", "--all", "--to", "a"),
    ("--all", "--to", "a", "--back"),
])  # fmt: skip
def test_what_cannot_be_moved_says_what_can(agent: AgentService, config: Path, arguments: tuple[str, ...]) -> None:
    error = run(config, "move", *arguments).exception
    assert isinstance(error, UsageError)
    assert error.remedy
    assert error.exit_code == 2


def test_without_an_agent_the_command_says_so(config: Path, tmp_path: Path) -> None:
    for make in (lambda: None, (tmp_path / "data").mkdir, (tmp_path / "data" / SOCKET_NAME).touch):
        make()
        error = run(config, "status").exception
        assert isinstance(error, WatchkeepError)
        assert (error.exit_code, "no agent runs" in error.message, "agent run" in error.remedy) == (1, True, True)


def test_the_socket_is_its_owners_alone_and_goes_with_the_agent(config: Path, tmp_path: Path) -> None:
    found = tmp_path / "data" / SOCKET_NAME
    with AgentService(plan(config, read(config))):
        assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert not found.exists()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A server in a folder with a long name, on top of what a dead process has left, that answers every request with its command."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    (folder / SOCKET_NAME).touch()
    made = ControlServer(folder, lambda request: Answer(error=request.command, remedy="-"))
    made.start()
    yield folder
    made.stop()


def connected(folder: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(10)
    with server.short_path(folder) as path:
        made.connect(path)
    return made


@pytest.mark.parametrize("sent", [b"\n", b"{\n", b'{"command": "stop"}\n', b"x" * MAX_REQUEST_BYTES, b"\xff\n"])
def test_what_is_no_request_is_answered_and_the_next_one_is_served(served: Path, sent: bytes) -> None:
    with connected(served) as client:
        client.sendall(sent)
        assert "cannot be read" in json.loads(client.recv(10_000))["error"]
    with pytest.raises(UsageError, match="status"):
        ask(served, Request(command="status"))


def test_one_that_asks_nothing_keeps_the_others_waiting_for_a_bounded_time(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLIENT_S", 0.3)
    with connected(served), pytest.raises(UsageError, match="status"):
        ask(served, Request(command="status"))


def test_a_folder_that_takes_no_socket_is_no_obstacle(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = ControlServer(tmp_path / "absent", lambda _: Answer())
    made.start()
    made.stop()
    assert "agent status and agent move do not work" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "wk-control"]
