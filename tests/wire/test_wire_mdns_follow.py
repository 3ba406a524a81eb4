"""mDNS on a machine whose addresses come and go: wire/shell/mdns_follow.py."""

import threading
from collections.abc import Sequence

import pytest

from watchkeep.wire.errors import DiscoveryError
from watchkeep.wire.shell.mdns_follow import Following

LOOPBACK, LEASE, OTHER = "127.0.0.1", "192.0.2.10", "192.0.2.11"


class Network:
    """A machine's addresses, and what is open on them; `broken` is why nothing can be."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.broken = ""
        self.open: list[tuple[str, ...]] = []
        self.opened = threading.Event()
        self.off: list[str] = []
        self.following = Following("wk-mdns", lambda: One(self), None, self.off.append, present=self.present)

    def present(self, _interfaces: Sequence[str] | None) -> list[str]:
        if not self.addresses:
            raise DiscoveryError("no interface", remedy="wait")
        return list(self.addresses)


class One:
    def __init__(self, network: Network) -> None:
        self._network, self._on = network, tuple(network.addresses)

    def start(self) -> None:
        if self._network.broken:
            raise DiscoveryError(self._network.broken, remedy="wait")
        self._network.open.append(self._on)
        self._network.opened.set()

    def stop(self) -> None:
        self._network.open.remove(self._on)


@pytest.mark.parametrize("later", [(LEASE,), (LEASE, OTHER)])
def test_a_box_that_is_up_before_its_network_follows_it(later: tuple[str, ...]) -> None:
    """It listened on its loopback alone, until somebody started it again."""
    network = Network(LOOPBACK)
    network.following.look()
    assert network.open == [(LOOPBACK,)]
    network.addresses = list(later)
    network.following.look()
    assert network.open == [later]


def test_addresses_that_stay_touch_nothing_whatever_their_order() -> None:
    network = Network(LEASE, OTHER)
    network.following.look()
    network.addresses = [OTHER, LEASE]
    network.following.look()
    assert network.open == [(LEASE, OTHER)]


def test_what_cannot_be_opened_is_told_once_for_each_reason_and_tried_again() -> None:
    network = Network()
    for _ in range(3):
        network.following.look()
    network.addresses, network.broken = [LEASE], "port 5353 is taken"
    for _ in range(3):
        network.following.look()
    assert network.off == ["no interface; wait", "port 5353 is taken; wait"]
    network.broken = ""
    network.following.look()
    assert network.open == [(LEASE,)]
    network.addresses.clear()
    network.following.look()
    assert (network.open, network.off[2:]) == ([], ["no interface; wait"])


def test_its_thread_opens_it_and_a_stop_closes_it() -> None:
    network = Network(LEASE)
    network.following.start()
    assert network.opened.wait(10)
    network.following.stop()
    assert network.open == []
