"""What a long sweep tells while it runs and leaves behind: a line on how far it is, and a file from which the next run goes on.

    --report FILE   {"world": "recording", "first": 0, "count": 1200, "failures": {"17": "invariant 3: ..."},
                     "totals": {"chunks": 70113, ...}, "simulated_s": 37100.5, "took_s": 96.1}

Rules: `count` seeds from `first` on are done, without a hole between them.  The file is replaced whole, so an interrupted run leaves
the last state, never half of one; what it did since is run again.
"""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from sim_engine import Result

SAVE_EVERY_S = 10.0
"""What an interruption costs of a sweep at most."""
TELL_EVERY_S = 10.0
TELL_TERMINAL_S = 1.0


@dataclass
class Sweep:
    """The seeds first..first+count-1, done so far."""

    world: str
    first: int
    count: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    simulated_s: float = 0.0
    took_s: float = 0.0

    @property
    def next(self) -> int:
        return self.first + self.count

    def add(self, result: Result, made: str) -> None:
        """Enter the result of seed `next`; `made` is what its world counts."""
        assert result.seed == self.next, f"seed {result.seed} is out of turn, {self.next} is next"
        self.count += 1
        self.simulated_s += result.simulated_s
        self.totals.update(result.done, events=result.events, **{made: result.made})
        if result.broken is not None:
            self.failures[result.seed] = str(result.broken)

    def save(self, path: Path) -> None:
        """Replace the report; a reader sees the old one or the new one."""
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps({**vars(self), "totals": dict(sorted(self.totals.items()))}, indent=1) + "\n")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path, world: str, first: int) -> "Sweep":
        """Where the sweep of that file stopped; a fresh one without a file, SystemExit when it is the report of other seeds."""
        if not path.exists():
            return cls(world, first)
        kept = json.loads(path.read_text())
        if (kept["world"], kept["first"]) != (world, first):
            raise SystemExit(f"{path} is the report of {kept['world']} seeds from {kept['first']} on, not of {world} seeds from {first}: "
                             "name another file")  # fmt: skip
        return cls(world, first, kept["count"], {int(seed): why for seed, why in kept["failures"].items()}, Counter(kept["totals"]),
                   kept["simulated_s"], kept["took_s"])  # fmt: skip

    def summary(self) -> str:
        done = ", ".join(f"{count} {name}" for name, count in sorted(self.totals.items()))
        return (f"{self.count} seeds from {self.first} on in {self.took_s:.0f} s ({1000 * self.took_s / max(self.count, 1):.0f} ms each), "
                f"{self.simulated_s / 3600:.1f} h simulated, {len(self.failures)} failed; {done}")  # fmt: skip


class Progress:
    """One line a second on a terminal, in its place; elsewhere a line each TELL_EVERY_S."""

    def __init__(self, sweep: Sweep, wanted: int, out: TextIO = sys.stderr) -> None:
        self._sweep, self._wanted, self._out = sweep, wanted, out
        self._began, self._had = time.monotonic(), sweep.count
        self._terminal = out.isatty()
        self._told = self._began

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= (TELL_TERMINAL_S if self._terminal else TELL_EVERY_S):
            self._told = now
            self._out.write(f"\r{self._line(now)}\033[K" if self._terminal else f"{self._line(now)}\n")
            self._out.flush()

    def clear(self) -> None:
        """Before anything else is printed."""
        if self._terminal:
            self._out.write("\r\033[K")
            self._out.flush()

    def _line(self, now: float) -> str:
        sweep, here = self._sweep, self._sweep.count - self._had
        rate = here / max(now - self._began, 0.001)
        left_s = (self._wanted - sweep.count) / rate if rate else float("inf")
        left = f"{left_s // 3600:.0f} h {left_s % 3600 // 60:.0f} min left" if rate else "no seed done yet"
        return f"{sweep.count} of {self._wanted} seeds, {rate:.1f} a second, {left}, {len(sweep.failures)} failed"
