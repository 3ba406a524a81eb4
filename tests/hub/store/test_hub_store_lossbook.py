"""Declared losses on volumes: kept over restarts and without a catalog, on every volume, never waited for."""

import threading
from pathlib import Path
from typing import ClassVar

import pytest
from hub_store_chunks import Chain, Site, durable, until

from watchkeep.hub.store import Disk, StoreBusy
from watchkeep.hub.store import lossbook as module
from watchkeep.hub.store.declared import read_lines
from watchkeep.wire.causes import EventKind
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.losses import Loss
from watchkeep.wire.messages import Timeline
from watchkeep.wire.paths import LOSSES_FILE


def loss(low: int, high: int) -> Loss:
    return Loss(camera="cam0", epoch=7, first_seq=low, last_seq=high, text="the journal was full")


def causes(found: Timeline) -> list[tuple[str, str]]:
    return [(gap.cause, gap.text) for gap in found.gaps]


def lines(volume: Path) -> list[Loss]:
    path = volume / LOSSES_FILE
    return read_lines(path.read_bytes()).losses if path.exists() else []


def test_a_declared_gap_says_so_also_after_a_restart_without_a_catalog_and_with_a_torn_list(tmp_path: Path) -> None:
    site, chain = Site(tmp_path, 2), Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1, 4))
        until(lambda: durable(store, chain) == [(0, 1), (4, 4)])
        assert causes(store.timeline("cam0")) == [("hole", "")]
        assert store.lose([loss(2, 3), loss(2, 3), loss(9, 9)]) == 2
        assert store.lose([loss(2, 3)]) == 0
        assert causes(store.timeline("cam0")) == [("loss", "the journal was full")]
    for volume in site.volumes:
        assert lines(volume) == [loss(2, 3), loss(9, 9)]
        with (volume / LOSSES_FILE).open("ab") as file:
            file.write(b"0123456789abcdef torn")
    (site.state / "catalog.sqlite").unlink()
    with site.running() as store:
        assert causes(store.timeline("cam0")) == [("loss", "the journal was full")]
        assert store.lose([loss(20, 20)]) == 1
        assert store.lose([loss(20, 20)]) == 0
        assert lines(site.volumes[0]) == [loss(2, 3), loss(9, 9), loss(20, 20)]
        store.append(chain.batch(2, 3))  # somebody had them after all
        assert causes(store.timeline("cam0")) == []
    assert [event for event in site.events if event.kind is EventKind.DISK] == []


def test_a_damaged_line_is_told_and_the_others_stand(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.running() as store:
        store.lose([loss(2, 3), loss(9, 9)])
    path = site.volumes[0] / LOSSES_FILE
    path.write_bytes(b"X" + path.read_bytes()[1:])
    with site.running() as store:
        store.lose([loss(2, 3)])
        assert lines(site.volumes[0]) == [loss(9, 9), loss(2, 3)]
    assert ["declared losses" in event.text for event in site.events if event.kind is EventKind.DISK] == [True]


class Faulty(Disk):
    """Fails or waits where losses are written."""

    fails: ClassVar[set[str]] = set()
    gate: threading.Event | None = None

    def append(self, path: str, size: int, data: bytes) -> None:
        if Faulty.gate is not None:
            Faulty.gate.wait(20)
        if self.root.name in Faulty.fails:
            super().append(path, size, data[:5])
            raise OSError(5, "Input/output error")
        super().append(path, size, data)


def test_one_volume_is_enough_and_none_is_an_error_that_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, 2)
    monkeypatch.setattr(Faulty, "fails", {"volume0"})
    with site.running(disk=Faulty) as store:
        assert store.lose([loss(1, 1)]) == 1
        assert lines(site.volumes[0]) == []
        assert lines(site.volumes[1]) == [loss(1, 1)]
        Faulty.fails.add("volume1")
        with pytest.raises(VolumeError, match="Input/output"):
            store.lose([loss(2, 2)])
        Faulty.fails.clear()
        assert store.lose([loss(2, 2)]) == 1
        assert (lines(site.volumes[0]), lines(site.volumes[1])) == ([loss(2, 2)], [loss(1, 1), loss(2, 2)])


def test_who_tells_waits_for_no_disk_and_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, chain = Site(tmp_path), Chain()
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    monkeypatch.setattr(module, "MAX_QUEUE", 2)
    with site.running(disk=Faulty) as store:
        monkeypatch.setattr(Faulty, "gate", threading.Event())
        try:
            for number in range(2):
                with pytest.raises(StoreBusy, match="not taken"):
                    store.lose([loss(number, number)])
            with pytest.raises(StoreBusy, match="too many"):
                store.lose([loss(9, 9)])
            store.append(chain.batch(0))
            until(lambda: durable(store, chain) == [(0, 0)])
        finally:
            assert Faulty.gate is not None
            Faulty.gate.set()
        until(lambda: lines(site.volumes[0]) == [loss(0, 0), loss(1, 1)])
        monkeypatch.setattr(module, "WAIT_S", 20.0)
        store.lose([loss(0, 0), loss(1, 1)])  # the thread may have written them, and not yet noted that it has
        assert store.lose([loss(0, 0), loss(1, 1)]) == 0


def test_what_a_start_reads_is_written_again_when_it_is_told_again(tmp_path: Path) -> None:
    """The process before may have died between write and fsync, or its fsync had failed: a power cut takes what the page cache shows."""
    site = Site(tmp_path)
    synced: list[bytes] = []

    class Counting(Disk):
        def append(self, path: str, size: int, data: bytes) -> None:
            super().append(path, size, data)
            synced.append(data)

    with site.running() as store:
        store.lose([loss(1, 1)])
    with site.running(disk=Counting) as store:
        assert store.lose([loss(1, 1)]) == 1
        assert [read_lines(data).losses for data in synced] == [[loss(1, 1)]]
        assert store.lose([loss(1, 1)]) == 0
        assert len(synced) == 1


def test_a_long_list_is_made_anew_with_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.declared.MAX_LOSSES", 3)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 600)
    site = Site(tmp_path)
    with site.running() as store:
        for number in range(20):
            assert store.lose([loss(number, number)]) == 1
        assert (site.volumes[0] / LOSSES_FILE).stat().st_size <= 600
    assert lines(site.volumes[0])[-3:] == [loss(17, 17), loss(18, 18), loss(19, 19)]
