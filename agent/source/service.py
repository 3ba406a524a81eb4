"""The life of the test source: bind, prepare, announce, serve until it is told to stop, report.

Rules: the event loop has the main thread; the feed has one of its own; SIGTERM and SIGINT stop cleanly.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from ...wire.errors import WatchkeepError
from ...wire.shell.files import publish
from . import report
from .camera import Camera
from .feed import Feed
from .material import Material, prepare
from .options import Settings
from .server import Server


@dataclass(frozen=True, slots=True)
class Ready:
    """What a tester needs to know once the source listens."""

    port: int
    urls: tuple[str, ...]
    run: int
    notes: tuple[str, ...]


def run(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT; raises UsageError before anything is served, WatchkeepError when the feed breaks."""
    asyncio.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[Ready], None]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    rng = random.Random(settings.seed) if settings.seed is not None else random.SystemRandom()
    server = Server(settings.credentials, rng)
    port = await server.bind(settings.host, settings.port)
    failures: list[BaseException] = []

    def broken(error: BaseException) -> None:
        failures.append(error)
        stopped.set()

    try:
        material = prepare(settings, rng, time.time_ns, lambda: server.now().elapsed_s)
        run_id = rng.getrandbits(32)
        server.cameras = {camera.name: camera for camera in _cameras(settings, material, run_id, rng)}
        origin = time.monotonic()  # only now: encoding ahead took its time, and the feed must not run after it
        feed = Feed(material.producers, loop.call_soon_threadsafe, server.deliver, broken, origin)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await server.start(origin)
        feed.start()
        try:
            announce(Ready(port, tuple(_url(settings.host, port, name) for name in server.cameras), run_id, material.notes))
            await stopped.wait()
        finally:
            feed.stop()
    finally:
        await server.stop()
    _report(settings, run_id, server)
    if failures:
        raise WatchkeepError(f"the source's feed broke: {failures[0]}", remedy="report this with the command line") from failures[0]


def _cameras(settings: Settings, material: Material, run_id: int, rng: random.Random) -> list[Camera]:
    names = (f"cam{index}" for index in range(settings.cameras))
    return [Camera(name, material.tracks, run_id, settings.frames, settings.faults.get(name), rng) for name in names]


def _url(host: str, port: int, camera: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"rtsp://{shown}:{port}/{camera}"


def _report(settings: Settings, run_id: int, server: Server) -> None:
    if settings.report is None:
        return
    try:
        publish(settings.report, report.render(run_id, {name: camera.record for name, camera in server.cameras.items()}))
    except OSError as error:
        raise WatchkeepError(f"{settings.report} cannot be written: {error.strerror}", remedy="free the disk and run again") from error
