"""A sweep that is interrupted goes on where it stopped, and says how far it is."""

import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import sim
from sim_engine import Broken, Result
from sim_report import Progress, Sweep


def _result(seed: int, broken: Broken | None = None) -> Result:
    return Result(seed, broken, events=100, made=seed, simulated_s=30.0, done={"answers": 2})


def test_a_loaded_report_is_the_saved_one(tmp_path: Path) -> None:
    whole, file = Sweep("recording", 5), tmp_path / "report.json"
    whole.add(_result(5), "chunks")
    whole.add(_result(6, Broken(3, "not durable")), "chunks")
    whole.took_s = 1.5
    whole.save(file)
    assert Sweep.load(file, "recording", 5) == whole
    assert (whole.next, whole.failures) == (7, {6: "invariant 3: not durable"})
    assert json.loads(file.read_text())["totals"] == {"answers": 4, "chunks": 11, "events": 200}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_is_broken_travels_between_processes() -> None:
    again = pickle.loads(pickle.dumps(Broken(3, "not durable")))
    assert (again.number, str(again)) == (3, "invariant 3: not durable")


def test_a_report_of_other_seeds_is_refused(tmp_path: Path) -> None:
    Sweep("recording", 5).save(tmp_path / "report.json")
    for world, first in (("recording", 0), ("directory", 5)):
        with pytest.raises(SystemExit, match="recording seeds from 5 on, not of"):
            Sweep.load(tmp_path / "report.json", world, first)


def test_a_seed_out_of_turn_is_an_error() -> None:
    with pytest.raises(AssertionError, match="0 is next"):
        Sweep("recording", 0).add(_result(1), "chunks")


def test_an_interrupted_sweep_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    ran: list[int] = []
    interrupts = [2]

    def sweep(first: int, count: int, jobs: int, world: str) -> Iterator[Result]:
        for seed in range(first, first + count):
            if seed in interrupts:
                interrupts.remove(seed)
                raise KeyboardInterrupt
            ran.append(seed)
            yield _result(seed, Broken(4, "lost") if seed == 1 else None)

    monkeypatch.setattr(sim, "sweep", sweep)
    command = ["--seeds", "4", "--report", str(tmp_path / "report.json")]
    with pytest.raises(KeyboardInterrupt):
        sim.main(command)
    assert sim.main(command) == 1, "a failure of the first part counts"
    assert ran == [0, 1, 2, 3]
    assert "4 seeds from 0 on" in capsys.readouterr().out
    assert sim.main(command) == 1
    assert ran == [0, 1, 2, 3], "all of it was done"


def test_progress_is_one_line_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now, out, sweep = [0.0], io.StringIO(), Sweep("recording", 0)
    monkeypatch.setattr("sim_report.time.monotonic", lambda: now[0])
    progress = Progress(sweep, 3600, out)
    for seed in range(20):
        sweep.add(_result(seed), "chunks")
        now[0] += 1.0
        progress.tell()
    assert out.getvalue().splitlines() == ["10 of 3600 seeds, 1.0 a second, 0 h 59 min left, 0 failed",
                                           "20 of 3600 seeds, 1.0 a second, 0 h 59 min left, 0 failed"]  # fmt: skip
