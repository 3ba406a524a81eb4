"""The Transport header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.source.transport import Transport, choose


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2-3", Transport("tcp", 2, 3)),
        ("RTP/AVP/TCP;unicast", Transport("tcp", 0, 1)),
        ("RTP/AVP;unicast;client_port=5000-5001", Transport("udp", 5000, 5001)),
        ("RTP/AVP/UDP;unicast;client_port=5000", Transport("udp", 5000, 5001)),
        ('RTP/AVP;unicast;client_port=5000-5001;mode="PLAY"', Transport("udp", 5000, 5001)),
        ("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", Transport("tcp", 0, 1)),
        ("RTP/AVP;multicast", None),
        ("RTP/SAVP;unicast;client_port=5000-5001", None),
        ("RTP/AVP;unicast;client_port=0-1", None),
        ("RTP/AVP;unicast;client_port=5000-65536", None),
        ("RTP/AVP;unicast", None),
        ("RTP/AVP/TCP;interleaved=300-301", None),
        ("RTP/AVP/TCP;interleaved=0-0", None),
        ("RTP/AVP;unicast;client_port=5000-5001;mode=record", None),
        ("", None),
    ],
)
def test_the_first_offer_that_we_serve_is_taken(header: str, expected: Transport | None) -> None:
    assert choose(header, 0) == expected


def test_open_channels_follow_from_the_track() -> None:
    assert choose("RTP/AVP/TCP", 1) == Transport("tcp", 2, 3)


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    choose(text, 0)
    choose("RTP/AVP;client_port=" + text, 0)


def test_the_answer_names_both_sides_ports() -> None:
    over_udp = Transport("udp", 5000, 5001)
    assert over_udp.header(0xAB, (6000, 6001)) == "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=000000AB"
    assert Transport("tcp", 0, 1).header(0xAB, (6000, 6001)) == "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000000AB"
