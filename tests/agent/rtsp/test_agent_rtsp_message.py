"""RTSP as cameras send it: the same events at any split, sloppy but plain messages understood, noise a FormatError and nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.rtsp.framing import Interleaved
from watchkeep.agent.rtsp.message import MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, Event, Parser, Request, Response, request
from watchkeep.wire.errors import FormatError

READ = 512


def events(pieces: list[bytes]) -> tuple[list[Event], str]:
    parser, found = Parser(), []
    for piece in pieces:
        parser.feed(piece)
        try:
            while (event := parser.next_event()) is not None:
                found.append(event)
        except FormatError as error:
            return found, error.message
        assert parser.buffered <= MAX_HEAD_BYTES + MAX_BODY_BYTES + len(piece)
    return found, ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


names = st.text("abcXYZ-", min_size=1, max_size=12)
firsts = st.sampled_from(["RTSP/1.0 200 OK", "RTSP/1.0 200", "RTSP/2.0 401 No", "OPTIONS rtsp://h/ RTSP/1.0", "ANNOUNCE * RTSP/1.0 "])
messages = st.builds(
    lambda first, headers, body, end: (
        first.encode() + end + b"".join(f"{name}: {value}".encode() + end for name, value in headers.items())
        + (f"Content-Length: {len(body)}".encode() + end if body else b"") + end + body
    ),
    firsts, st.dictionaries(names, st.text("abc 123;=é", max_size=20), max_size=5), st.binary(max_size=40),
    st.sampled_from([b"\r\n", b"\n"]),
)  # fmt: skip
interleaved = st.builds(
    lambda channel, data: b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data, st.integers(0, 255), st.binary(max_size=50)
)
streams = st.lists(st.one_of(messages, interleaved, st.just(b"\r\n")), max_size=6).map(b"".join)
noise = st.one_of(st.binary(max_size=300), st.tuples(streams, st.binary(max_size=60), streams).map(b"".join))


@given(streams, st.lists(st.integers(0, 5000), max_size=20))
def test_any_split_gives_the_same_events(data: bytes, places: list[int]) -> None:
    whole = events([data])
    assert whole[1] == ""
    assert events(cut(data, places)) == whole
    assert events([data[at : at + 1] for at in range(len(data))]) == whole


@given(noise, st.lists(st.integers(0, 5000), max_size=20))
def test_noise_gives_the_same_events_and_error_at_any_split(data: bytes, places: list[int]) -> None:
    assert events(cut(data, places)) == events([data])


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n", Response((("cseq", "2"),), b"", 200)),
        (b"RTSP/1.0 200\nCSeq:2\n\n", Response((("cseq", "2"),), b"", 200)),
        (b"\r\n\r\nRTSP/1.0  404 Not\xff\r\nno colon\r\n: nameless\r\nA: b\r\n\tc\r\n\r\n", Response((("a", "b c"),), b"", 404)),
        (b"GET_PARAMETER rtsp://h/x RTSP/1.0\r\nContent-Length: 2\r\n\r\nhi", Request((("content-length", "2"),), b"hi", "GET_PARAMETER", "rtsp://h/x")),
        (b"$\x03\x00\x02ab", Interleaved(3, b"ab")),
    ],
)  # fmt: skip
def test_sloppy_and_proper_messages_are_understood(sent: bytes, understood: Event) -> None:
    assert events([sent]) == ([understood], "")


def test_every_header_of_a_name_is_kept_apart() -> None:
    found, _ = events([b'RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm="a, b"\r\nwww-authenticate: Digest x\r\n\r\n'])
    assert isinstance(found[0], Response)
    assert found[0].each("www-authenticate") == ('Basic realm="a, b"', "Digest x")
    assert found[0].header("www-authenticate") == 'Basic realm="a, b"'


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"RTSP/1.0 20 OK\r\n\r\n",
        b"options * RTSP/1.0\r\n\r\n",
        b"\x00\x01\x02",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"RTSP/1.0 200 OK\r\nA: " + b"b" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_not_rtsp_is_a_format_error_for_good(data: bytes) -> None:
    parser = Parser()
    parser.feed(data)
    with pytest.raises(FormatError) as caught:
        parser.next_event()
    assert caught.value.remedy
    parser.feed(b"RTSP/1.0 200 OK\r\n\r\n")
    assert parser.buffered == 0
    with pytest.raises(FormatError):
        parser.next_event()


def test_a_camera_that_never_ends_its_headers_is_given_up_at_the_bound() -> None:
    parser, most = Parser(), 0
    parser.feed(b"RTSP/1.0 200 OK\r\n")
    given_up = False
    while not given_up and most < 2 * MAX_HEAD_BYTES:
        parser.feed(b"A: b\r\n" * 10)
        most = max(most, parser.buffered)
        try:
            assert parser.next_event() is None
        except FormatError:
            given_up = True
    assert given_up
    assert most < MAX_HEAD_BYTES + READ


def test_the_rest_is_handed_over_once() -> None:
    parser = Parser()
    parser.feed(b"RTSP/1.0 200 OK\r\n\r\n$\x00\x00\x09ab")
    assert isinstance(parser.next_event(), Response)
    assert parser.next_event() is None
    assert (parser.rest(), parser.rest(), parser.buffered) == (b"$\x00\x00\x09ab", b"", 0)


@pytest.mark.parametrize(
    ("uri", "value"), [("rtsp://h/a b", "x"), ("rtsp://h/\r\nX: y", "x"), ("rtsp://h/", "x\r\nInjected: y"), ("rtsp://h/", "x\0")]
)
def test_a_request_holds_no_line_of_somebody_else(uri: str, value: str) -> None:
    with pytest.raises(FormatError):
        request("OPTIONS", uri, {"A": value})


def test_a_request_is_as_the_rfc_has_it() -> None:
    assert request("OPTIONS", "rtsp://h/x", {"CSeq": "1"}) == b"OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"
