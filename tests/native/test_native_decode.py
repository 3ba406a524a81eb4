"""Real video through the ring: init segment plus chunks is a file that FFmpeg decodes, frame for frame."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import pytest
from blake3 import blake3
from native_kit import SECOND, build, new_ring

from watchkeep.native import Ring, is_key, parameter_sets
from watchkeep.wire import segment
from watchkeep.wire.isobmff import boxes

RATE, COUNT, GOP = 25, 90, 20
CODECS = {
    "h264": ("libx264", {"bf": "2", "preset": "ultrafast"}, False),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}, True),
}


def _picture(number: int) -> av.VideoFrame:
    """A grey picture whose brightness tells its number, coarsely enough to survive encoding."""
    frame = av.VideoFrame(160, 128, "gray8")
    frame.planes[0].update(bytes([20 + 2 * number]) * (frame.planes[0].line_size * 128))
    frame = frame.reformat(format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _access_units(encoder: str, options: dict[str, str]) -> list[Any]:
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = 160, 128, "yuv420p"
    context.framerate, context.time_base, context.gop_size = Fraction(RATE), Fraction(1, RATE), GOP
    context.options = options
    packets = [packet for number in range(COUNT) for packet in context.encode(_picture(number))]
    return [packet for packet in packets + context.encode(None) if packet.size]


def _init_segment(codec: str, stream: bytes) -> bytes:
    """ftyp and moov as PyAV makes them from the stream's codec parameters; what it adds behind them is left out."""
    into = BytesIO()
    options = {"movflags": "empty_moov+default_base_moof", "video_track_timescale": str(SECOND)}
    with av.open(BytesIO(stream), format=codec) as source, av.open(into, "w", format="mp4", options=options) as sink:
        sink.add_stream_from_template(source.streams.video[0])
        sink.start_encoding()
    found = dict(boxes(into.getvalue()))
    return b"".join((len(found[kind]) + 8).to_bytes(4, "big") + kind + bytes(found[kind]) for kind in (b"ftyp", b"moov"))


def _chunks(packets: list[Any], hevc: bool, init: bytes) -> Iterator[bytes]:
    ring = new_ring(Ring, segment_ticks=1)
    tick, first = SECOND // RATE, min(packet.dts for packet in packets)
    for packet in packets:
        values: dict[str, Any] = {"run": 0, "track": 0, "duration": 0, "damaged": False, "arrival_ns": 0, "annexb": True}
        data = memoryview(packet)
        stamps = {"pts": (packet.pts - first) * tick, "dts": (packet.dts - first) * tick}
        assert ring.push(data, **stamps, key=is_key(data, hevc), **values)
    seq = 0
    while (cut := ring.cut(True)) is not None:
        yield build(ring, cut, seq=seq, segment_seq=0, init_hash=blake3(init).digest())
        ring.release(cut)
        seq += 1
    ring.close()


def _decode(file: bytes) -> tuple[list[Any], list[str]]:
    """All pictures, and what FFmpeg's libraries said of them at level warning or above, from any of their threads."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as captured, av.open(BytesIO(file), "r", format="mov") as recording:
            assert recording.streams.video[0].time_base == Fraction(1, SECOND)
            frames = list(recording.decode(video=0))
    finally:
        av.logging.set_level(before)
    return frames, [text for _level, _name, text in captured]


@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_is_decoded_in_order(codec: str) -> None:
    encoder, options, hevc = CODECS[codec]
    packets = _access_units(encoder, options)
    assert len(packets) == COUNT
    assert any(packet.pts != packet.dts for packet in packets)
    assert parameter_sets(memoryview(packets[0]), hevc)
    init = _init_segment(codec, b"".join(bytes(packet) for packet in packets))
    chunks = list(_chunks(packets, hevc, init))
    file = init + b"".join(chunks)
    assert segment.init_length(lambda offset, length: file[offset : offset + length]) == len(init)
    frames, complaints = _decode(file)
    assert complaints == []
    first = frames[0].pts
    assert [frame.pts - first for frame in frames] == [number * SECOND // RATE for number in range(COUNT)]
    brightness = [bytes(frame.planes[0])[0] for frame in frames]
    assert all(abs(value - brightness[0] - (2 * number * 219 / 255)) < 6 for number, value in enumerate(brightness))
    assert len(chunks) > COUNT // RATE
