"""The newest durable chunk of each camera: by epoch and number, not by time of arrival."""

from watchkeep.hub.store import freshness as module
from watchkeep.hub.store.freshness import Freshness, Newest


def test_what_a_catch_up_brings_makes_nothing_fresher() -> None:
    fresh = Freshness()
    fresh.note("cam0", 5, 7, 1.0, 70)
    fresh.note("cam0", 4, 99, 2.0, 990)
    fresh.note("cam0", 5, 6, 3.0, 60)
    fresh.note("cam0", 5, 7, 4.0, 70)
    assert fresh.all() == {"cam0": Newest(5, 7, 1.0, 70)}
    fresh.note("cam0", 5, 8, 5.0, 80)
    fresh.note("cam0", 6, 0, 6.0, 0)
    assert fresh.all() == {"cam0": Newest(6, 0, 6.0, 0)}


def test_the_one_that_was_silent_longest_is_forgotten_first() -> None:
    fresh = Freshness()
    for number in range(module.MAX_CAMERAS):
        fresh.note(f"cam{number}", 1, 0, float(number), 0)
    fresh.note("cam0", 1, 1, 20_000.0, 10)
    fresh.note("new", 1, 0, 20_001.0, 0)
    assert len(fresh.all()) == module.MAX_CAMERAS
    assert "cam0" in fresh.all()
    assert "cam1" not in fresh.all()
