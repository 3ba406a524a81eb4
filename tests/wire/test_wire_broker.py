"""The broker's URL: read fully, refused with a remedy, never shown with its password."""

import pytest

from watchkeep.wire.broker import Broker, parse_url
from watchkeep.wire.errors import UsageError


def test_default_port_and_credentials() -> None:
    assert parse_url("mqtt://broker") == Broker("broker", 1883)
    assert parse_url("mqtt://u%40x:p%2Fw@127.0.0.1:1884") == Broker("127.0.0.1", 1884, "u@x", "p/w")
    assert parse_url("mqtt://[::1]:1885/") == Broker("::1", 1885)


def test_repr_hides_the_password() -> None:
    assert "hunter2" not in f"{parse_url('mqtt://u:hunter2@h')!r} {parse_url('mqtt://u:hunter2@h')}"


@pytest.mark.parametrize(
    "url",
    ["", "broker", "http://broker", "mqtt://", "mqtt://h:port", "mqtt://h:0", "mqtt://h:70000", "mqtt://h/topic", "mqtt://h?x", "mqtts://h",
     "mqtt://" + "a" * 70, "mqtt://[::1", "mqtt://user:hunt/er2@h:1", "mqtt://user:hunter2@h:port", "tcp://u:hunter2@h"],
)  # fmt: skip
def test_bad_urls_are_refused_with_a_remedy_and_without_the_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert "mqtt://" in caught.value.remedy
    assert "*" not in caught.value.remedy  # the example survives redaction
    assert "hunt" not in caught.value.line()
