"""Binding before anything is touched."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from watchkeep.hub.config import Address
from watchkeep.hub.explain import floor_notes
from watchkeep.hub.preflight import PassingError, bind, config_error
from watchkeep.wire.errors import ConfigError


def test_a_port_is_ours_from_the_moment_it_is_bound() -> None:
    """Two sockets may be bound to one port until one listens: the second hub has to fail here, not after it has touched its disks."""
    first = bind("hub.toml", "hub.listen", Address("127.0.0.1", 0))
    try:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=r"hub\.toml: hub\.listen: .* is in use"):
            bind("hub.toml", "hub.listen", Address("127.0.0.1", port))
    finally:
        first.close()
    bind("hub.toml", "hub.listen", Address("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("host", "says"), [("192.0.2.1", "not an address of this machine"), ("nosuchhost.invalid", "cannot be resolved")]
)  # 192.0.2.0/24 and .invalid are nobody's, by RFC 5737 and RFC 2606
def test_addresses_that_are_not_here(host: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        bind("hub.toml", "hub.listen", Address(host, 0))
    assert caught.value.remedy


def test_an_address_that_comes_with_the_network_is_tried_again() -> None:
    """As after a power cut, when the machine is up before the one that gives addresses."""
    with pytest.raises(PassingError) as caught:
        bind("hub.toml", "hub.listen", Address("192.0.2.1", 0))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, 1), (errno.ESTALE, 1), (errno.EMFILE, 1), (errno.ENOSPC, 1), (errno.EACCES, 2)])
def test_a_failing_disk_is_tried_again_and_a_permission_is_not(number: int, code: int) -> None:
    assert config_error("hub.toml", "hub.data_dir", OSError(number, os.strerror(number)), "cannot be used", "check it").exit_code == code


def test_ipv6() -> None:
    listener = bind("hub.toml", "hub.listen", Address("::1", 0))
    assert listener.family is socket.AF_INET6
    listener.close()


def test_a_floor_that_leaves_less_than_half_of_a_volume_is_noted(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).total
    assert list(floor_notes((tmp_path,), total // 4)) == []
    (note,) = floor_notes((tmp_path,), total)
    assert f"note: {tmp_path} has " in note
    assert note.endswith("set it lower")
