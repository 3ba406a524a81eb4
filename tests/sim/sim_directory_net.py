"""The simulated network between directory servers: requests that arrive, are refused, are lost on one way, or hang.

Rules: a request that meets a dead process is refused; one to a machine without power, or over a link that is cut, ends at its
time limit; an answer needs its own way back.  What a stopped process receives waits for it, as in its kernel.
"""

from collections.abc import Callable
from typing import Any

from sim_engine import Loop

Reply = Callable[[Any], None]
Fail = Callable[[bool], None]
"""Called with whether the other side refused."""
NEAR_S = (0.0005, 0.004)


class Net:
    """Links by (from, to); hosts answer through `receive(kind, body, reply)`."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self._rng = loop, loop.random("net")
        self.hosts: dict[str, Any] = {}
        self.cut: set[tuple[str, str]] = set()
        self.slow: dict[tuple[str, str], float] = {}

    def open(self, source: str, target: str) -> bool:
        return (source, target) not in self.cut

    def both(self, one: str, two: str) -> bool:
        return self.open(one, two) and self.open(two, one)

    def heal(self) -> None:
        self.cut.clear()
        self.slow.clear()

    def _delay(self, source: str, target: str) -> float:
        return self._rng.uniform(*NEAR_S) + self.slow.get((source, target), 0.0)

    def call(self, source: str, target: str, kind: str, body: Any, reply: Reply, fail: Fail, limit_s: float) -> None:
        """Ask; exactly one of reply and fail is called, unless the asking process is gone by then."""
        boot = self.hosts[source].boot
        done = [False]

        def end(call: Callable[[Any], None], value: Any) -> None:
            if not done[0]:
                done[0] = True
                self.hosts[source].later(boot, lambda: call(value))

        self._loop.after(limit_s, end, fail, False)
        if not self.open(source, target):
            return

        def arrive() -> None:
            host = self.hosts[target]
            if not host.powered:
                return
            if not host.running:
                if self.open(target, source):
                    self._loop.after(self._delay(target, source), end, fail, True)
                return
            there = host.boot
            host.dropped(lambda: self._loop.after(self._delay(target, source), end, fail, True) if self.open(target, source) else None)

            def answer(value: Any) -> None:
                if self.open(target, source) and host.boot == there:
                    self._loop.after(self._delay(target, source), end, reply, value)

            host.later(there, lambda: host.receive(kind, body, answer))

        self._loop.after(self._delay(source, target), arrive)
