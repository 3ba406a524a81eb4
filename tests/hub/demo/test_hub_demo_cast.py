"""The processes of a site: hub/demo/cast.py."""

import socket
from itertools import pairwise

import pytest

from watchkeep.hub.demo.cast import PORT_BLOCK, Cast, free_port, wait_until
from watchkeep.wire.errors import WatchkeepError


def test_a_member_that_fails_ends_the_wait_for_it_with_its_last_words(tmp_path):
    with Cast(tmp_path) as cast:
        cast.add("lost", ["verify", str(tmp_path / "nothing")])
        with pytest.raises(WatchkeepError, match=r"lost ended with exit code 2: watchkeep: .*nothing does not exist") as caught:
            cast.wait_listening("lost", "something that never listens")
    assert "lost.log" in caught.value.remedy


def test_members_that_were_killed_stopped_or_are_done_have_not_failed(tmp_path):
    with Cast(tmp_path) as cast:
        cast.source(cameras=1)
        done = cast.add("done", ["version"])
        wait_until(lambda: not done.running, 20, "the end of `watchkeep version`")
        cast.kill("source")
        cast.check()
        cast.start("source")
        assert cast.stop("source") in (0, -15)  # -15: the signal came before the command had taken it over
        cast.check()
    assert not any(member.running for member in cast.members.values())


def test_ports_are_not_those_of_outgoing_connections_nor_one_that_is_taken_nor_the_last_one_again():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        ports = [free_port() for _ in range(2 * PORT_BLOCK)]
    assert taken not in ports
    assert max(ports) < 32_768
    assert all(port != after for port, after in pairwise(ports))


def test_every_cast_is_a_site_of_its_own(tmp_path):
    assert Cast(tmp_path / "one").site != Cast(tmp_path / "other").site
