"""A camera's way from its packets into its ring without a Python object: both implementations, and what each leaves to its maker."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_kit import counters
from rtp_kit import framed, rtp

from watchkeep.native import Ring, lane, lane_py, stream, stream_py
from watchkeep.native.ring_py import Ring as PlainRing

CODE = b"\0\0\0\1"
SPS, PPS, IDR, SLICE = b"\x67\x42\0\x1e", b"\x68\xce", b"\x65\x88idr", b"\x41\x9aslice"
STEP = 3600
STATE = ("open", "last", "raw", "step", "decoded", "heard", "sound_last", "sound_step", "sound_seen", "place_last", "place_end",
         "frames", "pictures", "keys", "sounds", "bytes", "waiting")  # fmt: skip


class Camera:
    """A stream, a ring and a lane of one implementation; `last` is the stamp that went before."""

    def __init__(self, kind, *, depth=0, last=0, rate=8000, clock=0, table=b"", ring_bytes=1 << 16):
        made = {"compiled": (stream.Stream, Ring, lane.Lane), "twin": (stream_py.Stream, PlainRing, lane_py.Lane)}[kind]
        self.stream, self.ring = made[0](), made[1](ring_bytes, 64, chunk_ticks=90_000, segment_ticks=360_000)
        self.stream.add_video(0, 96, False)
        self.stream.add_sound(2, 8, 0)
        self.stream.add_control(1)
        window = [last - STEP * number for number in range(depth, -1, -1)]
        self.lane = made[2](self.ring, hevc=False, limit=900_000, sets=CODE + SPS + CODE + PPS, waiting=window, depth=depth, rate=rate,
                            clock=clock, table=table)  # fmt: skip
        self.lane.run, self.lane.last, self.lane.raw, self.lane.decoded, self.lane.arrival_ns = 3, last, last, window[0], 77
        self.lane.heard = True
        self.stream.lane = self.lane
        self.seq = self.seq_sound = 0

    def picture(self, stamp, *payloads):
        for number, payload in enumerate(payloads):
            self.seq += 1
            self.stream.feed(framed(rtp(payload, seq=self.seq, ts=stamp, marker=number == len(payloads) - 1)))
        return self

    def sound(self, stamp, data=b"\xd5" * 160):
        self.seq_sound += 1
        self.stream.feed(framed(rtp(data, seq=self.seq_sound, ts=stamp, kind=8), 2))
        return self

    def given(self):
        """Units that are left, as (track, stamp)."""
        return [(track, unit.stamp) for track, unit in self.stream.process(0)[0]]

    @property
    def state(self):
        return {name: getattr(self.lane, name) for name in STATE}

    def chunk(self):
        cut = self.ring.cut(True)
        if cut is None:
            return None
        chunk = self.ring.build(cut, camera=b"c", epoch=1, seq=0, segment_seq=0, clock=0, cause=0, wall_start_ns=0, pts_base=0,
                                init_hash=bytes(32), prev_hash=bytes(32))  # fmt: skip
        self.ring.release(cut)
        return chunk


@pytest.fixture(params=["compiled", "twin"])
def camera(request):
    made = []

    def make(**options):
        made.append(Camera(request.param, **options))
        return made[-1]

    yield make
    for one in made:
        one.ring.close()


def test_what_goes_on_as_before_goes_into_the_ring(camera):
    one = camera()
    one.picture(STEP, SPS, PPS, IDR).picture(2 * STEP, SLICE).picture(3 * STEP, IDR).picture(4 * STEP, SLICE)
    assert one.given() == []
    assert (one.lane.open, one.lane.pictures, one.lane.frames, one.lane.keys, one.lane.last) == (True, 3, 3, 2, 3 * STEP)
    assert one.ring.frames == 3
    cut = one.ring.cut(True)
    assert (cut.run, cut.dts, cut.arrival_ns, cut.key) == (3, STEP, 77, True)


@pytest.mark.parametrize(
    ("what", "fed"),
    [
        ("other parameter sets", (STEP, SPS + b"\1", PPS, IDR)),
        ("fewer of them", (STEP, SPS, IDR)),
        ("a jump", (900_001, SLICE)),
        ("a jump back", (-90_001, SLICE)),
    ],
)
def test_what_is_not_usual_is_left_and_everything_behind_it_too(camera, what, fed):
    one, (stamp, *units) = camera(), fed
    one.picture(stamp, *units).picture(stamp + STEP, SLICE).sound(0).picture(stamp + 2 * STEP, SLICE)
    assert [(track, at & 0xFFFFFFFF) for track, at in one.given()] == \
           [(0, stamp & 0xFFFFFFFF), (1, 0), (0, stamp + STEP & 0xFFFFFFFF)], what
    assert (one.lane.open, one.lane.pictures, one.ring.frames) == (False, 0, 0)
    assert one.lane.last == 0


def test_a_key_frame_that_is_to_begin_a_run_or_is_damaged_is_left(camera):
    one = camera()
    one.lane.cuts = True
    one.picture(STEP, SLICE).picture(2 * STEP, IDR).picture(3 * STEP, SLICE)
    assert one.given() == [(0, 2 * STEP)]
    assert one.lane.pictures == 1
    two = camera()
    two.seq = 1
    two.picture(STEP, SLICE)
    two.seq += 1
    two.picture(2 * STEP, IDR).picture(3 * STEP, SLICE)
    assert [stamp for _, stamp in two.given()] == [2 * STEP]


def test_pictures_in_another_order_get_the_times_of_the_window(camera):
    one = camera(depth=1, last=10 * STEP)
    for place in (13, 11, 12, 16, 14, 15, 19):
        one.picture(place * STEP, SLICE)
    assert one.given() == []
    assert (one.lane.last, one.lane.waiting) == (15 * STEP, [15 * STEP, 16 * STEP])


def test_a_guessed_depth_that_shows_to_be_too_small_is_left_to_who_guessed(camera):
    one = camera(last=3 * STEP)
    one.lane.grows = True
    one.lane.decoded = 3 * STEP
    one.picture(STEP, SLICE).picture(2 * STEP, SLICE)
    assert one.given() == [(0, STEP)]


def test_sound_has_its_place_beside_the_picture_and_never_falls(camera):
    one = camera(last=90_000)
    one.lane.place_last, one.lane.place_end, one.lane.sound_last = 7840, 8000, 7840
    for stamp in (8000, 8160, 8160, 8320):
        one.sound(stamp, b"x" * 160)
    assert one.given() == []
    assert (one.lane.sounds, one.lane.sound_last, one.lane.place_last, one.lane.place_end, one.lane.bytes) == (4, 8320, 8320, 8480, 640)
    one.sound(8320 + 80_001)
    assert one.given() == [(1, 8320 + 80_001)]


def test_sound_is_left_out_or_decoded_or_left_when_nobody_knows_where_it_is(camera):
    silent = camera(rate=0).sound(1)
    assert (silent.given(), silent.ring.frames, silent.lane.open) == ([], 0, True)
    table = b"".join(code.to_bytes(2, "little") for code in range(256))
    one = camera(table=table).picture(STEP, IDR).sound(5, b"\1\2\xff").picture(2 * STEP, SLICE)
    assert one.given() == []
    chunk = one.chunk()
    assert chunk.endswith(b"\1\0\2\0\xff\0")
    lost = camera()
    lost.lane.heard = False
    assert lost.sound(9).given() == [(1, 9)]


def test_a_full_ring_closes_the_lane_and_a_closed_one_takes_nothing(camera):
    one = camera(ring_bytes=64)
    for number in range(1, 12):
        one.picture(number * STEP, SLICE + bytes([number]) * 30)
    left = one.given()
    assert one.ring.dropped_frames == 1
    assert one.lane.pictures == one.lane.frames + 1
    assert len(left) + one.lane.pictures == 10
    two = camera()
    two.ring.close()
    two.picture(STEP, SLICE).picture(2 * STEP, SLICE)
    assert two.given() == [(0, STEP)]


def test_sound_by_another_clock_than_its_rate_is_placed_by_its_rate_to_the_tick_below(camera):
    one = camera(rate=48_000, clock=90_000)
    one.lane.sound_shift, one.lane.place_last, one.lane.place_end = -1, -1, 0
    for stamp in (1, 1921, 3844):
        one.sound(stamp, b"x" * 1921)
    assert one.given() == []
    assert (one.lane.sound_last, one.lane.sound_step, one.lane.sound_seen) == (2049, 1025, 3844)
    assert (one.lane.place_last, one.lane.place_end) == (2049, 2049 + 1024)


def test_a_stamp_that_is_no_number_any_more_by_the_rate_is_left(camera):
    one = camera(rate=48_000, clock=90_000)
    one.lane.sound_shift = 1 << 57  # by the rate that is 0, in 64 bits
    assert one.sound(0).given() == [(1, 0)]


@pytest.mark.parametrize("wrong", [{"depth": 17}, {"depth": -1}, {"waiting": [1, 2]}, {"table": b"x"}, {"rate": -1}, {"rate": 1 << 25},
                                   {"clock": -1}, {"limit": -1}])  # fmt: skip
@pytest.mark.parametrize("kind", [(lane.Lane, Ring), (lane_py.Lane, PlainRing)])
def test_no_such_lane(kind, wrong):
    ring = kind[1](1024, 8, chunk_ticks=1, segment_ticks=1)
    with pytest.raises(ValueError, match="no such lane"):
        kind[0](ring, **{"hevc": False, "limit": 1, "sets": b"", "waiting": [0], "depth": 0, **wrong})
    ring.close()


stamps = st.one_of(st.integers(-3, 5).map(lambda n: n * STEP), st.integers(-100_000, 1_000_000), st.integers(-(1 << 31), 1 << 31))
events = st.tuples(stamps, st.sampled_from([(SLICE,), (IDR,), (SPS, PPS, IDR), (SPS, IDR), (SPS + b"\2", PPS, IDR), ()]), st.booleans())


@settings(max_examples=300)
@given(st.lists(events, max_size=30), st.integers(0, 3), st.sampled_from([100, 1 << 16]), st.booleans(), st.booleans(),
       st.sampled_from([(0, 0), (90_000, 0), (90_000, -(1 << 20) - 7), (44_100, -70_001)]))  # fmt: skip
def test_twins_agree(fed, depth, room, grows, drops, by):
    clock, shift = by
    one, two = (Camera(kind, depth=depth, last=1 << 20, ring_bytes=room, clock=clock) for kind in ("compiled", "twin"))
    left = []
    for each in (one, two):
        each.lane.grows, each.lane.sound_shift, stamp = grows, shift, 1 << 20
        given = []
        for step, units, marked in fed:
            stamp = max(stamp + step, 0)
            if units:
                each.picture(stamp & 0xFFFFFFFF, *units)
            else:
                each.sound(stamp * (clock or 8000) // 90_000 & 0xFFFFFFFF)
            each.seq += drops and marked
            given += each.given()
        left.append(given)
    assert left[0] == left[1]
    assert one.state == two.state
    assert counters(one.ring) == counters(two.ring)
    while (chunk := one.chunk()) is not None:
        assert chunk == two.chunk()
    assert two.chunk() is None
    for each in (one, two):
        each.ring.close()
