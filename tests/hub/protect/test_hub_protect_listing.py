"""Which list of evidence locks counts: of one origin the newest, of several all, and never a guess while one may be missing."""

import pytest

from watchkeep.hub.protect.listing import MAX_JOINED, LockList, Sources, joined, read_copy, to_copy
from watchkeep.hub.protect.model import Lock


def lock(number: int, owner: str = "case 7") -> Lock:
    return Lock(id=f"lock-{number}", camera="cam0", start_ns=100 * number, end_ns=100 * number + 50, owner=owner, reason="x", created_ns=5)


def listed(origin: str, change: int, *numbers: int, owner: str = "case 7") -> LockList:
    return LockList(origin=origin, change=change, next=max(numbers, default=0) + 1, locks=tuple(lock(one, owner) for one in numbers))


def test_a_copy_proves_itself_to_the_bit() -> None:
    data = to_copy(listed("o", 3, 1, 2))
    assert read_copy(data) == listed("o", 3, 1, 2)
    assert read_copy(b"") is read_copy(data[:-1]) is read_copy(data + data) is None
    for at in range(len(data)):
        assert read_copy(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None


def test_locks_of_another_archiver_get_numbers_of_this_one_and_none_comes_twice() -> None:
    mine, other = listed("a", 5, 1, 2), listed("b", 9, 2, 3, owner="case 8")
    both = joined(mine, other)
    assert (both.origin, both.change, both.next) == ("a", 6, 5)
    assert [(one.id, one.owner[5:]) for one in both.locks] == [("lock-1", "7"), ("lock-2", "7"), ("lock-3", "8"), ("lock-4", "8")]
    assert joined(both, other) is both


def test_of_one_origin_the_newest_counts_wherever_it_is() -> None:
    for own, copies, counts in (
        (listed("a", 5, 1), [listed("a", 4), None], [1]),
        (listed("a", 4), [listed("a", 5, 1), listed("a", 3)], [1]),
        (None, [listed("a", 4), listed("a", 5, 1)], [1]),
        (None, [listed("a", 5, 1), listed("b", 6, 2), listed("a", 7)], [2]),
        (None, [None, None], []),
    ):  # fmt: skip
        sources = Sources("xyz"[: len(copies)])
        if own is not None:
            sources.own(own)
        for name, copy in zip("xyz", copies, strict=False):
            sources.copy(name, copy)
        assert [one.start_ns // 100 for one in sources.listed.locks] == counts
        assert sources.problem == ""


def test_while_a_list_may_be_on_a_volume_that_was_not_read_everything_is_locked() -> None:
    forgotten = Sources(["x", "y"], lost=True)
    assert "x, y" in forgotten.problem
    forgotten.copy("x", listed("a", 5, 1))
    assert "y, not read yet" in forgotten.problem, "there may be a newer one"
    forgotten.copy("y", listed("a", 6, 1, 2))
    assert (forgotten.problem, len(forgotten.listed.locks)) == ("", 2)


def test_who_never_had_a_lock_is_not_alarmed_by_a_volume_that_hangs() -> None:
    sources = Sources(["x", "y"])
    sources.copy("x", None)
    assert sources.problem == ""
    sources = Sources(["x"], lost=True)
    sources.copy("x", None)
    assert sources.problem == "", "a new archiver"


def test_a_list_that_cannot_be_read_needs_another_one() -> None:
    sources = Sources(["x", "y"])
    sources.broken("locks.json (a field)")
    sources.copy("x", None)
    assert "y, not read yet" in sources.problem
    sources.broken("y/copy (I/O error)", "y")
    assert "locks.json (a field), y/copy (I/O error)" in sources.problem
    assert "backup" in sources.problem
    sources.copy("x", listed("a", 5, 1))
    assert sources.problem == ""


@pytest.mark.parametrize("many", [MAX_JOINED, MAX_JOINED + 1])
def test_more_locks_than_fit_drop_none_but_lock_everything(many: int) -> None:
    sources = Sources()
    sources.own(listed("a", 5, 1))
    sources.copy("x", listed("b", 5, *range(2, many + 1)))
    assert (sources.problem == "") == (many == MAX_JOINED)
