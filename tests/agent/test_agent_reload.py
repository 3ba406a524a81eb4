"""What of a changed agent.toml is taken up while the agent runs: agent/reload.py, and the service around it."""

import json
import signal
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest
from agent_toml import written
from typer.testing import CliRunner

from watchkeep.agent import cli
from watchkeep.agent.config import AgentConfig, read
from watchkeep.agent.control.answer import Control
from watchkeep.agent.control.client import RefusedError
from watchkeep.agent.control.model import Request
from watchkeep.agent.reload import FIXED, taken_up
from watchkeep.agent.reporter import Reporter
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.agent.signals import AGAIN
from watchkeep.wire.causes import EventKind
from watchkeep.wire.errors import UsageError

BASE = {
    "agent": {"id": "edge-1", "site": "demo", "data_dir": "/d"},
    "archiver": [{"id": "a", "url": "http://h:1"}, {"id": "c", "url": "http://h:3", "cold": True, "mac": "02:00:5e:10:00:ff"}],
    "camera": [{"id": "cam0", "url": "rtsp://h/x"}],
}


def config(**sections):
    return AgentConfig.model_validate(json.loads(json.dumps(BASE | sections)), strict=False)


@pytest.mark.parametrize(("sections", "kept"), [
    ({}, ()),
    ({"agent": BASE["agent"] | {"site": "other", "profile": "intel-n100"}}, ("agent.site", "agent.profile")),
    ({"mqtt": {"url": "mqtt://u:secret@h:1883"}}, ("mqtt",)),
    ({"journal": {"max_bytes": 1 << 30}}, ("journal.max_bytes",)),
    ({"recording": {"chunk_ms": 500}, "replication": {"failback": "sticky"}}, ("recording.chunk_ms", "replication.failback")),
    ({"discovery": {"mdns": False}}, ("discovery.mdns",)),
])  # fmt: skip
def test_what_needs_a_restart_is_named_and_stays_as_it_was(sections, kept):
    cameras = [{"id": "cam1", "url": "rtsp://h/y", "group": "g"}]
    wanted = config(**sections, camera=cameras, group=[{"id": "g", "copies": 2}])
    found, said = taken_up(config(), wanted)
    assert said == kept
    assert all(getattr(found, section) == getattr(config(), section) for section in FIXED)
    assert [camera.id for camera in found.camera] == ["cam1"]
    assert found.rule(found.camera[0]).copies == 2
    assert found.archiver == config().archiver


def test_every_section_is_either_taken_up_or_fixed():
    assert {*FIXED, "camera", "group", "archiver"} == set(AgentConfig.model_fields)


def test_archivers_come_move_and_go_but_how_they_are_woken_stays():
    wanted = config(archiver=[
        {"id": "b", "url": "http://h:2"}, {"id": "c", "url": "http://h:9"},
        {"id": "d", "url": "http://h:4", "cold": True, "mac": "02:00:5e:10:00:fe"},
    ])  # fmt: skip
    found, kept = taken_up(config(), wanted)
    assert [(one.id, one.url, one.cold) for one in found.archiver] == [("b", "http://h:2", False), ("c", "http://h:9", True)]
    assert kept == ("archiver[1].cold", "archiver[1].mac", "archiver[2].cold", "archiver[2].mac")


MORE = '[[camera]]\nid = "cam1"\nurl = "rtsp://127.0.0.1:1/y"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def told(monkeypatch):
    events = []
    monkeypatch.setattr(Reporter, "event", lambda self, event: events.append(event))
    return events


def changes(told):
    return [event for event in told if event.kind is EventKind.CONFIGURATION]


@pytest.mark.parametrize(("change", "why"), [
    (lambda text: text + MORE + "copys = 2\n", "camera[1].copys"),
    (lambda text: text + MORE.replace("cam1", "cam0"), "used twice"),
    (lambda text: text + "".join(MORE.replace("cam1", f"more{number}") for number in range(40)), "more than the 32"),
    (lambda text: text.replace("[discovery]", "[discovery"), "agent.toml"),
    (lambda text: text.replace("rtsp://", "ftp://"), "camera[0].url"),
])  # fmt: skip
def test_a_wrong_file_changes_nothing_and_says_why(file, told, change, why):
    with AgentService(plan(file, read(file))) as service:
        before = service._crew.there()
        file.write_text(change(file.read_text()))
        with pytest.raises(UsageError):
            service.reload()
        assert service._crew.there() == before
        (event,) = changes(told)
        assert why in event.text
        assert event.remedy
        assert "open-sesame" not in event.model_dump_json()


def test_the_command_and_the_signals_way_take_up_cameras_and_archivers(file, told):
    asked: SimpleQueue[int] = SimpleQueue()
    with AgentService(plan(file, read(file))) as service:
        thread = threading.Thread(target=service.run, args=(asked.get,))
        thread.start()
        try:
            cam0 = service._crew.there()["cam0"]
            text = file.read_text()
            file.write_text(text.replace("127.0.0.1:1\"\n[[camera", "127.0.0.1:2\"\n[[camera").replace("demo", "home") + MORE)
            done = CliRunner().invoke(cli.app, ["reload", "-c", str(file)])
            assert done.stdout == "cam1 is added\nrestart the agent for agent.site\n"
            assert service._crew.there()["cam0"] is cam0
            assert service._book.urls() == {"a": "http://127.0.0.1:2"}
            file.write_text(text)
            asked.put(signal.SIGHUP)
            assert any(len(changes(told)) == 2 or threading.Event().wait(0.01) for _ in range(1000)), "it was not read again within 10 s"
            assert list(service._crew.there()) == ["cam0"]
            found = json.loads(CliRunner().invoke(cli.app, ["reload", "--json", "-c", str(file)]).stdout)
            assert found == {"changes": "", "kept": []}
        finally:
            asked.put(signal.SIGTERM)
            thread.join(10)
        assert not thread.is_alive()
    assert [event.text for event in changes(told)][1] == "the configuration is read again: cam1 is removed"


def test_whatever_a_reload_runs_into_ends_no_recording(file, told, monkeypatch):
    asked: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
        asked.put(number)
    with AgentService(plan(file, read(file))) as service, monkeypatch.context() as broken:
        failures = [RuntimeError("can't start new thread")]
        ordinary = AgentService.apply
        broken.setattr(AgentService, "apply", lambda *args: (_ for _ in ()).throw(failures.pop()) if failures else ordinary(*args))
        service.run(asked.get)
    assert [event.text for event in changes(told)] == [
        "the configuration could not be read again: RuntimeError; what is recorded goes on",
        "the configuration is read again: no camera has changed"]  # fmt: skip


def test_signals_wait_in_a_queue_because_an_event_that_is_set_by_a_handler_may_lock_its_own_thread_out(file, monkeypatch):
    """The second time too: a service that returns to its disk is followed by another one, with the journal that is open."""
    handlers, seen, made = {}, [], []

    class Service:
        stragglers: tuple[str, ...] = ()
        kept = "a journal"

        def __init__(self, plan, *, well, kept):
            self.plan = plan
            made.append((plan, kept))
            well()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, asked):
            assert asked() == AGAIN
            if len(made) == 1:
                return True
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                handlers[number](number, None)
            seen.extend(asked() for _ in range(3))
            return False

    monkeypatch.setattr(cli, "AgentService", Service)
    monkeypatch.setattr(cli.signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(cli.log, "setup", lambda **_: None)
    cli.run(file)
    assert seen == [signal.SIGHUP, signal.SIGTERM, signal.SIGINT]
    assert [kept for _, kept in made] == [None, "a journal"]
    assert made[0][0] is made[1][0]


def test_reload_of_a_wrong_file_by_the_command_is_exit_code_2(file):
    with AgentService(plan(file, read(file))):
        file.write_text(file.read_text() + MORE.replace("cam1", "cam0"))
        done = CliRunner().invoke(cli.app, ["reload", "-c", str(file)])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2


def test_every_mistake_that_the_agent_finds_is_told_by_the_command_and_counted_in_the_event(file, told):
    """The command itself reads the file only to find the agent; here it is a good one by then."""
    with AgentService(plan(file, read(file))) as service:
        file.write_text(file.read_text() + MORE + 'copys = 2\ningest = "vlc"\n')
        answer = Control(service._replicator, service._reporter.status, service.reload).answer(Request(command="reload"))
    with pytest.raises(UsageError) as refused:
        raise RefusedError(answer)
    lines = refused.value.lines()
    assert len(lines) == 2, lines
    assert "camera[1].copys" in "".join(lines)
    (event,) = changes(told)
    assert event.text.endswith(", and 1 more")
