"""The demo's plot: record, kill one archiver, bring it back, let it catch up, stop cleanly, prove.

Rules: a generator that yields a scene whenever the display may be drawn; it acts on real processes through the cast
and learns only from MQTT and from what lies on the disk, as an operator would.
"""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import NamedTuple

from ...wire.errors import UsageError, WatchkeepError
from ..verify.against import compare_paths
from ..verify.verify import verify_paths
from .cast import Cast
from .follow import SiteView
from .measure import Measure
from .verdict import Takeover, Verdict, archive_of, judge, sent_frames

FPS = 25
ARCHIVERS = ("a", "b")
VICTIM, SURVIVOR = ARCHIVERS
KILL_AT, RESTART_AT = 0.35, 0.65
"""Of the recording time: a third healthy, a third with one archiver dead, a third with both again."""
START_S, SETTLE_S = 60.0, 120.0


class Scene(NamedTuple):
    """What is going on, and for how many seconds more when that is known."""

    text: str
    left_s: float | None = None


class Story:
    """One run of the demo; `verdict` is there when `play` has ended."""

    def __init__(self, cast: Cast, view: SiteView, *, seconds: float, cameras: int, size: str) -> None:
        self._cast, self._view, self._seconds, self._cameras, self._size = cast, view, seconds, cameras, size
        self._measure = Measure(VICTIM, SURVIVOR)
        self.verdict: Verdict | None = None

    def play(self) -> Iterator[Scene]:
        """Yield scenes until the verdict stands; raises WatchkeepError when the site does not come up."""
        yield Scene("starting two archivers")
        self._cast.archivers(*ARCHIVERS)
        yield Scene("starting cameras and agent; the agent finds the archivers by mDNS")
        frames = math.ceil(self._seconds * FPS)
        urls = self._cast.source("--frames", str(frames), "--fps", str(FPS), "--size", self._size, cameras=self._cameras)
        self._cast.agent(urls, archivers=ARCHIVERS, copies=len(ARCHIVERS))
        yield from self._until(lambda: self._view.recording() == self._cameras, START_S, "waiting for every camera to record")
        start = time.monotonic()
        yield from self._pass(start + KILL_AT * self._seconds, f"recording to archivers {' and '.join(ARCHIVERS)}")
        self._measure.killed(time.monotonic(), time.time())  # first: the agent may tell of it within milliseconds
        self._cast.kill(VICTIM)
        yield from self._pass(start + RESTART_AT * self._seconds, f"archiver {VICTIM} is dead (SIGKILL), recording goes on to {SURVIVOR}")
        self._cast.start(VICTIM)
        self._measure.restarted(time.monotonic(), time.time())
        yield from self._pass(start + self._seconds, f"archiver {VICTIM} was started again, and gets what it has missed")
        yield from self._until(self._finished(frames), START_S, "the cameras send their last frames")
        settled = yield from self._settle()
        yield Scene("stopping agent, archivers and cameras")
        exits = [self._cast.stop(name) for name in ("edge-1", *ARCHIVERS, "source")]
        yield Scene("proving both archives, hash by hash and frame by frame")
        self.verdict = self._judge(self._measure.takeover(settled=settled), clean=not any(exits))

    def _until(self, condition: Callable[[], bool], seconds: float, text: str) -> Iterator[Scene]:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise WatchkeepError(f"the demo got stuck: {text}", remedy=f"look at the logs in {self._cast.folder}")
            self._look()
            yield Scene(text)

    def _pass(self, until: float, text: str) -> Iterator[Scene]:
        while time.monotonic() < until:
            self._look()
            yield Scene(text, max(until - time.monotonic(), 0.0))

    def _settle(self) -> Generator[Scene, None, bool]:
        """Wait for every acknowledgement; False when it took too long."""
        deadline = time.monotonic() + SETTLE_S
        while not self._view.settled():
            if time.monotonic() > deadline:
                return False
            self._look()
            yield Scene("everything was sent; the archivers acknowledge the last of it")
        self._look()
        return True

    def _finished(self, frames: int) -> Callable[[], bool]:
        return lambda: all(state.frames >= frames for state in self._view.cameras.values())

    def _look(self) -> None:
        self._cast.check()
        self._measure.look(self._view, time.monotonic())

    def _judge(self, takeover: Takeover, *, clean: bool) -> Verdict:
        sent = sent_frames(json.loads((self._cast.folder / "source.json").read_text()))
        first, second = (self._cast.volume(name) for name in ARCHIVERS)
        try:
            proofs = [verify_paths([volume], lambda _done, _total: self._cast.check()) for volume in (first, second)]
        except UsageError as error:  # nothing to verify: a failure of the site, not of whoever runs the demo
            raise WatchkeepError(error.message, remedy=f"look at the logs in {self._cast.folder}") from error
        archives = [archive_of(name, proof, sent) for name, proof in zip(ARCHIVERS, proofs, strict=True)]
        verdict = Verdict(self._cameras, self._seconds, {camera: sum(sessions.values()) for camera, sessions in sent.items()}, archives,
                          compare_paths([first], [second]).good, takeover, clean)  # fmt: skip
        return replace(verdict, problems=judge(verdict))
