"""Session descriptions of several makes: tracks, formats, parameter sets, addresses; and any bytes at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.rtsp import codecs, sdp
from watchkeep.agent.rtsp.choice import choose
from watchkeep.agent.rtsp.codecs import AacFormat
from watchkeep.agent.rtsp.sdp import Format
from watchkeep.agent.rtsp.url import address, joined, redirected
from watchkeep.agent.source import sdp as served
from watchkeep.agent.source.media import Track
from watchkeep.wire.errors import FormatError

CODE = b"\0\0\0\1"
FULL = b"""v=0
o=- 1 1 IN IP4 10.0.0.7
s=Media Presentation
a=control:rtsp://10.0.0.7:554/Streaming/Channels/101/
t=0 0
m=video 0 RTP/AVP 96
b=AS:5000
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKp2oHgCJ+WbgICAoAAADAAgAAAMB9CA=,aO48gA==,
a=control:trackID=1
m=audio 0 RTP/AVP 8
a=control:trackID=2
m=audio 0 RTP/AVP 0
a=sendonly
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_description_is_read_track_by_track(end: str) -> None:
    found = sdp.parse(FULL.decode().replace("\n", end).encode())
    assert found.control == "rtsp://10.0.0.7:554/Streaming/Channels/101/"
    assert [(media.kind, media.control, media.backward) for media in found.medias] == [
        ("video", "trackID=1", False), ("audio", "trackID=2", False), ("audio", "", True), ("application", "", False)]  # fmt: skip
    assert (found.medias[0].formats[0].encoding, found.medias[0].formats[0].clock) == ("h264", 90_000)
    assert (found.medias[1].formats[0].encoding, found.medias[1].formats[0].clock) == ("pcma", 8000)
    choice = choose(found)
    assert choice.video is not None
    assert choice.audio is not None
    assert (choice.video.codec, choice.audio.codec, choice.left_out) == ("h264", "pcm_alaw", ())
    assert choice.video.parameter_sets.count(CODE) == 2
    assert choice.video.parameter_sets.endswith(CODE + b"\x68\xee\x3c\x80")


def test_what_the_test_source_describes_is_read_back() -> None:
    sets = (b"\x40\x01v", b"\x42\x01s", b"\x44\x01p")
    tracks = (Track(0, "hevc", 96, 90_000, parameter_sets=sets), Track(1, "aac", 97, 48_000, 2, parameter_sets=(b"\x11\x90",)))
    choice = choose(sdp.parse(served.build("cam0", "h", tracks).encode()))
    assert choice.video is not None
    assert choice.audio is not None
    assert choice.video.parameter_sets == b"".join(CODE + one for one in sets)
    assert choice.audio.aac == AacFormat(b"\x11\x90", 48_000, 2)
    assert choice.audio.media.control == "trackID=1"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("aO48gA==", CODE + b"\x68\xee\x3c\x80"),
        ("aO48gA", CODE + b"\x68\xee\x3c\x80"),
        ("AAAAAWjuPIA=", CODE + b"\x68\xee\x3c\x80"),
        ("aO48gAAA,%%%,é", CODE + b"\x68\xee\x3c\x80"),
        (",", b""),
    ],
)
def test_parameter_sets_are_taken_bare(text: str, units: bytes) -> None:
    assert codecs.parameter_sets(Format(96, "h264", 90_000, 1, {"sprop-parameter-sets": text})) == units


HBR = {"sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}


@pytest.mark.parametrize(
    ("encoding", "parameters", "read"),
    [
        ("mpeg4-generic", {**HBR, "config": "1210"}, AacFormat(b"\x12\x10", 44_100, 2)),
        ("mpeg4-generic", {**HBR, "config": "1588"}, AacFormat(b"\x15\x88", 8000, 1)),
        (
            "mpeg4-generic",
            {"sizelength": "6", "indexlength": "2", "indexdeltalength": "2", "config": "1210"},
            AacFormat(b"\x12\x10", 44_100, 2, False, 6, 2, 2),
        ),
        ("mp4a-latm", {"cpresent": "0", "config": "400026103fc0"}, AacFormat(b"\x13\x08", 24_000, 1, True)),
        ("mp4a-latm", {"config": "400026103fc0"}, "its config comes in band"),
        ("mp4a-latm", {"cpresent": "0", "config": "480026103fc0"}, "it has several layers"),
        ("mpeg4-generic", {**HBR, "config": "xyz"}, "its config is not hexadecimal"),
        ("mpeg4-generic", HBR, "it does not say its config"),
        ("mpeg4-generic", {"config": "1210"}, "its mode is neither AAC-hbr nor AAC-lbr"),
        ("mpeg4-generic", {**HBR, "config": "1210", "ctsdeltalength": "8"}, "its packets carry headers that are not known"),
        ("mpeg4-generic", {**HBR, "config": "0000"}, "its config is not that of AAC-LC"),
        ("mpeg4-generic", {**HBR, "config": "f8f8"}, "its config is not that of AAC-LC"),
        ("mpeg4-generic", {**HBR, "config": "2b920800"}, "its config is not that of AAC-LC"),
        ("mpeg4-generic", {**HBR, "config": "118856e500"}, AacFormat(bytes.fromhex("118856e500"), 48_000, 1)),
        ("mpeg4-generic", {**HBR, "config": "118856e580"}, "it is HE-AAC"),
        ("mpeg4-generic", {**HBR, "config": "1390"}, "it is HE-AAC"),
        ("mpeg4-generic", {**HBR, "config": "178001f408"}, AacFormat(bytes.fromhex("178001f408"), 1000, 1)),
        ("mpeg4-generic", {**HBR, "config": "178001f388"}, "its sampling rate is none of sound"),
        ("mp4a-latm", {"cpresent": "0", "config": "40002f0003e710"}, "its sampling rate is none of sound"),
    ],
)
def test_aac_is_described_or_says_why_not(encoding: str, parameters: dict[str, str], read: AacFormat | str) -> None:
    assert codecs.aac(Format(97, encoding, 44_100, 2, parameters)) == read


def test_what_is_not_recorded_is_named_and_costs_no_picture() -> None:
    medias = ("m=video 0 RTP/AVP 26\nm=video 0 RTP/AVP 98 96\na=rtpmap:98 VP8/90000\na=rtpmap:96 H265/90000\nm=audio 0 RTP/AVP 9\n"
              "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/48000/2\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000")  # fmt: skip
    choice = choose(sdp.parse(medias.encode()))
    assert choice.video is not None
    assert (choice.video.codec, choice.video.form.payload_type, choice.audio) == ("hevc", 96, None)
    assert choice.left_out == ("video jpeg: it is not recorded", "audio g722: it is not recorded", "audio aac: it does not say its config",
                               "video h264: one track of each kind is recorded")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        b"v=0\r\no=- 1001 1 IN \r\nc=IN c=IN IP4 0.0.0.0\r\nm=video -1353744643 RTP/AVP 96\r\nc=IN IP4 &\xff\x80\r\na=rtpmap:96 H264/90000",
        b"v=0\nm=application/MAKER 0 RTP/AVP smart/1/90000\na=rtpmap:95 MAKER/90000\nm=video 0 RTP/AVP 96\na=rtpmap: 96 h264/90000\n",
        b"v=0\ra=control\rm=video 0 RTP/AVP 96 26\ra=fmtp:96\ra=fmtp:96 sprop-parameter-sets=%%%,6Q\ra=rtpmap:96 H264/90000/1\r",
    ],
    ids=["tracks alone", "ports and addresses that are none", "medias of a make's own", "lines that end in CR, sets that are none"],
)
def test_descriptions_that_are_hardly_any_are_read_as_far_as_it_matters(text: bytes) -> None:
    video = choose(sdp.parse(text)).video
    assert video is not None
    assert (video.codec, video.form.payload_type, video.form.clock) == ("h264", 96, 90_000)


@pytest.mark.parametrize(("picture", "sound", "recorded"), [("recvonly", "sendonly", False), ("sendonly", "sendonly", True)])
def test_a_channel_to_the_loudspeaker_is_no_sound_unless_the_camera_calls_all_that_it_sends_so(
    picture: str, sound: str, recorded: bool
) -> None:
    medias = f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na={picture}\nm=audio 0 RTP/AVP 0\na={sound}\n"
    choice = choose(sdp.parse(medias.encode()))
    assert choice.video is not None
    assert (choice.audio is not None, choice.left_out) == (recorded, ())


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a?x=1&y=2", "trackID=1", "rtsp://h/a?x=1&y=2/trackID=1"),
        ("rtsp://h/a/", "*", "rtsp://h/a/"),
        ("rtsp://h/a/", "", "rtsp://h/a/"),
        ("rtsp://h/a/", "rtsp://u:p@10.0.0.7/b/track1", "rtsp://10.0.0.7/b/track1"),
        ("rtsp://h/a", "/t1", "rtsp://h/a/t1"),
    ],
)
def test_controls_are_joined_as_cameras_mean_it(base: str, control: str, url: str) -> None:
    assert joined(base, control) == url


def test_an_address_keeps_its_credentials_to_itself() -> None:
    found = address("rtsp://us%40er:p%2Fw:x@h.example:8554/a?b=c")
    assert (found.host, found.port, found.url) == ("h.example", 8554, "rtsp://h.example:8554/a?b=c")
    assert found.credentials is not None
    assert (found.credentials.user, found.credentials.password) == ("us@er", "p/w:x")
    assert "p/w" not in repr(found) + str(found.credentials)
    assert redirected(found, "rtsp://h.example/other").credentials == found.credentials
    assert redirected(found, "rtsp://x:y@elsewhere/other").credentials is None
    assert address("rtsp://[::1]/x").host == "::1"


@pytest.mark.parametrize("zone", ["%25Eth0", "%Eth0"])
def test_an_interface_of_ours_is_no_part_of_what_the_camera_is_asked_for(zone: str) -> None:
    found = address(f"rtsp://op:pw@[fe80::1{zone}]:8554/live%20x")
    assert (found.host, found.port, found.url) == ("fe80::1%Eth0", 8554, "rtsp://[fe80::1]:8554/live%20x")


@pytest.mark.parametrize("url", ["http://h/", "rtsp:///x", "rtsp://h:x/", "rtsp://h:99999/", "rtsp://[::1/", "rtsp://h/a b", "rtsp://h/\n",
                                 "h/x", "rtsps://h/", "rtsp://h/" + "x" * 5000])  # fmt: skip
def test_what_is_no_address_is_a_format_error_that_does_not_quote_it(url: str) -> None:
    with pytest.raises(FormatError) as caught:
        address(url)
    assert url not in str(caught.value)
    assert caught.value.__cause__ is None


words = st.sampled_from([
    "m=video 0 RTP/AVP 96", "m=audio 0 RTP/AVP 97 0", "m=", "a=rtpmap:96 H264/90000", "a=rtpmap:97 mpeg4-generic/48000/2", "a=fmtp:97 ",
    "config=1210;sizelength=13", "sprop-parameter-sets=", "a=control:", "\n", "\r\n", ";", "=", "/", ":", "a=rtpmap:97 mp4a-latm/1",
    "cpresent=0;", "config=ff", "a=fmtp:96 x=y", "999", "é", "\0",
])  # fmt: skip


@given(st.one_of(st.binary(max_size=400), st.lists(words, max_size=40).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_are_a_description(body: bytes) -> None:
    description = sdp.parse(body)
    assert len(description.medias) <= sdp.MAX_MEDIAS
    choice = choose(description)
    if choice.video is not None:
        assert choice.video.parameter_sets[:4] in (b"", CODE)
    for media in description.medias:
        try:
            assert joined("rtsp://h/a/", media.control).startswith("rtsp://")
        except FormatError as error:
            assert error.remedy
