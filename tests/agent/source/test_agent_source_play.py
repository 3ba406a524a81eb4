"""Plays, their senders, faults, and the records of them."""

import itertools
import json
import random
import struct

import pytest
from source_rig import join_nals, rtp_fields

from watchkeep.agent.source import report, rtp
from watchkeep.agent.source.camera import Camera
from watchkeep.agent.source.faults import Fault, FaultKind, parse_faults
from watchkeep.agent.source.media import AUDIO, VIDEO, Track, Unit
from watchkeep.agent.source.play import CUT, FINISHED, Play
from watchkeep.agent.source.protocol import Outlet
from watchkeep.agent.source.sender import Burst, Now
from watchkeep.agent.source.transport import Transport
from watchkeep.wire.counter import FrameCounter, parse_nal
from watchkeep.wire.errors import UsageError

H264 = Track(VIDEO, "h264", 96, 90_000)
PCMA = Track(AUDIO, "pcma", 8, 8_000)
STEP = 3600
FPS = 25
VIDEO_OUT = Outlet(H264, Transport("tcp", 4, 5), 0xAAAA, 65_530, 2**32 - 10)
AUDIO_OUT = Outlet(PCMA, Transport("tcp", 6, 7), 0xBBBB, 9, 1000)


def video(number: int, *, variant: bool = False, gop: int = 10) -> Unit:
    key = number % gop == 0
    slices = b"\x65" + b"\x77" * 2000 if key else b"\x41small"
    frame = rtp.video_frame(H264, (b"\0\0\1\x67\x64\0\x1f\0\0\1\x68\xce" if key else b"") + b"\0\0\1" + slices)
    assert frame is not None
    return Unit(VIDEO, number * STEP, frame, variant)


def audio(number: int) -> Unit:
    return Unit(AUDIO, number * 160, rtp.audio_frame(PCMA, bytes(160)))


def now(number: int) -> Now:
    return Now(1_700_000_000_000_000_000 + number * 40_000_000, number / FPS)


def play(limit: int | None = None, fault: Fault | None = None, outlets: tuple[Outlet, ...] = (VIDEO_OUT,)) -> Play:
    return Play(outlets, run=11, session=3, limit=limit, fault=fault, rng=random.Random(1), name="cam0")


def packets(bursts: list[Burst], *, control: bool = False) -> list[bytes]:
    return [bytes(datagram) for burst in bursts if burst.control is control for datagram in burst.datagrams()]


def counters(bursts: list[Burst]) -> list[FrameCounter]:
    return [found for packet in packets(bursts) if (found := parse_nal(packet[12:])) is not None]


def test_a_play_begins_at_a_key_frame_with_the_promised_numbers() -> None:
    watched = play()
    assert watched.handle(video(7), now(7)) == []
    first = watched.handle(video(10), now(10))
    fields = [rtp_fields(packet) for packet in packets(first)]
    assert [field[2] for field in fields] == [(65_530 + index) % 65536 for index in range(len(fields))]
    assert {(field[3], field[4]) for field in fields} == {(2**32 - 10, 0xAAAA)}
    assert [field[0] for field in fields] == [False] * (len(fields) - 1) + [True]
    following = [rtp_fields(packet) for packet in packets(watched.handle(video(11), now(11)))]
    assert following[0][2:4] == ((fields[-1][2] + 1) % 65536, STEP - 10)


def test_the_counter_stands_between_parameter_sets_and_slices() -> None:
    units = join_nals("h264", [packet[12:] for packet in packets(play().handle(video(0), now(0)))])
    assert [unit[0] & 31 for unit in units] == [7, 8, 6, 5]
    assert parse_nal(units[2]) == FrameCounter(11, 3, 0, now(0).utc_ns)


def test_counters_have_no_holes_and_the_limit_is_exact() -> None:
    watched, seen = play(limit=25), list[FrameCounter]()
    for number in range(5, 60):
        seen += counters(watched.handle(video(number), now(number)))
    assert [counter.counter for counter in seen] == list(range(25))
    assert (watched.ended, watched.frames) == (FINISHED, 25)


def test_interleaved_bytes_name_the_clients_channel_and_datagrams_leave_the_header_out() -> None:
    report_burst, media = play().handle(video(0), now(0))
    assert (report_burst.control, report_burst.data[1], media.data[1]) == (True, 5, 4)
    assert b"".join(bytes(datagram) for datagram in media.datagrams()) == b"".join(
        bytes(media.data[at + 4 : end]) for at, end in zip(media.offsets, (*media.offsets[1:], len(media.data)), strict=True)
    )


def test_audio_waits_for_the_video_and_shares_its_zero() -> None:
    watched = play(outlets=(VIDEO_OUT, AUDIO_OUT))
    assert watched.handle(audio(0), now(0)) == []
    watched.handle(video(10), now(10))  # 0.4 s, which is tick 3200 of the audio
    (packet,) = packets(watched.handle(audio(21), now(10)))
    assert rtp_fields(packet)[1:5] == (8, 9, 1000 + 21 * 160 - 3200, 0xBBBB)


def test_a_client_that_wants_only_the_audio_gets_it() -> None:
    watched = play(outlets=(AUDIO_OUT,))
    assert watched.handle(video(0), now(0)) == []
    (packet,) = packets(watched.handle(audio(5), now(0)))
    assert rtp_fields(packet)[3] == 1000


def test_sender_reports_come_first_and_then_every_five_seconds() -> None:
    watched = play()
    reports = {number: packets(watched.handle(video(number), now(number)), control=True) for number in range(260)}
    assert [number for number, found in reports.items() if found] == [0, 125, 250]
    timestamp, sent = struct.unpack_from(">II", reports[125][0], 16)
    assert timestamp == (2**32 - 10 + 125 * STEP) % 2**32, "the report's RTP time is that of its NTP time"
    assert sent > 125


def test_goodbye_follows_a_report_on_every_track_that_sent() -> None:
    watched = play(outlets=(VIDEO_OUT, AUDIO_OUT))
    assert watched.goodbye(now(0)) == [], "nothing was sent yet"
    watched.handle(video(0), now(0))
    endings = packets(watched.goodbye(now(1)), control=True)
    assert [packet[-8:] for packet in endings] == [struct.pack(">BBHI", 0x81, 203, 1, ssrc) for ssrc in (0xAAAA, 0xBBBB)]


def run(fault: Fault, numbers: range = range(100)) -> tuple[Play, dict[int, list[Burst]]]:
    watched = play(fault=fault)
    return watched, {number: watched.handle(video(number), now(number)) for number in numbers}


def test_mute_sends_nothing() -> None:
    watched, sent = run(Fault(FaultKind.MUTE))
    assert not any(sent.values())
    assert watched.goodbye(now(100)) == []


def test_garbage_is_no_rtp() -> None:
    _, sent = run(Fault(FaultKind.GARBAGE))
    assert all(len(bursts[0].data) == 1400 for bursts in sent.values())
    assert sent[0][0].data != sent[1][0].data


def test_close_after_and_stall_after_send_exactly_that_many() -> None:
    cut, sent = run(Fault(FaultKind.CLOSE_AFTER, 30))
    assert (cut.ended, sum(map(bool, sent.values()))) == (CUT, 30)
    stalled, sent = run(Fault(FaultKind.STALL_AFTER, 30))
    assert (stalled.ended, sum(map(bool, sent.values()))) == ("", 30)


def test_jump_moves_the_timestamps_once_and_keeps_the_sequence() -> None:
    _, sent = run(Fault(FaultKind.JUMP, -7))
    fields = [rtp_fields(packet) for bursts in sent.values() for packet in packets(bursts)]
    steps = {(after[3] - before[3]) % 2**32 for before, after in itertools.pairwise(fields)}
    assert steps == {0, STEP, (STEP - 7 * 90_000) % 2**32}
    assert all((after[2] - before[2]) % 65536 == 1 for before, after in itertools.pairwise(fields))


def test_param_change_goes_on_at_a_key_frame_of_the_other_size() -> None:
    watched, seen = play(fault=Fault(FaultKind.PARAM_CHANGE, 13)), list[tuple[bool, int]]()
    for number in range(60):
        for variant in (False, True):
            bursts = watched.handle(video(number, variant=variant), now(number))
            seen += [(variant, counter.counter) for counter in counters(bursts)]
    assert seen[:13] == [(False, counter) for counter in range(13)]
    assert seen[13:] == [(True, counter) for counter in range(13, 13 + 40)], "from key frame 20 on"


def test_a_burst_begins_with_the_stored_frames_from_a_key_frame_on_and_goes_on_without_a_hole() -> None:
    kept = camera(fault=Fault(FaultKind.BURST, 2))
    for number in range(100):
        kept.store(video(number), now(number))
    watched, _ = kept.begin((VIDEO_OUT,), 4.0)
    at_once = watched.handle(video(100), now(100))
    assert [counter.counter for counter in counters(at_once)] == list(range(51)), "two seconds before frame 99, from key frame 50 on"
    fields = [rtp_fields(packet) for packet in packets(at_once)]
    assert (fields[0][3], fields[-1][3]) == (2**32 - 10, (2**32 - 10 + 50 * STEP) % 2**32)
    [one] = counters(watched.handle(video(101), now(101)))
    assert one.counter == 51


def test_faults_are_read_from_the_command_line() -> None:
    assert parse_faults(["cam1:mute", "cam0:close-after=100", "cam2:jump=-3"], 3) == {
        "cam1": Fault(FaultKind.MUTE),
        "cam0": Fault(FaultKind.CLOSE_AFTER, 100),
        "cam2": Fault(FaultKind.JUMP, -3),
    }


@pytest.mark.parametrize(
    "text",
    ["cam3:mute", "mute", "cam0:", "cam0:sleepy", "cam0:mute=1", "cam0:close-after", "cam0:close-after=0", "cam0:jump=x", "cam0:burst=11",
     "cam0:wrap=0"],
)
def test_a_wrong_fault_is_quoted(text: str) -> None:
    with pytest.raises(UsageError, match=text) as caught:
        parse_faults([text], 3)
    assert caught.value.remedy


def test_a_camera_has_one_fault() -> None:
    with pytest.raises(UsageError):
        parse_faults(["cam0:mute", "cam0:refuse"], 1)


def camera(limit: int | None = None, fault: Fault | None = None) -> Camera:
    return Camera("cam0", (H264,), 11, limit, fault, random.Random(1))


def test_a_camera_is_finished_by_a_complete_play_only() -> None:
    kept = camera(limit=5)
    cut, record = kept.begin((VIDEO_OUT,), 1.0)
    cut.handle(video(0), now(0))
    kept.end(cut, record, "client closed", 2.0)
    assert kept.available
    whole, record = kept.begin((VIDEO_OUT,), 3.0)
    for number in range(5):
        whole.handle(video(number), now(number))
    kept.end(whole, record, whole.ended, 4.0)
    assert not kept.available
    document = json.loads(report.render(11, {"cam0": kept.record}))
    assert document["run"] == 11
    sessions = document["cameras"]["cam0"]["sessions"]
    assert [(each["session"], each["first"], each["last"], each["frames"], each["end"]) for each in sessions] == [
        (0, 0, 0, 1, "client closed"),
        (1, 0, 4, 5, "finished"),
    ]
    assert (sessions[1]["transport"], sessions[1]["started_s"], sessions[1]["ended_s"]) == ("tcp", 3.0, 4.0)


def test_a_refusing_camera_is_never_available() -> None:
    assert not camera(fault=Fault(FaultKind.REFUSE)).available


def test_the_report_keeps_the_newest_sessions_and_counts_all() -> None:
    kept = report.CameraRecord()
    for number in range(report.MAX_SESSIONS + 5):
        kept.begin("tcp", float(number))
    assert (kept.plays, len(kept.sessions), kept.sessions[0].session) == (report.MAX_SESSIONS + 5, report.MAX_SESSIONS, 5)
