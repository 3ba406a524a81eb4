"""`./run soak`: recording while some of the cameras break off again and again; memory, threads and descriptors must stay flat, and every
frame that was sent must be in both archives.

    ./run soak --minutes 60 --cameras 8 --flapping 4 --report soak.json      an hour
    ./run soak --minutes 14 --cameras 20 --flapping 20                       1000 reconnects

Rules: readings every 10 s of agent and archivers; the first tenth is warm-up; flat means that the median of the last
fifth is at most 5 % (memory: plus 2 MB) above the median of the fifth after warm-up.  Afterwards each archive is held against what the
source says it sent, frame by frame (accounts.py), and against the other one; exit 1 when anything is missing or grows.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import usage
from accounts import unaccounted
from faultplays import IN_FLIGHT

from watchkeep.hub.demo.cast import Cast, wait_until
from watchkeep.hub.demo.follow import SiteView
from watchkeep.hub.verify.against import compare_paths
from watchkeep.hub.verify.report import Report
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import topics
from watchkeep.wire.shell.mqtt import MqttClient

ARCHIVERS = ("a", "b")
EVERY_S = 10.0
FRAMES_A_SESSION = 360
"""14 s at 25 fps: longer than the 10 s after which the agent tries again at once."""


def flat(series: list[float], slack: float) -> tuple[float, float, bool]:
    """(early median, late median, whether late is at most 5 % plus slack above early)."""
    warm = series[len(series) // 10 :]
    fifth = max(len(warm) // 5, 1)
    early, late = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
    return early, late, late <= early * 1.05 + slack


def judged(cast: Cast, reports: dict[str, Report], cameras: int) -> Iterator[str]:
    """What is wrong with the archives, a line each, when everybody has been stopped."""
    sent = json.loads((cast.folder / "source.json").read_text())["cameras"]
    for name, report in reports.items():
        if len(report.cameras) != cameras:
            yield f"{name}: {len(report.cameras)} of {cameras} cameras"
        for camera in report.cameras:
            told = sent[camera.camera]
            yield from (f"{name}: {line}" for line in unaccounted(told["plays"], told["sessions"], camera, in_flight=IN_FLIGHT))
            yield from (f"{name}: {camera.camera}: damage in {item.file}: {item.reason}" for item in camera.damage)
    if not compare_paths([cast.volume("a")], [cast.volume("b")]).good:
        yield "the archives differ"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--flapping", type=int, default=4, help="how many cameras break off every 14 s and are connected again")
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--bitrate", default="500k")
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are taken down
    faults = [option for number in range(args.flapping) for option in ("--fault", f"cam{number}:close-after={FRAMES_A_SESSION}")]
    readings: dict[str, list[usage.Usage]] = {name: [] for name in ("edge-1", *ARCHIVERS)}
    with tempfile.TemporaryDirectory(prefix="watchkeep-soak-") as folder, Cast(Path(folder)) as cast:
        cast.broker()
        for name in ARCHIVERS:
            cast.archiver(name)
        urls = cast.source("--size", args.size, "--bitrate", args.bitrate, *faults, cameras=args.cameras)
        view = SiteView()
        client = MqttClient(cast.broker_url, client_id="soak", will=None, birth=list)
        client.subscribe(topics.everything(cast.site), view.take)
        client.start()
        cast.agent(urls, archivers=ARCHIVERS, copies=2)
        wait_until(lambda: view.recording() == args.cameras, 60, "every camera's recording")
        end = time.monotonic() + args.minutes * 60
        while time.monotonic() < end:
            time.sleep(EVERY_S)
            for name, series in readings.items():
                series.append(usage.read(cast.members[name].pid))
        wait_until(view.settled, 60, "every copy's becoming durable")
        reconnects = sum(state.reconnects for state in view.cameras.values())
        dropped = sum(state.dropped_frames for state in view.cameras.values())
        for name in ("edge-1", *ARCHIVERS, "source"):
            cast.stop(name)
        client.stop()
        reports = {name: verify_paths([cast.volume(name)]) for name in ARCHIVERS}
        wrong = list(judged(cast, reports, args.cameras))
    frames = {name: sum(camera.frames for camera in report.cameras) for name, report in reports.items()}
    good = not wrong and dropped == 0
    summary: dict[str, object] = {"minutes": args.minutes, "cameras": args.cameras, "reconnects": reconnects, "dropped_frames": dropped,
                                  "frames": frames, "missed": wrong}  # fmt: skip
    for name, series in readings.items():
        for field, slack in (("rss_mb", 2.0), ("threads", 1.0), ("descriptors", 2.0)):
            early, late, steady = flat([asdict(reading)[field] for reading in series], slack)
            summary[f"{name} {field}"] = {"early": round(early, 1), "late": round(late, 1), "flat": steady}
            good = good and steady
    print(json.dumps(summary, indent=1))
    if args.report:
        summary["series"] = {name: [asdict(reading) for reading in series] for name, series in readings.items()}
        args.report.write_text(json.dumps(summary, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
