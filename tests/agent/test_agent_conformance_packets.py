"""Packets in ways of their own (other sources and numbers, goodbyes, padding, aggregates), through each engine: test_agent_conformance.py
says how.
"""

import struct
from dataclasses import replace

import pytest
from coded import access_units
from ingest_kit import bench, opener
from rtsp_stub import Raw, stub
from test_agent_conformance import ENGINES, FPS, SPEED, damaged, datagrams, frames, lengths, pumping, recorded, recordings, same, video

from watchkeep.agent.roster import Source

pytestmark = pytest.mark.timeout(60)
SOURCE, NOBODY = 7, 99
PADS = {"none": b"\0", "beyond": b"\xff", "some": b"\0\0\0\4"}
"""What stands at the end of packets that say that they are padded."""


def edited(codec, units, edit):
    """Packets of the picture by themselves, each as `edit` makes it of its number and its bytes."""
    times, packets = datagrams([video(codec)], units)
    return [Raw(at_s, ((channel, edit(at, packet)),)) for at, (at_s, ((channel, packet),)) in enumerate(zip(times, packets, strict=True))]


def renumbered(codec, units, changes_s, *, leap, source):
    """Packets whose numbers leap at a time, and which are of this source from then on."""
    first = next(at for at, at_s in enumerate(datagrams([video(codec)], units)[0]) if at_s > changes_s - 0.001)

    def edit(at, packet):
        number = (int.from_bytes(packet[2:4], "big") + leap) & 0xFFFF
        return packet[:2] + number.to_bytes(2, "big") + packet[4:8] + source.to_bytes(4, "big") + packet[12:] if at >= first else packet

    return edited(codec, units, edit)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("width", [128, 256])
def test_another_source_that_goes_on_with_the_numbers(codec, width):
    units = access_units(codec, 50) + access_units(codec, 75, width=width)
    made = same([video(codec)], lambda _: renumbered(codec, frames(codec, units), 50 / FPS / SPEED, leap=0, source=99))
    assert (lengths(made[0]), len(made[1])) == (([50, 75], 2) if width == 256 else ([125], 1))
    assert not damaged(made)


@pytest.mark.parametrize(("leap", "source"), [(20_000, 7), (20_000, 99), (-50, 99), (7, 99)])
@pytest.mark.parametrize("width", [128, 256])
def test_numbers_that_begin_anew_with_a_key_frame_damage_nothing_and_its_parameters_hold_from_there(leap, source, width):
    """libav drops the first packet behind a leap, in which the new parameters are, or what seems late to it."""
    units = access_units("h264", 50) + access_units("h264", 75, width=width)
    sent = renumbered("h264", frames("h264", units), 50 / FPS / SPEED, leap=leap, source=source)
    for engine in ("native", "pumped"):
        made = recorded(engine, [video("h264")], lambda _: sent)
        assert (lengths(made[0]), len(made[1])) == (([50, 75], 2) if width == 256 else ([125], 1))
        assert not damaged(made)


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_padding(codec, pad):
    units = frames(codec, access_units(codec, 60))
    made = same([video(codec)], lambda _: edited(codec, units, lambda _, packet: padded(packet, PADS[pad])))
    assert (lengths(made[0]), len(made[1])) == ([60], 1)
    assert not damaged(made)


def padded(packet, pad):
    """A pad of 255 octets would be one in a packet of that length."""
    return bytes([packet[0] | 0x20]) + packet[1:] + pad if len(packet) < 255 else packet


def with_goodbye(units, number, *compound):
    """Pictures with RTCP in front of one packet."""
    sent = edited("h264", units, lambda _, packet: packet)
    return [*sent[:number], Raw(sent[number - 1].at_s, ((1, b"".join(compound)),)), *sent[number:]]


def goodbye(source):
    return struct.pack(">BBHI", 0x81, 203, 1, source)


def sender_report(source):
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, source, 0, 0, 0, 4, 5)


@pytest.mark.parametrize("source", [SOURCE, NOBODY])
def test_a_goodbye_of_a_camera_that_goes_on(source):
    units = frames("h264", access_units("h264", 100))
    assert lengths(same([video("h264")], lambda _: with_goodbye(units, 60, goodbye(source)))[0]) == [100]


@pytest.mark.parametrize("source", [SOURCE, NOBODY])
def test_a_goodbye_behind_a_report_ends_a_session_of_libav_and_only_there(source):
    units = frames("h264", access_units("h264", 100))
    native, pumped, pyav = recordings([video("h264")], lambda _: with_goodbye(units, 60, sender_report(source), goodbye(source)))
    assert lengths(pyav[0])[0] < 100
    assert [lengths(made[0]) for made in (native, pumped)] == [[100], [100]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_goodbye_behind_which_nothing_comes_ends_the_session_before_silence_does(engine):
    sent, report = edited("h264", frames("h264", access_units("h264", 50)), lambda _, packet: packet), sender_report(SOURCE)
    silent = [Raw(sent[-1].at_s, ((1, report + goodbye(SOURCE)),)), Raw(60.0, ())]
    with stub((video("h264"),), lambda _: [*sent, *silent]) as camera, pumping(engine) as pump, \
            bench(source=Source(camera.url, "tcp", 0.0), pump=pump) as made:
        made.ingest._open = opener(ENGINES[engine], made, 1)
        made.run()
        assert made.states[-1].why == "the camera ended the session"
        assert sum(seal.video_frames for seal in made.seals) == 50


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameter_sets_and_the_picture_in_one_packet(codec, monkeypatch):
    monkeypatch.setattr("coded.MTU", 20_000)
    sent = frames(codec, access_units(codec, 50))
    units = [replace(unit, payloads=(aggregate(codec, unit.payloads),)) if len(unit.payloads) > 1 else unit for unit in sent]
    assert len([unit for unit, plain in zip(units, sent, strict=True) if unit != plain]) >= 2
    assert lengths(same([video(codec)], lambda _: units)[0]) == [50]


def aggregate(codec, nals):
    """STAP-A of RFC 6184, AP of RFC 7798."""
    return (b"\x78" if codec == "h264" else b"\x60\1") + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
