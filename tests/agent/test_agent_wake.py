"""The magic packet, byte for byte, over a real socket; and what is no address."""

import socket

import pytest

from watchkeep.agent import wake
from watchkeep.agent.wake import DEFAULT_BROADCAST, Alarm, send, sleeper
from watchkeep.wire.errors import UsageError


def test_the_packet_is_what_network_cards_wake_at() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.bind(("127.0.0.1", 0))
        card.settimeout(5)
        send(sleeper("02:00:5e:10:00:ff", f"127.0.0.1:{card.getsockname()[1]}"))
        assert card.recv(1000) == bytes.fromhex("ff" * 6 + "02005e1000ff" * 16)


def test_addresses_as_people_write_them() -> None:
    assert sleeper("02-00-5E-10-00-FF", DEFAULT_BROADCAST) == sleeper("02005e1000ff", "255.255.255.255:9")


@pytest.mark.parametrize(("mac", "broadcast"), [
    ("02:00:5e:10:00", DEFAULT_BROADCAST), ("02:00:5e:10:00:zz", DEFAULT_BROADCAST), ("", DEFAULT_BROADCAST),
    ("02:00:5e:10:00:ff", "10.0.0.255"), ("02:00:5e:10:00:ff", "10.0.0.255:0"), ("02:00:5e:10:00:ff", ":9"),
    ("02:00:5e:10:00:ff", "host:9"), ("02:00:5e:10:00:ff", "10.0.0.255:nine"),
])  # fmt: skip
def test_what_is_no_address_says_how_to_write_one(mac: str, broadcast: str) -> None:
    with pytest.raises(UsageError) as found:
        sleeper(mac, broadcast)
    assert found.value.remedy


def test_a_packet_that_the_network_does_not_take_is_told_and_fails_nobody(monkeypatch: pytest.MonkeyPatch,
                                                                           caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    def broken(_: object) -> None:
        raise OSError(101, "Network is unreachable")

    alarm = Alarm({"c": sleeper("02:00:5e:10:00:ff", DEFAULT_BROADCAST)})
    monkeypatch.setattr(wake, "send", broken)
    alarm.ring("c")
    assert list(alarm.names) == ["c"]
    assert "a magic packet is not sent" in caplog.text
