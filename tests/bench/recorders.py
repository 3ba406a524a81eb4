"""How long a camera is not recorded when its recorder dies: trials with real processes on loopback.

    directory x, archivers a and b, agents edge-1 and edge-2:
    fault on the one that records ─▶ first chunk of each camera's next epoch on archiver a (measured) ─▶ heal ─▶ it is there again ─▶ next

Rules: everything goes on over all trials, and is proven at the end; each fault comes at a random moment of the second that a question is
held.  What is lost is what stands between the two epochs by the cameras' own frames: that is measured too.
"""

import signal
import threading
import time
from pathlib import Path
from random import Random

from recorder_site import SETTLE_S, RecorderSite, recorder_site
from series import Series
from takeover import poll
from verdict import RECORDER_FIRST
from wksite import wait_until

from watchkeep.wire.ids import epoch_term

CASES = {
    "recorder-kill": (signal.SIGKILL, "SIGKILL of the agent that records"),
    "recorder-silent": (signal.SIGSTOP, "SIGSTOP of the agent that records: its connections stay open"),
}
AGAIN = "first chunk on an archiver"
GAP = "video missing"


def recorders(case: str, *, trials: int, cameras: int, folder: Path, random: Random) -> Series:
    number, what = CASES[case]
    series = Series(case, what)
    with recorder_site(folder) as site:
        site.record("x", cameras=cameras)
        for _ in range(trials):
            threading.Event().wait(random.uniform(1.0, 2.0))  # the moment of the fault, not a wait for anything
            _trial(site, series, number)
            series.trials += 1
        series.judge(site.finish())
    series.gaps = 0  # each trial has one, measured above
    return series


def _trial(site: RecorderSite, series: Series, number: int) -> None:
    who = site.recorders()["cam0"]
    began = time.monotonic()
    before = site.fails(who, number)
    poll(lambda: any(site.term(camera) > term for camera, term in before.items()))
    series.add(AGAIN, time.monotonic() - began)
    poll(lambda: site.taken_up(before))
    series.add(RECORDER_FIRST, time.monotonic() - began)
    for camera, term in before.items():
        spans = sorted(site.spans(camera), key=lambda span: span.epoch)
        first = next(index for index, span in enumerate(spans) if epoch_term(span.epoch) > term)
        series.add(GAP, spans[first].start_s - spans[first - 1].end_s)
    if number == signal.SIGSTOP:
        site.kill(who, signal.SIGCONT)
    else:
        boot = site.view.agents[who].boot
        site.start(who)
        wait_until(lambda: site.view.agents[who].boot != boot, SETTLE_S, f"{who}'s start")
    wait_until(lambda: site.lives().get(who) == "lives" and site.view.agents[who].cameras == 0, SETTLE_S, f"{who}'s return")
