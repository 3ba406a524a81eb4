"""What a user would pick instead: one `ffmpeg -c copy -f segment` for each camera, measured in steady state, its files counted.

Rules: the processes write what FFmpeg writes by default and nothing is synced or hashed; a list of segments with their times costs
it one line each, and tells which frames there should be.
"""

import csv
import subprocess
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import usage
from judge import BASELINE, FPS, Counted, Result

SETTLE_S = 8.0
"""Until all have connected and written a segment."""


def measure(url: str, result: Result) -> None:
    """Record `url` + 0, 1, ... for result.seconds; fills in FFmpeg's figures and count."""
    with tempfile.TemporaryDirectory(prefix="watchkeep-bench-ffmpeg-") as name:
        folder = Path(name)
        with ExitStack() as stack:
            recorders = []
            for number in range(result.cameras):
                recorders.append(_start(f"{url}{number}", folder, number))
                stack.callback(_stop, recorders[-1])
            time.sleep(SETTLE_S)
            before, start = [usage.read(one.pid) for one in recorders], time.monotonic()
            time.sleep(result.seconds)
            after, wall = [usage.read(one.pid) for one in recorders], time.monotonic() - start
        spent = sum(one.cpu_s for one in after) - sum(one.cpu_s for one in before)
        result.ffmpeg_cpu_percent_per_camera = 100 / wall / result.cameras * spent
        result.ffmpeg_rss_mb_per_camera = sum(one.rss_mb for one in after) / result.cameras
        result.counted.append(count(folder))


def count(folder: Path) -> Counted:
    """Frames in all segments of a folder, and how many there should be by their stamps.

    Expected are those that came and one for every frame that a step leaves room for; FFmpeg squeezes the first two frames of a session,
    the first of which has no stamp.
    """
    frames, expected = [], 0
    for listed in sorted(folder.glob("*.csv")):
        with listed.open(newline="") as lines:
            stamps = [float(start) + stamp for name, start, _ in csv.reader(lines) for stamp in _stamps(folder / name)]
        frames.append(len(stamps))
        expected += len(stamps) + sum(max(0, round((after - before) * FPS) - 1) for before, after in pairwise(stamps))
    return Counted(BASELINE, len(frames), sum(frames), expected, min(frames, default=0))


def _start(url: str, folder: Path, number: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", "-f", "segment",
                             "-segment_time", "4", "-segment_format", "mp4", "-reset_timestamps", "1",
                             "-segment_list", str(folder / f"c{number}.csv"), str(folder / f"c{number}_%05d.mp4")],
                            stdin=subprocess.DEVNULL)  # fmt: skip


def _stop(recorder: "subprocess.Popen[bytes]") -> None:
    recorder.terminate()  # it closes its file, and the list with it
    recorder.wait()


def _stamps(segment: Path) -> list[float]:
    """Seconds of each frame of a segment from its first one, in order of time."""
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0",
                          str(segment)], check=True, capture_output=True, text=True).stdout  # fmt: skip
    stamps = sorted(float(line.strip(", ")) for line in out.split())
    return [stamp - stamps[0] for stamp in stamps]
