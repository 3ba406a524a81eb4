"""What becomes of a camera's frames, whatever the camera does: agent/ingest.py, agent/reader.py, agent/soundtrack.py."""

import itertools
import logging
import struct
from base64 import b64decode
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_kit import CODE, OTHER_SPS, PPS, SPS, STEP, Data, FakeSession, bench, frame, sound
from rtsp_stub import Media, Raw, stub

from watchkeep.agent.bitstream import same_units
from watchkeep.agent.pyav.ingest import CameraError
from watchkeep.agent.roster import Source
from watchkeep.agent.rtsp.quality import Quality
from watchkeep.agent.soundtrack import Soundtrack
from watchkeep.agent.status import Identity, camera_state
from watchkeep.wire.causes import CameraStatus, Cause, Protection
from watchkeep.wire.errors import FormatError
from watchkeep.wire.seal import SealFlag

SILENT = CameraError(CameraStatus.STALLED, "the camera sends nothing")


def frames(first, count, **options):
    return [frame(number, **options) for number in range(first, first + count)]


def test_sessions_follow_one_another_and_no_frame_is_lost_or_doubled():
    with bench(FakeSession(frames(0, 60)), FakeSession([*frames(0, 30), SILENT]), FakeSession(frames(0, 10))) as made:
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 60), (Cause.CAMERA_LOST, 30), (Cause.CAMERA_LOST, 10)]
        assert made.numbers == [*range(60), *range(30), *range(10)]
        assert made.line.stats.frames == 100


def test_every_session_is_closed_by_its_thread_whatever_ends_it():
    sessions = [FakeSession(frames(0, 3)), FakeSession([SILENT]), FakeSession([RuntimeError("bug")])]
    with bench(*sessions) as made:
        made.run()
    assert all(session.closed_by is not None for session in sessions)


@pytest.mark.parametrize("error", [ValueError("a bug, rtsp://u:secret@h/x"), OverflowError("too large"), KeyError("x"), MemoryError()])
def test_an_unexpected_error_is_a_state_with_its_reason_and_recording_goes_on(error, caplog):
    caplog.set_level(logging.INFO)
    with bench(FakeSession([*frames(0, 30), error]), error, FakeSession(frames(0, 30))) as made:
        made.run()
        shown = [(state.status, type(error).__name__ in state.why) for state in made.states]
        assert shown[:3] == [(CameraStatus.RECORDING, False), (CameraStatus.CONNECTING, True), (CameraStatus.RECORDING, False)]
        assert not any("secret" in state.why for state in made.states)
        assert made.epochs == [(Cause.FIRST_START, 30), (Cause.CAMERA_LOST, 30)]


def test_frames_held_for_want_of_a_dts_are_kept_when_the_session_breaks():
    with bench(FakeSession([frame(n, dts=None) for n in range(4)] + [SILENT])) as made:
        made.run()
        assert made.numbers == [0, 1, 2, 3]


def test_frames_before_the_first_key_frame_are_counted_and_the_camera_says_what_it_waits_for():
    with bench(FakeSession(frames(5, 40))) as made:
        made.run()
        assert made.numbers == list(range(25, 45))
        assert made.line.stats.skipped_frames == 20
        assert (made.states[0].status, made.states[0].why) == (CameraStatus.CONNECTING, "connected, no key frame yet")
        assert made.states[1].status is CameraStatus.RECORDING


def test_a_camera_without_any_key_frame_is_asked_anew_and_named():
    with bench() as made:
        made.sessions.append(FakeSession([frame(1), lambda: setattr(made.clock, "now", 161.0), frame(2), frame(3)]))
        made.run()
        assert made.states[-1].status is CameraStatus.UNSUPPORTED
        assert "key frame" in made.states[-1].why


HEVC_SLICE = CODE + b"\x02\x01" + bytes(100)


def test_a_stream_that_is_no_longer_of_its_codec_is_opened_anew():
    with bench() as made:
        foreign = [frame(n)._replace(data=Data(HEVC_SLICE), key=False) for n in range(26, 26 + 60 * 25)]
        made.sessions += [FakeSession(live(made, [*frames(0, 26), *foreign])), FakeSession(frames(0, 30), codec="h265")]
        made.run()
        assert 450 < made.epochs[0][1] < 550, "10 s until it is looked at, 10 s more until it is believed"
        broken = made.states[1]
        assert (broken.status, "no longer h264" in broken.why) == (CameraStatus.CONNECTING, True)
        assert made.states[2].status is CameraStatus.RECORDING
        assert made.epochs[1] == (Cause.CAMERA_LOST, 30)


def test_a_long_gop_is_recorded_as_it_is():
    with bench() as made:
        script = (item for n in range(300 * 25) for item in ([made.take] if n % 1000 == 0 else []) + [frame(n, key=n == 0)])
        made.sessions.append(FakeSession(live(made, script)))
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 300 * 25)]


def test_an_epoch_inside_a_session_is_told_once_and_a_camera_that_jumps_all_the_time_does_not_flood():
    def stamp(n):
        return n * STEP + n // 5 * 900 * 90_000

    with bench() as made:
        script = [frame(n, gop=5, pts=stamp(n), dts=stamp(n)) for n in range(100)]
        made.sessions.append(FakeSession(live(made, script)))
        made.run()
        assert len(made.epochs) == 20
        assert 3 <= len(made.told) <= 5
        assert all("time-jump" in text and remedy == "" for text, remedy in made.told)
        assert "4 epochs since" in made.told[1][0]


def test_a_session_without_a_single_packet_says_so():
    with bench(FakeSession([]), FakeSession(frames(0, 5))) as made:
        made.run()
        assert (made.states[0].status, "sent nothing that can be read" in made.states[0].why) == (CameraStatus.CONNECTING, True)
        assert made.states[1].status is CameraStatus.RECORDING


def test_new_parameter_sets_begin_an_epoch_with_their_own_init_segment_at_that_very_frame():
    script = [frame(n, sps=OTHER_SPS if n >= 50 else SPS) if n % 25 == 0 else frame(n) for n in range(100)]
    with bench(FakeSession(script)) as made:
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 50), (Cause.PARAMETER_CHANGE, 50)]
        assert made.numbers == list(range(100))
        assert OTHER_SPS not in made.inits[0]
        assert OTHER_SPS in made.inits[1]


def test_parameter_sets_that_are_known_or_damaged_begin_nothing():
    garbled = frame(25, sps=b"\x67garbage", damaged=True)
    with bench(FakeSession([frame(0, sps=SPS), *frames(1, 24), garbled, *frames(26, 24), frame(50, sps=SPS)])) as made:
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 51)]


@pytest.mark.parametrize(("codec", "params"), [("h264", b""), ("av1", b""), ("av1", b"\x81\x04\x0c\x00")])
def test_without_parameter_sets_in_the_session_description(codec, params):
    script = [frame(n, sps=SPS) if n % 25 == 0 else frame(n) for n in range(50)]
    with bench(FakeSession(script, codec=codec, params=params)) as made:
        made.run()
        assert [count for _, count in made.epochs] == [50]
        assert (SPS in made.inits[0]) == (codec == "h264")


def test_a_stream_that_makes_no_init_segment_is_unsupported_with_its_reason():
    session = FakeSession(frames(0, 5))
    session.init_segment = lambda: (_ for _ in ()).throw(FormatError("no init segment can be made", remedy="choose H.264"))
    with bench(session, FakeSession(frames(0, 5))) as made:
        made.run()
        assert (made.states[0].status, made.states[0].why) == (CameraStatus.UNSUPPORTED, "no init segment can be made; choose H.264")
        assert made.states[1].status is CameraStatus.RECORDING


@pytest.mark.parametrize("jump", [900 * 90_000, -900 * 90_000, 1 << 45])
@pytest.mark.parametrize("at", [50, 57])
def test_a_jump_of_the_stamps_begins_an_epoch_at_a_key_frame_and_loses_nothing(at, jump):
    script = [frame(n, pts=n * STEP + (jump if n >= at else 0), dts=n * STEP + (jump if n >= at else 0)) for n in range(100)]
    with bench(FakeSession(script)) as made:
        made.run()
        starts = 50 if at == 50 else 75
        assert made.epochs == [(Cause.FIRST_START, starts), (Cause.TIME_JUMP, 100 - starts)]
        assert made.numbers == list(range(100))
        assert [bool(seal.flags & SealFlag.KEY) for seal in made.seals if seal.seq == 0] == [True, True]
        assert all(seal.duration <= 90_000 for seal in made.seals)


def live(made, script, *, late=lambda number: 0.0):
    """The script with a clock that passes: each frame arrives when it was taken, and `late` seconds after that."""
    for number, item in enumerate(script):
        yield lambda number=number: setattr(made.clock, "now", 100.0 + number / 25 + late(number))
        yield item


@pytest.mark.parametrize("what", ["parameters", "jump", "jump between key frames"])
def test_what_only_cuts_makes_no_gap_however_the_network_delays_frames(what):
    script = frames(0, 150)
    if what == "parameters":
        script[75] = frame(75, sps=OTHER_SPS)
    else:
        at = 75 if what == "jump" else 60
        script[at:] = [frame(n, pts=n * STEP + (1 << 30), dts=n * STEP + (1 << 30)) for n in range(at, 150)]
    with bench() as made:
        made.sessions.append(FakeSession(live(made, script, late=lambda number: 0.7 if number >= 40 else 0.0)))
        made.run()
        assert len(made.epochs) == 2
        ends = list(itertools.pairwise(made.seals))
        assert max(abs(after.wall_start_ns - before.wall_end_ns) for before, after in ends) <= 1_000_000


def test_a_clock_step_is_seen_in_utc_and_a_pause_before_a_jump_too():
    with bench() as made:
        step = [made.ingest.clock_stepped, lambda: setattr(made.clock, "offset", made.clock.offset + 3600)]
        made.sessions.append(FakeSession([*live(made, frames(0, 50)), *step, *list(live(made, frames(0, 100)))[100:]]))
        made.run()
        assert [cause for cause, _ in made.epochs] == [Cause.FIRST_START, Cause.CLOCK_STEP]
        first, second = (next(seal for seal in made.seals if seal.cause is cause) for cause in (Cause.FIRST_START, Cause.CLOCK_STEP))
        assert second.wall_start_ns - first.wall_start_ns == pytest.approx(3602e9, abs=1e6)
    with bench() as made:
        jump = [frame(n, pts=n * STEP + (1 << 30), dts=n * STEP + (1 << 30)) for n in range(50, 100)]
        made.sessions.append(FakeSession(live(made, [*frames(0, 50), *jump], late=lambda number: 4.0 if number >= 50 else 0.0)))
        made.run()
        first, second = (next(seal for seal in made.seals if seal.cause is cause) for cause in (Cause.FIRST_START, Cause.TIME_JUMP))
        assert second.wall_start_ns - first.wall_start_ns == pytest.approx(6e9, abs=1e6)


def test_what_an_overflow_dropped_is_missing_in_utc():
    with bench(ring_bytes=1 << 20) as made:
        script = [frame(n, size=20_000) for n in range(100)]
        made.sessions.append(FakeSession([*live(made, script), lambda: made.take(flush=True), frame(100), *frames(101, 24)]))
        made.run()
        kept = made.epochs[0][1]
        last, first = next(pair for pair in itertools.pairwise(made.seals) if pair[0].epoch != pair[1].epoch)
        assert first.wall_start_ns - last.wall_end_ns == pytest.approx((100 - kept) / 25 * 1e9, abs=2e6)


def test_a_clock_step_begins_an_epoch_at_the_next_key_frame_and_only_one():
    with bench() as made:
        step = made.ingest.clock_stepped
        made.sessions += [FakeSession([*frames(0, 30), step, *frames(30, 70), step]), FakeSession(frames(0, 60))]
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 50), (Cause.CLOCK_STEP, 50), (Cause.CAMERA_LOST, 60)]
        assert made.numbers == [*range(100), *range(60)]


def test_another_term_begins_an_epoch_at_the_next_key_frame_without_a_pause_in_utc():
    with bench() as made:
        script = [*live(made, frames(0, 30)), made.ingest.renumber, *list(live(made, frames(0, 100)))[60:]]
        made.sessions += [FakeSession([*script, made.ingest.renumber]), FakeSession(frames(0, 60))]
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 50), (Cause.CONFIGURATION, 50), (Cause.CAMERA_LOST, 60)]
        assert made.numbers == [*range(100), *range(60)]
        last, first = next(pair for pair in itertools.pairwise(made.seals) if pair[0].epoch != pair[1].epoch)
        assert abs(first.wall_start_ns - last.wall_end_ns) <= 1_000_000
        assert made.told == [], "whoever gave the term tells of it"


def test_a_clock_step_with_another_term_is_anchored_anew():
    with bench() as made:
        made.sessions.append(FakeSession([*frames(0, 30), made.ingest.renumber, made.ingest.clock_stepped, *frames(30, 70)]))
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 50), (Cause.CLOCK_STEP, 50)]


def test_an_overflow_names_its_cause_even_when_parameters_change_with_it():
    big = [frame(n, size=20_000) for n in range(100)]
    with bench(ring_bytes=1 << 20) as made:
        key = frame(100, sps=OTHER_SPS)
        made.sessions.append(FakeSession([*big, lambda: made.take(flush=True), key, *frames(101, 24)]))
        made.run()
        assert [cause for cause, _ in made.epochs] == [Cause.FIRST_START, Cause.OVERFLOW]
        assert made.numbers[-25:] == list(range(100, 125))
        assert len(made.numbers) + made.line.ring.dropped_frames == 125
        assert OTHER_SPS in made.inits[-1]
        assert ["overflow" in text for text, _ in made.told] == [True]


def test_b_frames_and_a_first_frame_below_zero_are_recorded():
    script = [frame(n, pts=(n + 2) * STEP - 7200, dts=n * STEP - 7200) for n in range(50)]
    with bench(FakeSession(script)) as made:
        made.run()
        assert made.numbers == list(range(50))
        assert made.seals[0].pts == 0


STAMPS = st.one_of(st.none(), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 1 << 33))


@given(st.lists(st.tuples(STAMPS, STAMPS, st.integers(0, 1 << 40), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_whatever_is_stamped_every_frame_from_the_first_key_frame_on_is_recorded_once(items):
    script = [frame(n, pts=pts, dts=dts, duration=length, key=key) if video else sound(n, stamp=dts)
              for n, (pts, dts, length, key, video) in enumerate(items)]  # fmt: skip
    with bench(FakeSession(script, rate=8000)) as made:
        made.run()
        numbers = [n for n, item in enumerate(items) if item[4]]
        keys = [n for n in numbers if items[n][3]]
        assert made.numbers == [n for n in numbers if keys and n >= keys[0]]
        assert not any("unexpected" in state.why for state in made.states)
        assert {(seal.epoch, seal.seq) for seal in made.seals if seal.seq == 0} == {(seal.epoch, 0) for seal in made.seals}


def test_a_stop_is_obeyed_at_the_next_frame_and_before_reading_a_mute_camera():
    with bench() as made:
        made.sessions.append(FakeSession([*frames(0, 10), made.stop.set, *frames(10, 10)]))
        made.run()
        assert made.numbers == list(range(10))
    with bench() as made:
        mute = FakeSession([lambda: pytest.fail("reading began")])
        made.ingest._open = lambda url, transport: (made.stop.set(), mute)[1]
        made.run()
        assert mute.closed_by is not None


def audio_bench(script, **options):
    return bench(FakeSession(script, rate=8000, law="alaw", **options))


def mixed(count, audio_stamp=lambda n: n * 320):
    """25 fps with one packet of 40 ms of sound after each frame."""
    return [item for n in range(count) for item in (frame(n), sound(n, samples=320, stamp=audio_stamp(n)))]


def audio_frames(made):
    return sum(seal.audio_frames for seal in made.seals)


def test_sound_is_recorded_beside_the_video():
    with audio_bench(mixed(100)) as made:
        made.run()
        assert made.numbers == list(range(100))
        assert audio_frames(made) == 100


@pytest.mark.parametrize("jump", [8000 * 7200, -8000 * 7200, 1 << 40])
def test_sound_whose_stamps_jump_goes_on_beside_the_video_and_leaves_it_alone(jump):
    with audio_bench(mixed(100, lambda n: n * 320 + (jump if n >= 50 else 0))) as made:
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 100)]
        assert audio_frames(made) == 100


def test_sound_from_before_the_first_key_frame_is_left_out_and_a_late_start_or_a_gap_is_no_trouble():
    early = [sound(n, samples=320, stamp=n * 320 - 3200) for n in range(5)]
    late = [item for n in range(100) for item in ([frame(n)] if n < 30 or 50 <= n < 60 else [frame(n), sound(n, samples=320)])]
    with audio_bench([*early, frame(0, key=True), *early, *late[1:]]) as made:
        made.run()
        assert made.numbers == list(range(100))
        assert audio_frames(made) == 60


def test_sound_without_a_picture_is_a_stalled_camera():
    with bench() as made:
        made.sessions.append(FakeSession([*frames(0, 30), sound(0), lambda: setattr(made.clock, "now", 105.1), sound(1)], rate=8000))
        made.run()
        assert made.states[-1].status is CameraStatus.STALLED
        assert "no picture" in made.states[-1].why
        assert made.numbers == list(range(30))


def test_a_mute_picture_is_cut_although_sound_goes_on():
    with bench() as made:
        seen = []

        def later():
            made.clock.now = 102.5
            made.take()
            seen.append(list(made.numbers))

        made.sessions.append(FakeSession([*frames(0, 10), lambda: setattr(made.clock, "now", 102.4), sound(20), later], rate=8000))
        made.run()
        assert seen == [list(range(10))]


def test_sound_returns_to_its_own_stamps_with_the_next_epoch():
    track = Soundtrack(8000)
    assert track.place(8000, 160, 8000) == 8000
    assert track.place(8_000_000, 160, 8160) == 8161 or track.place(8_000_000, 160, 8160) >= 8160
    track.begin()
    assert track.place(100, 160, 0) == 100


@given(st.lists(st.tuples(st.integers(-(1 << 50), 1 << 50), st.integers(0, 960)), max_size=60))
def test_sound_stays_within_ten_seconds_of_the_video_and_rises(packets):
    track, last = Soundtrack(8000), -1
    for number, (stamp, duration) in enumerate(packets):
        video = number * 320
        at = track.place(stamp, duration, video)
        if at is not None:
            assert at > last
            assert at <= max(video + 80_000, last + 961)
            last = at


def test_credentials_are_in_no_representation_of_a_camera():
    assert "secret" not in repr(Source("rtsp://u:secret@h/x", "tcp"))


def test_parameter_sets_are_compared_unit_by_unit():
    assert same_units(CODE + SPS, b"\0\0\1" + PPS + b"\0\0\1" + SPS)
    assert not same_units(CODE + OTHER_SPS + CODE + PPS, CODE + SPS + CODE + PPS)


def test_another_source_ends_the_session_and_the_pause_and_is_not_taken_for_a_fault():
    with bench() as made:
        turns = [Source("rtsp://h/y", "udp", 0.0), Source("rtsp://h/z", "tcp", 0.0)]
        opened, plain = [], made.ingest._open
        made.ingest._open = lambda url, transport: opened.append((url, transport)) or plain(url, transport)
        script = [*frames(0, 30), lambda: made.ingest.turn(turns[0]), *frames(30, 30)]
        made.sessions += [FakeSession(script), SILENT, FakeSession(frames(0, 10))]
        pauses = iter([lambda: made.ingest.turn(turns[1]) or 3600.0])
        made.ingest.life.pause_s = lambda jitter: next(pauses, lambda: 0.0)()
        made.ingest.run(made.stop)
        made.take(flush=True)
        assert opened[:3] == [("rtsp://u:secret@h/x", "tcp"), ("rtsp://h/y", "udp"), ("rtsp://h/z", "tcp")]
        assert made.epochs == [(Cause.FIRST_START, 30), (Cause.CONFIGURATION, 10)]
        assert made.ingest.life.reconnects == 2, "the mute one, and the end of the script"


def test_a_camera_that_has_refused_is_asked_at_once_when_that_may_be_over_and_one_that_records_is_left_alone():
    left = []

    def look():
        left.append(made.ingest._afresh.is_set())

    with bench() as made:
        made.sessions += [SILENT, SILENT, FakeSession([*frames(0, 10), made.ingest.again, look, *frames(10, 10)])]
        pauses = []

        def pause_s(jitter):
            pauses.append(plain(0.5))
            if len(pauses) == 1:
                made.ingest.again()
            return 3600.0 if len(pauses) == 1 else 0.0

        plain, made.ingest.life.pause_s = made.ingest.life.pause_s, pause_s
        made.ingest.run(made.stop)
        made.take(flush=True)
        assert made.epochs == [(Cause.FIRST_START, 20)]
        assert pauses[:2] == [made.ingest.life._first] * 2, "from the first pause on"
        assert left == [False]


def test_a_source_that_changes_before_anything_was_recorded_is_still_a_first_start():
    with bench(FakeSession(frames(0, 10))) as made:
        made.ingest.turn(Source("rtsp://h/y", "tcp", 0.0))
        made.run()
        assert made.epochs == [(Cause.FIRST_START, 10)]


def test_what_was_lost_and_what_time_the_camera_has_are_known_of_it():
    """A native session of a real socket: a key frame, a picture whose middle is missing, and a report that is an hour ahead."""

    def rtp(sequence, stamp, payload, marker=0x80):
        return 0, struct.pack(">BBHII", 0x80, marker | 96, sequence, stamp, 7) + payload

    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 7, 2_208_988_800 + 1_700_000_100 + 3600, 0, 0, 0, 0)
    sps = b64decode("Z00AKp2oHgCJ+WbgICAoAAADAAgAAAMB9CA=")
    torn = (rtp(1, 0, sps, 0), rtp(2, 0, PPS, 0), rtp(3, 0, b"\x65\x88" + b"\x80" * 20), rtp(4, STEP, b"\x7c\x81\x9a" + b"\x80" * 20, 0),
            rtp(6, STEP, b"\x7c\x41" + b"\x80" * 20), (1, report))  # fmt: skip
    medias = (Media("video", 96, 90_000, ("rtpmap:96 H264/90000",)),)
    with (
        stub(medias, lambda _: [Raw(0.0, torn)]) as camera,
        bench(source=Source(camera.url, "tcp", 0.0, ingest="native")) as made,
    ):
        made.ingest.life.pause_s = lambda jitter: made.stop.set() or 0.0
        made.ingest.run(made.stop)
        copies = SimpleNamespace(state=Protection.PROTECTED, since_s=0.0, why="", durable_age_s=None, owed={}, oldest_owed_age_s=0.0)
        state = camera_state(Identity("edge-1", "s", "b"), made.line, made.ingest.life, copies, mbit_s=0.0, now=0.0)
    assert (state.frames, state.damaged_frames, state.lost_packets, state.clock_ahead_s) == (2, 1, 1, 3600.0)


def test_the_clock_that_an_earlier_session_told_of_is_not_shown_on():
    with bench(FakeSession(frames(0, 2))) as made:
        made.line.stats.quality.lost_packets, made.line.stats.quality.clock_ahead_s = 5, 9.0
        made.run()
        assert made.line.stats.quality == Quality(lost_packets=5)
