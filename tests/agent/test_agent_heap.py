"""The heaps of an agent's threads, counted in a process of its own."""

import subprocess
import sys

import pytest

COUNT = """
import sys, threading
from watchkeep.agent.heap import few_arenas
if sys.argv[1] == "few":
    assert few_arenas()
held, gate, done = [], threading.Barrier(9), threading.Event()
def run():
    held.append([bytes(1000 + number) for number in range(100)])  # larger than what Python's own allocator serves
    gate.wait()
    done.wait()
threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads:
    thread.start()
gate.wait()
heaps = set()
for line in open("/proc/self/maps"):
    low, high = (int(number, 16) for number in line.split()[0].split("-"))
    if line.split()[1] == "---p" and high % (64 << 20) == 0 and high - low > 32 << 20:  # what an arena has reserved and not used
        heaps.add(low)
print(len(heaps))
done.set()
"""


def arenas(how):
    return int(subprocess.run([sys.executable, "-c", COUNT, how], check=True, capture_output=True, text=True, timeout=60).stdout)


@pytest.mark.timeout(120)
def test_many_threads_share_two_heaps():
    assert arenas("many") >= 4, "glibc as it is"
    assert arenas("few") <= 1, "beside the main one"


IDLE = """
import sys
from watchkeep.agent.heap import give_back
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
blocks = [b"x" * 60_000 for _ in range(1000)]  # each below what the C library would map by itself
kept = blocks[::50]
del blocks
before = resident()
assert sys.argv[1] == "keep" or give_back()
print(before - resident())
"""


def given_back(how):
    return int(subprocess.run([sys.executable, "-c", IDLE, how], check=True, capture_output=True, text=True, timeout=60).stdout)


@pytest.mark.timeout(120)
def test_what_lies_idle_between_used_blocks_goes_back_to_the_kernel():
    assert given_back("keep") < 1_000_000
    assert given_back("trim") > 40_000_000


BEGUN = """
import contextlib, gc, sys
from pathlib import Path
from types import SimpleNamespace
from watchkeep.agent import cli
def service(ready, **_):
    print(gc.get_freeze_count(), len(gc.get_objects()))
    return contextlib.nullcontext(SimpleNamespace(run=lambda _asked: False, plan=ready, kept=None, stragglers=[]))
cli.AgentService = service
cli.run(Path(sys.argv[1]))
"""


@pytest.mark.timeout(120)
def test_what_is_there_before_an_agent_begins_is_not_looked_through_for_garbage(tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text(f'[agent]\nid = "edge-1"\nsite = "home"\ndata_dir = "{tmp_path}"\n[[camera]]\nid = "gate"\nurl = "rtsp://127.0.0.1/1"\n')
    told = subprocess.run([sys.executable, "-c", BEGUN, str(config)], check=True, capture_output=True, text=True, timeout=60).stdout
    settled, looked_through = map(int, told.split())
    assert settled > 20_000
    assert looked_through < settled / 20
