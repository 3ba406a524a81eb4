"""Timeline, HLS, media and export of a real hub, played by ffmpeg and ffprobe."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
from hub_kit import EPOCH, START_NS, Film, Hub, film, running, wait_for

from watchkeep.hub.api import playback as module
from watchkeep.wire import http as names
from watchkeep.wire.seal import Seal
from watchkeep.wire.segment import iter_chunks

START_S = START_NS // 1_000_000_000
LATER_S = START_S + 40
CAM = "/v1/cameras/cam0"


def window(first_s: float, last_s: float) -> str:
    return f"start={START_S + first_s}&end={START_S + last_s}"


@pytest.fixture(scope="module")
def films() -> tuple[Film, Film]:
    """20 s, then 20 s of nothing because the camera was lost, then 10 s of another picture size."""
    return film(20), film(10, epoch=EPOCH + 40, start_ns=LATER_S * 1_000_000_000, width=80)


@pytest.fixture(scope="module")
def hub(films: tuple[Film, Film], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running(tmp_path_factory.mktemp("hub")) as made:
        for one in films:
            made.stored(one.batch())
        yield made


def decoded(address: str | Path) -> tuple[int, str]:
    """(frames that ffmpeg decodes, what it complains about)."""
    command = ["ffmpeg", "-v", "warning", "-stats", "-i", str(address), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = [line for part in done.stderr.splitlines() for line in part.split("\r")]
    shown = [line for line in lines if line.startswith("frame=")]
    return int(shown[-1].removeprefix("frame=").split()[0]), "\n".join(line for line in lines if not line.startswith("frame="))


def probed(address: str | Path) -> dict[str, str]:
    shown = ["-show_entries", "stream=nb_read_frames,codec_name,width", "-of", "json"]
    command = ["ffprobe", "-v", "error", "-count_frames", *shown, str(address)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)["streams"][0]  # type: ignore[no-any-return]


# -- timeline -----------------------------------------------------------------------------------------------------


def test_cameras(hub: Hub) -> None:
    (info,) = hub.get(names.CAMERAS).json()
    assert (info["camera"], info["first_s"], info["last_s"], info["chunks"]) == ("cam0", START_S, LATER_S + 10, 30)


def test_timeline_with_the_cause_of_its_gap(hub: Hub) -> None:
    found = hub.get(names.timeline("cam0")).json()
    assert [(span["start_s"], span["end_s"]) for span in found["spans"]] == [(START_S, START_S + 20), (LATER_S, LATER_S + 10)]
    assert found["gaps"] == [{"start_s": START_S + 20, "end_s": LATER_S, "cause": "camera-lost", "text": ""}]


def test_timeline_of_a_window_in_any_notation(hub: Hub) -> None:
    for start, end in ((str(START_S + 5), str(START_S + 15)), ("2026-01-01T00:00:05Z", quote("2026-01-01T01:00:15+01:00"))):
        found = hub.get(f"{CAM}/timeline?start={start}&end={end}").json()
        assert [(span["start_s"], span["end_s"]) for span in found["spans"]] == [(START_S + 5, START_S + 15)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/cameras/nobody/timeline", 404, names.NOT_FOUND), ("/v1/cameras/nobody/index.m3u8", 404, names.NOT_FOUND),
        ("/v1/cameras/nobody/export.mp4?start=1&end=2", 404, names.NOT_FOUND), ("/v1/cameras/CAM0/timeline", 400, names.MALFORMED),
        ("/v1/cameras/%2e%2e/timeline", 400, names.MALFORMED), ("/v1/cameras/..%2f..%2fetc/timeline", 404, names.NOT_FOUND),
        ("/v1/cameras/cam0%00/timeline", 400, names.MALFORMED), (f"{CAM}/timeline?start=yesterday", 400, names.BAD_REQUEST),
        (f"{CAM}/timeline?start=2026-01-01T00:00:00", 400, names.BAD_REQUEST), (f"{CAM}/timeline?start=5&end=4", 400, names.BAD_REQUEST),
        (f"{CAM}/index.m3u8?start=0&end=999999", 400, names.BAD_REQUEST), (f"{CAM}/index.m3u8?start=1000&end=2000", 404, names.NOT_FOUND),
        (f"{CAM}/export.mp4", 400, names.BAD_REQUEST), (f"{CAM}/export.mp4?start=1&end=2&epoch=x", 400, names.BAD_REQUEST),
        (f"{CAM}/media/2026-01-01/00/..%2f..%2f..%2f..%2fetc%2fpasswd", 404, names.NOT_FOUND),
        (f"{CAM}/media/2026-01-01/00/watchkeep-volume.json", 400, names.BAD_REQUEST),
        (f"{CAM}/media/%2e%2e/%2e%2e/watchkeep-volume.json", 400, names.BAD_REQUEST),
        (f"{CAM}/media/2026-01-01/00/00-00.000Z.1.0.mp4", 404, names.NOT_FOUND),
        (f"{CAM}/init/x.mp4", 400, names.BAD_REQUEST), (f"{CAM}/init/{EPOCH}-{'0' * 64}.mp4", 404, names.NOT_FOUND),
        ("/nothing/here", 404, names.NOT_FOUND),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_a_remedy(hub: Hub, path: str, status: int, code: str) -> None:
    answer = hub.get(path)
    assert (answer.status, answer.json()["code"]) == (status, code), answer.body
    assert answer.json()["reason"]
    assert answer.json()["remedy"]


def test_another_method_is_refused(hub: Hub) -> None:
    assert hub.request("DELETE", f"{CAM}/timeline").status == 405


# -- HLS ----------------------------------------------------------------------------------------------------------


def addresses(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_ffmpeg_plays_every_frame_of_an_unbroken_window_without_a_complaint(hub: Hub) -> None:
    assert decoded(f"{hub.url}{CAM}/index.m3u8?{window(0, 20)}") == (200, "")


def test_a_window_is_played_from_the_key_frame_before_it(hub: Hub) -> None:
    """From second 5 to 12 with a key frame every 2 s: seconds 4 to 12."""
    assert decoded(f"{hub.url}{CAM}/index.m3u8?{window(5, 12)}") == (80, "")


def test_a_window_over_two_epochs_is_played_to_its_end(hub: Hub) -> None:
    """FFmpeg drops the first fragment after a time line that begins anew; the entries hold it, as the next test shows."""
    assert int(probed(f"{hub.url}{CAM}/index.m3u8?{window(0, 60)}")["nb_read_frames"]) >= 290
    assert decoded(f"{hub.url}{CAM}/index.m3u8?{window(40, 60)}") == (100, "")


def test_every_entry_is_bytes_of_the_archive_that_start_with_a_key_frame(hub: Hub, films: tuple[Film, Film]) -> None:
    text = hub.get(f"{CAM}/index.m3u8?{window(0, 60)}").body.decode()
    ranges = [line.removeprefix("#EXT-X-BYTERANGE:") for line in text.splitlines() if line.startswith("#EXT-X-BYTERANGE")]
    seals: list[Seal] = []
    for address, entry in zip(addresses(text), ranges, strict=True):
        length, offset = map(int, entry.split("@"))
        answer = hub.get(urljoin(f"{CAM}/index.m3u8", address), Range=f"bytes={offset}-{offset + length - 1}")
        assert (answer.status, len(answer.body)) == (206, length)
        group = [chunk.seal for chunk in iter_chunks(lambda at, size, body=answer.body: body[at : at + size], 0)]  # type: ignore[misc]
        assert group[0].flags & 1
        seals += group
    assert [seal.chunk_hash for seal in seals] == [seal.chunk_hash for one in films for seal in one.seals]


def test_a_live_view_grows_at_its_end_only(tmp_path: Path) -> None:
    now_s = int(time.time())
    made = film(20, start_ns=(now_s - 15) * 1_000_000_000)
    with running(tmp_path) as hub:
        hub.stored(made.batch(*range(12)))
        outer = hub.get(f"{CAM}/index.m3u8").body.decode()
        (variant,) = addresses(outer)
        assert "BANDWIDTH=" in outer
        early = hub.get(urljoin(f"{CAM}/index.m3u8", variant)).body.decode()
        hub.stored(made.batch(*range(12, 20)))
        late = hub.get(urljoin(f"{CAM}/index.m3u8", variant)).body.decode()
    assert "ENDLIST" not in early
    assert late.startswith(early)
    assert len(addresses(late)) > len(addresses(early)) > 0


def test_a_hole_is_a_discontinuity_and_plays(tmp_path: Path) -> None:
    """Chunks 7 and 8 are missing; 9 follows them without a key frame, so it cannot be decoded."""
    made = film(20)
    with running(tmp_path) as hub:
        hub.stored(made.batch(*(seq for seq in range(20) if seq not in (7, 8))))
        text = hub.get(f"{CAM}/index.m3u8?{window(0, 20)}").body.decode()
        assert text.count("#EXT-X-DISCONTINUITY") == 1
        frames, complaints = decoded(f"{hub.url}{CAM}/index.m3u8?{window(0, 20)}")
        assert (frames, complaints) == (170, "")
        assert decoded(f"{hub.url}{CAM}/export.mp4?{window(0, 20)}") == (170, "")


def test_what_two_recorders_have_of_the_same_time_is_played_once_and_exported_whole(tmp_path: Path) -> None:
    """One that was cut off has seconds 0 to 20, its stand-in, whose term is higher, 10 to 18."""
    with running(tmp_path) as hub:
        hub.stored(film(20).batch())
        hub.stored(film(8, epoch=(8 << 36) + EPOCH, start_ns=START_NS + 10_000_000_000, width=80).batch())
        spans = hub.get(f"{CAM}/timeline").json()["spans"]
        assert [(span["start_s"] - START_S, span["end_s"] - START_S, span["epoch"] >> 36) for span in spans] == [
            (0, 10, 0), (10, 18, 8), (18, 20, 0)]  # fmt: skip
        lines = hub.get(f"{CAM}/index.m3u8?{window(0, 20)}").body.decode().splitlines()
        assert sum(float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:")) == pytest.approx(20)
        times = [line for line in lines if line.startswith("#EXT-X-PROGRAM-DATE-TIME")]
        assert times == sorted(set(times))
        assert lines.count("#EXT-X-DISCONTINUITY") == 2
        parts = hub.get(f"{CAM}/export.mp4?{window(0, 20)}").json()["parts"]
        assert [part["end_s"] - part["start_s"] for part in parts] == [20, 8]


# -- media --------------------------------------------------------------------------------------------------------


def test_ranges_of_a_segment_file(hub: Hub) -> None:
    name = min(hub.files())
    path, whole = f"{CAM}/media/{name.partition('/')[2]}", (hub.volumes[0] / name).read_bytes()
    answer = hub.get(path)
    assert (answer.status, answer.body) == (200, whole)
    etag = answer.headers["etag"]
    part = hub.get(path, Range="bytes=100-299", If_Range=etag)
    assert (part.status, part.body, part.headers["content-range"]) == (206, whole[100:300], f"bytes 100-299/{len(whole)}")
    assert hub.get(path, Range="bytes=-50").body == whole[-50:]
    assert hub.get(path, Range="bytes=100-299", If_Range='"old"').status == 200
    beyond = hub.get(path, Range=f"bytes={len(whole)}-")
    assert (beyond.status, beyond.json()["code"], beyond.headers["content-range"]) == (416, names.RANGE, f"bytes */{len(whole)}")
    assert hub.get(path, If_None_Match=etag).status == 304


def test_a_file_that_was_joined_into_another_is_still_served_under_its_old_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A playlist names two parts of a segment; when the hole between them is filled, the parts become one file."""
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.2)
    made = film(6)
    with running(tmp_path) as hub:
        hub.stored(made.batch(0, 1))
        hub.stored(made.batch(4, 5))
        hub.wait_durable_of(made, [(0, 1), (4, 5)])
        late = next(name for name in hub.files() if ".4." in name)
        before = hub.get(f"{CAM}/media/{late.partition('/')[2]}").body
        assert before == made.init + made.chunks[4] + made.chunks[5]
        hub.stored(made.batch(2, 3))
        wait_for(lambda: len(hub.files()) == 1, "the parts to be joined")
        assert hub.get(f"{CAM}/media/{late.partition('/')[2]}").body == before
        middle = hub.get(f"{CAM}/media/{late.partition('/')[2]}", Range="bytes=100-2000")
        assert (middle.status, middle.body) == (206, before[100:2001])


# -- export -------------------------------------------------------------------------------------------------------


def test_an_export_is_one_file_that_plays_and_proves_itself(hub: Hub, films: tuple[Film, Film], tmp_path: Path) -> None:
    answer = hub.get(f"{CAM}/export.mp4?{window(0, 20)}")
    assert answer.status == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="cam0_2026-01-01T00-00-00Z.mp4"'
    assert answer.body == films[0].init + b"".join(films[0].chunks)
    file = tmp_path / "export.mp4"
    file.write_bytes(answer.body)
    assert probed(file) == {"codec_name": "h264", "width": 64, "nb_read_frames": "200"}
    assert decoded(file) == (200, "")


def test_an_export_of_a_part_plays(hub: Hub) -> None:
    assert decoded(f"{hub.url}{CAM}/export.mp4?{window(7, 9)}") == (30, "")


def test_an_export_over_several_epochs_names_its_parts(hub: Hub) -> None:
    answer = hub.get(f"{CAM}/export.mp4?{window(0, 60)}")
    assert (answer.status, answer.json()["code"]) == (409, names.SEVERAL_PARTS)
    parts = answer.json()["parts"]
    assert [(part["start_s"], part["end_s"]) for part in parts] == [(START_S, START_S + 20), (LATER_S, LATER_S + 10)]
    assert [probed(hub.url + part["url"])["nb_read_frames"] for part in parts] == ["200", "100"]


def test_too_many_readers_are_told_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_REQUESTS", 0)
    with running(tmp_path) as hub:
        answer = hub.get(names.CAMERAS)
        assert (answer.status, answer.json()["code"]) == (503, names.BUSY)
        assert answer.headers["retry-after"] == "1"
        assert hub.get(names.HEALTH).status == 200
