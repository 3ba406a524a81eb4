"""Soak: recording while some of the cameras break off again and again; memory, threads and descriptors must stay flat.

    python tests/bench/soak.py --minutes 60 --cameras 8 --flapping 4 --report soak.json      an hour
    python tests/bench/soak.py --minutes 14 --cameras 20 --flapping 20                       1000 reconnects

Rules: readings every 10 s of agent and archivers; the first tenth is warm-up; flat means that the median of the last
fifth is at most 5 % (memory: plus 2 MB) above the median of the fifth after warm-up.  Afterwards both archives are proven.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import usage

from watchkeep.hub.demo.cast import Cast, wait_until
from watchkeep.hub.demo.follow import SiteView
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
        reconnects = sum(state.reconnects for state in view.cameras.values())
        dropped = sum(state.dropped_frames for state in view.cameras.values())
        for name in ("edge-1", *ARCHIVERS):
            cast.stop(name)
        client.stop()
        damage = [item for name in ARCHIVERS for camera in verify_paths([cast.volume(name)]).cameras for item in camera.damage]
    good = not damage and dropped == 0
    summary: dict[str, object] = {"minutes": args.minutes, "cameras": args.cameras, "reconnects": reconnects, "dropped_frames": dropped,
                                  "damage": len(damage)}  # fmt: skip
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
