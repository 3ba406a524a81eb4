"""Asks an archiver of a fault site what it has, for lane.py.

Rules: one request asks for all cameras, so that asking costs the archiver little; when each chunk ended is read from the files
afterwards, so that nothing is asked for that.
"""

import time
from collections.abc import Callable
from pathlib import Path

from faultrig import FaultSite
from lane import Sample
from takeover import SETTLE_S

from watchkeep.hub.verify.files import Plan, reading
from watchkeep.wire.segment import init_length, iter_chunks

EVERY_S = 0.05


def ask(site: FaultSite, name: str) -> Sample | None:
    """What archiver `name` has of every camera now; None when it does not answer."""
    states = site.states(name)
    return None if states is None else Sample(time.monotonic(), time.time(), states)


def watch(site: FaultSite, name: str, enough: Callable[[Sample], bool]) -> list[Sample]:
    """Every answer until one is enough; raises TimeoutError when none is in time."""
    samples, end = list[Sample](), time.monotonic() + SETTLE_S
    while not samples or not enough(samples[-1]):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {SETTLE_S} s")
        sample = ask(site, name)
        samples += [] if sample is None else [sample]
        time.sleep(EVERY_S)
    return samples


def ends(volume: Path) -> dict[tuple[str, int, int], float]:
    """UTC seconds at which each chunk of a volume ends, by its seal."""
    plan, found = Plan([volume]), dict[tuple[str, int, int], float]()
    for camera in plan.cameras():
        for entry in plan.entries(camera):
            with reading(entry) as read:
                for chunk in iter_chunks(read, init_length(read)):
                    found[camera, chunk.seal.epoch, chunk.seal.seq] = chunk.seal.wall_end_ns / 1e9
    return found
