"""The ledger's events one by one; all of them together are in test_agent_replicate_desk.py."""

from replicate_fakes import Store, name_of, refs

from watchkeep.agent.replicate.events import (
    Answered,
    Dropped,
    Gone,
    Moved,
    Offered,
    Orphaned,
    Recovered,
    Refused,
    Release,
    Sent,
    Tick,
    Unreadable,
    Unsent,
)
from watchkeep.agent.replicate.ledger import CopyLedger
from watchkeep.agent.replicate.stages import Stage


def ledger_for(*targets: str, copies: int = 1) -> CopyLedger:
    ledger = CopyLedger()
    ledger.handle(Moved("cam0", targets, copies, at_cut=False), 0.0)
    return ledger


def stage(ledger: CopyLedger, archiver: str, wanted: Stage, epoch: int = 1) -> list[tuple[int, int]]:
    return ledger.stages(archiver, "cam0", epoch)[wanted].spans()


def answered(store: Store, new: list) -> Answered:
    return Answered(store.archiver, tuple(new), store.answer([name_of(ref) for ref in new], []))


def deliver(ledger: CopyLedger, store: Store, new: list, *, fsync: bool) -> list[Release]:
    store.inits.add(("cam0", 1))
    for ref in new:
        store.put(name_of(ref))
    if fsync:
        store.fsync()
    ledger.handle(Sent(store.archiver, tuple(new)), 0.0)
    return ledger.handle(answered(store, new), 0.0)


def test_a_chunk_is_released_when_all_its_copies_are_durable() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    assert deliver(ledger, Store("a"), new, fsync=True) == []
    assert deliver(ledger, Store("b"), new[:2], fsync=True) == [Release("cam0", 1, 0, 1)]
    assert deliver(ledger, Store("b"), new[2:], fsync=True) == [Release("cam0", 1, 2, 4)]
    assert not ledger.cameras["cam0"].epochs
    assert ledger.counts("a").durable == 5


def test_what_the_journal_cannot_read_and_nobody_has_is_lost_and_the_next_chunk_goes_on() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    ledger.handle(Sent("a", tuple(new)), 0.0)
    ledger.handle(Unsent("a", (new[2],)), 0.0)
    assert ledger.handle(Unreadable((new[2],)), 0.0) == []
    assert ledger.handle(Tick(), 0.0) == [Release("cam0", 1, 2, 2, lost=True)]
    assert not ledger.holds(new[2])
    assert stage(ledger, "b", Stage.OWED) == [(0, 1), (3, 4)]


def test_what_no_target_takes_for_want_of_an_init_segment_is_lost_unless_there_is_a_copy() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    assert ledger.handle(Orphaned("a", (new[2], new[3])), 0.0) == [], "b may know the epoch"
    deliver(ledger, Store("b", inits={("cam0", 1)}), new[3:4], fsync=True)
    assert ledger.handle(Tick(), 0.0) == []
    ledger.handle(Orphaned("b", (new[2],)), 0.0)
    assert ledger.handle(Tick(), 0.0) == [Release("cam0", 1, 2, 2, lost=True)]
    assert ledger.holds(new[3])
    assert stage(ledger, "a", Stage.REFUSED) == [(3, 3)]


def test_an_archiver_that_was_let_off_and_answers_just_in_time_makes_no_loss_of_what_it_has() -> None:
    ledger, new = ledger_for("d"), refs("cam0", 1, 0, 4)
    ledger.handle(Recovered(tuple(new)), 0.0)
    ledger.handle(Moved("cam0", ("b",), 1, at_cut=False), 0.0)
    ledger.handle(Orphaned("b", tuple(new)), 0.0)
    late = Store("d", inits={("cam0", 1)})
    for seq in range(3):
        late.put(("cam0", 1, seq))
    late.fsync()
    assert ledger.handle(Answered("d", (), late.answer([], [("cam0", 1, 0, 4)])), 0.0) == [Release("cam0", 1, 0, 2)]
    assert ledger.handle(Tick(), 0.0) == [Release("cam0", 1, 3, 4, lost=True)]


def test_what_cannot_be_read_and_has_a_copy_is_released_without_a_loss() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    deliver(ledger, Store("a"), new, fsync=True)
    ledger.handle(Unreadable((new[0], new[3])), 0.0)
    assert ledger.handle(Tick(), 0.0) == [Release("cam0", 1, 0, 0), Release("cam0", 1, 3, 3)]
    assert stage(ledger, "b", Stage.OWED) == [(1, 2), (4, 4)]


def test_what_cannot_be_read_is_kept_while_an_archiver_may_have_it() -> None:
    ledger, new, store = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4), Store("a")
    ledger.handle(Offered(tuple(new)), 0.0)
    deliver(ledger, store, new, fsync=False)
    ledger.handle(Unreadable((new[0],)), 0.0)
    assert ledger.handle(Tick(), 0.0) == []
    assert stage(ledger, "b", Stage.UNREADABLE) == [(0, 0)]
    store.restart()
    ledger.handle(Answered("a", (), store.answer([], [])), 0.0)
    assert ledger.handle(Tick(), 0.0) == []
    assert ledger.holds(new[0]), "received before its restart: perhaps it is there"
    ledger.handle(Answered("a", (), store.answer([], [("cam0", 1, 0, 4)])), 0.0)
    assert ledger.handle(Tick(), 0.0) == [Release("cam0", 1, 0, 0, lost=True)]


def test_what_cannot_be_read_is_not_sent_to_whoever_takes_over_either() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    deliver(ledger, Store("a"), new, fsync=False)
    ledger.handle(Unreadable((new[0],)), 0.0)
    ledger.handle(Moved("cam0", ("a", "c"), 2, at_cut=False), 0.0)
    assert stage(ledger, "c", Stage.OWED) == [(1, 4)]
    assert stage(ledger, "c", Stage.UNREADABLE) == [(0, 0)]
    store = Store("c", inits={("cam0", 1)})
    store.put(("cam0", 1, 0))
    store.fsync()
    assert ledger.handle(Answered("c", (), store.answer([], [("cam0", 1, 0, 0)])), 0.0) == []
    assert stage(ledger, "c", Stage.DURABLE) == [(0, 0)], "another archiver gave it: it counts as a copy"


def test_received_is_no_copy() -> None:
    ledger, new = ledger_for("a"), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    assert deliver(ledger, Store("a"), new, fsync=False) == []
    assert (ledger.counts("a").received, ledger.counts("a").durable, ledger.counts("a").missing) == (5, 0, 0)
    assert ledger.pending("a")
    assert not ledger.owes("a")


def test_another_boot_makes_received_unknown_and_missing_owed() -> None:
    ledger, new, store = ledger_for("a"), refs("cam0", 1, 0, 4), Store("a")
    ledger.handle(Offered(tuple(new)), 0.0)
    deliver(ledger, store, new, fsync=False)
    store.restart()
    ledger.handle(Answered("a", (), store.answer([], [])), 0.0)
    assert stage(ledger, "a", Stage.UNKNOWN) == [(0, 4)]
    ledger.handle(Answered("a", (), store.answer([], [("cam0", 1, 0, 4)])), 0.0)
    assert stage(ledger, "a", Stage.OWED) == [(0, 4)]


def test_what_an_answer_leaves_out_is_owed_again() -> None:
    ledger, new = ledger_for("a"), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    ledger.handle(Sent("a", tuple(new)), 0.0)
    assert stage(ledger, "a", Stage.SENT) == [(0, 4)]
    ledger.handle(answered(Store("a"), new), 0.0)  # no init segment: nothing stored
    assert stage(ledger, "a", Stage.OWED) == [(0, 4)]


def test_recovered_chunks_are_asked_for_also_at_a_later_target() -> None:
    ledger, new = ledger_for("a"), refs("cam0", 1, 0, 4)
    ledger.handle(Recovered(tuple(new)), 0.0)
    ledger.handle(Offered(tuple(refs("cam0", 1, 5, 6))), 0.0)
    ledger.handle(Moved("cam0", ("b",), 1, at_cut=False), 0.0)
    assert stage(ledger, "b", Stage.UNKNOWN) == [(0, 4)]
    assert stage(ledger, "b", Stage.OWED) == [(5, 6)]
    assert not ledger.pending("a")


def test_targets_move_at_the_next_segment_cut() -> None:
    ledger = ledger_for("b")
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 4, segment=10))), 0.0)
    ledger.handle(Moved("cam0", ("a",), 1, at_cut=True), 0.0)
    ledger.handle(Offered(tuple(refs("cam0", 1, 5, 14, segment=10))), 0.0)
    assert stage(ledger, "b", Stage.OWED) == [(0, 9)]
    assert stage(ledger, "a", Stage.OWED) == [(10, 14)]


def test_a_takeover_takes_only_what_lacks_copies() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 9)
    ledger.handle(Offered(tuple(new)), 0.0)
    for name in "ab":
        deliver(ledger, Store(name), new[:5], fsync=True)
    ledger.handle(Moved("cam0", ("b", "c"), 2, at_cut=False), 0.0)
    assert stage(ledger, "c", Stage.OWED) == [(5, 9)]
    assert not ledger.pending("a")


def test_enough_copies_elsewhere_release_nothing_that_a_target_still_waits_for() -> None:
    ledger, new, late = ledger_for("a"), refs("cam0", 1, 0, 4), Store("a", inits={("cam0", 1)})
    ledger.handle(Offered(tuple(new)), 0.0)
    ledger.handle(Sent("a", tuple(new)), 0.0)
    ledger.handle(Moved("cam0", ("b",), 1, at_cut=False), 0.0)
    for ref in new:
        late.put(name_of(ref))
    late.fsync()
    assert ledger.handle(answered(late, new), 0.0) == []
    assert deliver(ledger, Store("b"), new, fsync=True) == [Release("cam0", 1, 0, 4)]


def test_a_refused_chunk_holds_nobody_up() -> None:
    ledger, new, store = ledger_for("a"), refs("cam0", 1, 0, 4), Store("a")
    ledger.handle(Offered(tuple(new)), 0.0)
    ledger.handle(Sent("a", tuple(new)), 0.0)
    ledger.handle(Refused("a", (new[2],)), 0.0)
    ledger.handle(Unsent("a", tuple(new)), 0.0)
    assert stage(ledger, "a", Stage.OWED) == [(0, 1), (3, 4)]
    rest = new[:2] + new[3:]
    assert deliver(ledger, store, rest, fsync=True) == [Release("cam0", 1, 0, 1), Release("cam0", 1, 3, 4)]
    # An ASK that spans it is answered for the other chunk of that name, which is no copy of ours.
    store.durable.add(("cam0", 1, 2))
    assert ledger.handle(Answered("a", (), store.answer([], [("cam0", 1, 0, 4)])), 0.0) == []


def test_dropped_chunks_are_owed_to_nobody() -> None:
    ledger, new = ledger_for("a"), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    ledger.handle(Sent("a", tuple(new[:1])), 0.0)
    ledger.handle(Dropped("cam0", 1, 0, 4), 0.0)
    ledger.handle(answered(Store("a"), new[:1]), 0.0)
    assert not ledger.pending("a")
    assert ledger.counts("a").missing == 0


def test_copies_on_an_archiver_that_left_do_not_count() -> None:
    ledger, new = ledger_for("a", "b", copies=2), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    deliver(ledger, Store("a"), new, fsync=True)
    assert ledger.has_copy("cam0", 1, 0)
    ledger.handle(Gone("a"), 0.0)
    assert not ledger.has_copy("cam0", 1, 0)
    assert deliver(ledger, Store("b"), new, fsync=True) == []


def test_has_copy_of_chunks_released_and_never_offered() -> None:
    ledger, new = ledger_for("a"), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    assert not ledger.has_copy("cam0", 1, 0)
    deliver(ledger, Store("a"), new, fsync=True)
    assert ledger.has_copy("cam0", 1, 4)
    assert not ledger.has_copy("cam0", 1, 5)
    assert not ledger.has_copy("cam9", 1, 0)
