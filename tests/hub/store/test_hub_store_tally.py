"""Deletions are told at once, then summed up."""

from watchkeep.hub.store import tally as module
from watchkeep.hub.store.tally import Deleted, Tally


def test_first_at_once_then_summed_up_then_all() -> None:
    tally = Tally()
    tally.add("v", 10)
    tally.add("v", 20)
    assert tally.due(0.0) == {"v": Deleted(2, 30)}
    tally.add("v", 1)
    tally.add("w", 5)
    assert tally.due(module.TELL_S - 0.01) == {"w": Deleted(1, 5)}
    tally.add("v", 1)
    assert tally.due(module.TELL_S) == {"v": Deleted(2, 2)}
    assert tally.due(module.TELL_S * 9) == {}
    tally.add("v", 7)
    assert tally.due(module.TELL_S * 9, everything=True) == {"v": Deleted(1, 7)}


def test_keys_are_bounded() -> None:
    tally = Tally()
    for number in range(module.MAX_KEYS + 50):
        tally.add(str(number), 1)
    assert len(tally.due(0.0)) == module.MAX_KEYS + 50
    tally.add("0", 1)
    tally.add(str(module.MAX_KEYS), 1)
    assert tally.due(module.TELL_S / 2) == {"0": Deleted(1, 1)}, "the oldest time is forgotten, a newer one is not"
