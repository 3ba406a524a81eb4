"""RTSP messages: the same events at any split, and only FormatError for what is not RTSP."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.rtsp.framing import Interleaved
from watchkeep.agent.source.message import MAX_BODY_BYTES, MAX_HEAD_BYTES, Event, Parser, Request, response
from watchkeep.wire.errors import FormatError


def events(pieces: list[bytes]) -> tuple[list[Event], str]:
    parser, found = Parser(), []
    for piece in pieces:
        parser.feed(piece)
        try:
            while (event := parser.next_event()) is not None:
                found.append(event)
        except FormatError as error:
            return found, error.message
    return found, ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


names = st.text("abcXYZ-", min_size=1, max_size=12)
requests = st.builds(
    lambda method, path, headers, body: (
        f"{method} rtsp://h/{path} RTSP/1.0\r\n".encode()
        + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        + (f"Content-Length: {len(body)}\r\n".encode() if body else b"")
        + b"\r\n"
        + body
    ),
    st.sampled_from(["OPTIONS", "SETUP", "GET_PARAMETER"]),
    names,
    st.dictionaries(names, st.text("abc 123;=", max_size=20), max_size=5),
    st.binary(max_size=40),
)
interleaved = st.builds(
    lambda channel, data: b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data, st.integers(0, 255), st.binary(max_size=50)
)
streams = st.lists(st.one_of(requests, interleaved, st.just(b"\r\n")), max_size=6).map(b"".join)


@given(streams, st.lists(st.integers(0, 5000), max_size=20))
def test_any_split_of_requests_gives_the_same_events(data: bytes, places: list[int]) -> None:
    whole = events([data])
    assert whole[1] == ""
    assert events(cut(data, places)) == whole
    assert events([data[at : at + 1] for at in range(len(data))]) == whole


@given(
    st.one_of(st.binary(max_size=300), st.tuples(streams, st.binary(max_size=60), streams).map(b"".join)),
    st.lists(st.integers(0, 5000), max_size=20),
)
def test_garbage_gives_the_same_events_and_error_at_any_split(data: bytes, places: list[int]) -> None:
    assert events(cut(data, places)) == events([data])


def test_a_request_has_small_header_names_joined_duplicates_and_its_body() -> None:
    head = b"SET_PARAMETER rtsp://h/cam0 RTSP/1.0\r\nCSeq: 3\r\nAccept: a\r\nACCEPT: b\r\nContent-Length: 2\r\n\r\n"
    found, _ = events([head + b"hi$\x01\x00\x01x"])
    assert found == [
        Request("SET_PARAMETER", "rtsp://h/cam0", {"cseq": "3", "accept": "a, b", "content-length": "2"}, b"hi"),
        Interleaved(1, b"x"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\n: nameless\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nA: b\nInjected: c\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 65 + b"\r\n",
        b"\xff\xfe\r\n\r\n",
        b"A" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_not_rtsp_is_a_format_error_for_good(data: bytes) -> None:
    parser = Parser()
    parser.feed(data)
    with pytest.raises(FormatError):
        parser.next_event()
    parser.feed(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    with pytest.raises(FormatError):
        parser.next_event()


def test_an_answer_repeats_the_sequence_number_and_counts_its_body() -> None:
    assert response(200, "7", {"Public": "PLAY"}, b"abc").split(b"\r\n") == [
        b"RTSP/1.0 200 OK", b"CSeq: 7", b"Server: watchkeep-source", b"Public: PLAY", b"Content-Length: 3", b"", b"abc",
    ]  # fmt: skip
    assert b"CSeq" not in response(400, "")
