"""Camera profiles and the URLs that come from them: firmware-profiles/schema.py and address.py."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep import profiles
from watchkeep.profiles.address import host_part
from watchkeep.profiles.schema import CameraProfile, Stream
from watchkeep.wire.config import validate
from watchkeep.wire.errors import ProfileError, UsageError

GENERIC = {"description": "mine", "streams": [{"name": "main", "template": "rtsp://{host}:{port}/live"}]}


def refused(**changes) -> ProfileError:
    with pytest.raises(ProfileError) as error:
        validate("mine.toml", GENERIC | changes, CameraProfile, error=ProfileError)
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize("name", profiles.names("cameras"))
def test_every_camera_profile_loads_and_renders_every_stream(name):
    profile = profiles.camera_profile(name)
    assert profile.notes
    for stream in profile.streams:
        parts = urlsplit(profile.url("cam.example", channel=3, stream=stream.name))
        assert (parts.scheme, parts.hostname, parts.port, parts.username, parts.password) == ("rtsp", "cam.example", 554, None, None)
        assert "{" not in parts.geturl()


@pytest.mark.parametrize(
    ("make", "channel", "stream", "path"),
    [
        ("axis", 1, "main", "/axis-media/media.amp?camera=1"),
        ("axis", 4, "sub", "/axis-media/media.amp?camera=4&resolution=640x360"),
        ("hikvision", 1, "main", "/Streaming/Channels/101"),
        ("hikvision", 12, "sub", "/Streaming/Channels/1202"),
        ("reolink", 1, "main", "/Preview_01_main"),
        ("reolink", 16, "sub", "/Preview_16_sub"),
        ("generic", 1, "main", "/"),
    ],
)
def test_the_addresses_of_each_make(make, channel, stream, path):
    assert profiles.camera_profile(make).url("10.0.0.9", channel=channel, stream=stream) == f"rtsp://10.0.0.9:554{path}"


def test_a_port_of_ones_own_and_ipv6():
    profile = profiles.camera_profile("generic")
    assert profile.url("fe80::1", port=8554) == "rtsp://[fe80::1]:8554/"
    assert profile.url("[2001:db8::5]") == "rtsp://[2001:db8::5]:554/"


NO_HOSTS = ["", "a b", "user:pw@cam", "cam/x", "cam?x", "cam#x", "cam:554", "-cam", "a..b", "x" * 64, "[cam]", "{port}"]


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_not_a_host_alone_is_refused(host):
    with pytest.raises(UsageError) as error:
        profiles.camera_profile("axis").url(host)
    assert error.value.remedy


@given(st.text(max_size=40))
def test_no_host_changes_the_rest_of_the_url(host):
    try:
        url = profiles.camera_profile("axis").url(host)
    except UsageError:
        return
    parts = urlsplit(url)
    assert (parts.path, parts.query, parts.username, parts.port) == ("/axis-media/media.amp", "camera=1", None, 554)


@pytest.mark.parametrize("wrong", [{"stream": "third"}, {"channel": 0}, {"channel": 1000}, {"port": 0}, {"port": 65536}])
def test_unknown_streams_channels_and_ports_are_refused(wrong):
    with pytest.raises(UsageError) as error:
        profiles.camera_profile("reolink").url("cam", **wrong)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("rtsp://admin:pw@{host}:{port}/live", "without user or password"),
        ("http://{host}:{port}/live", "must start with"),
        ("rtsp://{host}:{port}/live?user=x@y", "neither @"),
        ("rtsp://{host}:{port}/{user}", "not user"),
        ("rtsp://{host}:{port}/{host.__class__}", "not host.__class__"),
        ("rtsp://{host}:{port}/{}", "knows only"),
        ("rtsp://{host}:{port}/{channel", "is not a template"),
        ("rtsp://{host}:{port}/{channel:zz}", "is not a template"),
        ("rtsp://{host}:{port}/a b", "white space"),
    ],
)
def test_templates_that_could_leak_or_break_are_refused(template, reason):
    error = refused(streams=[{"name": "main", "template": template}])
    assert error.key == "streams[0].template"
    assert reason in error.message
    assert "pw" not in error.message


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"streams": []}, "streams", ""),
        ({"streams": [{"name": "sub", "template": "rtsp://{host}:{port}/x"}]}, "streams", "one stream named main"),
        ({"streams": GENERIC["streams"] * 2}, "streams", "no name twice"),
        ({"streams": [{"name": "third", "template": "rtsp://{host}:{port}/x"}]}, "streams[0].name", "main"),
        ({"transport": "sctp"}, "transport", "tcp"),
        ({"default_port": 0}, "default_port", ""),
        ({"quirks": {"reconnect_pause_s": 61}}, "quirks.reconnect_pause_s", "more than 60"),
        ({"quirks": {"keepalive": "options"}}, "quirks.keepalive", "not a known key"),
        ({"password": "secret"}, "password", "not a known key"),
    ],
)
def test_wrong_camera_profiles_are_refused_with_their_key(changes, key, reason):
    error = refused(**changes)
    assert error.key == key
    assert reason in error.line()


def test_a_stream_is_frozen():
    stream = profiles.camera_profile("axis").streams[0]
    assert isinstance(stream, Stream)
    with pytest.raises(ValueError, match="frozen"):
        stream.template = "rtsp://elsewhere"


def test_a_host_with_credentials_is_refused_without_showing_them() -> None:
    with pytest.raises(UsageError) as caught:
        host_part("admin:s3cret@192.0.2.1")
    assert "s3cret" not in str(caught.value)
    assert "***@192.0.2.1" in caught.value.message
