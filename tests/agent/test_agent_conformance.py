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
from coded import access_units, nal_payloads, reordered, video_payloads
from ingest_kit import bench, opener
from rtsp_stub import Media, Raw, Rtp, rtp_packets, stub
from wksite import wait_until

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
FU_HEAD, FU_MIDDLE, FU_LAST, EARLY = 0x1FC0, 0x1C00, 0x1C40, 20
"""Type and place of a fragment of H.264, by its first two bytes; the packet from which on one is lost, so long before the end that libav
has given up waiting for it: what it holds then would be lost as well."""
FU = 49
"""A fragment of H.265."""
FPS, BEGIN_S, SPEED, TURN_S = 25, 1000.0, 10, (1 << 32) / 90_000
"""What coded.py's parameter sets say; where a camera's counters stand: libav takes a first stamp of 0 for none; how much faster than
its stamps say the camera sends; and how long its counter of 32 bits takes for a turn."""


@dataclass(frozen=True)
class Shape:
    """What is to be the same of a chunk: of its seal all but what arrival and the engine's counting from another number decide."""

    seq: int
    segment_seq: int
    cause: str
    flags: SealFlag
    duration: int
    pictures: int
    frames: tuple[bytes, ...]
    media: bytes
    """moof and mdat: stamps, durations and bytes of every frame."""


@pytest.fixture(autouse=True)
def room_for_datagrams(monkeypatch):
    """A kernel as it came keeps 208 kB of them, and sessions over UDP keep their own threads then; what is sent here fits."""
    monkeypatch.setattr("watchkeep.agent.rtsp.session.cramped", lambda _: False)


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


def recorded(engine, medias, script, *, sessions=1, transport="tcp"):
    """Chunks of each epoch, and init segments, that an engine makes of a camera."""
    source = Source("rtsp://to.be.replaced/", transport, 0.0)
    with stub(tuple(medias), script) as camera, pumping(engine) as pump, bench(source=replace(source, url=camera.url), pump=pump) as made:
        made.ingest._open = opener(ENGINES[engine], made, sessions)
        made.run()
        return _epochs(made), made.inits, made.line.stats.audio


def _epochs(made):
    found = {}
    payloads = [payload for header, payload in made.records if header.kind is RecordKind.CHUNK]
    for seal, payload in zip(made.seals, payloads, strict=True):
        media = bytes(payload)[bytes(payload).index(b"moof") :]
        found.setdefault(seal.epoch, []).append(
            Shape(seal.seq, seal.segment_seq, seal.cause.label, seal.flags, seal.duration, seal.video_frames,
                  tuple(seal.frame_hashes), media))  # fmt: skip
    return list(found.values())


def recordings(medias, script, **how):
    """Record with each of ENGINES."""
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        return list(pool.map(lambda engine: recorded(engine, medias, script, **how), ENGINES))


def same(medias, script, **how):
    """Record with each, compare, and return what the native engine made."""
    native, pumped, pyav = recordings(medias, script, **how)
    for made in (native, pumped):
        assert [[(one.cause, len(one.frames)) for one in epoch] for epoch in made[0]] == \
               [[(one.cause, len(one.frames)) for one in epoch] for epoch in pyav[0]]
        for ours, theirs in zip(itertools.chain(*made[0]), itertools.chain(*pyav[0]), strict=True):
            assert ours == theirs
        assert made[1:] == pyav[1:]
    return native


def video(codec):
    return Media("video", 96, 90_000, (f"rtpmap:96 {'H264' if codec == 'h264' else 'H265'}/90000",))


def frames(codec, units, *, first=0, shown=None, begin_s=BEGIN_S):
    """Units at the encoder's pace; `shown` are the places in which they are shown, when that is another order."""
    places = range(len(units)) if shown is None else shown
    return [Rtp(0, (first + number) / FPS / SPEED, nal_payloads(codec, unit), begin_s + (first + place) / FPS)
            for number, (unit, place) in enumerate(zip(units, places, strict=True))]  # fmt: skip


def merged(*tracks):
    return sorted(itertools.chain(*tracks), key=lambda unit: unit.at_s)


def lengths(epochs):
    return [sum(len(one.frames) for one in epoch) for epoch in epochs]


@pytest.mark.parametrize("engine", ENGINES)
def test_another_term_is_another_epoch_of_the_same_session(engine):
    source, units = Source("rtsp://to.be.replaced/", "tcp", 0.0), access_units("h264", 500)
    with stub((video("h264"),), lambda _: frames("h264", units)) as camera, pumping(engine) as pump, \
            bench(source=replace(source, url=camera.url), pump=pump) as made:
        made.ingest._open = opener(ENGINES[engine], made, 1)

        def renumber():
            wait_until(lambda: made.line.ring.frames > 40, 20, "frames, most of them in the lane")
            made.ingest.renumber()

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(renumber)
            made.run()
            asked.result()
        epochs = _epochs(made)
        assert [epoch[0].cause for epoch in epochs] == ["first-start", "configuration"]
        assert sum(lengths(epochs)) == 500


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


@pytest.mark.parametrize(("at", "leap_s"), [(50, 3 * 3600), (60, 20), (50, -5), (60, -900)])
def test_stamps_that_jump(at, leap_s):
    units = access_units("h264", 100)
    epochs, inits, _ = same([video("h264")], lambda _: frames("h264", units[:at])
                            + frames("h264", units[at:], first=at, begin_s=BEGIN_S + leap_s))  # fmt: skip
    assert ([epoch[0].cause for epoch in epochs], len(inits)) == (["first-start", "time-jump"], 2)
    assert lengths(epochs) == ([50, 50] if at == 50 else [75, 25])


def test_av1_which_libav_alone_reads_is_left_to_it_and_the_camera_says_so():
    media, units = Media("video", 96, 90_000, ("rtpmap:96 AV1/90000",)), access_units("av1", 50)
    sent = [Rtp(0, number / FPS / SPEED, video_payloads("av1", unit), BEGIN_S + number / FPS) for number, unit in enumerate(units)]
    theirs = recorded("pyav", [media], lambda _: sent)
    with stub((media,), lambda _: sent) as camera, bench(source=Source(camera.url, "tcp", 0.0, ingest="auto")) as made:
        made.ingest._open = opener(RtspSession, made, 1)
        made.run()
        assert (_epochs(made), made.inits, made.line.stats.audio) == theirs
        assert (made.line.stats.ingest, lengths(theirs[0])) == ("pyav", [50])
        assert "video av1: it is not recorded" in made.line.stats.ingest_why
        assert "is read by PyAV from now on: " in made.told[0][0]


@pytest.mark.parametrize("bframes", [0, 2])
def test_stamps_that_begin_anew_behind_32_bits(bframes):
    units, shown = reordered("h264", 100, bframes) if bframes else (access_units("h264", 100), None)
    epochs, _, _ = same([video("h264")], lambda _: frames("h264", units, shown=shown, begin_s=TURN_S - 2))
    assert lengths(epochs) == [100]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_datagrams(codec):
    units = access_units(codec, 100)
    epochs, _, _ = same([video(codec)], lambda _: frames(codec, units), transport="udp")
    assert lengths(epochs) == [100]


def numbered(payload, number):
    """With a DONL (RFC 7798, 4.4.1 and 4.4.3): behind the header of a NAL unit, or of the first of its fragments."""
    head = 3 if payload[0] >> 1 & 0x3F == FU else 2
    return payload if head == 3 and not payload[2] & 0x80 else payload[:head] + (number & 0xFFFF).to_bytes(2, "big") + payload[head:]


@pytest.mark.parametrize("engine", ["native", "pumped"])
def test_h265_with_decoding_order_numbers_is_recorded_without_them(engine):
    """libav takes them out of aggregation packets, and of every fragment, alone: it cannot read such a camera."""
    units = frames("hevc", access_units("hevc", 50))
    said = replace(video("hevc"), lines=("rtpmap:96 H265/90000", "fmtp:96 sprop-max-don-diff=1"))
    sent = [replace(unit, payloads=tuple(numbered(payload, at) for payload in unit.payloads)) for at, unit in enumerate(units)]
    assert any(payload[0] >> 1 & 0x3F == FU for unit in units for payload in unit.payloads)
    assert recorded(engine, [said], lambda _: sent) == recorded(engine, [video("hevc")], lambda _: units)


def datagrams(medias, units):
    """When something is sent, and each packet by itself."""
    counted = [0] * len(medias)
    found = [(unit.at_s, packet) for unit in units for packet in rtp_packets(medias, unit, counted)]
    return [at_s for at_s, _ in found], [(packet,) for _, packet in found]


def test_datagrams_that_overtake_each_other():
    times, packets = datagrams([video("h264")], frames("h264", access_units("h264", 60, slices=4)))
    for at in range(10, len(packets) - 10, 7):
        packets[at], packets[at + 1], packets[at + 3] = packets[at + 3], packets[at], packets[at + 1]
    epochs, _, _ = same([video("h264")], lambda _: map(Raw, times, packets), transport="udp")
    assert lengths(epochs) == [60]


LIES = {"every": lambda at: 0x80, "none": lambda at: 0, "other": lambda at: 0x80 * (at % 3 == 0)}
"""Which packets have a marker, by their number."""


@pytest.mark.parametrize("markers", LIES)
@pytest.mark.parametrize(("codec", "slices"), [("h264", 4), ("hevc", 1)])
def test_markers_that_lie(codec, slices, markers):
    times, packets = datagrams([video(codec)], frames(codec, access_units(codec, 60, slices=slices)))
    said = [((channel, packet[:1] + bytes([packet[1] & 0x7F | LIES[markers](at)]) + packet[2:]),)
            for at, ((channel, packet),) in enumerate(packets)]  # fmt: skip
    epochs, inits, _ = same([video(codec)], lambda _: map(Raw, times, said))
    assert (lengths(epochs), len(inits)) == ([60], 1)


@pytest.mark.parametrize("lost", ["picture", "slice"])
def test_datagrams_that_are_lost_are_told_by_the_native_engines_alone(lost):
    """libav, which PyAV hands on from, marks no packet behind a gap; what is recorded is the same, and who plays it sees the damage."""
    times, packets = datagrams([video("h264")], frames("h264", access_units("h264", 60, slices=4 if lost == "slice" else 1)))
    del times[EARLY], packets[EARLY]
    native, pumped, pyav = recordings([video("h264")], lambda _: map(Raw, times, packets), transport="udp")
    assert lengths(pyav[0]) == [60 if lost == "slice" else 59]
    assert not damaged(pyav)
    for made in (native, pumped):
        assert damaged(made) == [0]
        assert [[replace(one, flags=one.flags & ~SealFlag.DAMAGED) for one in epoch] for epoch in made[0]] == pyav[0]


@pytest.mark.parametrize("piece", ["middle", "last"])
def test_a_picture_that_has_lost_a_fragment_is_the_only_one_that_differs(piece, monkeypatch):
    """libav joins what is before the gap and what is behind it; natively what is behind it is left out, for it cannot be decoded."""
    monkeypatch.setattr("coded.MTU", 150)
    times, packets = datagrams([video("h264")], frames("h264", access_units("h264", 60)))
    heads = [int.from_bytes(packet[12:14], "big") & FU_HEAD for ((_, packet),) in packets]
    lost = heads.index(FU_MIDDLE if piece == "middle" else FU_LAST, EARLY)
    place = round(times[lost] * FPS * SPEED)
    del times[lost], packets[lost]
    native, pumped, pyav = recordings([video("h264")], lambda _: map(Raw, times, packets), transport="udp")
    for made in (native, pumped):
        ours, theirs = (list(itertools.chain(*seen(one)[0])) for one in (made, pyav))
        assert [at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]] == [place] * (piece == "middle")
        assert damaged(made) == [0]


def damaged(made):
    """Numbers of the chunks that say so."""
    return [at for at, one in enumerate(itertools.chain(*made[0])) if one.flags & SealFlag.DAMAGED]


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


def spoken(name, *, leap_s=0.0):
    """Two seconds of sound, whose stamps leap behind the first one."""
    _, step, packets = SOUND[name]
    return [Rtp(1, number * step / SPEED + 0.0001, (packet,), BEGIN_S + number * step + leap_s * (number * step >= 1))
            for number, packet in enumerate(packets) if number * step < 2]  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_beside_the_picture(name):
    media, units, sound = SOUND[name][0], access_units("h264", 50), spoken(name)
    epochs, _, audio = same([video("h264"), media], lambda _: merged(frames("h264", units), sound))
    assert audio == ("lpcm" if name.startswith("pcm") else name)
    assert lengths(epochs)[0] > 50 + 0.9 * len(sound)


def test_sound_over_udp_is_the_same_from_where_it_begins():
    """Which of two sockets is read first, nobody says: so sound may be left out, that came before the first picture was whole, or not, and
    a chunk may end a packet of it sooner or later."""
    medias, sent = [video("h264"), SOUND["pcma"][0]], merged(frames("h264", access_units("h264", 50)), spoken("pcma"))
    native, pumped, pyav = recordings(medias, lambda _: sent, transport="udp")
    assert len(heard(pyav)) > 90
    for made in (native, pumped):
        assert seen(made) == seen(pyav)
        shorter, longer = sorted((heard(made), heard(pyav)), key=len)
        assert longer[-len(shorter):] == shorter
        assert made[1:] == pyav[1:]


def seen(made):
    return [[one.frames[: one.pictures] for one in epoch] for epoch in made[0]]


def heard(made):
    return [digest for epoch in made[0] for one in epoch for digest in one.frames[one.pictures :]]


@pytest.mark.parametrize("name", ["aac", "pcma"])
@pytest.mark.parametrize("leap_s", [3 * 3600, -50])
def test_sound_and_picture_that_jump_together(name, leap_s):
    """Not more than a minute back: libav takes such stamps for those behind a turn of 32 bits, which is another time for each track's
    clock, and sound is then placed anew beside the picture, 40 ms from where it was."""
    units, sound = access_units("h264", 50), spoken(name, leap_s=leap_s)
    pictures = frames("h264", units[:25]) + frames("h264", units[25:], first=25, begin_s=BEGIN_S + leap_s)
    epochs, _, _ = same([video("h264"), SOUND[name][0]], lambda _: merged(pictures, sound))
    assert [epoch[0].cause for epoch in epochs] == ["first-start", "time-jump"]
    assert sum(lengths(epochs)) > 50 + 0.9 * len(sound)
