"""Sound in the ways that cameras send it besides the usual one, through each engine: test_agent_conformance.py says how."""

import itertools

import pytest
from coded import access_units
from rtsp_stub import Media, Rtp
from test_agent_conformance import AAC, AAC_FMTP, BEGIN_S, SPEED, frames, lengths, merged, same, video

from watchkeep.agent.pyav.encode import encode_audio

pytestmark = pytest.mark.timeout(60)


def sent(step_s, packets):
    """Two seconds of sound: payloads of each packet, or of each frame that comes in several."""
    return [Rtp(1, number * step_s / SPEED + 0.0001, payloads, BEGIN_S + number * step_s)
            for number, payloads in enumerate(packets) if number * step_s < 2]  # fmt: skip


def same_beside_a_picture(media, sound):
    units = access_units("h264", 50)
    made = same([video("h264"), media], lambda _: merged(frames("h264", units), sound))
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
