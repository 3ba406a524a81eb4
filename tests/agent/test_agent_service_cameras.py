"""A whole agent in one process that records a camera of the network: who reads the camera, how often, and what its profile decides."""

from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
from agent_toml import TEXT, written
from coded import access_units, video_payloads
from rtsp_stub import Media, Rtp, stub
from wksite import wait_until

from watchkeep.agent import pump
from watchkeep.agent.config import read
from watchkeep.agent.datadir import open_journal
from watchkeep.agent.service import AgentService
from watchkeep.agent.setup import plan
from watchkeep.wire.causes import Cause
from watchkeep.wire.record import RecordKind, iter_records
from watchkeep.wire.seal import parse_seal

pytestmark = pytest.mark.timeout(60)
H264 = Media("video", 96, 90_000, ("rtpmap:96 H264/90000",))
ADDRESS = "rtsp://viewer:open-sesame@127.0.0.1:1/x"
FPS, SPEED, FRAMES, LEAP_AT, LEAP_S = 25, 10, 250, 150, 3.0
"""How much faster than its stamps say the camera sends; a leap, at a key frame, between the limits of makes that are reliable and of
others."""


def sent(units, *, first=0, begin_s=1000.0):
    """Units at ten times their pace."""
    return (Rtp(0, number / FPS / SPEED, video_payloads("h264", unit), begin_s + number / FPS) for number, unit in enumerate(units, first))


def kept(service):
    """(cause, frames) of each epoch that the journal of an agent that has stopped holds on the disk."""
    journal, found = open_journal(service.plan, Path(service.plan.config.agent.data_dir)), {}
    for entry in journal.recovered:
        [(header, payload)] = iter_records(journal.read(entry))
        if header.kind is RecordKind.CHUNK:
            seal = parse_seal(payload)
            found[seal.epoch] = seal.cause, found.get(seal.epoch, (seal.cause, 0))[1] + seal.video_frames
    journal.close()
    return [found[epoch] for epoch in sorted(found)]


@contextmanager
def recording(tmp_path, script, *, make="generic", recorder="generic"):
    """An agent whose only camera, of agent/rtsp, plays the script in its first session, and nothing in others; and the camera's line."""
    with stub((H264,), lambda session: () if session else script) as camera:
        text = TEXT.replace("[discovery]", f'profile = "{recorder}"\n[discovery]').replace(ADDRESS, camera.url)
        file = written(tmp_path, f'{text}profile = "{make}"\ntransport = "tcp"\ningest = "native"\n')
        with AgentService(plan(file, read(file))) as service:
            yield service, service._crew.there()["cam0"].line


def test_a_camera_of_the_native_engine_is_read_by_the_one_thread_that_reads_all(tmp_path):
    with recording(tmp_path, sent(access_units("h264", FRAMES))) as (service, line):
        wait_until(lambda: line.stats.frames == FRAMES, 20, "every frame")
        wait_until(lambda: service._pump.pictures > FPS, 20, "the end of a session whose frames went through the pump")
    assert kept(service) == [(Cause.FIRST_START, FRAMES)]


@pytest.mark.parametrize(("power", "read_ms"), [("performance", 20), ("balanced", 100), ("low", 200)])
def test_that_thread_wakes_as_often_as_the_recorders_power_says(tmp_path, monkeypatch, power, read_ms):
    beat, periods = pump.next_beat, []
    monkeypatch.setattr(pump, "next_beat", lambda now, period_s, *place: periods.append(period_s) or beat(now, period_s, *place))
    recorder = tmp_path / "recorder.toml"
    recorder.write_text(RECORDER.format(power=power))
    with recording(tmp_path, sent(access_units("h264", FRAMES)), recorder=recorder):
        wait_until(lambda: len(periods) > 2, 20, "the pump's third pause with a camera to read")
    assert set(periods) == {read_ms / 1000}


RECORDER = """
description = "a recorder of a test"
storage = "ssd"
max_cameras = 4
bitrate_mbit = 8.0
ring_seconds = 30
stage_seconds = 30
chunk_ms = 1000
segment_s = 60
power = "{power}"
journal_max_bytes = 1_000_000_000
journal_file_bytes = 67_108_864
journal_ram_bytes = 33_554_432
"""


@pytest.mark.parametrize(("make", "epochs"), [
    ("axis", [(Cause.FIRST_START, FRAMES)]), ("hikvision", [(Cause.FIRST_START, LEAP_AT), (Cause.TIME_JUMP, FRAMES - LEAP_AT)]),
])  # fmt: skip
def test_what_a_makes_profile_says_of_its_stamps_decides_whether_a_leap_begins_an_epoch(tmp_path, make, epochs):
    units = access_units("h264", FRAMES)
    leap = sent(units[LEAP_AT:], first=LEAP_AT, begin_s=1000.0 + LEAP_S)
    with recording(tmp_path, chain(sent(units[:LEAP_AT]), leap), make=make) as (service, line):
        wait_until(lambda: line.stats.frames == FRAMES, 20, "every frame")
        wait_until(lambda: service._pump.pictures > FPS, 20, "the end of a session whose frames went through the pump")
    assert kept(service) == epochs
