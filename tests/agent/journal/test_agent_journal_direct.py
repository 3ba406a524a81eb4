"""Writes past the page cache: the same bytes as through it, and nothing in it.  The file system of the tests' folder has O_DIRECT."""

import errno
import fcntl
import os
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_lab import chunk_records, in_blocks, init_record, kill, open_journal, record_bytes, seqs

from watchkeep.agent.journal import direct
from watchkeep.agent.journal.direct import BLOCK, DirectWriter
from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.journal.layout import CLOSE, file_name
from watchkeep.native import Pool, Ring
from watchkeep.wire.errors import FullError
from watchkeep.wire.record import HEADER_BYTES, Header, RecordKind
from watchkeep.wire.seal import parse_seal

SIZE = 64 * BLOCK
STALE = b"\xee"


@pytest.fixture
def file(tmp_path):
    """A handle and the path of a file full of older bytes, as a recycled one is."""
    path = tmp_path / "file"
    path.write_bytes(STALE * SIZE)
    handle = os.open(path, os.O_RDWR)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    yield handle, path
    os.close(handle)


@pytest.fixture(scope="module")
def ring():
    return Ring(1 << 20, 100, chunk_ticks=90_000, segment_ticks=5_400_000, pool=Pool())


def chunk_of(ring, size, seq=0):
    """A chunk in memory of its own, with one frame of so many bytes."""
    ring.push(bytes([seq % 251 + 1]) * size, run=0, track=0, pts=0, dts=seq * 90_000, duration=0, key=True, damaged=False, arrival_ns=0,
              annexb=False)  # fmt: skip
    cut = ring.cut(True)
    chunk = ring.build(cut, camera=b"cam0", epoch=1, seq=seq, segment_seq=0, clock=1, cause=1, wall_start_ns=0, pts_base=0,
                       init_hash=bytes(32), prev_hash=bytes(32))  # fmt: skip
    ring.release(cut)
    return chunk


def cached(handle, offset):
    """Whether the kernel has this byte without asking the disk.  Ask once for each page: being asked, it may begin to read it."""
    try:
        return bool(os.preadv(handle, [bytearray(1)], offset, os.RWF_NOWAIT))
    except BlockingIOError:
        return False


ONE_PART = st.one_of(st.integers(1, 9000).map(lambda size: bytes([size % 255 + 1]) * size), st.integers(1, 9000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(st.lists(ONE_PART, min_size=1, max_size=9), st.integers(0, 3), st.sampled_from([BLOCK, 3 * BLOCK, 1 << 20]), st.integers(1, 4))
def test_all_parts_stand_one_behind_the_other_and_nothing_else_changes(file, ring, parts, blocks, buffer, pieces):
    """A number stands for a chunk in memory of its own; as in the journal, zeros are behind it, and behind them anything."""
    handle, path = file
    path.write_bytes(STALE * SIZE)
    laid = []
    for number, part in enumerate(parts):
        laid.append(part if isinstance(part, bytes) else chunk_of(ring, part, number))
        laid.append(bytes(-sum(map(len, laid)) % BLOCK))
        if number % 2:
            laid.append(bytes(BLOCK - 5) + b"head.")
    offset, whole = blocks * BLOCK, b"".join(laid)
    assert offset + len(whole) < SIZE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "BUFFER_BYTES", buffer)
        patch.setattr(direct, "MAX_PIECES", pieces)
        assert DirectWriter().write(handle, offset, laid)
    assert path.read_bytes() == STALE * offset + whole + STALE * (SIZE - offset - len(whole))


def test_a_chunk_goes_to_the_disk_from_where_it_lies(file, ring, monkeypatch):
    handle, path = file
    chunk, calls = chunk_of(ring, 50_000), []
    real = os.pwritev
    monkeypatch.setattr(direct.os, "pwritev", lambda handle, pieces, at: calls.append([*pieces]) or real(handle, pieces, at))
    pad = bytes(-len(chunk) % BLOCK)
    assert DirectWriter().write(handle, 0, [b"h" * BLOCK, chunk, pad, b"e" * BLOCK])
    [[head, body, end]] = calls
    assert (len(head), len(body), len(end)) == (BLOCK, len(chunk) + len(pad), BLOCK)
    assert path.read_bytes()[: 2 * BLOCK + len(body)] == b"h" * BLOCK + chunk + pad + b"e" * BLOCK


def is_past(handle):
    return bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT)


def test_nothing_of_it_is_in_the_page_cache(file):
    handle, path = file
    assert DirectWriter().write(handle, 0, [b"a" * BLOCK, b"b" * BLOCK])
    reader = os.open(path, os.O_RDWR)
    os.posix_fadvise(reader, 0, 0, os.POSIX_FADV_RANDOM)
    assert not any(cached(reader, offset) for offset in (0, BLOCK))
    Disk().write(reader, 4 * BLOCK, [b"c" * BLOCK])
    assert cached(reader, 4 * BLOCK), "or this test sees nothing"
    os.close(reader)


def test_a_file_is_turned_once_and_back_for_what_is_not_in_blocks(file, monkeypatch):
    (handle, path), disk, calls, real = file, Disk(direct=True), [], fcntl.fcntl
    monkeypatch.setattr(direct.fcntl, "fcntl", lambda *asked: calls.append(asked) or real(*asked))
    for number in range(3):
        disk.write(handle, number * BLOCK, [b"a" * BLOCK])
    assert len(calls) == 2
    disk.write(handle, 3 * BLOCK + 5, [b"b" * 7])
    assert not is_past(handle)
    disk.write(handle, 4 * BLOCK, [b"c" * BLOCK])
    assert is_past(handle)
    assert path.read_bytes()[: 5 * BLOCK] == b"a" * 3 * BLOCK + STALE * 5 + b"b" * 7 + STALE * (BLOCK - 12) + b"c" * BLOCK


def test_the_next_file_that_gets_the_number_of_a_closed_one_is_turned_as_well(tmp_path):
    disk = Disk(direct=True)
    handles = []
    for name in ("first", "second"):
        handle = disk.open(tmp_path / name, create=True)
        disk.write(handle, 0, [b"a" * BLOCK])
        assert is_past(handle)
        disk.close(handle)
        handles.append(handle)
    assert handles[0] == handles[1]


@pytest.mark.parametrize(("offset", "size"), [(1, BLOCK), (0, BLOCK - 1), (512, BLOCK)])
def test_what_begins_or_ends_inside_a_block_goes_through_the_page_cache(file, offset, size):
    handle, path = file
    Disk(direct=True).write(handle, offset, [b"a" * size])
    assert path.read_bytes() == STALE * offset + b"a" * size + STALE * (SIZE - offset - size)
    assert cached(handle, offset)


@pytest.mark.parametrize("where", ["the flag", "the first write", "a later write"])
def test_a_file_system_without_it_gets_all_of_it_through_the_page_cache(file, monkeypatch, where):
    handle, path = file
    monkeypatch.setattr(direct, "BUFFER_BYTES", BLOCK)
    calls, real = [], os.pwritev

    def refuse(handle, *rest):
        calls.append(rest)
        if where == "a later write" and len(calls) == 1:
            return real(handle, *rest)
        raise OSError(errno.EINVAL, "no such thing here")

    monkeypatch.setattr(*((direct.fcntl, "fcntl") if where == "the flag" else (direct.os, "pwritev")), refuse)
    disk = Disk(direct=True)
    disk.write(handle, BLOCK, [b"a" * BLOCK, b"b" * BLOCK])
    tried = len(calls)
    disk.write(handle, 3 * BLOCK, [b"c" * BLOCK])
    assert 0 < tried == len(calls), "it is asked once"
    assert path.read_bytes()[: 4 * BLOCK] == STALE * BLOCK + b"a" * BLOCK + b"b" * BLOCK + b"c" * BLOCK


def test_a_kernel_that_takes_less_is_given_the_rest(file, monkeypatch):
    handle, path = file
    real = os.pwritev
    monkeypatch.setattr(direct.os, "pwritev", lambda handle, pieces, at: real(handle, [pieces[0][:BLOCK]], at))
    assert DirectWriter().write(handle, 0, [b"a" * BLOCK + b"b" * BLOCK, b"c" * 3 * BLOCK])
    assert path.read_bytes()[: 6 * BLOCK] == b"a" * BLOCK + b"b" * BLOCK + b"c" * 3 * BLOCK + STALE * BLOCK


def test_a_disk_that_fails_says_so(file, monkeypatch):
    handle, _ = file

    def fail(handle, *rest):
        raise OSError(errno.EIO, "a bad disk")

    monkeypatch.setattr(direct.os, "pwritev", fail)
    with pytest.raises(OSError, match="a bad disk"):
        DirectWriter().write(handle, 0, [b"a" * BLOCK])


def test_a_journal_gives_back_what_went_past_the_page_cache_before_and_after_a_kill(tmp_path, ring, monkeypatch):
    """Chunks in memory of their own, others, and init segments, in several files; then a profile that writes through it again."""
    past, real = [], DirectWriter.write
    monkeypatch.setattr(DirectWriter, "write", lambda self, *args: past.append(real(self, *args)) or past[-1])
    journal, written = open_journal(tmp_path, Disk(direct=True), files=50, file_bytes=16 * BLOCK), []
    own = [(Header(RecordKind.CHUNK, "cam0", 1, seq, len(chunk), parse_seal(chunk).chunk_hash), chunk)
           for seq in range(6) for chunk in [chunk_of(ring, 9000 + seq, seq)]]  # fmt: skip
    batches = [[init_record(), *own[:3]], own[3:], [init_record(camera="cam1"), *chunk_records(5, camera="cam1", size=3000)]]
    for batch in batches:
        written += zip(journal.append(batch), batch, strict=True)
        journal.sync()
    assert all(past) and len(past) >= 3  # noqa: PT018
    assert all((entry.offset + HEADER_BYTES) % BLOCK == 0 for entry, _ in written)
    kill(journal)
    again = open_journal(tmp_path, Disk(), files=50, file_bytes=16 * BLOCK)
    assert again.recovered == [entry for entry, _ in written]
    assert again.cuts == []
    assert [again.read(entry) for entry, _ in written] == [record_bytes(entry, record) for entry, record in written]
    more = again.append(chunk_records(9, start=9, camera="cam1", size=3000))
    blocks = {entry.file: (entry.offset + HEADER_BYTES) % BLOCK for entry in more}
    assert blocks[more[0].file] == 0, "the file that was begun in blocks goes on like that"
    assert (tmp_path / file_name(more[-1].file)).read_bytes()[4] == CLOSE
    kill(again)
    last = open_journal(tmp_path, Disk(direct=True), files=50, file_bytes=16 * BLOCK)
    assert len(last.recovered) == len(written) + 9
    assert last.cuts == []
    last.close()


@pytest.mark.parametrize("begun", [CLOSE, BLOCK])
def test_a_full_journal_of_small_chunks_without_a_copy_gives_the_oldest_up_and_carries_none_for_ever(tmp_path, begun):
    """In blocks they take more room than they have bytes: what is padding is not gained by carrying; also after a change of the profile."""
    journal, seq = open_journal(tmp_path, in_blocks(begun), files=6, file_bytes=16 * BLOCK), 0
    journal.append([init_record()])
    with suppress(FullError):
        for seq in range(2000):
            journal.append(chunk_records(1, start=seq, size=900))
    assert 20 < seq < 1999
    journal.close()
    journal = open_journal(tmp_path, in_blocks(BLOCK), files=6, file_bytes=16 * BLOCK)
    freed = journal.reclaim(lambda *_: False)
    assert seqs(freed.lost)[0] == 0
    assert not freed.carried
    journal.append(chunk_records(1, start=seq, size=900))
    journal.close()


def test_zeros_behind_a_chunk_are_written_with_it_only_where_they_are(file, ring):
    """In files whose records lie close the next header follows at once."""
    handle, path = file
    chunk = chunk_of(ring, 3 * BLOCK)
    header = b"\7" * (-len(chunk) % BLOCK)
    assert DirectWriter().write(handle, 0, [chunk, header])
    assert path.read_bytes()[: len(chunk) + len(header)] == bytes(chunk) + header
    assert DirectWriter().write(handle, 0, [chunk, header[:-2], header[-2:]])
    assert path.read_bytes()[: len(chunk) + len(header)] == bytes(chunk) + header


def test_the_c_library_may_read_what_it_is_to_keep_where_a_file_system_cannot_allocate(tmp_path):
    """posix_fallocate(3) reads the bytes that are there, and fails with EBADF where it may not."""
    disk = Disk(direct=True)
    handle = disk.open(tmp_path / "file", create=True)
    assert fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    disk.close(handle)
