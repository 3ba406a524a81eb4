"""The journal's parts without I/O: reclaim.py, held.py, book.py and layout.py."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.journal.book import Book
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.held import Held
from watchkeep.agent.journal.layout import CLOSE, FILE_HEAD_BYTES, FileHead, file_name, file_number, pack_head, parse_head, place_of
from watchkeep.agent.journal.reclaim import Candidate, Choice, batches, choose, dropped
from watchkeep.wire.record import HEADER_BYTES, RecordKind
from watchkeep.wire.seal import SealFlag


def entry(seq: int, *, file: int = 1, epoch: int = 1, position: int = 0, kind: RecordKind = RecordKind.CHUNK) -> Entry:
    return Entry(kind, "cam0", epoch, seq, position or seq + 1, file, 0, 100, SealFlag(0), 0, 0, 0, bytes(32))


def files(*contents: str) -> tuple[list[Candidate], Callable[[str, int, int], bool]]:
    """Files 1, 2, ... of ten records each: `c` has a copy, `u` has none, what is missing was released.  And which have copies."""
    made = [Candidate(number, 1000, [entry(100 * number + at, file=number) for at in range(len(content))])
            for number, content in enumerate(contents, 1)]  # fmt: skip
    return made, lambda camera, epoch, seq: contents[seq // 100 - 1][seq % 100] == "c"


@pytest.mark.parametrize(
    ("contents", "file", "carried"),
    [
        (["uc", "cc", "cccc"], 2, 0),  # the oldest with copies of all that is owed
        (["u", ""], 2, 0),
        (["uuuuuuuccc", "uuuuuccccc", "uc"], 2, 5),  # else the oldest of which half is gained, by copies or releases
        (["uuuuuuuuuu", "u"], 2, 1),
        (["uuuuuuuuuu", "uuuuuuuucc", "uuuuuucccc"], 2, 8),  # else the oldest of which an eighth is
        (["uuuuuuuuuc", "uuuuuuuuuu"], 1, 0),  # else the oldest, and what it lacks is lost
    ],
)
def test_the_file_that_goes_and_what_of_it_is_carried(contents, file, carried):
    made, has_copy = files(*contents)
    found = choose(made, has_copy, can_carry=True)
    assert (found.file, len(found.carry)) == (file, carried)
    assert not any(has_copy(*chunk.name) for chunk in found.carry)


def test_init_segments_that_are_needed_are_no_gain():
    made, has_copy = files("uuuuuuu")
    assert choose(made, has_copy, can_carry=True).carry
    assert choose([replace(made[0], init_bytes=200)], has_copy, can_carry=True) == Choice(1, loses=True)


def test_what_cannot_carry_gives_up_the_oldest_file_and_without_files_nothing():
    made, has_copy = files("u", "uc")
    assert choose(made, has_copy, can_carry=False) == Choice(1, loses=True)
    assert choose([], has_copy, can_carry=True) is None


def test_the_chunks_of_the_usual_choice_are_all_that_is_asked_about():
    asked = []
    many = (Candidate(number, 1000, [entry(number)]) for number in range(1000))
    choose(many, lambda camera, epoch, seq: asked.append(seq) or True, can_carry=True)
    assert asked == [0]


def test_batches_are_bounded_and_leave_nothing_out():
    entries = [entry(seq) for seq in range(7)]
    found = list(batches(entries, 250))
    assert [len(batch) for batch in found] == [2, 2, 2, 1]
    assert [one for batch in found for one in batch] == entries
    assert list(batches(entries[:2], 1)) == [[entries[0]], [entries[1]]]
    assert list(batches([], 1)) == []


def test_dropped_chunks_are_split_by_copy():
    freed = dropped(7, [entry(0), entry(1), entry(2)], lambda camera, epoch, seq: seq == 1)
    assert (freed.file, [e.seq for e in freed.copied], [e.seq for e in freed.lost]) == (7, [1], [0, 2])


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans(), st.booleans()), max_size=60))
def test_held_never_drops_what_is_not_durable_and_keeps_its_bound(steps):
    held, wanted = Held(200, durable=0), {}
    for position, (size, release, sync) in enumerate(steps, 1):
        held.put(position, (b"", bytes(size)))
        wanted[position] = size
        if release:
            held.release(position)
        if sync:
            held.synced(position)
        unsynced = {at: size for at, size in wanted.items() if at > held.durable}
        assert [at for at, _ in held.unsynced()] == list(unsynced)
        assert held.unsynced_bytes == sum(unsynced.values())
        assert held.bytes <= max(200, held.unsynced_bytes)
    held.synced(len(steps))
    assert held.unsynced_bytes == 0
    assert held.bytes == sum(len(held.get(at)[1]) for at in wanted if held.get(at))


def test_a_released_record_leaves_ram_as_soon_as_it_is_durable():
    held = Held(1000, durable=0)
    held.put(1, (b"h", b"p"))
    held.release(1)
    assert held.get(1), "a failed fsync would still need it"
    held.synced(1)
    assert held.get(1) is None
    assert held.bytes == 0


def test_an_init_without_chunks_is_dropped_at_restart_and_one_with_chunks_is_kept():
    book = Book()
    book.restore(1, [entry(0, epoch=1, position=1, kind=RecordKind.INIT), entry(0, epoch=2, position=2, kind=RecordKind.INIT)])
    book.restore(2, [entry(0, file=2, epoch=2, position=3)])
    assert [(e.epoch, e.kind) for e in book.restored()] == [(2, RecordKind.INIT), (2, RecordKind.CHUNK)]


def test_a_carried_init_protects_its_old_file_until_it_is_durable():
    book = Book()
    book.put(entry(0, file=1, position=1, kind=RecordKind.INIT))
    book.put(entry(0, file=2, position=2))
    assert book.kept_by_inits() == [1]
    assert book.free(durable=2) == []
    book.put(entry(0, file=2, position=3, kind=RecordKind.INIT))
    assert book.free(durable=2) == []
    assert book.free(durable=3) == [1]


def test_the_last_durable_file_is_never_free():
    book = Book()
    book.put(entry(0, file=1))
    book.put(entry(1, file=2))
    assert len(book.release("cam0", 1, 0, 1)) == 2
    assert 1 not in book.free(durable=1), "file 2 may be gone after a power cut"
    assert book.free(durable=9) == [1]
    assert list(book.owed(9)) == []


@given(st.integers(1, 10**12 - 1), st.integers(1, 2**63), st.integers(0, 2**63), st.sampled_from([CLOSE, 512, 4096]),
       st.integers(0, FILE_HEAD_BYTES - 1), st.integers(0, 7))  # fmt: skip
def test_a_file_head_survives_any_one_flipped_bit(number, first, durable, block, at, bit):
    head = FileHead(number, first, durable, block)
    raw = bytearray(pack_head(head))
    assert len(raw) == FILE_HEAD_BYTES
    assert parse_head(bytes(raw)) == head
    raw[at] ^= 1 << bit
    assert parse_head(bytes(raw)) == head
    assert file_number(file_name(number)) == number
    assert file_number(f"{number}.mp4") is None


def test_zeros_and_short_heads_are_no_heads():
    assert parse_head(bytes(FILE_HEAD_BYTES)) is None
    assert parse_head(b"") is None
    assert parse_head(pack_head(FileHead(1, 1, 0))[:30]) is None


def test_heads_of_files_without_blocks_are_those_of_before_and_a_block_of_nothing_is_none():
    raw = pack_head(FileHead(1, 2, 3))
    assert raw[:16] == b"WKJF"[::1] + b"\1\0\0\0" + raw[8:12] + bytes(4)
    assert parse_head(pack_head(FileHead(1, 2, 3, 100))) is None, "no header has room in it"


@given(st.integers(FILE_HEAD_BYTES, 1 << 20), st.sampled_from([512, 4096]))
def test_in_blocks_a_payload_begins_one_and_its_header_has_the_one_before_for_itself(end, block):
    payload = place_of(end, block) + HEADER_BYTES
    assert payload % block == 0
    assert end <= payload - block < end + block
    assert place_of(end, CLOSE) == end
