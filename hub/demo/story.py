"""The demo's plot: record, kill one archiver, bring it back, let it catch up, stop cleanly, prove.

Rules: a generator that yields a headline whenever the display may be drawn; it acts on real processes through the cast
and learns only from MQTT and from what lies on the disk, as an operator would.
"""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from ...wire.errors import WatchkeepError
from ..verify.against import compare_paths
from ..verify.verify import verify_paths
from .cast import Cast
from .follow import SiteView
from .verdict import Takeover, Verdict, archive_of, judge, sent_frames

FPS = 25
ARCHIVERS = ("a", "b")
VICTIM, SURVIVOR = ARCHIVERS
KILL_AT, RESTART_AT = 0.35, 0.65
"""Of the recording time: a third healthy, a third with one archiver dead, a third with both again."""
START_S, SETTLE_S = 60.0, 120.0


class Story:
    """One run of the demo; `verdict` is there when `play` has ended."""

    def __init__(self, cast: Cast, view: SiteView, *, seconds: float, cameras: int, size: str) -> None:
        self._cast, self._view, self._seconds, self._cameras, self._size = cast, view, seconds, cameras, size
        self._worst_age = 0.0
        self._detected: float | None = None
        self.verdict: Verdict | None = None

    def play(self) -> Iterator[str]:
        """Yield headlines until the verdict stands; raises WatchkeepError when the site does not come up."""
        yield "starting two archivers"
        for name in ARCHIVERS:
            self._cast.archiver(name)
        yield "starting the test source and the agent; archivers are found by mDNS"
        frames = math.ceil(self._seconds * FPS)
        urls = self._cast.source("--frames", str(frames), "--fps", str(FPS), "--size", self._size, cameras=self._cameras)
        self._cast.agent(urls, archivers=ARCHIVERS, copies=len(ARCHIVERS))
        yield from self._until(lambda: self._view.recording() == self._cameras, START_S, "waiting for every camera to record")
        start = time.monotonic()
        yield from self._pass(start + KILL_AT * self._seconds, "recording to both archivers")
        self._cast.kill(VICTIM)
        killed = time.monotonic()
        yield from self._pass(start + RESTART_AT * self._seconds, f"archiver {VICTIM} was killed (SIGKILL); recording goes on", killed)
        self._cast.start(VICTIM)
        restarted = time.monotonic()
        yield from self._until(self._finished(frames), self._seconds + START_S, f"archiver {VICTIM} is back and catches up")
        caught_up = yield from self._settle(restarted)
        yield "stopping everything cleanly"
        exits = [self._cast.stop(name) for name in ("edge-1", *ARCHIVERS, "source")]
        yield "proving both archives, hash by hash and frame by frame"
        self.verdict = self._judge(Takeover(VICTIM, SURVIVOR, self._detected, round(restarted - killed, 2), caught_up, self._worst_age),
                                   clean=not any(exits))  # fmt: skip

    def _until(self, condition: Callable[[], bool], seconds: float, headline: str) -> Iterator[str]:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise WatchkeepError(f"the demo got stuck: {headline}", remedy=f"look at the logs in {self._cast.folder}")
            self._look()
            yield headline

    def _pass(self, until: float, headline: str, killed: float | None = None) -> Iterator[str]:
        while time.monotonic() < until:
            self._look(killed)
            yield f"{headline} ({until - time.monotonic():.0f} s)"

    def _settle(self, restarted: float) -> Generator[str, None, float | None]:
        """Wait for every copy; returns the seconds since the restart, or None when it took too long."""
        deadline = time.monotonic() + SETTLE_S
        while not self._view.settled():
            if time.monotonic() > deadline:
                return None
            yield "everything was sent; the last copies become durable"
        return round(time.monotonic() - restarted, 2)

    def _finished(self, frames: int) -> Callable[[], bool]:
        return lambda: all(state.frames >= frames for state in self._view.cameras.values())

    def _look(self, killed: float | None = None) -> None:
        ages = [state.chunk_age_s for state in self._view.cameras.values() if state.chunk_age_s is not None and state.status == "recording"]
        self._worst_age = max([self._worst_age, *ages])
        said = any(event.archiver == VICTIM and event.kind == "takeover" for event in self._view.events)
        if killed is not None and self._detected is None and said:
            self._detected = round(time.monotonic() - killed, 2)

    def _judge(self, takeover: Takeover, *, clean: bool) -> Verdict:
        sent = sent_frames(json.loads((self._cast.folder / "source.json").read_text()))
        first, second = (self._cast.volume(name) for name in ARCHIVERS)
        proofs = [verify_paths([first]), verify_paths([second])]
        archives = [archive_of(name, proof, sent) for name, proof in zip(ARCHIVERS, proofs, strict=True)]
        verdict = Verdict(self._cameras, self._seconds, {camera: sum(sessions.values()) for camera, sessions in sent.items()}, archives,
                          compare_paths([first], [second]).good, takeover, clean)  # fmt: skip
        return replace(verdict, problems=judge(verdict))
