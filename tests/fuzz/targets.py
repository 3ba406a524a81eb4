"""What is fuzzed: bytes of a camera in, no exception but FormatError out, bounds kept, twins agreed.

Rules: knows no fuzzer, so that the seeds are run by the test-suite as well; the same bytes always do the same.  The plain twins show a
fuzzer that sees Python's coverage which branches an input takes; the compiled code beside them has to give the same.
"""

from collections.abc import Callable

from watchkeep.agent.rtsp import actions, codecs, rtcp, rtp_info, sdp
from watchkeep.agent.rtsp.choice import choose
from watchkeep.agent.rtsp.client import Client
from watchkeep.agent.rtsp.message import MAX_BODY_BYTES, MAX_HEAD_BYTES
from watchkeep.agent.rtsp.url import joined
from watchkeep.native import Ring, lane, lane_py, stream, stream_py
from watchkeep.native.ring_py import Ring as PlainRing
from watchkeep.wire.errors import FormatError

_EVENTS = (actions.Connected(), actions.Ports(5000, 5001), actions.Tick(), actions.Stop())


def fuzz_stream(data):
    """First byte: codec, transport, lanes; then pieces of a connection, or datagrams of (kind, steps of number and stamp, payload)."""
    options, rest = (data[0], data[1:]) if data else (0, b"")
    one, two = stream.Stream(), stream_py.Stream()
    lanes = _lanes(one, two, bool(options & 1)) if options & 64 else ()
    for each in (one, two):
        each.add_video(0, 96, bool(options & 1), donl=bool(options & 2), datagrams=bool(options & 4))
        each.add_sound(2, 97, (0 if options & 16 else 2) + (options >> 3 & 1), datagrams=bool(options & 4))
        each.add_control(1)
    seq = stamp = now = 0
    while rest:
        size, rest = rest[0], rest[1:]
        if options & 32:
            piece, rest = rest[: 4 * size + 1], rest[4 * size + 1 :]
            assert one.feed(piece) == two.feed(piece)
        else:
            head, payload, rest = rest[:3].ljust(3, b"\0"), rest[3 : 3 + size], rest[3 + size :]
            seq, stamp = seq + (head[0] & 0x0F) - 1, stamp + 90 * (head[1] & 0x0F)
            sound = bool(head[0] & 0x40)
            first = 0xA0 if head[2] & 1 else 0x80 | head[2] & 0x0F
            kind = (97 if sound else 96) | head[0] & 0x80
            source = bytes(3) + bytes([head[2] >> 4])
            packet = bytes([first, kind]) + (seq & 0xFFFF).to_bytes(2, "big") + (stamp & 0xFFFFFFFF).to_bytes(4, "big") + source + payload
            assert one.feed_datagram(2 if sound else 0, packet) == two.feed_datagram(2 if sound else 0, packet)
        now += 30_000_000
        assert one.process(now) == two.process(now)
    assert one.finish() == two.finish()
    for name in _LANE if lanes else ():
        assert getattr(lanes[0], name) == getattr(lanes[1], name), name
    assert [one.counts(index) for index in (0, 1)] == [two.counts(index) for index in (0, 1)]
    assert (one.junk, one.strange, one.received, one.buffered) == (two.junk, two.strange, two.received, two.buffered)


_LANE = ("open", "last", "raw", "decoded", "waiting", "sound_last", "place_last", "place_end", "frames", "pictures", "sounds", "bytes")


def _lanes(one, two, hevc):
    """A lane on each, with rings of a few frames."""
    found = []
    for each, made, ring in ((one, lane.Lane, Ring), (two, lane_py.Lane, PlainRing)):
        each.lane = made(ring(4096, 16, chunk_ticks=90_000, segment_ticks=90_000), hevc=hevc, limit=900_000, sets=b"", waiting=[0], depth=0,
                         rate=8000, clock=90_000 if hevc else 0, table=bytes(512))  # fmt: skip
        each.lane.heard = True
        found.append(each.lane)
    return found


def fuzz_rtsp(data):
    """First byte: transport; then events of a client, most of them pieces of what a camera sends."""
    client = Client("rtsp://op:secret@camera/live", "udp" if data[:1] > b"\x7f" else "tcp", lambda: "token")
    client.start(0.0)
    now, rest = 0.0, data[1:]
    while rest:
        kind, rest = rest[0], rest[1:]
        if kind < len(_EVENTS):
            event = _EVENTS[kind]
        else:
            event, rest = actions.Received(rest[: 4 * kind]), rest[4 * kind :]
        now += 0.25
        client.handle(event, now)
        assert client._parser.buffered <= MAX_HEAD_BYTES + MAX_BODY_BYTES
    assert client.next_deadline() is None or client.next_deadline() >= 0


def fuzz_sdp(data):
    """The whole is a description."""
    description = sdp.parse(data)
    choice = choose(description)
    for media in description.medias:
        for form in media.formats:
            assert codecs.parameter_sets(form)[:4] in (b"", b"\0\0\0\1")
            laid = codecs.aac(form)
            assert isinstance(laid, str) or 1024 * form.clock // laid.rate < 1 << 32
        try:
            assert joined("rtsp://camera/live/", media.control).startswith("rtsp://")
        except FormatError as error:
            assert error.remedy
    assert len(rtp_info.starts(data.decode("utf-8", "replace"), ["rtsp://camera/live/trackID=0"])) == 1
    assert choice.video is None or choice.video.video


def fuzz_rtcp(data):
    """The whole is a compound."""
    for report in rtcp.parse(data):
        assert 0 <= report.ssrc < 1 << 32


TARGETS: dict[str, Callable[[bytes], None]] = {"stream": fuzz_stream, "rtsp": fuzz_rtsp, "sdp": fuzz_sdp, "rtcp": fuzz_rtcp}
