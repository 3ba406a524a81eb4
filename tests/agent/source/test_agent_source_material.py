"""What is sent: encoders, pictures, clips, files, and the feed that paces them."""

import itertools
import random
import threading
import time
from pathlib import Path

import av
import pytest
from source_rig import nal_units

from watchkeep.agent.pyav.coded import Coded
from watchkeep.agent.pyav.encode import VideoCodec, VideoEncoder, VideoSpec
from watchkeep.agent.pyav.file import read_file
from watchkeep.agent.source import generate, nal, rtp
from watchkeep.agent.source.clips import Clip, Slot, loop, video_clip
from watchkeep.agent.source.feed import MAX_BACKLOG, Feed
from watchkeep.agent.source.font import GLYPH_HEIGHT, GLYPH_WIDTH, INK, text_rows
from watchkeep.agent.source.generate import LivePattern, beep_clip, pattern_clip
from watchkeep.agent.source.material import half_size, prepare
from watchkeep.agent.source.media import AUDIO, VIDEO, Frame, Packets, Track, Unit
from watchkeep.agent.source.options import Settings, parse_credentials, parse_video
from watchkeep.agent.source.pattern import Pattern
from watchkeep.wire.counter import FrameCounter, sei_nal
from watchkeep.wire.errors import UsageError


def spec(codec: VideoCodec = "h264", *, gop: int = 10, bframes: int = 0, bitrate: int = 200_000) -> VideoSpec:
    return VideoSpec(codec, 128, 96, 25, bitrate, gop, bframes)


def encoded(wanted: VideoSpec, frames: int) -> list[Coded]:
    encoder = VideoEncoder(wanted)
    pattern = Pattern(encoder.canvas, random.Random(1))
    coded: list[Coded] = []
    for number in range(frames):
        pattern.draw(number, ("12:34",))
        coded += encoder.encode(number)
    return coded + encoder.finish()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_gops_have_one_length_and_start_with_parameter_sets(codec: VideoCodec, bframes: int) -> None:
    coded = encoded(spec(codec, bframes=bframes), 35)
    units = [nal.access_unit(codec, item.data) for item in coded]
    assert [item.pts // 3600 for item, unit in zip(coded, units, strict=True) if unit.key] == [0, 10, 20, 30]
    assert all(bool(nal.parameter_sets(codec, unit)) == unit.key for unit in units)
    assert {nal.unit_type(codec, unit.body[0]) for unit in units if unit.key} <= ({5} if codec == "h264" else {19, 20}), "closed GOPs"
    assert sorted(item.pts for item in coded) == [number * 3600 for number in range(35)]
    assert ([item.pts for item in coded] != sorted(item.pts for item in coded)) == bool(bframes)
    decoder = av.CodecContext.create(codec, "r")
    pictures = [picture for item in coded for picture in decoder.decode(av.Packet(item.data))] + decoder.decode(None)  # type: ignore[attr-defined]
    assert [(picture.width, picture.height) for picture in pictures] == [(128, 96)] * 35


def test_the_bitrate_is_real() -> None:
    coded = encoded(VideoSpec("h264", 640, 360, 25, 1_000_000, 25, 0), 100)
    assert sum(len(item.data) for item in coded) * 8 / 4 == pytest.approx(1_000_000, rel=0.15)


def test_the_text_is_drawn_where_it_can_be_read_and_the_picture_moves() -> None:
    encoder = VideoEncoder(spec())
    luma = encoder.canvas.planes[0]
    pattern = Pattern(encoder.canvas, random.Random(1))
    pattern.draw(0, ("8",))
    stride = encoder.canvas.strides[0]
    drawn = [bytes(luma[row * stride + 1 : row * stride + 1 + GLYPH_WIDTH]) for row in range(1, 1 + GLYPH_HEIGHT)]
    assert drawn == text_rows("8", 1)
    first = bytes(luma)
    pattern.draw(1, ("8",))
    assert sum(a != b for a, b in zip(first, bytes(luma), strict=True)) > len(first) // 2


def test_text_scales_and_blanks_what_it_does_not_know() -> None:
    assert text_rows("1", 3)[0] == b"".join(pixel.to_bytes() * 3 for pixel in text_rows("1", 1)[0])
    assert all(INK not in row for row in text_rows("é", 1))
    assert len({tuple(text_rows(character, 1)) for character in "0123456789"}) == 10


def test_a_live_pattern_makes_one_picture_a_slot_and_has_its_parameter_sets_before() -> None:
    live = LivePattern(spec(bframes=2), random.Random(1), lambda: 1_700_000_000_123_000_000, lambda: 0.0)
    assert [unit[0] & 31 for unit in live.track.parameter_sets] == [7, 8]
    slots = itertools.islice(live.slots(), 40)
    units: list[Unit] = []
    due: list[float] = []
    for slot in slots:
        due.append(slot.due_s)
        units += slot.make()
    assert due == sorted(due)
    assert units[0].frame.key
    assert {unit.pts for unit in units} >= {number * 3600 for number in range(30)}
    assert live.left_out == 0


def test_a_live_pattern_leaves_frames_out_when_it_is_late_and_counts_them() -> None:
    age = 0.0
    live = LivePattern(spec(), random.Random(1), time.time_ns, lambda: age)
    slots = live.slots()
    for _ in range(3):
        next(slots).make()
    age = 5.0
    before = live.left_out
    slot = next(slots)
    assert slot.due_s == pytest.approx(5.0 - generate.LATE_S, abs=0.05)
    assert live.left_out - before == pytest.approx(97, abs=1)


def test_a_pattern_clip_loops_with_rising_stamps_and_no_seam() -> None:
    clip = pattern_clip(spec(gop=25), 1, random.Random(1))
    slots = list(itertools.islice(loop(clip), 60))
    units = [slot.make()[0] for slot in slots]
    assert [unit.pts for unit in units] == [number * 3600 for number in range(60)]
    assert [slot.due_s for slot in slots] == pytest.approx([number / 25 for number in range(60)])
    assert [number for number, unit in enumerate(units) if unit.frame.key] == [0, 25, 50]


def test_a_clip_starts_at_its_first_key_frame_and_keeps_what_it_dropped_as_its_zero() -> None:
    track = Track(VIDEO, "h264", 96, 90_000, frame_rate=25)
    coded = [Coded(b"\0\0\1" + (b"\x65k" if number == 2 else b"\x41p"), number * 3600, number * 3600) for number in range(5)]
    clip = video_clip(track, coded)
    assert [(due, pts) for due, pts, _ in clip.frames] == [(0, 0), (3600, 3600), (7200, 7200)]
    assert (clip.zero, clip.period) == (7200, 3 * 3600)
    assert list(loop(video_clip(track, coded[:2]))) == []


@pytest.mark.parametrize(("codec", "frames"), [("aac", 375), ("opus", 400), ("pcma", 400), ("pcmu", 400)])
def test_beeps_fill_their_loop_exactly(codec: str, frames: int) -> None:
    clip = beep_clip(codec)  # type: ignore[arg-type]
    assert len(clip.frames) == frames
    steps = {later - earlier for (earlier, _, _), (later, _, _) in itertools.pairwise(clip.frames)}
    assert steps == {clip.period // frames}
    assert bool(clip.track.parameter_sets) == (codec == "aac")


def make_file(path: Path, *, codec: VideoCodec = "h264", audio: str | None = None, frames: int = 30) -> Path:
    """A small file by PyAV's muxer, with B-frames and with counters of an earlier source in it."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264" if codec == "h264" else "libx265", rate=25)
        video.width, video.height, video.pix_fmt, video.gop_size = 128, 96, "yuv420p", 10
        video.options = {"preset": "ultrafast", "x265-params": "log-level=error:pools=none"}
        video.max_b_frames = 2
        sound = container.add_stream(audio, rate=48_000, layout="mono") if audio else None
        for number in range(frames):
            picture = av.VideoFrame(128, 96, "yuv420p")
            picture.planes[0].update(bytes([number * 5 % 256]) * picture.planes[0].buffer_size)
            for packet in video.encode(picture):
                container.mux(packet)
        container.mux(video.encode(None))
        for start in range(0, frames * 1920 if sound else 0, 1024):
            samples = av.AudioFrame("s16", "mono", 1024)
            samples.sample_rate, samples.pts = 48_000, start
            samples.planes[0].update(bytes(2048))
            container.mux(sound.encode(samples))  # type: ignore[union-attr]
        if sound:
            container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(("codec", "name"), [("h264", "a.mp4"), ("hevc", "a.mp4"), ("h264", "a.mkv")])
def test_a_file_becomes_annex_b_with_its_stamps(tmp_path: Path, codec: VideoCodec, name: str) -> None:
    media = read_file(make_file(tmp_path / name, codec=codec))
    assert (media.codec, media.fps, len(media.video), media.audio) == (codec, 25.0, 30, None)
    assert all(item.data.startswith((b"\0\0\1", b"\0\0\0\1")) for item in media.video)
    assert sorted({item.pts - media.video[0].pts for item in media.video}) == pytest.approx([number * 3600 for number in range(30)], abs=90)
    assert [item.dts for item in media.video] == sorted(item.dts for item in media.video)


def test_a_files_aac_is_read_and_other_audio_is_named_and_left_out(tmp_path: Path) -> None:
    media = read_file(make_file(tmp_path / "a.mp4", audio="aac"))
    assert media.audio is not None
    assert (media.audio.codec, media.audio.clock, len(media.audio.config) >= 2) == ("aac", 48_000, True)
    media = read_file(make_file(tmp_path / "b.mkv", audio="flac"))
    assert media.audio is None
    assert "flac" in media.left_out


def test_what_is_no_file_for_us_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no video\n")
    for path in (text, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(UsageError, match=path.name) as caught:
            read_file(path)
        assert caught.value.remedy


def test_an_old_counter_in_a_file_is_not_sent_again(tmp_path: Path) -> None:
    item = read_file(make_file(tmp_path / "a.mp4")).video[0]
    old = b"\0\0\1" + sei_nal("h264", FrameCounter(1, 1, 1, 1))
    track = Track(VIDEO, "h264", 96, 90_000)
    assert rtp.video_frame(track, old + item.data) == rtp.video_frame(track, item.data)
    assert len(nal_units(old + item.data)) == len(nal_units(item.data)) + 1


def options(**given: object) -> Settings:
    fixed = {"host": "127.0.0.1", "port": 0, "cameras": 2, "video": spec(), "audio": "none", "faults": {}, "seed": 1}
    values = {**dict.fromkeys(("loop_s", "file", "credentials", "frames", "report")), **fixed}
    return Settings(**{**values, **given})  # type: ignore[arg-type]


def test_material_of_a_file_with_its_own_audio_stays_in_step_over_the_seam(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a.mp4", audio="aac")
    material = prepare(options(file=path, audio="file"), random.Random(1), time.time_ns, lambda: 0.0)
    assert [track.kind for track in material.tracks] == [VIDEO, AUDIO]
    video, audio = ([slot.make()[0] for slot in itertools.islice(producer, 120)] for producer in material.producers)
    per_loop = sum(unit.pts < 48_000 * 30 // 25 for unit in audio)
    assert video[30].pts - video[0].pts == pytest.approx(30 * 3600, abs=90)
    assert audio[per_loop].pts - audio[0].pts == pytest.approx(48_000 * 30 / 25, abs=48)


def test_half_of_the_picture_for_a_parameter_change() -> None:
    half = half_size(VideoSpec("h264", 1280, 720, 25, 4_000_000, 50, 0))
    assert (half.width, half.height, half.bitrate, half.gop) == (640, 360, 1_000_000, 25)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"port": 70_000}, "--port"),
        ({"cameras": 0}, "--cameras"),
        ({"frames": -1}, "--frames"),
        ({"loop_s": 1000}, "--loop-seconds"),
        ({"audio": "mp3"}, "--audio"),
        ({"audio": "file"}, "--audio"),
        ({"file": Path("x.mp4"), "loop_s": 2}, "--loop-seconds"),
        ({"report": Path("/nonexistent/r.json")}, "--report"),
    ],
)
def test_wrong_options_are_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        options(**changes)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("position", "value", "named"),
    [
        (0, "vp8", "--codec"), (1, "big", "--size"), (1, "127x96", "--size"), (1, "8000x96", "--size"), (2, 0, "--fps"),
        (3, "4X", "--bitrate"), (3, "1k", "--bitrate"), (4, -1, "--gop"), (5, 9, "--bframes"),
    ],
)  # fmt: skip
def test_wrong_video_options_are_named(position: int, value: object, named: str) -> None:
    given: list[object] = ["h264", "128x96", 25, "4M", 0, 0]
    given[position] = value
    with pytest.raises(UsageError, match=named):
        parse_video(*given)  # type: ignore[arg-type]


def test_right_options_are_understood() -> None:
    assert parse_video("h265", "1280x720", 30, "800k", 0, 2) == VideoSpec("hevc", 1280, 720, 30, 800_000, 30, 2)
    credentials = parse_credentials("op:pa:ss")
    assert credentials is not None
    assert (credentials.user, credentials.password) == ("op", "pa:ss")
    assert parse_credentials("") is None
    with pytest.raises(UsageError) as caught:
        parse_credentials("nopassword")
    assert "nopassword" not in caught.value.line()


UNIT = Unit(VIDEO, 0, Frame(Packets(b""), Packets(b""), True))


def test_the_feed_delivers_in_order_of_time_and_stops() -> None:
    units = [Unit(VIDEO, number, UNIT.frame) for number in range(6)]
    seen: list[int] = []
    done = threading.Event()
    even, odd = ([Slot(number / 100, lambda number=number: (units[number],)) for number in range(start, 6, 2)] for start in (0, 1))  # type: ignore[misc]

    def deliver(unit: Unit) -> None:
        seen.append(unit.pts)
        if len(seen) == 6:
            done.set()

    feed = Feed([iter(even), iter(odd)], lambda function: function(), deliver, pytest.fail, time.monotonic())
    feed.start()
    assert done.wait(5)
    feed.stop()
    assert seen == list(range(6))


def test_the_feed_waits_for_a_loop_that_does_not_keep_up() -> None:
    posted: list[object] = []
    full = threading.Event()

    def post(function: object) -> None:
        posted.append(function)
        if len(posted) == MAX_BACKLOG:
            full.set()

    clip = Clip(Track(VIDEO, "h264", 96, 90_000), ((0, 0, UNIT.frame),), 1)
    feed = Feed([loop(clip)], post, lambda _: None, pytest.fail, time.monotonic() - 1000)
    feed.start()
    assert full.wait(5)
    feed.stop()
    assert len(posted) == MAX_BACKLOG


def test_a_feed_that_breaks_says_so() -> None:
    failures: list[BaseException] = []
    failed = threading.Event()

    def broken() -> list[Unit]:
        raise RuntimeError("encoder")

    def note(error: BaseException) -> None:
        failures.append(error)
        failed.set()

    feed = Feed([iter([Slot(0.0, broken)])], lambda function: function(), lambda _: None, note, time.monotonic())
    feed.start()
    assert failed.wait(5)
    feed.stop()
    assert str(failures[0]) == "encoder"
