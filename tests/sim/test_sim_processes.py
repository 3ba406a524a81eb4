"""Processes: results in the order of the seeds, whoever is done first, and a process that dies takes the sweep with it."""

import multiprocessing
import os
import signal

import pytest
from sim_engine import Result
from sim_processes import BATCH, Processes


def _result(seed: int) -> Result:
    return Result(seed, None, 1, 1, 1.0, {"pid": os.getpid()})


def _first_is_slow(seed: int) -> Result:
    sum(range(5_000_000 if seed == 7 else 1))
    return _result(seed)


def _dies(seed: int) -> Result:
    if seed == 7 + BATCH:
        os.kill(os.getpid(), signal.SIGKILL)
    return _result(seed)


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_seeds_from_a_process_for_each_batch(jobs: int) -> None:
    seeds = range(7, 7 + 5 * BATCH + 3)
    with Processes(_first_is_slow, jobs) as processes:
        results = list(processes.results(seeds))
    assert [each.seed for each in results] == list(seeds)
    assert len({each.done["pid"] for each in results} | {os.getpid()}) == 7
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_is_named_by_its_seed_and_nothing_of_the_others_is_left() -> None:
    with pytest.raises(RuntimeError, match=f"seed {7 + BATCH} has killed"), Processes(_dies, 2) as processes:
        list(processes.results(range(7, 7 + 8 * BATCH)))
    assert multiprocessing.active_children() == []


def test_a_sweep_that_is_left_early_leaves_no_process() -> None:
    with Processes(_result, 2) as processes:
        assert next(processes.results(range(100))).seed == 0
    assert multiprocessing.active_children() == []
