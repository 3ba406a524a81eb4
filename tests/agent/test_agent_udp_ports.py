"""agent/udp_ports.py: an even port, the one after it, and what happens when there is none."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from watchkeep.agent import udp_ports
from watchkeep.agent.udp_ports import udp_pair


def test_a_pair_is_an_even_port_and_the_one_after_it() -> None:
    pair = udp_pair(("127.0.0.1", 0), socket.AF_INET, option=socket.SO_RCVBUF, buffer_bytes=8192, tries=50)
    assert pair is not None
    with closing(pair[0]), closing(pair[1]):
        (host, even), (_, odd) = (each.getsockname() for each in pair)
        assert (host, even % 2, odd) == ("127.0.0.1", 0, even + 1)
        assert not pair[0].getblocking()


def test_what_the_kernel_gives_is_compared_with_what_a_key_frame_needs(tmp_path: Path) -> None:
    for asked, small in ((8192, True), (udp_ports.RECEIVE_BUFFER, (udp_ports.most_buffer() or 0) < udp_ports.RECEIVE_BUFFER // 2)):
        pair = udp_pair(("127.0.0.1", 0), socket.AF_INET, option=socket.SO_RCVBUF, buffer_bytes=asked, tries=50)
        assert pair is not None
        with closing(pair[0]), closing(pair[1]):
            assert udp_ports.cramped([pair]) is small
    assert not udp_ports.cramped([])
    told = tmp_path / "rmem_max"
    assert udp_ports.most_buffer(told) is None
    told.write_text("212992\n")
    assert udp_ports.most_buffer(told) == 212_992


def test_none_when_no_pair_is_found_in_time() -> None:
    assert udp_pair(("127.0.0.1", 0), socket.AF_INET, option=socket.SO_SNDBUF, buffer_bytes=8192, tries=0) is None


def test_an_address_that_is_not_ours_is_an_error_that_leaves_nothing_open() -> None:
    with pytest.raises(OSError, match="assign"):
        udp_pair(("192.0.2.1", 0), socket.AF_INET, option=socket.SO_RCVBUF, buffer_bytes=8192, tries=1)
