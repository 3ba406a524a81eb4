"""The journal's parts without I/O: reclaim.py, held.py, book.py and layout.py."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.journal.book import Book
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.held import Held
from watchkeep.agent.journal.layout import FILE_HEAD_BYTES, FileHead, file_name, file_number, pack_head, parse_head
from watchkeep.agent.journal.reclaim import choose, dropped
from watchkeep.wire.record import RecordKind
from watchkeep.wire.seal import SealFlag


def entry(seq: int, *, file: int = 1, epoch: int = 1, position: int = 0, kind: RecordKind = RecordKind.CHUNK) -> Entry:
    return Entry(kind, "cam0", epoch, seq, position or seq + 1, file, 0, 100, SealFlag(0), 0, 0, 0, bytes(32))


def test_the_oldest_file_with_copies_of_everything_goes_first():
    files = [(3, [entry(0), entry(1)]), (4, [entry(2)]), (5, [entry(3)])]
    copied = {2, 3}
    assert choose(files, lambda camera, epoch, seq: seq in copied) == 4


def test_without_copies_the_oldest_file_goes():
    assert choose([(3, [entry(0)]), (4, [entry(1)])], lambda *_: False) == 3
    assert choose([], lambda *_: True) is None


def test_a_file_without_chunks_goes_before_one_with_chunks():
    assert choose([(3, [entry(0)]), (4, [])], lambda *_: False) == 4


def test_the_chunks_of_the_usual_choice_are_all_that_is_asked_about():
    asked = []
    choose(((number, [entry(number)]) for number in range(1000)), lambda camera, epoch, seq: asked.append(seq) or True)
    assert asked == [0]


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
    assert [number for number, _ in book.owed(9)] == []


@given(st.integers(1, 10**12 - 1), st.integers(1, 2**63), st.integers(0, 2**63), st.integers(0, FILE_HEAD_BYTES - 1), st.integers(0, 7))
def test_a_file_head_survives_any_one_flipped_bit(number, first, durable, at, bit):
    head = FileHead(number, first, durable)
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
