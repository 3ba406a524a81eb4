"""Planned absences: what is left of the one that counts now, and nothing of those before, after, or of others."""

import pytest

from watchkeep.agent.directory.absences import Absences
from watchkeep.wire.desired import AgentDesired, DesiredAbsence


def document(*absences: tuple[str, float, float]) -> AgentDesired:
    planned = tuple(DesiredAbsence(archiver=name, start_s=start, end_s=end) for name, start, end in absences)
    return AgentDesired(site="demo", agent="edge-1", term=1, index=1, absences=planned)


@pytest.mark.parametrize(("archiver", "at", "left"), [
    ("a", 99.0, 0.0), ("a", 100.0, 100.0), ("a", 199.0, 1.0), ("a", 200.0, 0.0), ("b", 150.0, 0.0), ("b", 160.0, 40.0),
    ("c", 150.0, 0.0),
])  # fmt: skip
def test_what_is_left_of_an_absence(archiver: str, at: float, left: float) -> None:
    absences = Absences()
    absences.told(document(("a", 100.0, 200.0), ("b", 155.0, 170.0), ("b", 160.0, 200.0), ("a", 10.0, 20.0)))
    assert absences.left_s(archiver, at) == left


def test_the_last_document_counts_alone() -> None:
    absences = Absences()
    assert absences.left_s("a", 150.0) == 0.0
    absences.told(document(("a", 100.0, 200.0)))
    absences.told(document(("a", 100.0, 120.0)))
    assert absences.left_s("a", 150.0) == 0.0, "an operator has ended it"
    absences.told(None)
    assert absences.left_s("a", 110.0) == 0.0
