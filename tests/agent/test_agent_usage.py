"""What the agent's process costs: agent/usage.py."""

import errno

import pytest

from watchkeep.agent import usage
from watchkeep.agent.usage import UsageMeter


def test_a_process_without_a_descriptor_still_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beacons and camera states came to an end with it, just when an operator needs them."""
    meter = UsageMeter()
    before = meter.read()
    assert before.rss_mb > 1

    def refused() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(usage, "_resident", refused)
    assert meter.read().rss_mb == before.rss_mb
