"""`./run bench`: what recording costs, beside FFmpeg's segment recorder on the same cameras in the same run.

    load server (N cameras, 4 Mbit/s) ──▶ watchkeep agent ──▶ two archivers        phase 1
                                      └─▶ ffmpeg -c copy -f segment, N processes   phase 2

Rules: only ratios of one run mean anything on a shared machine; a figure with a lost frame does not count, so told losses,
gaps, the proof of both archives and a count of FFmpeg's frames are part of the result; judge.py says what fails it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import baseline
import plot
import usage
from judge import BASELINE, FPS, LIMITS, TARGETS, Counted, Result, faults, missed
from rich.console import Console
from rich.table import Table

from watchkeep.hub.demo.cast import Cast, Member, free_port, listening, wait_until
from watchkeep.hub.verify.files import Plan, reading
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.profiles import recorder_profile
from watchkeep.wire.segment import init_length, iter_chunks

HERE = Path(__file__).resolve().parent
ARCHIVERS = ("a", "b")


def agent_of(cast: Cast, urls: dict[str, str], cameras: int, *, name: str = "edge-1", ingest: str = "") -> Member:
    """An agent as an installer of so many cameras would have it: a profile with room for them, beacons as often as by default."""
    profile = "generic" if cameras <= recorder_profile("generic").max_cameras else "x86-server"
    return cast.agent(urls, archivers=ARCHIVERS, copies=2, name=name, static=True, ingest=ingest, profile=profile, beacon_s=5.0)


def idle_rss(cast: Cast, cameras: int) -> float:
    """RSS in MB of an agent that runs with no camera."""
    agent = agent_of(cast, {}, cameras, name="idle")
    time.sleep(6)  # what is measured is the state after a few seconds of doing nothing, no condition shows it
    rss = usage.read(agent.pid).rss_mb
    cast.stop("idle")
    return rss


def record(cast: Cast, urls: dict[str, str], result: Result, warm_s: float, ingest: str) -> None:
    """Run agent and archivers for result.seconds after warming up; fills in their figures."""
    agent = agent_of(cast, urls, result.cameras, ingest=ingest)
    time.sleep(warm_s)
    hubs = [cast.members[name] for name in ARCHIVERS]
    before, hubs_before, start = usage.read(agent.pid), [usage.read(hub.pid) for hub in hubs], time.monotonic()
    time.sleep(result.seconds)
    after, hubs_after, wall = usage.read(agent.pid), [usage.read(hub.pid) for hub in hubs], time.monotonic() - start
    share = 100 / wall / result.cameras
    result.agent_cpu_percent_per_camera = (after.cpu_s - before.cpu_s) * share
    result.agent_rss_mb_per_camera = (after.rss_mb - result.agent_idle_rss_mb) / result.cameras
    result.agent_threads = after.threads
    result.agent_wakeups_per_s = (after.wakeups - before.wakeups) / wall
    result.archiver_cpu_percent_per_camera = sum(b.cpu_s - a.cpu_s for a, b in zip(hubs_before, hubs_after, strict=True)) * share / 2
    result.archiver_rss_mb = max(hub.rss_mb for hub in hubs_after)
    cast.stop(agent.name)
    result.losses = agent.log.read_text().count("kind=loss")


def stamped(volume: Path) -> dict[str, Fraction]:
    """Seconds of each camera's video by its own stamps: the times of spans follow the machine's clock, by up to 500 ppm."""
    plan, found = Plan([volume]), dict[str, Fraction]()
    for camera in plan.cameras():
        for entry in plan.entries(camera):
            with reading(entry) as read:
                seals = [chunk.seal for chunk in iter_chunks(read, init_length(read))]
            found[camera] = found.get(camera, Fraction(0)) + sum(Fraction(seal.duration, seal.timescale) for seal in seals)
    return found


def check(cast: Cast, result: Result) -> None:
    """Prove both archives; fills in counts, gaps and damage."""
    for name in ARCHIVERS:
        cast.stop(name)
    reports = [verify_paths([cast.volume(name)]) for name in ARCHIVERS]
    for name, report in zip(ARCHIVERS, reports, strict=True):
        frames = [camera.frames for camera in report.cameras]
        expected = sum(round(seconds * FPS) for seconds in stamped(cast.volume(name)).values())
        result.counted.append(Counted(name, len(frames), sum(frames), expected, min(frames, default=0)))
    cameras = [camera for report in reports for camera in report.cameras]
    result.damage = sum(len(camera.damage) for camera in cameras)
    result.gaps = sum(len(camera.gaps) for camera in cameras)
    seconds = sum(span.end_s - span.start_s for camera in reports[0].cameras for span in camera.spans)
    result.mbit_s_per_camera = sum(camera.bytes for camera in reports[0].cameras) * 8 / seconds / 1e6 if seconds else 0.0


def show(result: Result) -> None:
    """Print the figures."""
    table = Table(title=f"{result.cameras} cameras of {result.mbit_s_per_camera:.1f} Mbit/s, {result.seconds:g} s, {result.when}")
    for name in ("figure", "watchkeep", "limit", "target", "ffmpeg segment"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    rows = {"agent_cpu_percent_per_camera": result.ffmpeg_cpu_percent_per_camera,
            "agent_rss_mb_per_camera": result.ffmpeg_rss_mb_per_camera, "archiver_cpu_percent_per_camera": None}  # fmt: skip
    for name, other in rows.items():
        table.add_row(name, f"{getattr(result, name):.3f}", f"{LIMITS[name]:g}", f"{TARGETS[name]:g}" if name in TARGETS else "",
                      "" if other is None else f"{other:.3f}")  # fmt: skip
    table.add_row("agent CPU / ffmpeg CPU", f"{result.cpu_ratio:.2f}", "", f"{TARGETS['cpu_ratio']:g}", "1.00")
    table.add_row("agent wake-ups a second", f"{result.agent_wakeups_per_s:.0f}", "", f"{TARGETS['agent_wakeups_per_s']:g}", "")
    for one in result.counted:
        said = f"{one.frames} of {one.expected}"
        table.add_row(f"frames, {one.name}", *(("", "all", "all", said) if one.name == BASELINE else (said, "all", "all", "")))
    table.add_row("gaps, damage, losses told", f"{result.gaps}, {result.damage}, {result.losses}", "0, 0, 0", "0, 0, 0", "")
    Console().print(table)


def run(args: argparse.Namespace, cameras: int) -> Result:
    """One run with so many cameras."""
    result = Result(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), cameras, args.seconds, ARCHIVERS)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="watchkeep-bench-") as folder, Cast(Path(folder)) as cast:
        load = subprocess.Popen(["/usr/bin/python3", str(args.shared / "bench/rtsp_load.py"), "--cameras", str(cameras),
                                 "--port", str(port)], stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            wait_until(lambda: listening(port), 120, "the start of the load server")
            cast.broker()
            for name in ARCHIVERS:
                cast.archiver(name)
            result.agent_idle_rss_mb = idle_rss(cast, cameras)
            record(cast, {f"cam{i}": f"rtsp://127.0.0.1:{port}/cam{i}" for i in range(cameras)}, result, args.warm, args.ingest)
            check(cast, result)
            baseline.measure(f"rtsp://127.0.0.1:{port}/cam", result)
        finally:
            load.terminate()
            load.wait()
    return result


def counts(text: str) -> list[int]:
    """`8,16,64`."""
    found = [int(part) for part in text.split(",")]
    if min(found) < 1:
        raise ValueError(text)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=counts, default=[16], help="how many; several numbers with commas are as many runs")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm", type=float, default=12, help="seconds before measuring starts")
    parser.add_argument("--ingest", choices=["auto", "native", "pyav"], default="", help="what reads the cameras; the agent's default")
    parser.add_argument("--shared", type=Path, default=HERE.parents[2] / "shared", help="folder that holds bench/rtsp_load.py")
    parser.add_argument("--report", type=Path, help="write the figures as JSON, a list of runs")
    parser.add_argument("--plot", type=Path, help="draw the figures of all runs that count, as SVG")
    args = parser.parse_args()
    if not (args.shared / "bench/rtsp_load.py").exists():
        parser.error(f"{args.shared} has no bench/rtsp_load.py: name the folder that has it with --shared")
    results, failed = [], False
    for cameras in args.cameras:
        result = run(args, cameras)
        results.append(result)
        wrong = [*faults(result), *(missed(result) if args.ingest != "pyav" else [])]
        failed |= bool(wrong)
        show(result)
        for line in wrong:
            print(f"bench: {cameras} cameras: {line}", file=sys.stderr)
    if args.report:
        runs = [{**asdict(one), "cpu_ratio": one.cpu_ratio, "faults": faults(one), "missed": missed(one)} for one in results]
        args.report.write_text(json.dumps(runs, indent=1) + "\n")
    if args.plot:
        args.plot.write_text(plot.svg(results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
