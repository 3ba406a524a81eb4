"""The memory of chunks: used again as soon as nobody looks at it, and never before."""

import threading

import pytest
from native_kit import FRAME, build, last_cut, new_ring, push

from watchkeep.native import Pool, Ring

MB = 1 << 20


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
    pool = Pool(keep_bytes=MB)
    ring = pooled(pool)
    chunk = chunk_of(ring, 300_000)
    piece = chunk[100:]
    del chunk
    assert pool.kept_bytes == 0
    other = chunk_of(ring, 300_000, 1)
    assert (pool.fresh, pool.again) == (2, 0)
    assert bytes(piece[-300_000:]) == b"\1" * 300_000, "a chunk that somebody looks at is not written over"
    del piece
    assert pool.kept_bytes >= 300_000
    third = chunk_of(ring, 290_000, 2)
    assert (pool.fresh, pool.again, pool.kept_bytes) == (2, 1, 0)
    assert bytes(third[-290_000:]) == b"\3" * 290_000
    assert bytes(other[-300_000:]) == b"\2" * 300_000


@pytest.mark.parametrize("size", [350_000, 1000], ids=["too small for it", "far too large for it"])
def test_memory_that_does_not_fit_is_left(size: int) -> None:
    pool = Pool(keep_bytes=MB)
    ring = pooled(pool)
    chunk_of(ring, 250_000).release()
    assert len(chunk_of(ring, size, 1)) > size
    assert (pool.fresh, pool.again) == (2, 0)


def test_no_more_is_kept_than_may_be() -> None:
    pool = Pool(keep_bytes=MB)
    ring = pooled(pool)
    chunks = [chunk_of(ring, 300_000, number) for number in range(6)]
    chunks.append(chunk_of(ring, 2 * MB, 6))
    chunks.clear()
    assert 600_000 < pool.kept_bytes <= MB
    pool.keep(400_000)
    assert 300_000 < pool.kept_bytes <= 400_000
    pool.keep(0)
    assert pool.kept_bytes == 0


def test_small_chunks_do_not_fill_the_list() -> None:
    pool = Pool(keep_bytes=1 << 30)
    ring = pooled(pool)
    chunks = [chunk_of(ring, 100, number) for number in range(600)]
    chunks.clear()
    assert pool.kept_bytes == 512 * (64 << 10)
    assert chunk_of(ring, 100, 600)
    assert pool.again == 1


def test_a_chunk_outlives_its_ring_and_its_pool() -> None:
    pool = Pool(keep_bytes=MB)
    ring = pooled(pool)
    chunk = chunk_of(ring, 300_000)
    ring.close()
    del ring, pool
    assert bytes(chunk[-300_000:]) == b"\1" * 300_000


def test_many_threads_share_it() -> None:
    """Every thread builds and lets go; whatever memory it gets, nobody else writes into it meanwhile."""
    pool, wrong = Pool(keep_bytes=MB), []

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
