"""Sound in the ways that cameras send it besides the usual one, through each engine: test_agent_conformance.py says how."""

import struct
from dataclasses import replace

import pytest
from coded import access_units
from rtsp_stub import Media, Raw, Rtp
from test_agent_conformance import (
    AAC,
    AAC_FMTP,
    BEGIN_S,
    SOUND,
    SPEED,
    TURN_S,
    datagrams,
    frames,
    lengths,
    merged,
    recorded,
    recordings,
    same,
    video,
)

from watchkeep.agent.pyav.encode import encode_audio

pytestmark = pytest.mark.timeout(60)


def sent(step_s, packets, most_s=2):
    """Some seconds of sound: payloads of each packet, or of each frame that comes in several."""
    return [Rtp(1, number * step_s / SPEED + 0.0001, payloads, BEGIN_S + number * step_s)
            for number, payloads in enumerate(packets) if number * step_s < most_s]  # fmt: skip


def beside_a_picture(media, sound, compare=recordings):
    units = access_units("h264", 50)
    return compare([video("h264"), media], lambda _: merged(frames("h264", units), sound))


def same_beside_a_picture(media, sound):
    made = beside_a_picture(media, sound, same)
    assert made[2] == ("opus" if "opus" in media.lines[0] else "aac")
    return made


OPUS = {"60": b"\x18", "10": b"\0", "2.5": b"\x80", "20 of hybrid": b"\x68", "40 of two": b"\x09", "120 of two": b"\x1b\x02"}
"""Milliseconds of a packet, and how it begins."""


@pytest.mark.parametrize("length", OPUS)
def test_packets_of_opus_of_any_length(length):
    media, step = Media("audio", 98, 48_000, ("rtpmap:98 opus/48000/2",)), float(length.split()[0]) / 1000
    sound = sent(step, [(OPUS[length] + bytes([number % 250]) * 40,) for number in range(800)])
    epochs, _, _ = same_beside_a_picture(media, sound)
    assert lengths(epochs)[0] > 50 + 0.9 * len(sound)


CLOCKS = [(48_000, 48_000), (48_000, 90_000), (48_000, 24_000), (24_000, 90_000), (44_100, 90_000)]
"""Sampling rates, and what rtpmap says; twice the rate would be HE-AAC.  By the last one a frame lasts no whole number of ticks: what
comes behind the first of a packet is stamped to the tick below, and by libav to one about there."""
CODED = {rate: encode_audio("aac", bytes(2 * rate * 2), rate, 1024) for rate in (24_000, 44_100)} | {48_000: AAC}
ONE_OR_MORE = [(*clocks, several) for clocks in CLOCKS for several in (1, 3) if several == 1 or clocks != CLOCKS[-1]]


def grouped(rate, several):
    """Frames that go together, and how long each group lasts."""
    coded = CODED[rate].frames
    return several * 1024 / rate, [coded[at : at + several] for at in range(0, len(coded), several)]


def fmtp_of(config):
    return AAC_FMTP.replace(AAC.config.hex(), config.hex())


def hbr(group):
    heads = b"".join((len(one) << 3).to_bytes(2, "big") for one in group)
    return (16 * len(group)).to_bytes(2, "big") + heads + b"".join(group)


@pytest.mark.parametrize(("rate", "clock", "several"), ONE_OR_MORE)
def test_aac_in_packets_of_one_or_more_frames_by_any_clock(rate, clock, several):
    media = Media("audio", 97, clock, (f"rtpmap:97 mpeg4-generic/{clock}/1", f"fmtp:97 {fmtp_of(CODED[rate].config)}"))
    step, groups = grouped(rate, several)
    same_beside_a_picture(media, sent(step, [(hbr(group),) for group in groups]))


def latm(group):
    return b"".join(b"\xff" * (len(one) // 255) + bytes([len(one) % 255]) + one for one in group)


def mux_config(config):
    """StreamMuxConfig (ISO/IEC 14496-3, 1.7.3): all streams in step, one frame a mux element, one program of one layer, no more data."""
    bits = "0" + "1" + 6 * "0" + 4 * "0" + 3 * "0" + "".join(f"{byte:08b}" for byte in config[:2]) + "000" + 8 * "1" + "00"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


@pytest.mark.parametrize(("rate", "clock", "several"), ONE_OR_MORE)
@pytest.mark.parametrize("pieces", [1, 3])
def test_latm_in_one_packet_or_more_by_any_clock(rate, clock, several, pieces):
    """libav puts what is left of the StreamMuxConfig into its init segment as well; natively the frames' own config stands there."""
    fmtp = f"profile-level-id=2;object=2;cpresent=0;config={mux_config(CODED[rate].config).hex()}"
    media = Media("audio", 97, clock, (f"rtpmap:97 MP4A-LATM/{clock}/1", f"fmtp:97 {fmtp}"))
    step, groups = grouped(rate, several)
    packets = []
    for laid in map(latm, groups):
        size = -(-len(laid) // pieces)
        packets.append(tuple(laid[at : at + size] for at in range(0, len(laid), size)))
    native, pumped, pyav = beside_a_picture(media, sent(step, packets))
    assert native == pumped
    assert native[0] == pyav[0]
    assert [made[2] for made in (native, pyav)] == ["aac", "aac"]
    plain = Media("audio", 97, rate, (f"rtpmap:97 mpeg4-generic/{rate}/1", f"fmtp:97 {fmtp_of(CODED[rate].config[:2])}"))
    assert native[1] == recorded("native", [video("h264"), plain], lambda _: frames("h264", access_units("h264", 1)))[1]


def reported(told):
    """(medias, a script of four seconds of a picture with sound, the same with sender reports behind some packets)."""
    medias = [video("h264"), SOUND["pcma"][0]]
    units = merged(frames("h264", access_units("h264", 100)), sent(0.02, [(bytes([number]) * 160,) for number in range(200)], 4))
    return medias, lambda _: units, lambda _: _reports(medias, units, told)


def _reports(medias, units, told):
    """The units' packets, and sender reports behind some of them: (media, second that its stamp is of, NTP) each."""
    sent_at = [Raw(at_s, packet) for at_s, packet in zip(*datagrams(medias, units), strict=True)]
    for media, at_s, ntp_s in told:
        stamp = round((BEGIN_S + at_s) * medias[media].clock) & 0xFFFFFFFF
        report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 7 + media, int(ntp_s), round(ntp_s % 1 * 1000) * ((1 << 32) // 1000), stamp, 0, 0)
        sent_at.append(Raw(at_s / SPEED, ((2 * media + 1, report),)))
    return sorted(sent_at, key=lambda raw: raw.at_s)


@pytest.mark.parametrize("sessions", [1, 2])
def test_sender_reports_that_agree_with_the_stamps_change_nothing(sessions):
    medias, plain, told = reported([(media, at_s, 3.9e9 + at_s) for media in (0, 1) for at_s in (1.0, 2.5)])
    assert same(medias, told, sessions=sessions) == same(medias, plain, sessions=sessions)


def test_sender_reports_of_a_camera_without_a_clock_move_sound_with_libav_alone():
    """They say 0 (RFC 3550, 6.4.1): libav takes what the stamps beside it stand for to be one instant."""
    medias, plain, told = reported([(1, 1.0, 0), (0, 2.5, 0)])
    native, pumped, pyav = recordings(medias, told)
    assert native == pumped == recorded("native", medias, plain)
    assert pyav != native


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_g711_of_several_channels(channels, law):
    media = Media("audio", 99, 8000, (f"rtpmap:99 {law}/8000/{channels}",))
    sound = sent(0.02, [(bytes([number % 251]) * 160 * channels,) for number in range(100)])
    assert beside_a_picture(media, sound, same)[2] == "lpcm"


@pytest.mark.parametrize(("begin_s", "leap_s"), [(BEGIN_S, 3 * 3600), (BEGIN_S, -50), (TURN_S - 1, 0), (TURN_S - 1, 20)])
def test_aac_by_another_clock_that_jumps_or_turns_is_the_same_on_the_lane(begin_s, leap_s):
    units, (step, groups) = access_units("h264", 50), grouped(48_000, 1)
    pictures = frames("h264", units[:25], begin_s=begin_s) + frames("h264", units[25:], first=25, begin_s=begin_s + leap_s)
    sound = [replace(unit, stamp_s=unit.stamp_s - BEGIN_S + begin_s + leap_s * (unit.stamp_s >= BEGIN_S + 1))
             for unit in sent(step, [(hbr(group),) for group in groups])]  # fmt: skip

    def by(engine, clock):
        media = Media("audio", 97, clock, (f"rtpmap:97 mpeg4-generic/{clock}/1", f"fmtp:97 {AAC_FMTP}"))
        return recorded(engine, [video("h264"), media], lambda _: merged(pictures, sound))

    alone = by("native", 90_000)
    assert len(alone[0]) == (2 if leap_s else 1)
    assert by("pumped", 90_000) == alone
    assert [[one.frames for one in epoch] for epoch in by("native", 48_000)[0]] == [[one.frames for one in epoch] for epoch in alone[0]]
