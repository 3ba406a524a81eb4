"""Own files proven and set aside: what is damaged is named, what is good survives, a broken disk is not mistaken for files."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_kit import Pair, cheap, held, hub_named, pair, whole
from blake3 import blake3
from hub_kit import film, wait_for

from watchkeep.hub.consolidate.scrub import OutOfUseError, prove_part, set_aside
from watchkeep.hub.consolidate.share import parts_of
from watchkeep.hub.store import Store
from watchkeep.hub.store.model import Part
from watchkeep.wire.causes import ConsolidationPhase
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.messages import Event

EPOCH = 7
INIT, *CHUNKS = cheap("cam0", EPOCH, 25, segment=10)


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.keeper.KEEP_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.1)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def store(tmp_path: Path, events: list[Event]) -> Iterator[Store]:
    (tmp_path / "volume").mkdir()
    made = Store("a", [tmp_path / "volume"], retention_days=36_500, min_free_bytes=0, sync_ms=10, state_dir=tmp_path / "state",
                 on_event=events.append)  # fmt: skip
    made.open()
    made.append([INIT, *CHUNKS])
    yield made
    made.close()


def closed(store: Store, first: int) -> Part:
    found: list[Part] = []

    def look() -> bool:
        found[:] = [now for part in parts_of(store, "cam0") if part.first_seq == first and (now := store.closed_part(part)) is not None]
        return bool(found)

    wait_for(look, "a closed file")
    return found[0]


def damage(store: Store, part: Part, offset: int, length: int = 1) -> None:
    with store.path_of(part).open("r+b") as stream:
        stream.seek(offset)
        old = stream.read(length)
        stream.seek(offset)
        stream.write(bytes(byte ^ 0x20 for byte in old))


def missing(store: Store) -> list[tuple[int, int]]:
    return store.state("cam0", EPOCH, 0, len(CHUNKS) - 1).missing


def test_a_good_file_is_good(store: Store) -> None:
    assert all(prove_part(store, closed(store, first)).good for first in (0, 10, 20))


@pytest.mark.parametrize("seqs", [[0], [9], [3, 4, 5], [0, 9], list(range(10))])
def test_damaged_chunks_are_named_the_good_ones_stay_and_the_bad_ones_have_to_come_back_as_they_were(
        store: Store, events: list[Event], seqs: list[int]) -> None:  # fmt: skip
    part = closed(store, 0)
    places = {entry.seq: entry for entry in part.entries()}
    for seq in seqs:
        damage(store, part, places[seq].offset + places[seq].length - 1)
    finding = prove_part(store, part)
    assert sorted(finding.damaged) == seqs
    genuine = {(EPOCH, seq): bytes(CHUNKS[seq][0].hash) for seq in seqs}
    assert finding.expected.items() <= genuine.items()
    assert (EPOCH, seqs[-1]) in finding.expected, "its successor, or the catalog, knows it"
    aside = set_aside(store, finding, bytes(INIT[1]))
    assert aside is not None
    assert aside.damaged == seqs
    assert [seq for low, high in missing(store) for seq in range(low, high + 1)] == seqs
    (told,) = [event for event in events if event.kind != "clock"]  # these chunks are months old
    assert told.kind == "tamper"
    assert part.path in told.text
    left = [chunk.seq for chunk in store.chunks("cam0")]
    assert left == [seq for seq in range(25) if seq not in seqs]


def test_a_damaged_seal_is_damage_too(store: Store) -> None:
    part = closed(store, 0)
    entry = list(part.entries())[4]
    damage(store, part, entry.offset + 60)
    assert list(prove_part(store, part).damaged) == [4]


def test_a_chunk_in_the_place_of_another_one_is_damage(store: Store) -> None:
    """It proves itself; it is not what belongs there."""
    part = closed(store, 10)
    a, b = list(part.entries())[:2]
    assert a.length == b.length
    with store.path_of(part).open("r+b") as stream:
        stream.seek(a.offset)
        stream.write(bytes(CHUNKS[b.seq][1]))
    assert list(prove_part(store, part).damaged) == [a.seq]


def test_a_file_that_is_gone_is_damage_and_its_chunks_are_missing(store: Store) -> None:
    part = closed(store, 0)
    store.path_of(part).unlink()
    finding = prove_part(store, part)
    assert list(finding.damaged) == list(range(10))
    assert set_aside(store, finding, bytes(INIT[1])) is not None
    assert missing(store) == [(0, 9)]


def test_a_damaged_init_segment_is_found(store: Store) -> None:
    part = closed(store, 0)
    damage(store, part, 20)
    finding = prove_part(store, part)
    assert (finding.damaged, finding.why) == ({}, "the init segment is damaged")
    set_aside(store, finding, bytes(INIT[1]))
    assert missing(store) == []
    assert blake3(store.init_segment("cam0", EPOCH) or b"").digest() == INIT[0].hash


def test_the_only_init_segment_of_an_epoch_comes_from_the_peer(tmp_path: Path) -> None:
    made = film(4)
    with pair(tmp_path) as both:
        for hub in (both.a, both.b):
            hub.stored(made.batch())
            hub.wait_durable(made)
        (path,) = both.a.volumes[0].rglob("*.mp4")
        data = bytearray(path.read_bytes())
        data[30] ^= 1
        path.write_bytes(data)
        state = both.ask(both.a, both.b)
        for _ in range(100):
            if state.set_aside:
                break
            state = both.ask(both.a, both.b)  # the file is proven once it is closed
        assert [(aside.why, aside.damaged) for aside in state.set_aside] == [("the init segment is damaged", [])]
        assert held(both.a, made) == whole(made)
        assert both.a.get(f"/v1/cameras/{made.camera}/chunks/records?epoch={made.epoch}&first_seq=0&last_seq=9").status == 200


def test_many_damaged_files_are_a_broken_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.consolidate.round.MAX_ASIDE", 2)
    made = film(30)
    with hub_named(tmp_path, "a") as a, hub_named(tmp_path, "b") as b:
        for hub in (a, b):
            hub.stored(made.batch())
            hub.wait_durable(made)
        wait_for(lambda: Pair(a, b).ask(a, b).files == 5, "files")
        for path in a.volumes[0].rglob("*.mp4"):
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)

        def stopped() -> bool:
            state = Pair(a, b).ask(a, b)
            return state.phase is ConsolidationPhase.FAILED and "broken disk" in state.why

        wait_for(stopped, "the end of trust in that disk")
        assert len(list(a.volumes[0].rglob("*.damaged"))) <= 4


def test_a_disk_that_hangs_says_nothing_about_its_files(store: Store) -> None:
    """A seed of the simulation: what hung when it was read was set aside as damaged a moment later."""
    part = closed(store, 0)
    (volume,) = store._volumes
    volume.hang("a call to the disk does not return")
    with pytest.raises(OutOfUseError, match="hangs"):
        prove_part(store, part)
    volume.hung, volume.online = False, False
    with store.path_of(part).open("r+b") as stream:  # it is out of use, and gives nonsense besides
        stream.truncate(part.init_bytes)
    volume.disk.read = refuse(99)  # type: ignore[method-assign]
    with pytest.raises(OutOfUseError, match="cannot be proven"):
        prove_part(store, part)


def refuse(times: int) -> Callable[[str, int, int], bytes]:
    """A disk's read that fails so often, then gives nothing."""
    left = iter(range(times))

    def read(*_: object) -> bytes:
        if next(left, None) is None:
            return b""
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    return read


def test_a_process_without_a_descriptor_left_takes_no_good_file_for_damaged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a limit of 1024 and as many connections: all that was to be proven then would have been set aside."""
    part, real = closed(store, 0), os.open

    def full(path: str, flags: int, *args: int, **options: int) -> int:
        if path == part.path:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(path, flags, *args, **options)

    monkeypatch.setattr("os.open", full)
    with pytest.raises(OutOfUseError, match="Too many open files"):
        prove_part(store, part)


def test_one_read_that_fails_is_tried_again_and_a_sector_that_stays_unreadable_is_damage(store: Store, monkeypatch) -> None:
    part = closed(store, 0)
    read, failed = store.read, set[int]()

    def once(path: Path, offset: int, length: int) -> bytes:
        if offset in failed:
            return read(path, offset, length)
        failed.add(offset)
        raise VolumeError("cannot be read", remedy="")

    def never(path: Path, offset: int, length: int) -> bytes:
        if offset == [*part.entries()][3].offset:
            raise VolumeError("cannot be read", remedy="")
        return read(path, offset, length)

    monkeypatch.setattr(store, "read", once)
    assert prove_part(store, part).good
    assert len(failed) > len(CHUNKS[:10])
    monkeypatch.setattr(store, "read", never)
    assert list(prove_part(store, part).damaged) == [3]
