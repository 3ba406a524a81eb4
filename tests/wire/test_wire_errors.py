"""The error tree, and that no credential survives `redact`."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.errors import (
    ConfigError,
    DigestError,
    FormatError,
    ProfileError,
    RemoteError,
    UsageError,
    VolumeError,
    WatchkeepError,
    redact,
    redact_url,
)

URL_SAFE = "abcXYZ019-._~!$&'()*+,;=:"
SECRETS = st.text(URL_SAFE + "@/?#<>\\^|{}[]§é", min_size=6, max_size=24).map(lambda text: f"{text}SECRET{text}")
USERS = st.text("abc.-_@", max_size=6)
HOSTS = st.sampled_from(["10.0.0.9", "cam.example", "[2001:db8::1]", "[fe80::1%25eth0]"])
PORTS = st.sampled_from(["", ":554"])
TAILS = st.sampled_from(["", "/", "/Streaming/Channels/101", "/h264?channel=1&subtype=0"])
BEFORE = st.sampled_from(["", "cannot open ", "url=", "'", '"', "{'url': '", "(see "])
AFTER = st.sampled_from(["", ": refused", "'", '"', "'}", ") and again"])


@given(SECRETS, USERS, HOSTS, PORTS, TAILS, BEFORE, AFTER, st.sampled_from(["rtsp", "http", "mqtt+tls"]))
def test_no_password_of_a_url_survives(
    secret: str, user: str, host: str, port: str, tail: str, before: str, after: str, scheme: str
) -> None:
    shown = redact(f"{before}{scheme}://{user}:{secret}@{host}{port}{tail}{after}")
    assert "SECRET" not in shown
    assert f"@{host}{port}{tail}{after}" in shown
    assert shown.startswith(f"{before}{scheme}://***@")


@given(st.text(min_size=4, max_size=20).map(lambda text: f"SECRET{text}"))
def test_no_percent_encoded_password_survives(secret: str) -> None:
    assert "SECRET" not in redact(f"rtsp://admin:{quote(secret, safe='')}@cam/1 and mqtt://{quote(secret, safe='')}@broker")


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://cam/1?user=admin&password=SECRET&channel=0",
        "http://cam/cgi?usr=admin&pwd=SECRET",
        "http://hub/v1?access_token=SECRET#x",
        "token: SECRET",
        'password = "a SECRET b"',
        "password='a SECRET b'",
        '{"mqtt_password": "a SECRET b"}',
        '{"text": "{\\"password\\": \\"a SECRET b\\"}"}',
        "Authorization: Basic SECRET==",
        "authorization: Bearer SECRET.SECRET",
        'Digest username="admin", realm="x", nonce="SECRET", uri="/", response="SECRET"',
        "api_key=SECRET",
        'rtsp://admin:SE"SECRET@cam',
        "PASSWD=SECRET;next",
    ],
)
def test_secrets_by_name_are_hidden(text: str) -> None:
    shown = redact(text)
    assert "SECRET" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    ["rtsp://cam:554/h264?channel=1", "HTTP response: 503", "mail to a@b.example", "camera cam0 has 2 of 2 copies", "{'a': 1}", "http://[::1]:9701/"],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(
    st.recursive(
        st.text(max_size=12) | st.integers() | st.sampled_from(["rtsp://u:p@h/1", "password=x", 'say "token": "y"']),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "password", "token", "n"]) | st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: not isinstance(value, int)),
    st.booleans(),
)
def test_json_without_secret_names_for_containers_stays_json(value: object, compact: bool) -> None:
    text = json.dumps({"fields": str(value)}, separators=(",", ":") if compact else None)
    assert set(json.loads(redact(text))) == {"fields"}


@given(st.text() | SECRETS.map(lambda secret: f"rtsp://a:{secret}@h password={secret}"))
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["a", "a://", "://", "password", "password=", '"', "\\", "pass pass", "x@"])
def test_a_long_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 2.0


def test_errors_redact_their_message_and_remedy() -> None:
    error = RemoteError("GET http://u:SECRET@h failed", remedy="try http://u:SECRET@h again", status=503)
    assert "SECRET" not in f"{error} {error.message} {error.remedy} {error.line()} {error!r}"
    assert error.status == 503


def test_a_config_error_names_file_key_problem_and_remedy_in_one_line() -> None:
    error = ConfigError("agent.toml", "camera[0].copies", "is not a number", remedy="correct the value")
    assert error.line() == "agent.toml: camera[0].copies: is not a number; correct the value"
    assert ConfigError("agent.toml", "", "cannot be read", remedy="x").message == "agent.toml: cannot be read"


@pytest.mark.parametrize(("kind", "code"), [(WatchkeepError, 1), (UsageError, 2), (FormatError, 1), (VolumeError, 2), (RemoteError, 1)])
def test_exit_codes_of_the_tree(kind: type[WatchkeepError], code: int) -> None:
    assert kind("x", remedy="y").exit_code == code


def test_the_tree_is_as_drawn() -> None:
    assert issubclass(ProfileError, ConfigError)
    assert issubclass(ConfigError, UsageError)
    assert issubclass(DigestError, FormatError)


@pytest.mark.parametrize("url", ["rtsp//u:SECRET@cam/1", "u:SECRET@cam/1", "rtsp:/u:SECRET@cam/1", "rtsp://u:SEC@RET@cam/1", "u:SECRET://x@cam/1"])
def test_a_mistyped_url_hides_its_password_too(url: str) -> None:
    shown = redact_url(url)
    assert shown.endswith("***@cam/1")
    assert "SEC" not in shown
    assert redact_url("rtsp//cam/1") == "rtsp//cam/1"
