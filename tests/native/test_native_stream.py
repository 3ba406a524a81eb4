"""One camera's stream: framing, order, tracks and messages together, over real sockets, and both implementations on hostile bytes."""

import errno
import resource
import socket
from contextlib import ExitStack, contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtp_kit import framed, rtp, streams

from watchkeep.native import Ring, stream, stream_py
from watchkeep.native.lane import Lane
from watchkeep.native.stream import Basin, receive

IDR, SLICE, CODE = b"\x65\x88idr", b"\x41\x9aslice", b"\0\0\0\1"
MESSAGE = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
REPORT = b"\x80\xc8" + bytes(26)


@pytest.fixture(params=[stream, stream_py], ids=["compiled", "twin"])
def code(request):
    return request.param


def made(code, **options):
    """Video on channel 0 with type 96, G.711 on channel 2 with type 8, RTCP on 1 and 3."""
    made = code.Stream()
    assert made.add_video(0, 96, False, **options) == 0
    assert made.add_sound(2, 8, 0, **options) == 1
    made.add_control(1)
    made.add_control(3)
    return made


def test_packets_text_and_rtcp_go_their_ways(code):
    one = made(code)
    data = (
        framed(rtp(IDR, seq=1, ts=0)) + MESSAGE + framed(REPORT, 1) + framed(rtp(b"snd", kind=8, ts=5), 2) + framed(rtp(SLICE, seq=2, ts=9))
    )
    assert one.feed(data[:-3])
    units, messages = one.process(0)
    assert [(track, unit.data) for track, unit in units] == [(1, b"snd")]
    assert messages == [(-1, MESSAGE), (1, REPORT)]
    assert one.buffered > 0
    assert one.feed(data[-3:])
    assert [(track, unit.data) for track, unit in one.process(0)[0]] == [(0, CODE + IDR)]
    assert [(track, unit.data) for track, unit in one.finish()] == [(0, CODE + SLICE)]
    assert (one.junk, one.strange, one.received, one.buffered) == (0, 0, len(data), 0)
    assert one.counts(0) == (2, 0, 0, 2, 1, 0)
    assert one.source(0) == 1


def test_another_source_is_told_and_damages_no_key_frame(code):
    one = made(code)
    assert (one.source(0), one.source(1)) == (None, None)
    one.feed(framed(rtp(SLICE, seq=7, ssrc=1, marker=True)) + framed(rtp(IDR, seq=30_000, ts=9, ssrc=0x80000001)))
    units = one.process(0)[0] + one.finish()
    assert [unit.damaged for _, unit in units] == [False, False], "a key frame that begins another numbering"
    assert (one.source(0), one.source(1)) == (0x80000001, None)
    assert one.counts(0) == (2, 0, 0, 30_000, 29_999, 0)


def test_what_nobody_asked_for_is_counted_and_left_out(code):
    one = made(code)
    one.feed(framed(rtp(IDR, kind=97)) + framed(b"no rtp") + framed(rtp(IDR), 9) + b"\0\1\2" + framed(rtp(IDR)))
    assert one.process(0) == ([], [])
    assert (one.strange, one.junk) == (3, 3)
    assert len(one.finish()) == 1


def test_datagrams_are_put_back_into_order_and_waited_for_100_ms(code):
    one = made(code, datagrams=True)
    for seq in (1, 3, 2, 5):
        assert one.feed_datagram(0, rtp(SLICE + bytes([seq]), seq=seq, ts=seq))
    assert [unit.data[-1] for _, unit in one.process(0)[0]] == [1, 2]
    assert one.process(99_999_999)[0] == []
    assert [unit.data[-1] for _, unit in one.process(100_000_000)[0]] == [3]
    assert [(unit.data[-1], unit.damaged) for _, unit in one.finish()] == [(5, True)]
    assert one.counts(0)[:3] == (4, 1, 0)


def test_datagrams_that_wait_for_one_before_them_are_given_when_nothing_more_will_come(code):
    one = made(code, datagrams=True)
    for seq in (1, 3, 6, 7):
        assert one.feed_datagram(0, rtp(SLICE + bytes([seq]), seq=seq, ts=seq))
    assert one.process(0) == ([], [])
    assert [(unit.data[-1], unit.damaged) for _, unit in one.finish()] == [(1, True), (3, True), (6, True), (7, False)]
    assert one.counts(0)[:3] == (4, 3, 0)
    assert one.finish() == []


def test_roles_and_bounds_are_kept(code):
    one = made(code)
    for again in (
        lambda: one.add_video(0, 96, True),
        lambda: one.add_control(3),
        lambda: one.add_control(256),
        lambda: one.add_sound(-1, 8, 0),
    ):
        with pytest.raises(ValueError, match="is none, or has a role already"):
            again()
    with pytest.raises(ValueError, match="no such layout"):
        one.add_sound(4, 8, 7)
    one.add_video(4, 96, True)
    one.add_video(6, 96, True)
    with pytest.raises(ValueError, match="at most 4 tracks"):
        one.add_video(8, 96, True)
    assert not one.feed(bytes(256 * 1024 + 1))
    assert one.feed(b"$\0\xff\xff" + bytes(65_000))
    assert one.process(0) == ([], [])
    assert not one.feed_datagram(0, bytes(65_536))
    assert one.feed(b"\n" * (256 * 1024 - one.buffered))
    assert not one.feed(b"x")


def test_a_connection_is_emptied_in_few_calls_and_its_end_is_seen():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = made(stream)
        one.connect(ours.fileno())
        theirs.sendall(b"".join(framed(rtp(SLICE + bytes(900), seq=number, ts=number)) for number in range(50)))
        receive([one])
        units, _ = one.process(0)
        assert len(units) == 49
        assert (one.state, one.more, one.calls) == (0, False, 1)
        receive([one, made(stream)])
        theirs.close()
        receive([one])
        assert (one.state, one.error) == (1, 0)
        calls = one.calls
        receive([one])
        assert one.calls == calls, "what has ended is not read again"


def test_a_full_buffer_leaves_the_rest_in_the_kernel():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        one = made(stream)
        one.connect(ours.fileno())
        data = b"".join(framed(rtp(SLICE + bytes(1300), seq=number, ts=number)) for number in range(250))
        theirs.setblocking(False)
        assert theirs.send(data) == len(data)
        receive([one])
        assert (one.more, one.buffered) == (True, 256 * 1024)
        first = one.process(0)[0]
        receive([one])
        assert not one.more
        assert len(first) + len(one.process(0)[0]) == 249


def test_a_broken_connection_says_why():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        one = made(stream)
        one.connect(ours.fileno())
        receive([one])
        assert (one.state, one.error) == (2, errno.ECONNRESET)


def test_udp_sockets_stand_for_their_channels():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for one in (media, control):
            one.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
            for packet in (rtp(IDR, seq=1), b"", rtp(SLICE, seq=2, ts=9)):
                theirs.sendto(packet, media.getsockname())
            theirs.sendto(REPORT, control.getsockname())
        one = made(stream, datagrams=True)
        one.connect(-1, datagrams=[(media.fileno(), 0), (control.fileno(), 1)])
        receive([one])
        units, messages = one.process(0)
        assert [unit.data for _, unit in units] == [CODE + IDR]
        assert messages == [(1, REPORT)]
        assert one.strange == 1
        with pytest.raises(ValueError, match="at most 8 sockets"):
            one.connect(-1, datagrams=[(media.fileno(), 0)] * 9)


def test_receive_takes_streams_and_nothing_else():
    receive([])
    with pytest.raises(TypeError):
        receive([object()])


@pytest.fixture
def connected():
    """Many streams, and where their cameras write."""
    with ExitStack() as stack:

        def connect(count):
            made_all, theirs = [], []
            for _ in range(count):
                pair = [stack.enter_context(one) for one in socket.socketpair()]
                for one in pair:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                pair[1].setblocking(False)
                made_all.append(made(stream))
                made_all[-1].connect(pair[0].fileno())
                theirs.append(pair[1])
            return made_all, theirs

        yield connect


def packets(camera, first, count, size=900):
    """Of the camera, and told from those of another one."""
    return b"".join(framed(rtp(SLICE + bytes([camera]) * size, seq=number, ts=number)) for number in range(first, first + count))


def read_all(basin, streams):
    """The units of each."""
    found, done = [], 0
    while done < len(streams):
        first, done = done, basin.receive(streams, done)
        assert done > first
        found += [[unit.data for _, unit in one.process(0)[0]] for one in streams[first:done]]
    return found


def test_cameras_that_share_memory_get_their_own_bytes(connected):
    streams, theirs = connected(40)
    basin, sent = Basin(), []
    for camera in range(40):
        sent.append(packets(camera, 0, 30) + packets(camera, 30, 1, size=20_000))
    got = [[] for _ in streams]
    for cut in (0, 3, 700, 12_345, 29_000, 1 << 20):
        for camera, one in enumerate(theirs):
            one.send(sent[camera][:cut])
            sent[camera] = sent[camera][cut:]
        for camera, units in enumerate(read_all(basin, streams)):
            got[camera] += units
    assert got == [[CODE + SLICE + bytes([camera]) * 900] * 30 for camera in range(40)]
    assert [one.finish()[0][1].data for one in streams] == [CODE + SLICE + bytes([camera]) * 20_000 for camera in range(40)]


def test_a_basin_reads_as_many_as_it_has_room_for(connected):
    streams, theirs = connected(4)
    for one in theirs:
        assert one.send(packets(1, 0, 300)) > 256 * 1024
    basin = Basin()
    assert basin.receive(streams) == 2
    assert [(one.buffered, one.more) for one in streams] == [(256 * 1024, True)] * 2 + [(0, False)] * 2
    assert basin.receive(streams, 3) == 4
    assert basin.receive(streams, 4) == 4
    assert basin.receive([]) == 0
    with pytest.raises(ValueError, match="no stream number -1"):
        basin.receive(streams, -1)
    with pytest.raises(TypeError, match="int is no Stream"):
        basin.receive([streams[0], 5])


def test_a_turn_has_64_cameras_at_most(connected):
    streams, _ = connected(2)
    basin, crowd = Basin(), [stream.Stream() for _ in range(70)]
    assert [basin.receive(crowd + streams, first) for first in (0, 64, 71, 72)] == [64, 72, 72, 72]


@contextmanager
def no_memory(least):
    """In which nothing of `least` bytes or more can be had."""
    before, hog = resource.getrlimit(resource.RLIMIT_AS), []
    resource.setrlimit(resource.RLIMIT_AS, (1 << 20, before[1]))
    try:
        with suppress(MemoryError):
            while True:
                hog.append(bytes(least - 4096))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.plain_memory
def test_a_camera_for_which_there_is_no_memory_is_given_up_alone(connected):
    streams, theirs = connected(2)
    basin = Basin()
    theirs[0].send(packets(0, 0, 250))
    theirs[1].send(packets(1, 0, 3))
    basin.receive(streams)
    with no_memory(100_000):
        basin.settle()
    assert [(one.state, one.error, one.buffered) for one in streams] == [(2, errno.ENOMEM, 0), (0, 0, 3 * len(packets(1, 0, 1)))]
    receive(streams)
    assert [len(one.process(0)[0]) for one in streams] == [0, 2]


def test_what_was_received_and_not_taken_apart_waits_in_the_streams_own_memory(connected):
    streams, theirs = connected(2)
    for camera, one in enumerate(theirs):
        one.send(packets(camera, 0, 100))
    basin = Basin()
    basin.receive(streams)
    basin.settle()
    for camera, one in enumerate(theirs):
        one.send(packets(camera, 100, 100))
    basin.receive(streams[:1])
    basin.receive(streams[1:])
    del basin
    assert [len(one.process(0)[0]) for one in streams] == [199, 199]
    assert [one.buffered for one in streams] == [0, 0]


def test_a_tick_tells_of_cameras_that_are_unusual_alone(connected):
    streams, theirs = connected(5)
    rings = [Ring(1 << 20, 100, chunk_ticks=90_000, segment_ticks=360_000) for _ in streams]
    for one, ring in zip(streams[1:], rings[1:], strict=True):
        one.lane = Lane(ring, hevc=False, limit=900_000, sets=b"", waiting=[0], depth=0)
    streams[4].lane.open = False
    for camera, one in enumerate(theirs):
        one.send(packets(camera, 0, 3))
    theirs[2].send(MESSAGE + framed(REPORT, 1))
    theirs[3].close()
    done, unusual, more = Basin().tick(streams, 1, 0, 77)
    assert (done, more) == (5, False)
    assert [(at, [unit.data[-1] for _, unit in units], messages, error) for at, units, messages, error in unusual] == [
        (2, [], [(-1, MESSAGE), (1, REPORT)], None),
        (4, [4, 4], [], None),
    ]
    assert [one.lane.arrival_ns for one in streams[1:]] == [77] * 4
    assert [ring.frames for ring in rings] == [0, 2, 2, 2, 0]
    unusual = Basin().tick(streams, 0, 0, 78)[1]
    assert [(at, len(units)) for at, units, _, _ in unusual] == [(0, 2), (3, 0), (4, 0)], "its end is seen when its bytes are taken"
    assert streams[3].state == 1


def test_a_camera_holds_no_more_memory_than_a_piece_that_is_not_complete(connected):
    streams, theirs = connected(1)
    theirs[0].send(packets(1, 0, 200))
    receive(streams)
    assert streams[0].room == 256 * 1024
    theirs[0].send(packets(1, 200, 1, size=15_000)[:-1])
    read_all(Basin(), streams)
    assert (streams[0].room, streams[0].buffered) == (16 * 1024, 15_000 + len(packets(1, 0, 1, size=0)) - 1)
    theirs[0].send(b"\1")
    read_all(Basin(), streams)
    assert (streams[0].room, streams[0].buffered) == (4 * 1024, 0)


pieces = st.one_of(
    st.builds(
        lambda packets, channel: b"".join(framed(packet, channel) for packet in packets),
        streams(most=6),
        st.sampled_from([0, 0, 0, 2, 1, 7]),
    ),
    st.sampled_from([MESSAGE, framed(REPORT, 1), b"\r\n", b"$", b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"]),
    st.binary(max_size=20),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(pieces, st.integers(0, 60_000_000)), max_size=8), st.booleans(), st.booleans())
def test_twins_agree(fed, hevc, datagrams):
    one, two = stream.Stream(), stream_py.Stream()
    for each in (one, two):
        each.add_video(0, 96, hevc, datagrams=datagrams)
        each.add_sound(2, 96, 1, datagrams=datagrams)
        each.add_control(1)
    now = 0
    for data, step in fed:
        now += step
        assert one.feed(data) == two.feed(data)
        assert one.process(now) == two.process(now)
        for name in ("junk", "strange", "received", "buffered"):
            assert getattr(one, name) == getattr(two, name)
        assert [(one.counts(index), one.source(index)) for index in (0, 1)] == [(two.counts(index), two.source(index)) for index in (0, 1)]
    assert one.finish() == two.finish()
