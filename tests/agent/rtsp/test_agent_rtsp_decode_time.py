"""What RTP does not say: agent/rtsp/decode_time.py, reorder_depth.py and timeline.py."""

import random

import pytest
from coded import access_units, reordered
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent import bitstream
from watchkeep.agent.rtsp.bits import Bits
from watchkeep.agent.rtsp.decode_time import LEAP, DecodeTimes
from watchkeep.agent.rtsp.reorder_depth import reorder_depth
from watchkeep.agent.rtsp.timeline import Timeline

STEP = 3600


def sets(codec: str, bframes: int) -> bytes:
    units = access_units(codec, 2) if not bframes else reordered(codec, 10, bframes)[0]
    return bitstream.parameters(codec, units[0])


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("bframes", "least", "most"), [(0, 0, 0), (1, 1, 1), (2, 1, 2), (4, 1, 3)])
def test_encoders_say_how_far_they_reorder(codec: str, bframes: int, least: int, most: int) -> None:
    depth = reorder_depth(codec, sets(codec, bframes))
    assert depth is not None
    assert least <= depth <= most


def set_of(profile: int, order: str) -> bytes:
    """A sequence parameter set of 320x240 without VUI; `order` is pic_order_cnt_type and what belongs to it."""
    text = "1" + "1" + order + "010" + "0" + "000010100" + "0001111" + "11" + "00" + "1"
    return bytes([0x67, profile, 0, 31]) + int(text.ljust(40, "0"), 2).to_bytes(5, "big")


@pytest.mark.parametrize(
    ("unit", "depth"),
    [
        (set_of(66, "11"), 0),  # baseline
        (set_of(77, "11"), None),  # main: nobody knows
        (set_of(77, "011"), 0),  # pictures are shown as they are decoded
        (set_of(77, "11")[:5], None),
        (b"\x67", None),
    ],
)
def test_h264_sets_that_do_not_say_it(unit: bytes, depth: int | None) -> None:
    assert reorder_depth("h264", b"\0\0\0\1" + unit) == depth


@given(st.sampled_from(["h264", "hevc"]), st.binary(max_size=200))
def test_no_set_is_too_odd(codec: str, body: bytes) -> None:
    head = b"\x67" if codec == "h264" else b"\x42\x01"
    depth = reorder_depth(codec, b"\0\0\1" + head + body)
    assert depth is None or 0 <= depth <= 16


@given(st.integers(0, 1 << 20), st.integers(0, 1000))
def test_exp_golomb_reads_what_was_written(number: int, other: int) -> None:
    text = "".join("0" * (len(bin(one + 1)) - 3) + bin(one + 1)[2:] for one in (number, other))
    bits = Bits(int(text.ljust(len(text) + -len(text) % 8, "0"), 2).to_bytes((len(text) + 7) // 8, "big"))
    assert (bits.ue(), bits.ue(), bits.short) == (number, other, False)


def test_bits_beyond_the_end_are_zeros_and_told() -> None:
    bits = Bits(b"\xff")
    assert (bits.take(9), bits.short) == (0, True)
    assert Bits(b"\0" * 9).ue() == 0


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [0, 1, 3])
def test_times_rise_and_none_is_after_its_frames_being_shown(codec: str, bframes: int) -> None:
    units, shown = reordered(codec, 100, bframes) if bframes else (access_units(codec, 100), list(range(100)))
    times = DecodeTimes()
    found = []
    for unit, place in zip(units, shown, strict=True):
        times.parameters(codec, bitstream.parameters(codec, unit))
        found.append(times.stamp(place * STEP))
    known = [one for one in found if one is not None]
    assert len(found) - len(known) == times.depth
    assert known == [number * STEP for number in range(len(known))]
    assert all(one is None or one <= place * STEP for one, place in zip(found, shown, strict=True))


def test_a_depth_that_nobody_tells_is_learned_from_the_frames() -> None:
    times, shown = DecodeTimes(), [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    found = [times.stamp(place * STEP) for place in shown]
    assert times.depth == 1
    assert found[4:] == [number * STEP for number in (3, 4, 5, 6, 7, 8)]


def test_after_a_leap_all_begins_anew() -> None:
    times = DecodeTimes()
    times.depth = 1
    assert [times.stamp(at) for at in (0, 2 * STEP, STEP)] == [None, 0, STEP]
    assert [times.stamp(5 * LEAP + at) for at in (0, 2 * STEP, STEP)] == [None, 5 * LEAP, 5 * LEAP + STEP]


@given(st.lists(st.integers(-(1 << 40), 1 << 40), max_size=50), st.integers(0, 16))
def test_any_stamps_are_borne(stamps: list[int], depth: int) -> None:
    times = DecodeTimes()
    times.depth = depth
    for stamp in stamps:
        found = times.stamp(stamp)
        assert found is None or found <= stamp or abs(found - stamp) <= LEAP * 2


RATE = 8000


def line(*, video: int | None = None, audio: int | None = None) -> Timeline:
    return Timeline(90_000, video, RATE, audio)


def test_without_anything_better_the_first_packets_are_of_one_instant() -> None:
    made = line()
    assert made.sound(7000) == 7000
    made.picture(900_000)
    assert made.sound(7160) == 80_160
    assert made.sound(7320) == 80_320


def test_rtp_info_says_where_each_track_began_and_nonsense_is_not_believed() -> None:
    made = line(video=900_000 - 45_000, audio=7000)
    made.picture(900_000)
    assert made.sound(7000 + RATE) == (900_000 + 45_000) * RATE // 90_000
    odd = line(video=1, audio=7000)
    odd.picture(900_000 + 90_000 * 60)
    assert odd.sound(7000) == (900_000 + 90_000 * 60) * RATE // 90_000


def ntp(seconds: float) -> int:
    return int(seconds * (1 << 32))


def test_reports_of_both_tracks_move_sound_when_it_is_audible_and_leave_it_alone_when_not() -> None:
    made = line()
    made.picture(900_000)
    before = made.sound(7000)
    made.report(video=True, stamp=900_000, ntp=ntp(1000.0))
    made.report(video=False, stamp=7000, ntp=ntp(1000.02))
    assert made.sound(7000) == before
    made.report(video=False, stamp=7000, ntp=ntp(1000.5))
    assert made.sound(7000) == before + RATE // 2
    made.report(video=False, stamp=7000, ntp=ntp(5000.0))
    assert made.sound(7000) == before + RATE // 2, "clocks that have nothing to do with each other"


@pytest.mark.parametrize("without", [(True, True), (True, False), (False, True)])
def test_reports_of_a_camera_without_a_clock_move_nothing(without: tuple[bool, bool]) -> None:
    made = line()
    made.picture(900_000)
    before = made.sound(7000)
    made.report(video=True, stamp=900_000, ntp=0 if without[0] else ntp(1.5))
    made.report(video=False, stamp=7000, ntp=0 if without[1] else ntp(1.5))
    assert made.sound(7000) == before
    made.report(video=True, stamp=900_000, ntp=ntp(1000.0))
    made.report(video=False, stamp=7000, ntp=ntp(1000.5))
    assert made.sound(7000) == before + RATE // 2, "it has got one"
    made.report(video=False, stamp=7000 + RATE, ntp=0)
    assert made.sound(7000) == before + RATE // 2


def test_stamps_beyond_32_bits_meet_their_reports() -> None:
    made, turn = line(), 1 << 32
    made.picture(turn + 5000)
    before = made.sound(turn + 800)
    made.report(video=True, stamp=5000, ntp=ntp(10.0))
    made.report(video=False, stamp=800, ntp=ntp(10.25))
    assert made.sound(turn + 800) == before + RATE // 4


def test_reports_before_any_packet_are_passed_over() -> None:
    made = line()
    for video in (True, False):
        made.report(video=video, stamp=random.Random(1).getrandbits(32), ntp=ntp(1.0))
    made.picture(0)
    assert made.sound(0) == 0
