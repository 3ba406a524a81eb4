"""Starting and stopping the whole agent in one process: agent/service.py, datadir.py, setup.py, reporter.py."""

import errno
import logging
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from agent_toml import TEXT, written
from blake3 import blake3
from sealed import INIT

from watchkeep.agent import service as service_file
from watchkeep.agent.clock import Clock
from watchkeep.agent.config import read
from watchkeep.agent.datadir import open_journal, open_slots
from watchkeep.agent.epochs import STATE_BYTES, EpochBook
from watchkeep.agent.journal import slots
from watchkeep.agent.journal.direct import DirectWriter
from watchkeep.agent.journal.scan import Cut
from watchkeep.agent.journal.slots import SlotFile
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.replicator import Replicator
from watchkeep.agent.reporter import Reporter
from watchkeep.agent.roster import Wanted
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.agent.writer import Writer
from watchkeep.wire import topics
from watchkeep.wire.causes import CameraStatus, Cause, EventKind
from watchkeep.wire.errors import ConfigError, FullError, VolumeError
from watchkeep.wire.messages import Event
from watchkeep.wire.record import Header, RecordKind


def planned(tmp_path, extra="", profile="generic"):
    file = written(tmp_path, TEXT.replace("[discovery]", f'profile = "{profile}"\n{extra}[discovery]'))
    return plan(file, read(file))


def wait_until(condition):
    for _ in range(400):
        if condition():
            return
        threading.Event().wait(0.05)
    pytest.fail("the condition did not come true within 20 s")


def run_until(service, condition):
    """Run the agent until the condition holds."""
    with service:
        wait_until(condition)


def seen(service):
    return service._crew.there()["cam0"].ingest.life.reconnects > 0


def test_starts_fresh_and_shows_a_camera_that_is_not_there_without_its_password(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    service = AgentService(planned(tmp_path))
    run_until(service, lambda: seen(service))
    shown = service._crew.there()["cam0"].ingest.life.shown
    assert shown.status is CameraStatus.CONNECTING
    assert "refused" in shown.why
    assert "open-sesame" not in shown.why
    assert "open-sesame" not in caplog.text
    assert service.stragglers == []


@pytest.mark.parametrize("data", [b"{", b"[1]", b'{"cam0": "x"}', b'{"../x": "http://h", "a": 5}'])
def test_damaged_small_files_are_no_obstacle(tmp_path, data):
    (tmp_path / "data").mkdir()
    for name in ("epochs", "archivers"):
        SlotFile(tmp_path / "data" / f"{name}.slots", size=STATE_BYTES).write(data)
    service = AgentService(planned(tmp_path))
    run_until(service, lambda: seen(service))


def test_small_files_that_cannot_be_used_are_no_obstacle_and_named(tmp_path, caplog):
    for name in ("epochs", "archivers"):
        (tmp_path / "data" / f"{name}.slots").mkdir(parents=True)
    service = AgentService(planned(tmp_path))
    run_until(service, lambda: seen(service))
    assert "recording goes on without it" in caplog.text


def test_an_epoch_file_that_cannot_be_used_promises_nothing_so_no_number_is_given_out_twice(tmp_path):
    path = tmp_path / "epochs.slots"
    path.mkdir()
    clock, draws = Clock(), iter([5000, 70_000])
    clock.utc_s = lambda: 30.0  # booted in 1970
    first, second = (EpochBook(open_slots(path), clock, {}, below=lambda _: next(draws)).next("cam0") for _ in range(2))
    assert first != second


def test_a_small_file_that_could_not_be_made_is_made_when_there_is_room(tmp_path, monkeypatch):
    path = tmp_path / "epochs.slots"
    with monkeypatch.context() as full:
        full.setattr(slots, "publish", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        made = open_slots(path)
        with pytest.raises(FullError):
            made.write(b"promise")
    made.write(b"promise")
    made.write(b"another")
    assert open_slots(path).read() == b"another"


def test_a_journal_in_use_is_named_with_file_and_key(tmp_path):
    with AgentService(planned(tmp_path)), pytest.raises(ConfigError) as caught:
        AgentService(planned(tmp_path))
    # 1: a process that was killed while its disk hung has it until the disk answers, and a service at 2 stays down
    assert (caught.value.key, caught.value.exit_code) == ("agent.data_dir", 1)
    assert "in use" in caught.value.message
    AgentService(planned(tmp_path)).close()


def test_a_journal_that_is_too_small_is_found_before_anything_is_touched(tmp_path):
    with pytest.raises(ConfigError, match=r"agent\.toml: journal\.max_bytes: 300000000 holds less than 3") as caught:
        planned(tmp_path, "[journal]\nmax_bytes = 300_000_000\n", "intel-n100")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_a_start_that_fails_half_way_leaves_no_thread(tmp_path, monkeypatch):
    def broken(self, urls):
        raise VolumeError("no way", remedy="none")

    monkeypatch.setattr(Replicator, "set_archivers", broken)
    service = AgentService(planned(tmp_path))
    with pytest.raises(VolumeError):
        service.__enter__()
    AgentService(planned(tmp_path)).close()  # the journal's lock is free again


@pytest.mark.parametrize(("owner", "step"), [(Writer, "drain"), (Replicator, "drain"), (Reporter, "stop")])
def test_a_step_of_stopping_that_fails_does_not_keep_the_others_from_ending(tmp_path, monkeypatch, owner, step):
    def broken(self, *_):
        raise RuntimeError("a bug")

    service = AgentService(planned(tmp_path))
    with service:
        monkeypatch.setattr(owner, step, broken)
    monkeypatch.undo()
    AgentService(planned(tmp_path)).close()


def test_libav_says_nothing_on_stderr_and_check_hides_the_password(tmp_path):
    planned(tmp_path)
    script = ("from watchkeep.agent.pyav.ingest import RtspSession\n"
              "try: RtspSession('rtsp://viewer:open-sesame@127.0.0.1:1/x', 'tcp')\n"
              "except Exception as error: print(error)\n")  # fmt: skip
    tried = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert tried.stderr == ""
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "agent", "check", "-c", str(tmp_path / "agent.toml")]
    for options in ([], ["--json"]):
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
        assert "rtsp://***@127.0.0.1:1/x" in done.stdout
        assert "open-sesame" not in tried.stdout + done.stdout + done.stderr


def test_the_stage_holds_half_a_minute_of_all_cameras_at_the_profiles_bitrate(tmp_path):
    made = planned(tmp_path)
    assert made.stage_bytes == 30 * 8_000_000 // 8 * 5 // 4
    two = made.config.model_copy(update={"camera": made.config.camera * 2})
    assert replace(made, config=two).stage_bytes == 2 * made.stage_bytes
    assert (made.pool_for(1), made.pool_for(64)) == (made.stage_bytes // 30, 64 * made.stage_bytes // 30)


@pytest.mark.parametrize(("storage", "direct"), [("nvme", True), ("ssd", True), ("hdd", False), ("sd", False)])
def test_the_journal_goes_past_the_page_cache_on_what_has_no_use_for_it(tmp_path, monkeypatch, storage, direct):
    made, writes = planned(tmp_path), []
    monkeypatch.setattr(DirectWriter, "write", lambda self, *write: bool(writes.append(write)))
    journal = open_journal(replace(made, profile=made.profile.model_copy(update={"storage": storage})), tmp_path)
    journal.append([(Header(RecordKind.INIT, "cam0", 1, 0, len(INIT), blake3(INIT).digest()), INIT)])
    journal.close()
    assert bool(writes) is direct


def test_what_lies_idle_in_the_heaps_goes_back_while_the_agent_runs(tmp_path, monkeypatch):
    given = threading.Event()
    monkeypatch.setattr(service_file, "TRIM_S", 0.0)
    monkeypatch.setattr(service_file, "give_back", given.set)
    with AgentService(planned(tmp_path)):
        assert given.wait(10)


def test_chunks_that_the_start_finds_damaged_are_told_with_their_place(tmp_path, monkeypatch):
    service, told = AgentService(planned(tmp_path)), []
    monkeypatch.setattr(Reporter, "event", lambda self, event: told.append((event.kind, event.camera, event.text)))
    service._journal.cuts.extend([Cut(4, 1024, 500, "payload does not match its hash", 9, ("cam0", 77, 3)), Cut(5, 2048, 900, "torn"),
                                  Cut(6, 512, 700, "nothing there", unread=True)])  # fmt: skip
    with service:
        pass
    assert [said for said in told if "damaged in the journal" in said[2]] == [
        (EventKind.LOSS, "cam0", "chunk 77.3 is damaged in the journal (file 4, byte 1024): payload does not match its hash; "
                                 "unless an archiver has it, it is lost")]  # fmt: skip
    assert [said for said in told if said[0] is EventKind.DISK] == [
        (EventKind.DISK, "", "journal file 6 cannot be read from byte 512 on: nothing there; "
                             "what stood there and no archiver has is lost")]  # fmt: skip


def test_chunks_that_cannot_be_built_are_a_loss_told_once_by_number(tmp_path, monkeypatch):
    service, told = AgentService(planned(tmp_path)), []
    monkeypatch.setattr(Reporter, "event", lambda self, event: told.append((event.kind, event.camera, event.text)))
    service._crew.there()["cam0"].line.stats.unbuilt_chunks = 2
    service._reporter._tell_drops()
    service._reporter._tell_drops()
    service._crew.there()["cam0"].line.stats.unbuilt_chunks = 3
    service._reporter._tell_drops()
    assert told == [(EventKind.LOSS, "cam0", f"{number} chunks could not be built and are lost") for number in (2, 1)]
    service.close()


def test_what_is_lost_while_a_loss_is_told_is_told_next(tmp_path, monkeypatch):
    service, told = AgentService(planned(tmp_path)), []
    stats = service._crew.there()["cam0"].line.stats

    def tell(_: Reporter, event: Event) -> None:
        told.append(event.text)
        stats.unbuilt_chunks += 1

    monkeypatch.setattr(Reporter, "event", tell)
    stats.unbuilt_chunks = 2
    service._reporter._tell_drops()
    service._reporter._tell_drops()
    assert told == [f"{number} chunks could not be built and are lost" for number in (2, 1)]
    service.close()


def test_what_was_lost_since_the_last_beacon_is_told_and_declared_by_an_agent_that_stops(tmp_path, monkeypatch):
    service, told = AgentService(planned(tmp_path)), []
    monkeypatch.setattr(Reporter, "event", lambda self, event: told.append(event.text))
    stopped = threading.Event()
    stopped.set()
    service._crew.there()["cam0"].line.stats.unbuilt_chunks = 2
    service._reporter.run(stopped)
    assert told == ["2 chunks could not be built and are lost"]
    service.close()
    assert b"could not be built" in (tmp_path / "data" / "losses.slots").read_bytes()


def test_cameras_of_a_running_agent_come_and_go_with_their_states(tmp_path, monkeypatch):
    published = []
    monkeypatch.setattr(Reporter, "_publish_all", lambda self, messages: published.extend(messages))
    service = AgentService(planned(tmp_path))
    before = planned(tmp_path).wanted()
    other = {"cam1": Wanted(before["cam0"].source, CameraPolicy("cam1", 1))}

    def told(camera):
        return [payload for topic, payload in published if topic == topics.camera_state("demo", camera)]

    with service:
        wait_until(lambda: told("cam0"))
        thread = service._crew.there()["cam0"].thread
        assert service._pool.keep_bytes == planned(tmp_path).pool_for(1)
        assert str(service.apply(before | other)) == "cam1 is added"
        wait_until(lambda: told("cam1"))
        assert service._pool.keep_bytes == planned(tmp_path).pool_for(2)
        line = service._crew.there()["cam0"].line
        line.push(line.begin(b"init", Cause.FIRST_START, 0), b"\x65", video=True, pts=0, dts=0, duration=0, key=True, damaged=False,
                  arrival_ns=0, annexb=False, now=time.monotonic())  # fmt: skip
        wait_until(lambda: service._pool.fresh == 1)
        assert service._crew.there()["cam0"].thread is thread
        assert str(service.apply(other)) == "cam0 is removed"
        wait_until(lambda: told("cam0")[-1] == b"")
        wait_until(lambda: "cam0" not in service._crew.everyone())
        wait_until(lambda: len(service._reporter._told) == 1)
        assert b"" not in told("cam1")
