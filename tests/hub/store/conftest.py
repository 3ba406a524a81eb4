"""The store's own rhythm is seconds; tests of it are not."""

import pytest


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.keeper.KEEP_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.retainer.AGE_S", 0.1)
    monkeypatch.setattr("watchkeep.hub.store.tally.TELL_S", 0.2)
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.PROBE_S", 0.1)
