"""The ledger's states against a plain model, and which open part a chunk goes to."""

from pathlib import Path

from hub_store_chunks import Chain
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.store import Disk
from watchkeep.hub.store.ledger import RECENT_HASHES, EpochLedger
from watchkeep.hub.store.model import Part, Write
from watchkeep.hub.store.openparts import MAX_OPEN, OpenParts
from watchkeep.hub.store.partfile import PartFile
from watchkeep.hub.store.register import Register


@given(st.lists(st.tuples(st.sampled_from(["plan", "write", "fail", "sync", "lose", "remove"]), st.integers(0, 12)), max_size=60))
def test_a_chunk_is_in_one_state_and_the_answer_says_which(steps: list[tuple[str, int]]) -> None:
    ledger, model = EpochLedger(b"init"), dict[int, str]()
    moves = {"plan": (None, "pending"), "write": ("pending", "received"), "fail": ("pending", None), "sync": ("received", "durable"),
             "lose": ("received", None), "remove": ("durable", None)}  # fmt: skip
    calls = {"plan": lambda seq: ledger.plan(seq, b"%d" % seq), "write": ledger.written, "fail": ledger.give_up,
             "sync": lambda seq: ledger.synced(seq, seq), "lose": lambda seq: ledger.lost(seq, seq),
             "remove": lambda seq: ledger.removed(seq, seq)}  # fmt: skip
    for step, seq in steps:
        before, after = moves[step]
        if model.get(seq) != before:
            continue
        calls[step](seq)
        model.pop(seq, None)
        if after:
            model[seq] = after
    state = ledger.state(7, 0, 12, need_init=False)
    for seq in range(13):
        assert ledger.holds(seq) == (seq in model)
        for name, spans in (("received", state.received), ("durable", state.durable)):
            assert any(low <= seq <= high for low, high in spans) == (model.get(seq) == name)
        assert any(low <= seq <= high for low, high in state.missing) == (model.get(seq) in (None, "pending"))
        if model.get(seq) in ("pending", "received"):
            assert ledger.hash_of(seq) == b"%d" % seq


def test_recent_hashes_are_bounded() -> None:
    ledger = EpochLedger()
    for seq in range(10 * RECENT_HASHES):
        ledger.plan(seq, bytes([1]))
        ledger.written(seq)
    assert sum(ledger.hash_of(seq) is not None for seq in range(10 * RECENT_HASHES)) == RECENT_HASHES


def test_chunks_that_another_part_holds_outlive_the_deletion_of_one() -> None:
    def part(low: int, high: int) -> Part:
        return Part(volume="v", path=f"{low}", camera="cam0", epoch=7, segment_seq=0, first_seq=low, last_seq=high, start_ns=0, end_ns=1,
                    init_bytes=1, init_hash=b"i", last_hash=b"h", cause=1, size=1, file_size=1)  # fmt: skip

    register = Register(lambda camera, epoch: [("v", 0, 5, b"i", b"h"), ("v", 4, 9, b"i", b"h")])
    register.take("v", {"cam0": 7})
    assert register.state("cam0", 7, 0, 9).durable == [(0, 9)]
    assert register.knows("cam0")
    register.removed(part(0, 5), still=[part(4, 9)], last=False)
    assert register.state("cam0", 7, 0, 9).durable == [(4, 9)]
    register.removed(part(4, 9), still=[], last=True)
    assert register.state("cam0", 7, 0, 9).need_init
    assert not register.knows("cam0")


def opened(parts: OpenParts, chain: Chain, seq: int, now: float = 0.0) -> PartFile:
    """Do what the writer does with one chunk, without a file."""
    write = as_write(chain, seq)
    part = parts.find(write)
    if part is None:
        part = PartFile(Disk(Path()), "v", f"{chain.camera}.{chain.epoch}.{seq}", -1, write)
        parts.add(part)
    part.note([write])
    parts.appended(part, now)
    return part


def as_write(chain: Chain, seq: int) -> Write:
    _, payload, seal = chain.chunk(seq)
    assert seal is not None
    return Write(seal, payload, chain.init)


def test_only_the_direct_successor_in_the_same_segment_is_appended() -> None:
    parts, chain = OpenParts(), Chain(segment=5)
    first = opened(parts, chain, 0)
    assert opened(parts, chain, 1) is first
    after_hole = opened(parts, chain, 3)
    assert after_hole is not first
    assert opened(parts, chain, 4) is after_hole
    assert opened(parts, chain, 2) is first
    assert not after_hole.complete
    assert opened(parts, chain, 5) not in (first, after_hole)
    assert after_hole.complete
    assert not first.complete


def test_a_newer_epoch_completes_the_parts_of_its_camera_only() -> None:
    parts = OpenParts()
    old, other = opened(parts, Chain(epoch=7), 0), opened(parts, Chain("cam1", epoch=7), 0)
    late = opened(parts, Chain(epoch=6), 0)
    assert not late.complete
    opened(parts, Chain(epoch=8), 0)
    assert (old.complete, late.complete, other.complete) == (True, True, False)


def test_idle_parts_and_too_many_parts_are_completed() -> None:
    parts = OpenParts()
    made = [opened(parts, Chain(f"cam{number}"), 0, now=number) for number in range(MAX_OPEN + 1)]
    assert [part.complete for part in made] == [True] + [False] * MAX_OPEN
    assert parts.too_many
    parts.complete_idle(3)
    assert [part.complete for part in made[:5]] == [True, True, True, False, False]
