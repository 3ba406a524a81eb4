"""What a real RTSP session makes of cameras of every kind: agent/pyav/ingest.py, agent/pyav/init_segment.py, agent/av1.py."""

import io
import itertools
from contextlib import contextmanager

import av
import pytest
from coded import access_units, obus, video_payloads
from ingest_kit import FakeSession, bench, opener
from rtsp_stub import Media, Rtp, stub

from watchkeep.agent.pyav.encode import encode_audio
from watchkeep.agent.pyav.ingest import CameraError, RtspSession, fault_of
from watchkeep.agent.roster import Source
from watchkeep.wire.causes import CameraStatus, Cause
from watchkeep.wire.record import RecordKind

pytestmark = pytest.mark.timeout(60)
NAMES = {"h264": "H264", "hevc": "H265", "av1": "AV1"}
FRAMES, PACE_S = 50, 0.02
G729 = Media("audio", 18, 8000, ("rtpmap:18 G729/8000",))
VENDOR = Media("audio", 98, 8000, ("rtpmap:98 VND.ACME/8000",))
G722 = Media("audio", 9, 8000, ("rtpmap:9 G722/8000",))
NO_MOOV = Media("audio", 97, 12345, ("rtpmap:97 mpeg4-generic/12345/1",
                                     "fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"))  # fmt: skip
PCMU = Media("audio", 0, 8000)
MJPEG = Media("video", 26, 90_000)
FOREIGN = Media("video", 97, 90_000, ("rtpmap:97 VND.ACME-V/90000",))


def video(codec):
    return Media("video", 96, 90_000, (f"rtpmap:96 {NAMES[codec]}/90000",))


def frames(codec, units, media=0, pace=PACE_S):
    return [Rtp(media, number * pace, video_payloads(codec, unit)) for number, unit in enumerate(units)]


def noise(media, count=FRAMES):
    return [Rtp(media, number * PACE_S, (bytes([0, 16, 1, 64]) + bytes(40),)) for number in range(count)]


def merged(*tracks):
    return sorted(itertools.chain(*tracks), key=lambda unit: unit.at_s)


@contextmanager
def recorded(medias, script, *, sessions=1):
    """An ingest's bench after that many sessions with a real camera."""
    with stub(tuple(medias), script) as camera, bench(source=Source(camera.url, "tcp", 0.0)) as made:
        made.ingest._open = opener(RtspSession, made, sessions)
        yield made.run()


def files(made):
    """One file of each epoch."""
    found = []
    for header, payload in made.records:
        if header.kind is RecordKind.INIT:
            found.append(b"")
        found[-1] += bytes(payload)
    return found


def packets(file, kind):
    with av.open(io.BytesIO(file)) as container:
        return [bytes(packet) for packet in container.demux(getattr(container.streams, kind)[0]) if packet.size]


def pictures(file):
    with av.open(io.BytesIO(file)) as container:
        return [(frame.width, frame.height) for frame in container.decode(container.streams.video[0])]


@pytest.mark.parametrize(("audio", "named"), [(G729, "does not know"), (VENDOR, "does not know"), (G722, "g722"), (NO_MOOV, "aac")])
def test_sound_that_cannot_be_kept_is_told_once_and_video_goes_on(audio, named):
    units = access_units("h264", FRAMES)
    script = merged(frames("h264", units), noise(1))
    with recorded([video("h264"), audio], lambda _: script, sessions=2) as made:
        assert made.epochs == [(Cause.FIRST_START, FRAMES), (Cause.CAMERA_LOST, FRAMES)]
        assert [len(pictures(file)) for file in files(made)] == [FRAMES, FRAMES]
        assert sum(seal.audio_frames for seal in made.seals) == 0
        assert len(made.told) == 1
        assert named in made.told[0][0]
        assert made.told[0][1]
        assert (made.line.stats.audio, named in made.line.stats.left_out) == ("", True)


def test_sound_that_can_be_kept_again_is_told_too():
    units = access_units("h264", FRAMES)
    medias = [(video("h264"), G729), (video("h264"), PCMU)]
    with stub(medias[0], lambda _: merged(frames("h264", units), noise(1))) as camera, bench(source=Source(camera.url, "tcp", 0.0)) as made:
        def open_session(url, transport):
            if not medias:
                made.stop.set()
                return FakeSession([])
            camera.medias = medias.pop(0)
            return RtspSession(url, transport)

        made.ingest._open = open_session
        made.run()
        assert [remedy != "" for _, remedy in made.told] == [True, False]
        assert (made.line.stats.audio, made.line.stats.left_out) == ("lpcm", "")
        assert sum(seal.audio_frames for seal in made.seals) > 0


@pytest.mark.parametrize(("medias", "why"), [
    ([PCMU], "no video"), ([MJPEG], "mjpeg"), ([FOREIGN], "does not know"), ([MJPEG, PCMU], "mjpeg"), ([FOREIGN, MJPEG], "does not know"),
])  # fmt: skip
def test_a_camera_without_video_that_can_be_kept_is_unsupported_with_its_reason(medias, why):
    with stub(tuple(medias), lambda _: merged(*(noise(index, 200) for index in range(len(medias))))) as camera:
        with pytest.raises(CameraError, match=why) as caught:
            RtspSession(camera.url, "tcp")
        assert caught.value.status is CameraStatus.UNSUPPORTED
        assert caught.value.remedy


def test_of_several_tracks_the_first_that_can_be_kept_is_recorded_and_the_others_are_named():
    units = access_units("h264", FRAMES)
    script = merged(noise(0), frames("h264", units, media=1), frames("h264", units, media=2), noise(3), noise(4))
    second = Media("video", 99, 90_000, ("rtpmap:99 H264/90000",))
    with recorded([MJPEG, video("h264"), second, G729, PCMU], lambda _: script) as made:
        assert made.epochs == [(Cause.FIRST_START, FRAMES)]
        assert made.line.stats.audio == "lpcm"
        left_out = made.line.stats.left_out
        assert [name in left_out for name in ("video mjpeg", "video h264", "audio of a kind")] == [True] * 3
        assert len(made.told) == 1


def test_av1_is_recorded_without_temporal_delimiters_and_a_new_sequence_header_begins_an_epoch():
    small, large = access_units("av1", 30, gop=15), access_units("av1", 30, gop=15, width=256, height=192)
    with recorded([video("av1")], lambda _: frames("av1", [*small, *large])) as made:
        assert made.epochs == [(Cause.FIRST_START, 30), (Cause.PARAMETER_CHANGE, 30)]
        one, other = files(made)
        for file, units, size in ((one, small, (128, 96)), (other, large, (256, 192))):
            stored = packets(file, "video")
            assert [kind for unit in stored for kind, _ in obus(unit)].count(2) == 0
            assert stored == [unit.removeprefix(b"\x12\0") for unit in units]
            assert pictures(file) == [size] * 30
            assert b"av1C" in file
        assert len(made.inits) == 2
        assert ["parameter-change" in text for text, _ in made.told] == [True]


HBR = "streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="


@pytest.mark.parametrize(("codec", "samples"), [("aac", 1024), ("opus", 960)])
def test_aac_and_opus_are_copied_byte_for_byte(codec, samples):
    units, sound = access_units("h264", FRAMES), encode_audio(codec, bytes(range(256)) * 800, 48_000, samples)
    step = samples / 48_000
    sent = sound.frames[: int(FRAMES * PACE_S / step)]
    if codec == "aac":
        payloads = [b"\0\x10" + (len(frame) << 3).to_bytes(2, "big") + frame for frame in sent]
        lines = ("rtpmap:97 mpeg4-generic/48000/1", f"fmtp:97 {HBR}{sound.config.hex()}")
    else:
        payloads, lines = list(sent), ("rtpmap:97 opus/48000/2",)
    script = merged(frames("h264", units), [Rtp(1, number * step, (payload,)) for number, payload in enumerate(payloads)])
    with recorded([video("h264"), Media("audio", 97, 48_000, lines)], lambda _: script) as made:
        assert (made.line.stats.audio, made.line.stats.left_out, made.told) == (codec, "", [])
        kept = tuple(frame for file in files(made) for frame in packets(file, "audio"))
        assert len(kept) > len(sent) // 2
        start = sent.index(kept[0])
        assert kept == sent[start : start + len(kept)]


@pytest.mark.parametrize(("error", "status"), [
    (av.error.HTTPUnauthorizedError(0, "no"), CameraStatus.UNAUTHORIZED), (av.error.HTTPForbiddenError(0, "no"), CameraStatus.UNAUTHORIZED),
    (TimeoutError("late"), CameraStatus.STALLED), (av.error.ExitError(0, "cut"), CameraStatus.STALLED),
    (OSError(111, "refused"), CameraStatus.CONNECTING), (av.error.InvalidDataError(0, "bad"), CameraStatus.CONNECTING),
])  # fmt: skip
def test_what_each_error_of_libav_means(error, status):
    fault = fault_of(error)
    assert (fault.status, bool(fault.remedy)) == (status, True)


@pytest.mark.parametrize("error", [av.error.HTTPServerError(0, "5XX"), av.error.HTTPNotFoundError(0, "404")])
def test_a_camera_that_answers_and_refuses_is_not_called_unreachable(error):
    assert ("refuses to play" in str(fault_of(error)), fault_of(error).status) == (True, CameraStatus.CONNECTING)


def test_an_error_with_a_url_in_it_shows_no_password():
    assert "secret" not in fault_of(OSError(5, "rtsp://u:secret@host/x is broken")).line()
