"""What cameras of several makes sent is on both archivers: frame for frame, byte for byte, and every player takes it.

Mosquitto, a GStreamer RTSP server, `watchkeep source` with H.264 and H.265, ffprobe and ffmpeg.
"""

import json
import subprocess
import urllib.request
from pathlib import Path

import av
import pytest
from wksite import Site, all_frames, listening, plays, segments, site_in, wait_until

from watchkeep.wire.counter import FrameCounter, sei_nal

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FPS = 25
FRAMES = 8 * FPS
PICTURE = ("--fps", str(FPS), "--size", "320x180", "--bitrate", "1M", "--frames", str(FRAMES))
GST_SERVER = Path(__file__).parents[1] / "helpers" / "gst_server.py"


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


def gstreamer(site: Site, name: str, units: list[bytes]) -> str:
    """A GStreamer server whose camera sends these access units once; returns its URL."""
    clip, port = site.folder / f"{name}.bin", site.port(name)
    clip.write_bytes(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
    site.other(["/usr/bin/python3", str(GST_SERVER), str(port), str(clip), str(FPS)])
    wait_until(lambda: listening(port), 30, "the start of the GStreamer server")
    return f"rtsp://127.0.0.1:{port}/cam0"


def clip(frames: int, slices: int = 1) -> list[bytes]:
    """H.264 access units with counters of session 0, made by x264: an AUD, the counter, then the rest."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 320, 180, "yuv420p", FPS
    own = f"repeat-headers=1:bframes=0:threads=1:slices={slices}"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "x264-params": own}
    units = []
    for number in range(frames):
        picture = av.VideoFrame(320, 180, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([(number * 3) % 256]) * plane.buffer_size)
        picture.pts = number
        for packet in encoder.encode(picture):
            sei = sei_nal("h264", FrameCounter(1, 0, len(units), 0))
            units.append(b"\0\0\0\1\x09\xf0" + b"\0\0\0\1" + sei + bytes(packet))
    assert len(units) == frames
    return units


def test_what_was_sent_is_on_both_archivers_byte_for_byte_and_plays(site):
    site.archivers("a", "b")
    site.add("h265", ["source", "--port", str(site.port("h265")), *PICTURE, "--codec", "h265", "--bframes", "2"])
    urls = site.source(*PICTURE, "--audio", "aac", cameras=1)
    site.wait_listening("h265", "the source of H.265", 60)
    urls |= {"h265": f"rtsp://127.0.0.1:{site.port('h265')}/cam0", "gst": gstreamer(site, "gst", clip(FRAMES)),
             "slices": gstreamer(site, "slices", clip(FRAMES, slices=4))}  # fmt: skip
    site.agent(urls, archivers=["a", "b"], copies=2, extra="[recording]\nsegment_s = 3.0")
    wait_until(lambda: all(site.frames(camera) >= FRAMES for camera in urls), 60, "all frames' arrival")
    site.settled()
    hls_gives_every_frame(site, "a", "cam0")  # waits, as ffmpeg does, until the playlist is one that grows no more
    hls_gives_every_frame(site, "b", "h265")
    site.stop_all("edge-1", "a", "b", "source", "h265")
    assert [session["frames"] for session in site.sent()["cam0"]] == [FRAMES]
    files = {name: segments(site, name) for name in "ab"}
    assert [path.relative_to(site.volume("a")) for path in files["a"]] == [path.relative_to(site.volume("b")) for path in files["b"]]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(files["a"], files["b"], strict=True))
    for name in "ab":
        proof = site.proof(name)
        assert proof.good, proof.model_dump_json(indent=1)
        for camera in urls:
            assert len(proof.camera(camera).sessions) == 1
            all_frames(proof.camera(camera), FRAMES)
            assert proof.camera(camera).frames == FRAMES, "a frame in several slices is one sample"
        assert proof.camera("cam0").audio_frames > 0
    assert len(files["a"]) >= 2 * len(urls)
    for path in files["a"]:
        plays(path)


def hls_gives_every_frame(site: Site, archiver: str, camera: str) -> None:
    """ffmpeg decodes as many frames from an archiver's playlist as the camera has sent."""
    base = f"http://127.0.0.1:{site.port(archiver)}/v1/cameras/{camera}"
    timeline = json.load(urllib.request.urlopen(f"{base}/timeline"))
    [span] = timeline["spans"]
    assert timeline["gaps"] == []
    hls = subprocess.run(["ffmpeg", "-v", "error", "-i", f"{base}/index.m3u8?start={span['start_s']}&end={span['end_s']}", "-map", "0:v",
                          "-f", "framemd5", "-"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)  # fmt: skip
    # FFmpeg 5 says of every EXT-X-MAP with a byte range, by whatever server, that the "stream ends prematurely"
    assert [line for line in hls.stderr.splitlines() if "Stream ends prematurely" not in line] == []
    assert sum(not line.startswith("#") for line in hls.stdout.splitlines()) == FRAMES
