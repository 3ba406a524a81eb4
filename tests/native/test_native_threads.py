"""Producer and consumer at the same time: every accepted frame comes out once, in order, byte for byte."""

import sys
import threading
from collections.abc import Iterator
from random import Random

import pytest
from native_kit import FRAME, INIT_HASH, RINGS, build, last_cut, new_ring, push

from watchkeep.native import Ring
from watchkeep.wire import seal, segment

FRAMES = 6000
GOP = 20
DEADLINE_S = 60
TRIES = 20


@pytest.fixture(autouse=True)
def _quick_switches() -> Iterator[None]:
    """Switch threads every 10 us instead of 5 ms, so that a race has a thousand times more turns."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def _content(number: int) -> bytes:
    """A frame that tells its number and is wrong if any byte is; sizes on both sides of the copy without the GIL."""
    size = Random(number).choice([9, 500, 20_000, 60_000])
    return number.to_bytes(4, "big") + bytes([number % 251 + 1]) * size


def _produce(ring: Ring, accepted: list[int]) -> None:
    run = start = 0
    for number in range(FRAMES):
        key = number % GOP == 0
        if key and ring.dropping:
            run, start = run + 1, number
        if push(ring, _content(number), run=run, dts=(number - start) * FRAME, key=key):
            accepted.append(number)


def _consume(ring: Ring, produced: threading.Event, found: list[bytes]) -> None:
    while True:
        last_look = produced.is_set()
        cut = ring.cut(last_look)
        if cut is not None:
            found.append(build(ring, cut))
            ring.release(cut)
        elif last_look:
            return


@pytest.mark.parametrize("capacity", [300_000, 2_000_000], ids=["always full", "roomy"])
def test_frames_come_out_as_they_went_in(capacity: int) -> None:
    ring = new_ring(RINGS[0], capacity=capacity, frames=40)
    accepted: list[int] = []
    chunks: list[bytes] = []
    produced = threading.Event()
    consumer = threading.Thread(target=_consume, args=(ring, produced, chunks), name="wk-test-consumer")
    consumer.start()
    _produce(ring, accepted)
    produced.set()
    consumer.join(DEADLINE_S)
    assert not consumer.is_alive()
    samples = [bytes(sample) for chunk in chunks for sample in segment.samples(chunk, seal.parse_seal(chunk))]
    assert [int.from_bytes(sample[:4], "big") for sample in samples] == accepted
    assert all(sample == _content(number) for sample, number in zip(samples, accepted, strict=True))
    assert all(segment.damage_of(chunk, segment.ChunkAt(0, len(chunk), seal.parse_seal(chunk)), INIT_HASH) == [] for chunk in chunks)
    assert (ring.dropped_frames, ring.frames) == (FRAMES - len(accepted), 0)
    assert len(accepted) > GOP


def _is_copying(ring: Ring) -> bool:
    """Whether another thread is in push: the ring tells a second producer so before it looks at its numbers."""
    try:
        push(ring, track=9)
    except RuntimeError:
        return True
    except ValueError:
        return False
    raise AssertionError("track 9 was accepted")


def test_release_moves_nothing_into_a_copy_under_way() -> None:
    """The frame being copied goes to the beginning, where release would move the waiting ones if it could (ring.pyx).

    64 waiting frames are the most that release moves: the first release leaves more and so stays where it is.  Bytes of 1
    are what the search for start codes likes least, so the copy takes long enough to release in the middle of it.
    """
    large, small = b"\1" * (10 << 20), [bytes([number]) * 50 for number in range(90)]
    released_in_time = 0
    for _ in range(5):
        ring = new_ring(RINGS[0], capacity=(25 << 20), chunk_ticks=20 * FRAME)
        push(ring, bytes(13 << 20), key=True)
        for number, data in enumerate(small):
            push(ring, data, dts=(20 + number) * FRAME)
        ring.release(ring.cut())
        assert ring.frames == 90
        copy = threading.Thread(target=push, args=(ring, large), kwargs={"dts": 110 * FRAME, "annexb": True}, name="wk-test-copy")
        copy.start()
        while not _is_copying(ring) and copy.is_alive():
            pass
        first, second = _take(ring), _take(ring)
        released_in_time += _is_copying(ring)
        copy.join(DEADLINE_S)
        rest = [_take(ring) for _ in range(3)]
        assert b"".join([first, second, *rest]) == b"".join([*small, len(large).to_bytes(4, "big"), large])
        ring.close()
    assert released_in_time


def test_close_leaves_a_build_under_way_its_memory() -> None:
    """On a busy machine a build may be done before anybody looks: then it is tried again."""
    assert any(_closed_while_building() for _ in range(TRIES))


def _closed_while_building() -> bool:
    ring = new_ring(RINGS[0], capacity=64 << 20)
    for number in range(20):
        push(ring, bytes([number]) * (1 << 20), dts=number * FRAME)
    cut = last_cut(ring)
    wanted, found = build(ring, cut), []
    worker = threading.Thread(target=lambda: found.append(build(ring, cut)), name="wk-test-build")
    worker.start()
    noticed = False
    while not noticed and worker.is_alive():
        try:
            ring.cut()
        except RuntimeError:
            noticed = True
    ring.close()
    worker.join(DEADLINE_S)
    assert found == [wanted]
    return noticed


def _take(ring: Ring) -> bytes:
    cut = last_cut(ring)
    media = build(ring, cut)[-cut.payload_bytes :]
    ring.release(cut)
    return media


def test_close_during_pushes_and_builds_ends_both_with_an_error() -> None:
    """Closing is the owner's act and may come from a third thread; memory must outlive the copies under way."""
    for _ in range(30):
        ring = new_ring(RINGS[0], capacity=4_000_000, frames=100)
        errors: list[str] = []
        started = threading.Barrier(3)

        def work(ring: Ring, started: threading.Barrier, errors: list[str], consume: bool) -> None:
            data, dts = bytes(200_000), 0
            started.wait(DEADLINE_S)
            try:
                while True:
                    dts += FRAME
                    if not consume:
                        push(ring, data, dts=dts, key=True, run=dts)
                    elif (cut := ring.cut(True)) is not None:
                        build(ring, cut)
                        ring.release(cut)
            except ValueError as error:
                errors.append(str(error))

        threads = [threading.Thread(target=work, args=(ring, started, errors, side), name=f"wk-test-{side}") for side in (False, True)]
        for thread in threads:
            thread.start()
        started.wait(DEADLINE_S)
        while ring.high_water == 0:
            assert any(thread.is_alive() for thread in threads)
        ring.close()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert errors == ["the ring is closed"] * 2
