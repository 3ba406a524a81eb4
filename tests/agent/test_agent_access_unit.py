"""Pictures that come as several packets are one sample: agent/access_unit.py, and real sessions with such a camera."""

import io
import itertools

import av
import pytest
from coded import access_units, video_payloads
from hypothesis import given
from hypothesis import strategies as st
from ingest_kit import CODE, PPS, SPS, Data, FakeSession, bench, frame
from rtsp_stub import Media, Rtp, stub

from watchkeep.agent import access_unit
from watchkeep.agent.access_unit import Assembler
from watchkeep.agent.pyav.ingest import RtspSession, Sample
from watchkeep.agent.roster import Source
from watchkeep.native import split_annexb
from watchkeep.wire.causes import Cause

pytestmark = pytest.mark.timeout(60)
FRAMES, GOP = 30, 10
FIRST, FURTHER = (b"\x65\x88", b"\x41\x9a"), (b"\x65\x01", b"\x41\x01")
"""How the first slices of key frames and of others begin, and the further ones."""
SETS = CODE + SPS + CODE + PPS
H264 = Media("video", 96, 90_000, ("rtpmap:96 H264/90000",))


def part(stamp, number, *, key=True, damaged=False):
    """Slice `number` of a picture, as libav hands it out when parameter sets stand in front of it."""
    begin = (FURTHER if number else FIRST)[0 if key else 1]
    return Sample(True, Data(SETS + CODE + begin + b"%03d" % number + b"\x80" * 20), stamp, stamp, 3600, key, damaged)


def sound(stamp):
    return Sample(False, Data(b"s"), stamp, stamp, 160, True, False)


def out(assembler, *samples):
    found = [one for number, sample in enumerate(samples) for one in assembler.take(sample, number)]
    return [(sample.data, arrival) for sample, arrival in found + assembler.finish()]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 2)), max_size=12))
def test_every_picture_is_one_sample_with_all_its_bytes_and_sound_keeps_its_place(pictures):
    """Pictures of so many parts, key frames or not, with so much sound behind each part; others than key frames come whole here."""
    sent, expected, arrivals = [], [], []
    for number, (parts, key, sounds) in enumerate(pictures):
        made = [part(number * 3600, index, key=key) for index in range(parts if key else 1)]
        if number == 0:
            made[0] = made[0]._replace(pts=None, dts=None)  # as libav does
        arrivals.append(len(sent))
        expected.append(b"".join(one.data for one in made))
        for one in made:
            sent += [one, *(sound(number * 3600) for _ in range(sounds))]
        expected += [b"s"] * (sounds * len(made))
        arrivals += [at for at in range(arrivals[-1], len(sent)) if not sent[at].video]
    assembler = Assembler()
    assert out(assembler, *sent) == list(zip(expected, arrivals, strict=True))


def test_what_only_looks_like_a_part_is_a_sample_of_its_own():
    field = [part(0, 0), part(0, 0)]
    assert [data for data, _ in out(Assembler(), *field)] == [one.data for one in field], "the second field of a picture"
    torn = [part(0, 0), part(3600, 1)]
    assert [data for data, _ in out(Assembler(), *torn)] == [one.data for one in torn], "a picture whose first slice was lost"
    begun_inside = [part(0, 1), part(3600, 0)]
    assert [data for data, _ in out(Assembler(), *begun_inside)] == [one.data for one in begun_inside]
    bare = [part(0, 0), Sample(True, Data(SETS), 0, 0, 0, False, False)]
    assert [data for data, _ in out(Assembler(), *bare)] == [one.data for one in bare], "parameter sets alone"


def test_stamps_flags_and_damage_of_a_joined_picture():
    assembler = Assembler()
    first = part(0, 0)._replace(pts=None, dts=None)
    assert assembler.take(first, 7) == assembler.take(part(90, 1, damaged=True), 8) == []
    [(whole, arrival)] = assembler.finish()
    assert (whole.pts, whole.dts, whole.duration, whole.key, whole.damaged, arrival) == (90, 90, 3600, True, True, 7)
    assert assembler.finish() == []


def test_a_whole_key_frame_is_passed_on_as_it_is_and_others_do_not_wait():
    assembler, key, other = Assembler(), part(0, 0), part(3600, 0, key=False)
    assert assembler.take(key, 0) == []
    [(same, _), (at_once, _)] = assembler.take(other, 1)
    assert (same is key, at_once is other) == (True, True)


def test_once_another_frame_came_in_parts_all_of_them_wait():
    sent = [part(n * 3600, index, key=n == 0) for n in range(4) for index in range(2)]
    found = [data for data, _ in out(Assembler(), *sent)]
    assert b"".join(found) == b"".join(one.data for one in sent)
    assert len(found) == 5, "the first one that came as a surprise is two"


@pytest.mark.parametrize(("bound", "value"), [("MAX_PARTS", 3), ("MAX_BYTES", 150)])
def test_a_picture_without_end_is_not_held_for_ever(monkeypatch, bound, value):
    monkeypatch.setattr(access_unit, bound, value)
    sent = [part(0, index) for index in range(10)]
    found = [data for data, _ in out(Assembler(), *sent)]
    assert b"".join(found) == b"".join(one.data for one in sent)
    assert len(found) >= 4


def test_sound_without_end_is_not_held_for_ever(monkeypatch):
    monkeypatch.setattr(access_unit, "MAX_BEHIND", 3)
    assembler = Assembler()
    assert [len(assembler.take(one, 0)) for one in (part(0, 0), *(sound(n) for n in range(5)))] == [0, 0, 0, 0, 5, 1]


def test_a_key_frame_that_waits_is_recorded_when_the_session_ends():
    with bench(FakeSession([frame(n) for n in range(26)])) as made:
        made.run()
        assert made.numbers == list(range(26))


def spread(unit):
    """An access unit as GStreamer's payloader sends it: the parameter sets again in front of each slice of a key frame."""
    nals = [unit[at : at + size] for at, size in split_annexb(unit)]
    sets = [nal for nal in nals if nal[0] & 0x1F in (7, 8)]
    return [one for nal in nals for one in ([*sets, nal] if nal[0] & 0x1F == 5 else [nal])]


def spread_camera(frames):
    units = [spread(unit) for unit in access_units("h264", frames, gop=GOP, width=256, height=256, slices=4)]
    payloads = [tuple(itertools.chain(*(video_payloads("h264", CODE + nal) for nal in unit))) for unit in units]
    return units, stub((H264,), lambda _: [Rtp(0, number * 0.02, unit) for number, unit in enumerate(payloads)])


def test_a_camera_that_repeats_parameter_sets_in_front_of_each_slice():
    """Its pictures are one sample each, with every byte that was sent, and decode."""
    units, serving = spread_camera(FRAMES)
    with serving as camera, bench(source=Source(camera.url, "tcp", 0.0)) as made:
        made.sessions.append(RtspSession(camera.url, "tcp"))
        made.run()
        assert made.epochs == [(Cause.FIRST_START, FRAMES)]
        file = b"".join(bytes(payload) for _, payload in made.records)
    with av.open(io.BytesIO(file)) as container:
        samples = [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]
    assert samples == [b"".join(len(nal).to_bytes(4, "big") + nal for nal in unit) for unit in units]
    with av.open(io.BytesIO(file)) as container:
        assert len(list(container.decode(container.streams.video[0]))) == FRAMES


def test_libav_gives_such_a_key_frame_in_parts():
    """What the joining is for; the day libav changes that, it can go."""
    _, serving = spread_camera(5)
    with serving as camera:
        session = RtspSession(camera.url, "tcp")
        try:
            keys = [sample.key for sample in session.samples()]
        finally:
            session.close()
    assert keys == [True] * 4 + [False] * 4
