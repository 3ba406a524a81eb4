"""The sockets of a session on the loopback: what leaves before a camera may send over UDP."""

import socket
from contextlib import closing

import pytest

from watchkeep.agent.rtsp.link import Link
from watchkeep.agent.rtsp.rtcp import parse


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_way_is_opened_from_where_packets_are_to_come_to_where_they_come_from(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        closing(Link()) as link,
        socket.create_server((host, 0), family=family) as camera,
        socket.socket(family, socket.SOCK_DGRAM) as rtp,
        socket.socket(family, socket.SOCK_DGRAM) as rtcp,
    ):
        for one in (rtp, rtcp):
            one.bind((host, 0))
            one.settimeout(10)
        link.connect(*camera.getsockname()[:2], 10)
        ours = link.open_pair()
        link.open_way(0, (rtp.getsockname()[1], rtcp.getsockname()[1]))
        media, sender = rtp.recvfrom(100)
        assert (media[:1], len(media), sender[1]) == (b"\x80", 12, ours[0])
        report, sender = rtcp.recvfrom(100)
        assert (report[:4], sender[1]) == (b"\x80\xc9\0\1", ours[1])
        assert list(parse(report)) == []


def test_a_camera_that_names_one_of_its_ports_alone_gets_what_belongs_there() -> None:
    with closing(Link()) as link, socket.create_server(("127.0.0.1", 0)) as camera, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
        rtcp.bind(("127.0.0.1", 0))
        rtcp.settimeout(10)
        link.connect(*camera.getsockname(), 10)
        link.open_pair()
        link.open_way(0, (0, rtcp.getsockname()[1]))
        assert rtcp.recv(100)[1] == 201
