"""Entries of another branch: merged when nothing that they are about has changed, kept with both versions otherwise, taken in once."""

from typing import Any

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.cluster.merge import DELIVERED, PARCEL_ENTRIES, Parcel, branches, judge, parcel
from watchkeep.hub.directory.entry import Entry
from watchkeep.hub.directory.site import Change


class Fork:
    """Two journals with a common beginning; `theirs` is the branch that is delivered to `ours`."""

    def __init__(self, *common: Change) -> None:
        self.ours, self.theirs = Book(*common), Book(*common)
        self.base = len(self.ours.entries)

    def their_edit(self, *changes: Change) -> Entry:
        """Naming revisions, as a leader does."""
        named = []
        for change in changes:
            record = self.theirs.site.get(change.key)
            named.append(change._replace(was=record.revision if record else 0))
        return self.theirs.edit(*named)

    def parcel(self) -> Parcel:
        found = parcel("b", self.theirs.entries[self.base :], set())
        assert found is not None
        return found

    def deliver(self, *, base_known: bool = True) -> list[tuple[str, dict[str, Any]]]:
        sent = self.parcel()
        found = []
        for entry in sent.entries:
            written = judge(self.ours.site, sent, entry, 1, base_known=base_known)
            if written is not None:
                self.ours.write(written.kind, **written.payload)
                found.append((written.kind, written.payload))
        return found


GROUP = put("group/g", copies=1)


def test_what_touches_nothing_else_changed_is_merged_with_its_actor_and_told_from_where() -> None:
    fork = Fork(camera(1), GROUP)
    fork.their_edit(camera(2, group="g"))
    fork.their_edit(camera(2, group="g", name="again"), camera(1, name="seen"))
    fork.their_edit(gone("camera/cam1"))
    fork.ours.edit(camera(3))
    assert [kind for kind, _ in fork.deliver()] == ["edit"] * 3
    assert set(fork.ours.site.cameras) == {"cam2", "cam3"}
    assert fork.ours.site.cameras["cam2"].name == "again"
    assert fork.ours.entries[-1].payload["note"] == "merged from b"


@pytest.mark.parametrize(("theirs", "ours"), [
    (camera(1, name="theirs"), camera(1, name="ours")),
    (camera(1, name="theirs"), gone("camera/cam1")),
    (gone("camera/cam1"), camera(1, name="ours")),
    (camera(9, name="theirs"), camera(9, name="ours")),
    (camera(2, group="g"), put("group/g", copies=2)),
    (camera(2, group="g"), gone("group/g")),
    (gone("group/g"), camera(2, group="g")),
], ids=["both-changed", "removed-here", "removed-there", "both-made", "target-changed", "target-removed", "removes-used"])  # fmt: skip
def test_what_contradicts_is_kept_with_both_versions(theirs: Change, ours: Change) -> None:
    fork = Fork(camera(1), GROUP)
    sent = fork.their_edit(theirs)
    fork.ours.edit(ours)
    before = fork.ours.site.copy()
    ((kind, payload),) = fork.deliver()
    assert kind == "keep"
    assert fork.ours.site.entities == before.entities, "nothing half applied"
    kept = fork.ours.site.contingencies[sent.hash]
    assert kept.entries[0]["changes"][0]["value"] == theirs.value
    now = before.get(theirs.key)
    assert kept.entries[0]["now"][str(theirs.key)] == (None if now is None else {"value": now.value, "revision": now.revision})
    assert payload["why"]


def test_what_rests_on_a_kept_edit_is_kept_too() -> None:
    fork = Fork(camera(1))
    fork.their_edit(camera(1, name="theirs"))
    fork.their_edit(camera(1, name="theirs again"))
    fork.their_edit(camera(5))
    fork.ours.edit(camera(1, name="ours"))
    assert [kind for kind, _ in fork.deliver()] == ["keep", "keep", "edit"]


def test_what_both_sides_made_equal_is_no_contradiction() -> None:
    fork = Fork(camera(1))
    fork.their_edit(camera(1, name="same"), camera(2))
    fork.ours.edit(camera(1, name="same"))
    ((kind, payload),) = fork.deliver()
    assert kind == "edit"
    assert [change["id"] for change in payload["changes"]] == ["cam2"]


def test_delivering_twice_changes_nothing() -> None:
    fork = Fork(camera(1))
    fork.their_edit(camera(1, name="theirs"))
    fork.their_edit(camera(2))
    fork.ours.edit(camera(1, name="ours"))
    fork.deliver()
    before = fork.ours.site.digest()
    assert fork.deliver() == []
    assert fork.ours.site.digest() == before


def test_an_edit_that_comes_by_two_ways_is_made_once() -> None:
    fork = Fork(camera(1))
    sent = fork.their_edit(camera(2))
    fork.deliver()
    fork.ours.edit(camera(2, name="edited since"))
    again = fork.theirs.write("edit", changes=sent.payload["changes"], note="merged from c", of=[sent.hash])
    assert [(kind, payload["changes"]) for kind, payload in fork.deliver()] == [("edit", [])]
    assert again.hash in fork.ours.site.taken
    assert fork.ours.site.cameras["cam2"].name == "edited since"


def test_without_a_known_ancestor_everything_is_kept() -> None:
    fork = Fork(camera(1))
    fork.their_edit(camera(2))
    assert [kind for kind, _ in fork.deliver(base_known=False)] == ["keep"]


def test_numbers_that_the_branch_gave_are_passed() -> None:
    fork = Fork(camera(1))
    for book, term in ((fork.ours, 9), (fork.theirs, 26)):
        book.write("assign", recorders={"cam1": [f"agent of {term}", term]}, archivers={})
        book.write("lease", role="backup", holder=f"server of {term}", number=term)
    fork.theirs.write("assign", recorders={"cam1": ["x", 34]}, archivers={})
    while fork.deliver():
        pass
    assert fork.ours.site.recorders["cam1"] == ("agent of 9", 41), "above all of them, not just above the first"
    assert fork.ours.site.leases["backup"] == ("server of 9", 33)


def test_a_settled_contingency_is_settled_here_too_and_a_kept_one_is_kept() -> None:
    fork = Fork(camera(1))
    kept = {"origin": "f" * 64, "entries": [], "why": "x", "of": ["f" * 64]}
    for book in (fork.ours, fork.theirs):
        book.write("keep", **kept)
    fork.base += 1
    fork.theirs.write("settle", origin="f" * 64, verdict="dismiss", changes=[], note="")
    fork.theirs.write("keep", origin="e" * 64, entries=[], why="y", of=["e" * 64])
    assert [kind for kind, _ in fork.deliver()] == ["settle", "keep"]
    assert set(fork.ours.site.contingencies) == {"e" * 64}


def test_parcels_are_bounded_in_order_and_leave_out_what_is_taken_in() -> None:
    fork = Fork(camera(1))
    fork.theirs.write("lead", server="b")
    for number in range(PARCEL_ENTRIES + 5):
        fork.their_edit(camera(2, name=str(number)))
    aside = fork.theirs.entries[fork.base :]
    first = fork.parcel()
    assert (first.base, first.base_hash) == (fork.base, fork.ours.site.hash)
    assert first.hashes == tuple(entry.hash for entry in aside)
    assert first.entries == tuple(aside[1 : PARCEL_ENTRIES + 1]), "and nobody needs a lead"
    second = parcel("b", list(reversed(aside)), {entry.hash for entry in first.entries})
    assert second is not None
    assert second.entries == tuple(aside[PARCEL_ENTRIES + 1 :])
    assert parcel("b", aside, {entry.hash for entry in aside}) is None
    assert "lead" not in DELIVERED


def test_two_branches_are_told_apart() -> None:
    one, two = Fork(camera(1)), Fork(camera(1))
    one.their_edit(camera(2))
    two.their_edit(camera(3))
    two.their_edit(camera(4))
    runs = list(branches([*two.theirs.entries[1:], *one.theirs.entries[1:]]))
    assert sorted(len(run) for run in runs) == [1, 2]


def test_a_branch_of_a_branch_is_delivered_too() -> None:
    """Cut off for one leader, then what was followed instead cut off for another one: both runs begin at the same entry."""
    first, second = Fork(camera(1)), Fork(camera(1))
    for fork in (first, second):
        fork.their_edit(camera(2))
    first.their_edit(camera(3))
    second.their_edit(camera(4))
    aside = {entry.hash: entry for entry in (*first.theirs.entries[1:], *second.theirs.entries[1:])}
    runs = list(branches(list(aside.values())))
    assert sorted([entry.hash for entry in run] for run in runs) == sorted([entry.hash for entry in fork.theirs.entries[1:]]
                                                                           for fork in (first, second))  # fmt: skip
    done: set[str] = set()
    while (sent := parcel("b", list(aside.values()), done)) is not None:
        assert sent.base == 1
        done |= {entry.hash for entry in sent.entries}
    assert done == aside.keys()
