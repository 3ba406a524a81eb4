"""Holes of an archiver beside a peer: opened once, closed once, and a bounded memory of them."""

import pytest

from watchkeep.hub.consolidate import holes as module
from watchkeep.hub.consolidate.holes import HoleAt, Holes

AT = HoleAt("b", "cam0")


def test_a_hole_that_is_filled_at_once_is_two_events() -> None:
    holes = Holes()
    assert holes.missing(AT, 0) == ""
    assert holes.missing(AT, 5) == "opened: 5 chunk(s) are missing here that b has"
    holes.pulled(AT, 5)
    assert holes.missing(AT, 0) == "filled: 5 of 5 chunk(s) pulled from b"
    assert holes.missing(AT, 0) == ""


def test_a_peer_that_does_not_deliver_is_told_of_once_however_many_rounds_it_takes() -> None:
    holes, told = Holes(), []
    for missing, pulled in ((5, 0), (5, 2), (4, 0), (4, 0), (4, 4)):
        told.append(holes.missing(AT, missing))
        holes.pulled(AT, pulled)
        told.append(holes.missing(AT, missing - pulled))
    assert list(filter(None, told)) == ["opened: 5 chunk(s) are missing here that b has", "filled: 6 of 6 chunk(s) pulled from b"]
    assert holes.missing(AT, 1).startswith("opened: 1 "), "the next one is another"


def test_what_came_from_elsewhere_closes_it_without_a_claim() -> None:
    holes = Holes()
    holes.missing(AT, 5)
    holes.pulled(AT, 2)
    assert holes.missing(AT, 0).startswith("closed: 2 of 5 chunk(s) pulled from b; ")
    holes.missing(AT, 5)
    holes.missing(HoleAt("c", "cam9"), 5)
    assert [camera for camera, _ in holes.gone("b", ["cam1"])] == ["cam0"]
    assert holes.gone("b", []) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 2)
    holes = Holes()
    for camera in ("cam0", "cam1", "cam2"):
        holes.missing(HoleAt("b", camera), 1)
    assert holes.missing(HoleAt("b", "cam2"), 1) == ""
    assert holes.missing(AT, 1).startswith("opened"), "the first one was forgotten"
