"""The memory of chunks: used again as soon as nobody looks at it, and never before."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_kit import FRAME, build, last_cut, new_ring, push

from watchkeep.native import Pool, Ring

MB = 1 << 20
UNIT = 64 << 10
HUGE = 2 * MB


def chunk_of(ring: Ring, size: int, number: int = 0) -> memoryview:
    """A chunk with one frame of so many bytes."""
    assert push(ring, bytes([number % 251 + 1]) * size, dts=number * FRAME, key=True)
    cut = last_cut(ring)
    chunk = build(ring, cut)
    ring.release(cut)
    assert isinstance(chunk, memoryview)
    return chunk


def pooled(pool: Pool) -> Ring:
    return new_ring(Ring, capacity=4 * MB, pool=pool)  # type: ignore[no-any-return, arg-type]


def test_a_chunk_is_the_same_with_a_pool_and_without() -> None:
    plain, ring = new_ring(Ring), pooled(Pool())
    for one in (plain, ring):
        push(one, b"\0\0\1\x65video" * 50, annexb=True, key=True)
        push(one, b"sound", track=1)
    chunk = build(ring, last_cut(ring))
    assert chunk == build(plain, last_cut(plain))
    assert chunk.readonly


def test_memory_is_used_again_when_the_last_view_has_gone() -> None:
    pool = Pool(keep_bytes=16 * MB)
    ring = pooled(pool)
    chunks = [chunk_of(ring, 1_500_000, number) for number in range(5)]
    piece = chunks[2][100:]
    chunks.clear()
    assert (pool.fresh, pool.again) == (4, 1), "the last one had room in pages of the fourth"
    kept = pool.kept_bytes
    others = [chunk_of(ring, 1_500_000, 5 + number) for number in range(4)]
    assert (pool.fresh, pool.again) == (4, 5)
    assert pool.kept_bytes == kept - 4 * 23 * UNIT
    assert bytes(piece[-1_500_000:]) == b"\3" * 1_500_000, "a chunk that somebody looks at is not written over"
    assert [bytes(other[-1:]) for other in others] == [b"\6", b"\7", b"\x08", b"\x09"]
    del piece
    assert chunk_of(ring, 1_400_000, 9)
    assert (pool.fresh, pool.again) == (4, 6)


def test_one_that_is_larger_than_a_block_has_its_own() -> None:
    pool = Pool()
    ring = new_ring(Ring, capacity=12 * MB, pool=pool)
    chunk = chunk_of(ring, 9 * MB)
    assert bytes(chunk[-9 * MB :]) == b"\1" * 9 * MB
    assert pool.kept_bytes == 15 * UNIT, "nine MB and a header in five huge pages"
    del chunk
    assert pool.kept_bytes == 0


def test_no_more_is_kept_than_may_be() -> None:
    pool = Pool(keep_bytes=20 * MB)
    ring = pooled(pool)
    chunks = [chunk_of(ring, MB, number) for number in range(40)]
    assert pool.kept_bytes <= 6 * 9 * UNIT + HUGE, "seven chunks of seventeen units leave nine of a block"
    del chunks[1::2]
    assert pool.kept_bytes == 20 * MB, "what is free between chunks, as much of it as may be kept"
    pool.keep(5 * MB)
    assert pool.kept_bytes == 5 * MB
    assert [chunk[-1] for chunk in chunks] == list(range(1, 41, 2))
    chunks.clear()
    assert pool.kept_bytes <= 5 * MB
    pool.keep(0)
    assert pool.kept_bytes == 0


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.plain_memory
def test_what_is_not_kept_goes_back_to_the_kernel() -> None:
    pool = Pool(keep_bytes=4 * MB)
    ring = pooled(pool)
    chunk_of(ring, 3 * MB).release()
    before = resident()
    chunks = [chunk_of(ring, MB, number) for number in range(100)]
    assert resident() - before > 95 * MB
    del chunks[1::2]
    assert resident() - before < 65 * MB
    chunks.clear()
    assert resident() - before < 10 * MB


def test_what_a_busy_time_needed_goes_when_it_is_over() -> None:
    pool = Pool(keep_bytes=200 * MB)
    ring = pooled(pool)
    chunks = [chunk_of(ring, MB, number) for number in range(100)]
    chunks.clear()
    assert pool.kept_bytes > 100 * MB
    for number in range(2100):
        chunks.append(chunk_of(ring, 100_000, number))
        del chunks[:-20]
    assert pool.kept_bytes < 9 * MB, "a block of which much is in use stays"
    fresh = pool.fresh
    for number in range(2100):
        chunks.append(chunk_of(ring, 100_000, number))
        del chunks[:-20]
    assert pool.fresh == fresh, "what is needed is not given back to be asked for again"


def test_blocks_lie_in_huge_pages_where_the_kernel_has_them() -> None:
    pool = Pool()
    chunk = chunk_of(pooled(pool), MB)
    advised = [flags for flags in Path("/proc/self/smaps").read_text().splitlines() if flags.startswith("VmFlags:") and " hg" in flags]
    assert bool(advised) == Path("/sys/kernel/mm/transparent_hugepage").exists()
    del chunk


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2_400_000), st.integers(0, 7), st.sampled_from([0, 1, 3, 9, 30])), max_size=40))
def test_chunks_keep_their_bytes_and_the_pool_its_bound(steps: list[tuple[int, int, int]]) -> None:
    pool, held = Pool(), dict[int, tuple[memoryview, bytes]]()
    ring = pooled(pool)
    for number, (size, place, keep) in enumerate(steps):
        held.pop(place, None)
        pool.keep(keep * MB)
        assert pool.kept_bytes <= keep * MB
        held[place] = (chunk := chunk_of(ring, size, number)), bytes(chunk)
        assert pool.kept_bytes <= keep * MB + 2 * HUGE, "a chunk's first and last page"
        assert all(one == copy for one, copy in held.values())
    held.clear()
    chunk = memoryview(b"")
    assert pool.kept_bytes <= pool.keep_bytes


def test_a_chunk_outlives_its_ring_and_its_pool() -> None:
    pool = Pool(keep_bytes=MB)
    ring = pooled(pool)
    chunk = chunk_of(ring, 300_000)
    ring.close()
    del ring, pool
    assert bytes(chunk[-300_000:]) == b"\1" * 300_000


def test_many_threads_share_it() -> None:
    """Every thread builds and lets go; whatever memory it gets, nobody else writes into it meanwhile."""
    pool, wrong = Pool(keep_bytes=16 * MB), []

    def work(first: int) -> None:
        ring, held = pooled(pool), []
        for number in range(first, first + 60):
            size = 50_000 + number * 4999 % 90_000
            held.append((number, size, chunk_of(ring, size, number)))
            if len(held) > 3:
                old, size, chunk = held.pop(0)
                wrong.extend([old] if bytes(chunk[-size:]) != bytes([old % 251 + 1]) * size else [])

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert pool.again > pool.fresh
