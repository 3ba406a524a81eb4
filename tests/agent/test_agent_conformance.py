"""Every ingest engine passes this: the same stream through each gives the same chunks, epochs and init segments.

    native   agent/rtsp, frames read by the camera's own thread        pumped   the same, with agent/pump.py and native/lane.pyx
    pyav     agent/pyav

A camera of the network sends what the test made of a codec; each engine records it through the same ingest, and what the writer would
journal is compared: every frame's bytes, stamps and place, every chunk's and epoch's borders, every init segment's bytes.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from coded import access_units, nal_payloads, reordered
from ingest_kit import FakeSession, bench
from rtsp_stub import Media, Rtp, stub

from watchkeep.agent.clock import Clock
from watchkeep.agent.pump import Pump
from watchkeep.agent.pyav.encode import encode_audio
from watchkeep.agent.pyav.ingest import RtspSession
from watchkeep.agent.roster import Source
from watchkeep.agent.rtsp.session import NativeSession
from watchkeep.wire.record import RecordKind
from watchkeep.wire.seal import SealFlag

pytestmark = pytest.mark.timeout(60)
ENGINES = {"native": NativeSession, "pumped": NativeSession, "pyav": RtspSession}
FPS, BEGIN_S, SPEED = 25, 1000.0, 5
"""What coded.py's parameter sets say; where a camera's counters stand: libav takes a first stamp of 0 for none; and how much faster than
its stamps say the camera sends."""


@dataclass(frozen=True)
class Shape:
    """What is to be the same of a chunk: of its seal all but what arrival and the engine's counting from another number decide."""

    seq: int
    segment_seq: int
    cause: str
    flags: SealFlag
    duration: int
    frames: tuple[bytes, ...]
    media: bytes
    """moof and mdat: stamps, durations and bytes of every frame."""


@contextmanager
def pumping(engine):
    """The thread that reads native cameras, for the engine that is named after it."""
    if engine != "pumped":
        yield None
        return
    pump = Pump(Clock(), tick_s=0.02)
    pump.start()
    try:
        yield pump
    finally:
        assert pump.stop()
    assert pump.pictures > 25, "most frames go through the lane"


def recorded(engine, medias, script, *, sessions=1):
    """Chunks of each epoch, and init segments, that an engine makes of a camera."""
    source = Source("rtsp://to.be.replaced/", "tcp", 0.0)
    with stub(tuple(medias), script) as camera, pumping(engine) as pump, bench(source=replace(source, url=camera.url), pump=pump) as made:
        left = iter(range(sessions))

        def open_session(url, transport):
            if next(left, None) is None:
                made.stop.set()
                return FakeSession([])
            return ENGINES[engine](url, transport)

        made.ingest._open = open_session
        made.run()
        return _epochs(made), made.inits, made.line.stats.audio


def _epochs(made):
    found = {}
    payloads = [payload for header, payload in made.records if header.kind is RecordKind.CHUNK]
    for seal, payload in zip(made.seals, payloads, strict=True):
        media = bytes(payload)[bytes(payload).index(b"moof") :]
        found.setdefault(seal.epoch, []).append(
            Shape(seal.seq, seal.segment_seq, seal.cause.label, seal.flags, seal.duration, tuple(seal.frame_hashes), media))  # fmt: skip
    return list(found.values())


def same(medias, script, *, sessions=1):
    """Record with both, compare, and return what the native engine made."""
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        native, pumped, pyav = pool.map(lambda engine: recorded(engine, medias, script, sessions=sessions), ENGINES)
    for made in (native, pumped):
        assert [[(one.cause, len(one.frames)) for one in epoch] for epoch in made[0]] == \
               [[(one.cause, len(one.frames)) for one in epoch] for epoch in pyav[0]]
        for ours, theirs in zip(itertools.chain(*made[0]), itertools.chain(*pyav[0]), strict=True):
            assert ours == theirs
        assert made[1:] == pyav[1:]
    return native


def video(codec):
    return Media("video", 96, 90_000, (f"rtpmap:96 {'H264' if codec == 'h264' else 'H265'}/90000",))


def frames(codec, units, *, first=0, shown=None):
    """Units at the encoder's pace; `shown` are the places in which they are shown, when that is another order."""
    places = range(len(units)) if shown is None else shown
    return [Rtp(0, (first + number) / FPS / SPEED, nal_payloads(codec, unit), BEGIN_S + (first + place) / FPS)
            for number, (unit, place) in enumerate(zip(units, places, strict=True))]  # fmt: skip


def merged(*tracks):
    return sorted(itertools.chain(*tracks), key=lambda unit: unit.at_s)


def lengths(epochs):
    return [sum(len(one.frames) for one in epoch) for epoch in epochs]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_video(codec):
    units = access_units(codec, 100)
    epochs, inits, _ = same([video(codec)], lambda _: frames(codec, units))
    assert (lengths(epochs), len(inits)) == ([100], 1)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [1, 2, 4])
def test_pictures_that_are_shown_in_another_order(codec, bframes):
    units, shown = reordered(codec, 100, bframes)
    assert shown != sorted(shown)
    epochs, _, _ = same([video(codec)], lambda _: frames(codec, units, shown=shown))
    assert lengths(epochs) == [100]


def test_pictures_of_several_slices():
    units = access_units("h264", 50, slices=4)
    assert lengths(same([video("h264")], lambda _: frames("h264", units))[0]) == [50]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameters_that_change_in_mid_session(codec):
    small, large = access_units(codec, 50), access_units(codec, 50, width=256, height=192)
    epochs, inits, _ = same([video(codec)], lambda _: frames(codec, small) + frames(codec, large, first=50))
    assert (lengths(epochs), len(inits)) == ([50, 50], 2)


def test_a_camera_that_ends_its_session_and_is_opened_anew():
    units = access_units("h264", 50)
    epochs, _, _ = same([video("h264")], lambda _: frames("h264", units), sessions=2)
    assert lengths(epochs) == [50, 50]
    assert [epoch[0].cause for epoch in epochs] == ["first-start", "camera-lost"]


AAC, OPUS = encode_audio("aac", bytes(2 * 48_000 * 2), 48_000, 1024), encode_audio("opus", bytes(2 * 48_000 * 2), 48_000, 960)
AAC_FMTP = f"streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={AAC.config.hex()}"
SOUND = {
    "aac": (Media("audio", 97, 48_000, ("rtpmap:97 mpeg4-generic/48000/1", f"fmtp:97 {AAC_FMTP}")), 1024 / 48_000,
            [b"\0\x10" + (len(one) << 3).to_bytes(2, "big") + one for one in AAC.frames]),
    "opus": (Media("audio", 98, 48_000, ("rtpmap:98 opus/48000/2",)), 0.02, list(OPUS.frames)),
    "pcma": (Media("audio", 8, 8000), 0.02, [bytes([number % 251]) * 160 for number in range(100)]),
    "pcmu": (Media("audio", 0, 8000), 0.02, [bytes([number % 251]) * 160 for number in range(100)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_beside_the_picture(name):
    media, step, packets = SOUND[name]
    units = access_units("h264", 50)
    spoken = [Rtp(1, number * step / SPEED + 0.0001, (packet,), BEGIN_S + number * step) for number, packet in enumerate(packets)
              if number * step < 50 / FPS]  # fmt: skip
    epochs, _, audio = same([video("h264"), media], lambda _: merged(frames("h264", units), spoken))
    assert audio == ("lpcm" if name.startswith("pcm") else name)
    assert lengths(epochs)[0] > 50 + 0.9 * len(spoken)
