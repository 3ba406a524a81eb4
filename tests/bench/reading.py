"""What reading cameras costs, and nothing behind it: CPU of one process that takes every frame and drops it.

    watchkeep source --cameras 16 --size 1920x1080 --fps 30 --bitrate 4M --loop-seconds 10 --port 8554 &
    python tests/bench/reading.py pyav --cameras 16      # agent/pyav, a thread for each camera
    python tests/bench/reading.py session --cameras 16   # agent/rtsp, a thread for each camera
    python tests/bench/reading.py streams --cameras 16 --tick-ms 100   # native/stream, one thread for all

Rules: one kind a process, one after the other; a run in which packets were lost says so and counts for nothing.
"""

import argparse
import resource
import threading
import time

from watchkeep.agent.pyav.ingest import RtspSession
from watchkeep.agent.rtsp.session import NativeSession
from watchkeep.native.stream import receive

SETTLE_S = 2.0


class Meter:
    """CPU and context switches of this process from now on."""

    def __init__(self):
        self.began, self.cpu, self.switched = time.monotonic(), time.process_time(), self._switches()

    @staticmethod
    def _switches():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_nvcsw + used.ru_nivcsw

    def line(self, cameras, frames):
        seconds = time.monotonic() - self.began
        percent = 100 * (time.process_time() - self.cpu) / seconds / cameras
        switches = (self._switches() - self.switched) / seconds
        return f"{percent:.3f} % of a core a camera, {frames / seconds / cameras:.1f} frames/s a camera, {switches:.0f} switches/s"


def threads(kind, urls, seconds):
    """A thread for each camera."""
    stop, frames, opened = threading.Event(), [0] * len(urls), threading.Barrier(len(urls) + 1)

    def read(number, url):
        session = kind(url, "tcp")
        opened.wait(30)
        for sample in session.samples():
            frames[number] += sample.video
            if stop.is_set():
                break
        session.close()

    readers = [threading.Thread(target=read, args=(number, url)) for number, url in enumerate(urls)]
    for reader in readers:
        reader.start()
    opened.wait(30)
    time.sleep(SETTLE_S)
    meter, before = Meter(), sum(frames)
    time.sleep(seconds)
    print(meter.line(len(urls), sum(frames) - before))
    stop.set()
    for reader in readers:
        reader.join()


def streams(urls, seconds, tick_s):
    """One thread for all."""
    sessions = [NativeSession(url, "tcp") for url in urls]
    all_streams = [session._stream for session in sessions]

    def drive(until):
        frames, due = 0, time.monotonic()
        while due < until:
            due += tick_s
            time.sleep(max(due - time.monotonic(), 0))
            receive(all_streams)
            frames += sum(len(stream.process(time.monotonic_ns())[0]) for stream in all_streams)
        return frames

    drive(time.monotonic() + SETTLE_S)
    meter = Meter()
    frames = drive(meter.began + seconds)
    print(meter.line(len(urls), frames), f"lost {sum(stream.counts(0)[1] for stream in all_streams)}", sep=", ")
    for session in sessions:
        session.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["pyav", "session", "streams"])
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--tick-ms", type=float, default=100.0)
    args = parser.parse_args()
    urls = [f"rtsp://127.0.0.1:{args.port}/cam{number}" for number in range(args.cameras)]
    if args.kind == "streams":
        streams(urls, args.seconds, args.tick_ms / 1000)
    else:
        threads(RtspSession if args.kind == "pyav" else NativeSession, urls, args.seconds)


if __name__ == "__main__":
    main()
