"""Packetizers and their templates, through a depacketizer written from the RFCs; NAL units, RTCP and SDP beside them."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_rig import join_nals, rtp_fields

from watchkeep.agent.source import nal, rtcp, rtp, sdp
from watchkeep.agent.source.media import AUDIO, VIDEO, Packets, Track
from watchkeep.wire.counter import FrameCounter, sei_nal

H264 = Track(VIDEO, "h264", 96, 90_000, frame_rate=25, parameter_sets=(b"\x67\x64\x00\x1f\xac", b"\x68\xce\x3c\x80"))
HEVC = Track(VIDEO, "hevc", 96, 90_000, frame_rate=29.97, parameter_sets=(b"\x40\x01v", b"\x42\x01s", b"\x44\x01p"))
AAC = Track(AUDIO, "aac", 97, 48_000, parameter_sets=(b"\x11\x88",))
BODIES = st.binary(min_size=1, max_size=400)
NAL_H264 = st.builds(lambda first, rest: bytes([first]) + rest, st.sampled_from([0x65, 0x41, 0x67, 0x06, 0x01]), BODIES)
NAL_HEVC = st.builds(lambda kind, rest: bytes([kind << 1, 1]) + rest, st.sampled_from([0, 1, 19, 32, 33, 39]), BODIES)


@given(NAL_H264, st.integers(10, 200))
def test_h264_units_survive_fragmentation(unit: bytes, limit: int) -> None:
    payloads = rtp.video_payloads("h264", unit, limit)
    assert all(len(payload) <= limit for payload in payloads)
    assert join_nals("h264", payloads) == [unit]


@given(NAL_HEVC, st.integers(10, 200))
def test_h265_units_survive_fragmentation(unit: bytes, limit: int) -> None:
    payloads = rtp.video_payloads("hevc", unit, limit)
    assert all(len(payload) <= limit for payload in payloads)
    assert join_nals("hevc", payloads) == [unit]


@pytest.mark.parametrize(("codec", "header"), [("h264", b"\x65"), ("hevc", b"\x26\x01")])
def test_a_fragment_has_exactly_one_start_and_one_end(codec: str, header: bytes) -> None:
    payloads = rtp.video_payloads(codec, header + bytes(5000))
    flags = [payload[len(header)] & 0xC0 for payload in payloads]
    assert flags == [0x80, *[0] * (len(payloads) - 2), 0x40]


@given(st.binary(min_size=1, max_size=3000), st.integers(50, 1388))
def test_aac_frames_carry_their_whole_size_in_every_part(frame: bytes, limit: int) -> None:
    payloads = rtp.aac_payloads(frame, limit)
    assert all(payload[:4] == struct.pack(">HH", 16, len(frame) << 3) for payload in payloads)
    assert b"".join(payload[4:] for payload in payloads) == frame


PAYLOADS = st.lists(st.binary(min_size=1, max_size=1388), min_size=1, max_size=8)


@given(PAYLOADS, st.integers(0, 65535), st.integers(0, 2**33), st.integers(0, 255))
def test_stamped_packets_have_rising_numbers_and_one_marker(payloads: list[bytes], sequence: int, timestamp: int, channel: int) -> None:
    built = rtp.packets(H264, payloads, marker=True)
    buffer = bytearray(built.data)
    rtp.stamp(buffer, built.offsets, channel=channel, sequence=sequence, timestamp=timestamp, ssrc=0xFEEDC0DE)
    found, at = [], 0
    while at < len(buffer):
        assert (buffer[at], buffer[at + 1]) == (0x24, channel)
        size = int.from_bytes(buffer[at + 2 : at + 4], "big")
        assert size <= rtp.MTU
        found.append(rtp_fields(bytes(buffer[at + 4 : at + 4 + size])))
        at += 4 + size
    assert [packet[5] for packet in found] == payloads
    assert [packet[2] for packet in found] == [(sequence + index) % 65536 for index in range(len(payloads))]
    assert {(packet[1], packet[3], packet[4]) for packet in found} == {(96, timestamp % 2**32, 0xFEEDC0DE)}
    assert [packet[0] for packet in found] == [False] * (len(payloads) - 1) + [True]


def payloads_of(packets: Packets) -> list[bytes]:
    ends = (*packets.offsets[1:], len(packets.data))
    return [packets.data[at + 16 : end] for at, end in zip(packets.offsets, ends, strict=True)]


def test_a_frame_is_cut_before_its_first_slice_and_loses_only_old_counters() -> None:
    old = sei_nal("h264", FrameCounter(1, 2, 3, 4))
    units = [b"\x09\xf0", b"\x67\x64\x01\x02", b"\x68\xce", old, b"\x06\x05\x01\x80", b"\x65" + b"\x11" * 3000, b"\x65second"]
    frame = rtp.video_frame(H264, b"".join(b"\0\0\0\1" + unit for unit in units))
    assert frame is not None
    assert frame.key
    assert payloads_of(frame.head) == [units[0], units[1], units[2], units[4]]
    assert join_nals("h264", payloads_of(frame.body)) == units[5:]


def test_an_access_unit_without_a_slice_is_no_frame() -> None:
    assert rtp.video_frame(H264, b"\0\0\1\x09\xf0") is None


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda data: b"\x41" + data.replace(b"\0", b"\1")), max_size=6), st.booleans())
def test_split_finds_every_unit_behind_either_start_code(units: list[bytes], long: bool) -> None:
    code = b"\0\0\0\1" if long else b"\0\0\1"
    assert nal.split(b"".join(code + unit for unit in units)) == units


def test_parameter_sets_are_found_in_order_or_not_at_all() -> None:
    unit = nal.AccessUnit((b"\x44\x01p", b"\x40\x01v", b"\x42\x01s"), (b"\x26\x01x",), True)
    assert nal.parameter_sets("hevc", unit) == (b"\x40\x01v", b"\x42\x01s", b"\x44\x01p")
    assert nal.parameter_sets("hevc", nal.AccessUnit(unit.head[1:], unit.body, True)) == ()


def test_a_sender_report_ties_the_timestamp_to_ntp_time() -> None:
    packet = rtcp.sender_report(ssrc=7, utc_ns=1_500_000_000, timestamp=2**32 + 5, packets=3, octets=400, name="cam0")
    head = struct.unpack_from(">BBHIIIIII", packet)
    assert head == (0x80, 200, 6, 7, 2_208_988_801, 1 << 31, 5, 3, 400)
    first, kind, words, ssrc, item, size = struct.unpack_from(">BBHIBB", packet, 28)
    assert (first, kind, ssrc, item, packet[38 : 38 + size]) == (0x81, 202, 7, 1, b"cam0")
    assert len(packet) == 28 + 4 * (words + 1)
    assert packet[38 + size] == 0
    assert rtcp.goodbye(7) == struct.pack(">BBHI", 0x81, 203, 1, 7)


def test_the_description_says_what_a_decoder_needs() -> None:
    text = sdp.build("cam0", "10.0.0.7", (H264, AAC))
    lines = text.split("\r\n")
    sets = ",".join(base64.b64encode(value).decode() for value in H264.parameter_sets)
    assert f"a=fmtp:96 packetization-mode=1;profile-level-id=64001F;sprop-parameter-sets={sets}" in lines
    assert "a=framerate:25" in lines
    assert "a=rtpmap:97 mpeg4-generic/48000/1" in lines
    assert any(line.startswith("a=fmtp:97 ") and "mode=AAC-hbr" in line and "config=1188" in line for line in lines)
    assert [line for line in lines if line.startswith("a=control:")] == ["a=control:*", "a=control:trackID=0", "a=control:trackID=1"]
    assert text.endswith("\r\n")


def test_the_description_of_h265_and_of_the_audio_without_parameters() -> None:
    lines = sdp.build("cam0", "::1", (HEVC, Track(AUDIO, "opus", 97, 48_000))).split("\r\n")
    assert "c=IN IP6 ::1" in lines
    assert "a=fmtp:96 sprop-vps=QAF2;sprop-sps=QgFz;sprop-pps=RAFw" in lines
    assert "a=rtpmap:97 opus/48000/2" in lines
    assert not any(line.startswith("a=fmtp:97") for line in lines)
    assert "a=rtpmap:8 PCMA/8000" in sdp.build("cam0", "h", (Track(AUDIO, "pcma", 8, 8_000),)).split("\r\n")
