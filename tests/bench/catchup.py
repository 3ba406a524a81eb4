"""A case of `./run reliability`: one archiver comes back to 16 cameras' backlog, again and again.

    b killed ─▶ away ─▶ b started ─▶ it listens ─▶ its first chunk ─▶ live ─▶ filled, and SETTLED_S more ─▶ next

Rules: what is filled is what a had when b listened; the rate is counted from there and from b's first chunk, because how soon an agent
comes back is part of the first and not of the second; ages are worked out at the end, from the chunks' seals (lane.py).
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from endurance import start
from faultrig import FaultSite, fault_site
from lane import Ends, Sample, filled, newest, returned
from sampling import EVERY_S, ends, watch
from series import Series
from takeover import finish
from verdict import (
    AGE,
    FILLED_FROM_FIRST,
    FILLED_FROM_RETURN,
    RATE_FROM_FIRST,
    RATE_FROM_RETURN,
    UNTIL_FIRST,
    UNTIL_LIVE,
)

CAMERAS = 16
SETTLED_S = 2.0
"""Two chunks: each trial sees the age rise and fall also when all is filled at once."""


@dataclass(frozen=True, slots=True)
class Trial:
    since: float
    """When b listened, monotonic."""
    before: Mapping[str, int]
    wanted: Mapping[str, int]
    samples: list[Sample]


def catchup(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """How fast the backlog is filled, and how old live video gets meanwhile."""
    series = Series("catch-up", f"{CAMERAS} cameras of 0.5 Mbit/s, copies 2, b away for {args.away:g} s")
    with fault_site(folder) as site:
        start(site, cameras=CAMERAS, copies=2, proxied=False)
        trials = [_trial(site, args.away) for _ in range(args.trials)]
        finish(site)
        series.judge(site.proof("b"))
        ended = ends(site.volume("b"))
    for trial in trials:
        enter(series, trial, ended)
    return series


def _trial(site: FaultSite, away_s: float) -> Trial:
    before = site.held("b")
    site.kill("b")
    time.sleep(away_s)  # the outage itself
    site.again("b")
    since, wanted = time.monotonic(), site.held("a")

    def caught_up(sample: Sample) -> bool:
        return filled(sample, wanted) and all(newest(sample.states[camera]) > upto for camera, upto in wanted.items())

    samples = watch(site, "b", caught_up)
    until = time.monotonic() + SETTLED_S
    return Trial(since, before, wanted, samples + watch(site, "b", lambda sample: sample.now >= until))


def enter(series: Series, trial: Trial, ended: Ends) -> None:
    """The figures of one trial; the camera with the smallest backlog gives the rate, and no time is shorter than a poll."""
    found = returned(trial.samples, ended, since=trial.since, before=trial.before, wanted=trial.wanted)
    series.trials += 1
    if found.first_s is None or found.filled_s is None or found.live_s is None:
        series.miss(f"trial {series.trials}: b was not filled and live at its end")
        return
    backlog = min(upto - trial.before[camera] for camera, upto in trial.wanted.items())
    series.add(UNTIL_FIRST, found.first_s)
    series.add(UNTIL_LIVE, max(found.live_s - found.first_s, 0.0))
    for times, rates, took in ((FILLED_FROM_RETURN, RATE_FROM_RETURN, found.filled_s),
                               (FILLED_FROM_FIRST, RATE_FROM_FIRST, found.filled_s - found.first_s)):  # fmt: skip
        series.add(times, took)
        series.figure(rates, backlog / max(took, EVERY_S))
    for one in found.ages:
        series.add(AGE, one)


CASES = {"catchup": catchup}
