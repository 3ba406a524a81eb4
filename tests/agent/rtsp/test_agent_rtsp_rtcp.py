"""RTCP: the test source's reports read, ours checked by hand and read by its rules, and any bytes at all."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.rtsp.rtcp import Goodbye, Reception, Reporter, SenderReport, parse
from watchkeep.agent.source import rtcp as served

UTC_NS = 1_700_000_000_250_000_000


def test_a_sender_report_maps_stream_time_to_the_wall_clock_and_a_goodbye_ends_it() -> None:
    compound = served.sender_report(ssrc=7, utc_ns=UTC_NS, timestamp=99, packets=1, octets=2, name="cam") + served.goodbye(7)
    report, bye = parse(compound)
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.timestamp, bye) == (7, 99, Goodbye(7))
    assert abs(report.utc_ns - UTC_NS) <= 1
    assert list(parse(compound[:-1])) == [report]


def test_a_goodbye_is_of_the_sources_that_it_names_as_far_as_they_are_there() -> None:
    assert list(parse(b"\x82\xcb\0\2\0\0\0\7\0\0\0\x09")) == [Goodbye(7), Goodbye(9)]
    assert list(parse(b"\x9f\xcb\0\2\0\0\0\7\0\0\0\x09" + served.goodbye(5))) == [Goodbye(7), Goodbye(9), Goodbye(5)]
    assert list(parse(b"\x81\xcb\0\2\0\0\0\7\3bye")) == [Goodbye(7)]
    assert list(parse(b"\x80\xcb\0\1\0\0\0\7" + b"\x81\xcb\0\0" + served.goodbye(5))) == [Goodbye(5)]


def test_a_receiver_report_says_what_is_missing_since_the_last_one_and_in_all() -> None:
    reporter = Reporter(5, "watchkeep")
    first = reporter.report(7, Reception(received=90, lost=10, late=0, highest=165_534 + 1, first=65_436), 10.0)
    assert len(first) % 4 == 0
    kind, words, ours, source, loss, highest, jitter, middle, delay = struct.unpack_from(">xBHIIIIIII", first)
    assert (kind, words, ours, source, highest, jitter, middle, delay) == (201, 7, 5, 7, 165_535, 0, 0, 0)
    assert loss & 0xFFFFFF == 100_100 - 90
    (heard,) = parse(served.sender_report(ssrc=7, utc_ns=UTC_NS, timestamp=0, packets=0, octets=0, name="c"))
    assert isinstance(heard, SenderReport)
    reporter.heard(heard, 14.0)
    second = reporter.report(7, Reception(received=165, lost=35, late=0, highest=165_635, first=65_436), 14.5)
    loss, _, _, middle, delay = struct.unpack_from(">12xIIIII", second)
    assert loss >> 24 == 256 * 25 // 100
    assert (middle, delay) == (heard.ntp >> 16 & 0xFFFFFFFF, 32_768)
    assert second[32:34] == b"\x81\xca"
    assert b"\1\x09watchkeep\0" in second


def test_nothing_received_is_nothing_lost() -> None:
    report = Reporter(1 << 40, "x" * 300).report(0, Reception(0, 0, 0, 0, 0), 0.0)
    assert struct.unpack_from(">12xI", report) == (0,)
    assert len(report) % 4 == 0


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"\x80\xc8\0\6", b"\x81\xcb\0\1\0\0\0\7", b"\x80\xc8\0\0"])), max_size=5
    ).map(b"".join)
)
def test_any_bytes_are_reports_or_none(compound: bytes) -> None:
    for report in parse(compound):
        assert 0 <= report.ssrc < 1 << 32
        if isinstance(report, SenderReport):
            assert isinstance(report.utc_ns, int)
