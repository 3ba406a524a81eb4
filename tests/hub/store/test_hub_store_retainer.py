"""Retention of a real store under locks, days of single cameras, and a disk of a few megabytes."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from hub_store_chunks import SECOND_NS, START_NS, Chain, Site, contents, durable, expected, until

from watchkeep.hub.protect.shelf import LOCKS_FILE, Wanted
from watchkeep.hub.store import Clock, Disk, Store, keeper, retainer
from watchkeep.hub.store.clockbook import CLOCK_FILE, ClockBook, Past
from watchkeep.hub.store.retention import DAY_NS
from watchkeep.wire.causes import EventKind

MB = 1_000_000
CHUNK = 100_000
LATER_NS = START_NS + 10 * DAY_NS


class SmallDisk(Disk):
    """Six megabytes, of which only segment files take any."""

    def space(self) -> tuple[int, int]:
        return 6 * MB - sum(path.stat().st_size for path in list(self.root.rglob("*.mp4")) if path.exists()), 6 * MB


def at(seconds: float) -> int:
    return START_NS + int(seconds * SECOND_NS)


def lock(store: Store, start_s: float, end_s: float, *, camera: str = "cam0", owner: str = "case 7", expires_ns: int | None = None) -> str:
    found, _ = store.locks.add(Wanted(camera, at(start_s), at(end_s), owner, "a theft", expires_ns), START_NS)
    return found.id


def seqs(store: Store, camera: str = "cam0") -> list[int]:
    return [chunk.seq for chunk in store.chunks(camera)]


def send(store: Store, chain: Chain, low: int, high: int) -> None:
    """Store chunks low..high, and wait until they are durable."""
    for seq in range(low, high + 1):
        store.append(chain.batch(seq))
    until(lambda: [span for span in durable(store, chain) if span[1] == high], f"chunk {high} durable")


def told(site: Site, kind: EventKind) -> list[str]:
    return [event.text for event in site.events if event.kind is kind]


# -- age ----------------------------------------------------------------------------------------------------------


def test_a_lock_keeps_whole_files_that_overlap_it_and_no_others(tmp_path: Path) -> None:
    site, chain = Site(tmp_path), Chain(segment=2)
    with site.running() as store:
        store.append(chain.batch(*range(10)))
        # by a nanosecond into the file of 2 and 3, exactly up to the file of 6 and 7
        store.locks.add(Wanted("cam0", at(4) - 1, at(6), "case 7", "a theft"), START_NS)
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: LATER_NS)) as store:
        until(lambda: seqs(store) == [2, 3, 4, 5], "the others are gone")
        assert contents(store) == expected(chain, 2, 3, 4, 5)
        assert store.state("cam0", 7, 0, 9).missing == [(0, 1), (6, 9)]
        until(lambda: store.stats().locked_bytes > 0)
        assert (store.stats().locks, store.stats().locked_bytes) == (1, sum(map(len, site.files().values())))
        assert store.extent("cam0", at(4) - 1, at(6)) == (2, store.stats().locked_bytes)
        store.locks.remove("lock-1")
        until(lambda: not seqs(store), "nothing keeps them any more")
        until(lambda: store.stats().locked_bytes == 0)


def test_days_are_replaced_while_it_runs_and_what_is_spared_stays_until_it_is_spared_no_more(tmp_path: Path) -> None:
    site, chain, own = Site(tmp_path), Chain(segment=2), Chain("cam1", segment=2)
    with site.running() as store:
        for each in (chain, own):
            store.append(each.batch(*range(4)))
    store = site.store(retention_days=2, camera_days={"cam1": 20.0}, clock=Clock(wall_ns=lambda: LATER_NS))
    ClockBook(site.state).write(Past(LATER_NS, 0.0))
    store.keep_for(2, 20)
    store.open()
    with closing(store):
        looked = store._keeper.retainer.aged_at
        until(lambda: store._keeper.retainer.aged_at > max(looked, 0) + 0.2, "looks at age")
        assert seqs(store) == [0, 1, 2, 3]
        assert store.horizon_ns("cam0") > LATER_NS - 2 * DAY_NS, "and nobody fetches what is older than it is to be kept"
        store.keep_for(2, cameras={"cam0": 20.0, "cam1": 2.0})
        assert store.horizon_ns("cam0") < LATER_NS - 18 * DAY_NS
        store.keep_for(2, cameras={"cam1": 2.0})
        until(lambda: not seqs(store), "two days count")
        assert seqs(store, "cam1") == [0, 1, 2, 3], "it has days of its own since the start"


def test_a_lock_that_expires_gives_its_video_back_and_a_stepped_clock_ends_none(tmp_path: Path) -> None:
    site, chain, wall = Site(tmp_path), Chain(segment=2), [LATER_NS]
    with site.running(clock=Clock(wall_ns=lambda: LATER_NS)) as store:
        store.append(chain.batch(*range(4)))
        lock(store, 0, 2, expires_ns=LATER_NS + SECOND_NS)
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: wall[0])) as store:
        until(lambda: seqs(store) == [0, 1])
        wall[0] = LATER_NS + 50 * DAY_NS
        until(lambda: told(site, EventKind.CLOCK), "the step was seen")
        rounds = store._keeper.retainer.aged_at
        until(lambda: store._keeper.retainer.aged_at > rounds + 0.2, "more looks at age")
        assert seqs(store) == [0, 1]
        assert len(store.locks.locks) == 1
    with site.running(off=True, retention_days=2, clock=Clock(wall_ns=lambda: wall[0])) as store:
        until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
        assert seqs(store) == [0, 1], "a restart does not make the clock right"
        assert len(store.locks.locks) == 1
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: wall[0])) as store:
        until(lambda: not seqs(store), "a day later")
        assert len(store.locks.locks) == 0
        assert any("case 7" in text and "expired" in text for text in told(site, EventKind.LOCK))


def test_a_start_with_a_clock_that_is_ahead_deletes_nothing_and_says_so(tmp_path: Path) -> None:
    site, chain = Site(tmp_path), Chain(segment=2)
    with site.running(clock=Clock(wall_ns=lambda: START_NS)) as store:
        store.append(chain.batch(*range(4)))
        lock(store, 0, 2, expires_ns=START_NS + SECOND_NS)
    for _ in range(2):
        with site.running(off=True, retention_days=2, clock=Clock(wall_ns=lambda: LATER_NS)) as store:
            until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
            assert seqs(store) == [0, 1, 2, 3]
            assert len(store.locks.locks) == 1
    assert told(site, EventKind.CLOCK) == [
        "the wall clock went forward by 10.0 days, or this archiver was off for so long: nothing is deleted for its age for a day"]
    (site.state / CLOCK_FILE).unlink()
    with site.running(off=True, retention_days=2, clock=Clock(wall_ns=lambda: LATER_NS)) as store:
        until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
        assert seqs(store) == [0, 1, 2, 3], "nothing is known of the clock"


def test_while_all_recorders_say_another_day_nothing_is_deleted_for_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retainer, "AGE_S", 0.0)
    monkeypatch.setattr(keeper, "KEEP_S", 0.01)
    site, ahead = Site(tmp_path), Clock(wall_ns=lambda: LATER_NS)
    with site.running(clock=Clock(wall_ns=lambda: START_NS)) as store:
        store.append(Chain(segment=2).batch(*range(4)))
    with site.running(retention_days=20, clock=ahead) as store:
        send(store, Chain(epoch=8, segment=2), 0, 1)
        until(lambda: told(site, EventKind.CLOCK), "the contradiction was seen")
        store._keeper.retainer.rule = retainer.policy(2, 0, {})
        looked = store._keeper.retainer.aged_at
        until(lambda: store._keeper.retainer.aged_at > looked + 0.1, "more looks at age")
        assert seqs(store) == [0, 1, 2, 3, 0, 1]
    assert "stamped 10.0 days behind" in told(site, EventKind.CLOCK)[0]
    with site.running(off=True, retention_days=2, clock=ahead) as store:
        until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
        assert seqs(store) == [0, 1, 2, 3, 0, 1], "nobody has said anything since the start"
    with site.running(retention_days=20, clock=ahead) as store:
        send(store, Chain("cam1", segment=2, start_ns=LATER_NS), 0, 1)
        store._keeper.retainer.rule = retainer.policy(2, 0, {})
        until(lambda: not seqs(store), "a recorder says the same day")


def test_locks_that_cannot_be_read_keep_everything_and_say_so(tmp_path: Path) -> None:
    site, chain = Site(tmp_path), Chain(segment=2)
    with site.running() as store:
        store.append(chain.batch(*range(4)))
    (site.state / LOCKS_FILE).write_bytes(b"{")
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: LATER_NS)) as store:
        until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
        assert seqs(store) == [0, 1, 2, 3]
        assert "locks.json" in store.stats().problems[0]
        store.append(Chain(epoch=8).batch(0))  # recording goes on


def test_video_of_a_recorder_that_had_no_clock_is_as_old_as_its_file_here(tmp_path: Path) -> None:
    site, now_ns = Site(tmp_path), time.time_ns()
    with site.running() as store:
        store.append(Chain("no-clock", segment=2, start_ns=60 * SECOND_NS).batch(*range(4)))
        store.append(Chain("clock", segment=2, start_ns=now_ns - 3 * DAY_NS).batch(*range(4)))
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: now_ns + DAY_NS)) as store:
        until(lambda: {info.camera for info in store.cameras()} == {"no-clock"}, "what is old is gone")
        assert seqs(store, "no-clock") == [0, 1, 2, 3]
    with site.running(retention_days=2, clock=Clock(wall_ns=lambda: now_ns + 3 * DAY_NS)) as store:
        until(lambda: not store.cameras(), "two days after it came")


def test_every_camera_has_its_own_days(tmp_path: Path) -> None:
    site = Site(tmp_path, volumes=2)
    ages = {"long": 9, "middle": 9, "short": 1, "brief": 1}
    with site.running() as store:
        for camera, days in ages.items():
            store.append(Chain(camera, segment=2, start_ns=LATER_NS - days * DAY_NS).batch(0, 1))
    with site.running(retention_days=5, camera_days={"long": 30, "brief": 0.5}, clock=Clock(wall_ns=lambda: LATER_NS)) as store:
        until(lambda: {info.camera for info in store.cameras()} == {"long", "short"}, "middle and brief are gone")
        assert store.horizon_ns("long") < store.horizon_ns("short") < store.horizon_ns("brief")


# -- floor --------------------------------------------------------------------------------------------------------


def test_room_is_made_from_what_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.retainer.BATCH", 2)  # more locked files at the beginning than a page holds
    site, chain = Site(tmp_path), Chain(segment=2, size=CHUNK)
    with site.running(disk=SmallDisk, min_free_bytes=4 * MB) as store:
        send(store, chain, 0, 13)
        lock(store, 0, 10)
        send(store, chain, 14, 39)
        until(lambda: store.stats().volumes[0].free_bytes >= 4 * MB, "the floor is free again")
        assert seqs(store)[:10] == list(range(10))
        assert 39 in seqs(store)
        assert 10 not in seqs(store)
        assert store.stats().problems == ()
        assert store._keeper.retainer.oldest_ns(store._volumes[0]) > at(10)
        assert told(site, EventKind.RETENTION)
        store.locks.remove("lock-1")
        send(store, chain, 40, 43)
        until(lambda: seqs(store)[0] > 3, "what was locked is the oldest again, and goes first")


def test_only_locked_video_left_is_said_loudly_and_goes_before_recording_stops(tmp_path: Path) -> None:
    site, chain = Site(tmp_path), Chain(segment=2, size=CHUNK)
    with site.running(disk=SmallDisk, min_free_bytes=4 * MB) as store:
        lock(store, -1000, 30)
        send(store, chain, 0, 23)
        until(lambda: store.stats().problems, "a problem")
        assert "only locked video" in store.stats().problems[0]
        assert "remove locks" in store.stats().problems[0]
        assert any("only locked video" in text for text in told(site, EventKind.LOCK))
        assert seqs(store) == list(range(24)), "the reserve is used up first"
        assert store.locks.locks.get("lock-1").lost_files == 0  # type: ignore[union-attr]
        lock(store, 30, 1000, owner="case 8")
        disk = SmallDisk(site.volumes[0])
        for seq in range(24, 90, 2):  # 6.6 MB more, all of it locked: the disk holds 6 in all
            send(store, chain, seq, seq + 1)
            until(lambda: min(disk.space()[0], store.stats().volumes[0].free_bytes) >= 1.7 * MB, "room, and the store's knowing of it")
        until(lambda: disk.space()[0] >= 2 * MB, "half the floor is free")
        kept = seqs(store)
        assert kept == list(range(kept[0], 90)), "the oldest went, and nothing else"
        # asked anew each time: retention may take one more file after we have looked
        until(lambda: [one.lost_files for one in store.locks.locks] == [15, (seqs(store)[0] - 30) // 2], "every loss is noted at its lock")
        until(lambda: any("lock-1 of case 7" in text and "deleted" in text for text in told(site, EventKind.LOCK)), "an event names it")
        store.locks.remove("lock-1")
        store.locks.remove("lock-2")
        until(lambda: not store.stats().problems, "well again")
    with site.running(disk=SmallDisk) as store:
        assert len(store.locks.locks) == 0


def test_locked_video_stays_while_another_volume_has_room(tmp_path: Path) -> None:
    class Uneven(SmallDisk):
        def space(self) -> tuple[int, int]:
            free, total = super().space()
            return (free, total) if self.root.name == "volume0" else (free + 50 * MB, total + 50 * MB)

    site, chain = Site(tmp_path, volumes=2), Chain(segment=2, size=CHUNK)
    crowded = Site(tmp_path)
    crowded.state = tmp_path / "crowded"
    with crowded.running(disk=SmallDisk) as store:
        send(store, chain, 0, 43)
        lock(store, 0, 1000)
    site.state = crowded.state
    with site.running(disk=Uneven, min_free_bytes=4 * MB) as store:
        fresh = Chain(epoch=8, segment=2, size=CHUNK, start_ns=at(100))
        send(store, fresh, 0, 9)
        looks = store._keeper.retainer.aged_at
        until(lambda: store._keeper.retainer.aged_at > looks + 0.3, "more rounds")
        assert seqs(store) == [*range(44), *range(10)]


def test_a_stop_tells_what_was_not_told_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.tally.TELL_S", 1000.0)
    site, chain = Site(tmp_path), Chain(segment=2, size=CHUNK)
    with site.running(disk=SmallDisk, min_free_bytes=5 * MB) as store:
        send(store, chain, 0, 15)
        until(lambda: told(site, EventKind.RETENTION))
        send(store, chain, 16, 29)
        until(lambda: store.stats().volumes[0].free_bytes >= 5 * MB)
    counts = [int(text.split(": ")[1].split()[0]) for text in told(site, EventKind.RETENTION)]
    assert len(counts) == 2
    assert sum(counts) == 15 - len(site.files())
