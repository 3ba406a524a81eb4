"""Writes past the page cache: the same bytes as through it, and nothing in it.  The file system of the tests' folder has O_DIRECT."""

import errno
import fcntl
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeep.agent.journal import direct
from watchkeep.agent.journal.direct import BLOCK, DirectWriter
from watchkeep.agent.journal.disk import Disk

SIZE = 16 * BLOCK
STALE = b"\xee"


@pytest.fixture
def file(tmp_path):
    """A handle and the path of a file full of older bytes, as a recycled one is."""
    path = tmp_path / "file"
    path.write_bytes(STALE * SIZE)
    handle = Disk().open(path, create=False)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    yield handle, path
    os.close(handle)


def cached(handle, offset):
    """Whether the kernel has this byte without asking the disk.  Ask once for each page: being asked, it may begin to read it."""
    try:
        return bool(os.preadv(handle, [bytearray(1)], offset, os.RWF_NOWAIT))
    except BlockingIOError:
        return False


def expected(before, offset, data):
    """A file with data at offset and zeros up to the end of its last block."""
    end = offset + len(data)
    return before[:offset] + data + bytes(-end % BLOCK) + before[end + -end % BLOCK :]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=4), min_size=1, max_size=5),
       st.integers(0, 2 * BLOCK), st.sampled_from([BLOCK, 2 * BLOCK, 8 * BLOCK]), st.integers(0, 136))  # fmt: skip
def test_what_is_appended_stands_there_and_nothing_before_it_changes(file, writes, start, buffer, end_mark):
    """As the journal does it: each write goes on where the one before ended, over its end mark."""
    handle, path = file
    path.write_bytes(STALE * SIZE)
    writer, before, offset = DirectWriter(), STALE * SIZE, start
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "BUFFER_BYTES", buffer)
        for parts in writes:
            data = b"".join(parts) + bytes(end_mark)
            assert writer.write(handle, offset, [*parts, bytes(end_mark)])
            before = expected(before, offset, data)
            offset += len(data) - end_mark
        assert path.read_bytes() == before


def test_nothing_of_it_is_in_the_page_cache(file):
    handle, _ = file
    assert DirectWriter().write(handle, 100, [b"a" * BLOCK, b"b" * BLOCK])
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
    assert not any(cached(handle, offset) for offset in (100, BLOCK, 2 * BLOCK + 99))
    assert not fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT, "for whoever uses the handle otherwise"
    Disk().write(handle, 4 * BLOCK, [b"c" * BLOCK])
    assert cached(handle, 4 * BLOCK), "or this test sees nothing"


def test_the_older_bytes_of_a_block_come_from_the_disk_when_something_else_was_written_last(file, tmp_path):
    handle, path = file
    other = Disk().open(tmp_path / "other", create=True)
    os.posix_fallocate(other, 0, SIZE)
    writer = DirectWriter()
    assert all([writer.write(handle, 10, [b"first"]), writer.write(other, 0, [b"x" * 100]), writer.write(handle, 15, [b"second"])])
    assert path.read_bytes()[:30] == STALE * 10 + b"firstsecond" + bytes(9)
    os.close(other)


def test_a_file_that_was_changed_otherwise_is_read_anew(file):
    handle, path = file
    disk = Disk(direct=True)
    disk.write(handle, 10, [b"first"])
    disk.truncate(handle, 10)
    disk.allocate(handle, SIZE)
    disk.write(handle, 20, [b"second"])
    assert path.read_bytes()[:30] == STALE * 10 + bytes(10) + b"second" + bytes(4)


def test_a_closed_handle_says_nothing_of_the_next_file_with_its_number(file, tmp_path):
    _, path = file
    disk = Disk(direct=True)
    one = disk.open(path, create=False)
    disk.write(one, 10, [b"first"])
    disk.close(one)
    (tmp_path / "next").write_bytes(b"n" * SIZE)
    again = disk.open(tmp_path / "next", create=False)
    assert again == one, "the kernel gives the lowest number that is free"
    disk.write(again, 15, [b"second"])
    assert (tmp_path / "next").read_bytes()[:21] == b"n" * 15 + b"second"
    disk.close(again)


def test_a_last_block_that_is_no_whole_one_goes_through_the_page_cache_and_makes_the_file_no_longer(file):
    handle, path = file
    os.ftruncate(handle, 2 * BLOCK + 50)
    disk = Disk(direct=True)
    disk.write(handle, BLOCK, [b"a" * BLOCK])
    assert not cached(handle, BLOCK)
    disk.write(handle, 2 * BLOCK, [b"b" * 50])
    assert path.read_bytes() == STALE * BLOCK + b"a" * BLOCK + b"b" * 50


@pytest.mark.parametrize("where", ["the flag", "the first write", "a later write"])
def test_a_file_system_without_it_gets_all_of_it_through_the_page_cache(file, monkeypatch, where):
    handle, path = file
    monkeypatch.setattr(direct, "BUFFER_BYTES", BLOCK)
    calls = []

    def refuse(handle, *rest):
        calls.append(rest)
        if where == "a later write" and len(calls) == 1:
            return os.pwrite.__wrapped__(handle, *rest)
        raise OSError(errno.EINVAL, "no such thing here")

    if where == "the flag":
        monkeypatch.setattr(direct.fcntl, "fcntl", refuse)
    else:
        refuse.__wrapped__ = os.pwrite
        monkeypatch.setattr(direct.os, "pwrite", refuse)
    disk = Disk(direct=True)
    disk.write(handle, 100, [b"a" * BLOCK, b"b" * BLOCK])
    tried = len(calls)
    disk.write(handle, 100 + 2 * BLOCK, [b"c" * BLOCK])
    assert 0 < tried == len(calls), "it is asked once"
    assert path.read_bytes()[: 100 + 3 * BLOCK] == STALE * 100 + b"a" * BLOCK + b"b" * BLOCK + b"c" * BLOCK


def test_a_disk_that_fails_says_so(file, monkeypatch):
    handle, _ = file

    def fail(handle, *rest):
        raise OSError(errno.EIO, "a bad disk")

    monkeypatch.setattr(direct.os, "pwrite", fail)
    with pytest.raises(OSError, match="a bad disk"):
        DirectWriter().write(handle, 0, [b"a"])
