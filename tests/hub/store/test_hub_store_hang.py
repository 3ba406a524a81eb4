"""A disk hangs: its volume is given up while the call is under way, the others go on, and what the call does in the end is taken back."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hub_store_chunks import Chain, Site, contents, crash_copy, durable, expected, until

from watchkeep.hub.protect.shelf import Wanted
from watchkeep.hub.store import Clock, Conflict, Disk, StoreBusy
from watchkeep.hub.store.pulse import LATE_S, STALL_S, Pulse
from watchkeep.hub.store.retention import DAY_NS
from watchkeep.wire.causes import EventKind
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.paths import LOCKS_COPY

STALLED_S = 1.0
"""Above what a shared disk that works takes for a sync now and then."""


@pytest.fixture(autouse=True)
def quick_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", STALLED_S)
    monkeypatch.setattr("watchkeep.hub.store.pulse.LATE_S", 0.1)
    monkeypatch.setattr("watchkeep.hub.store.store.WRITE_WAIT_S", 0.1)
    monkeypatch.setattr("watchkeep.hub.store.store.WATCH_S", 0.02)


class Hanging(Disk):
    """A disk that stops answering when `gate` is cleared: after a write is done, before anything else is."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = threading.Event()
        self.gate.set()
        self.stuck = 0
        self.free = 0
        """What it says of its free space, so that a test can make it the one to go to."""

    def _pass(self) -> None:
        self.stuck += 1
        assert self.gate.wait(30), "the test never let the disk answer again"
        self.stuck -= 1

    def space(self) -> tuple[int, int]:
        self._pass()
        free, total = super().space()
        return self.free or free, total

    def create(self, path: str) -> tuple[int, set[str]]:
        self._pass()
        return super().create(path)

    def write(self, handle: int, parts: list[Any]) -> None:
        super().write(handle, parts)
        self._pass()

    def sync(self, handle: int) -> None:
        self._pass()
        super().sync(handle)

    def unlink(self, path: str) -> None:
        self._pass()
        super().unlink(path)

    def cut(self, path: str, size: int) -> None:
        self._pass()
        super().cut(path, size)


class Rig:
    """A store on disks that can hang; the first one is where new segments go."""

    def __init__(self, site: Site, **options: Any) -> None:
        self.site, self.disks = site, list[Hanging]()

        def make(root: Path) -> Hanging:
            self.disks.append(Hanging(root))
            self.disks[-1].free = (1 << 40) >> len(self.disks)
            return self.disks[-1]

        self.store = site.store(disk=make, **options)

    @property
    def first(self) -> Hanging:
        return self.disks[0]

    def hang(self) -> None:
        self.first.gate.clear()

    def hung(self) -> bool:
        return "hangs since" in self.store.stats().volumes[0].why

    def told(self) -> list[str]:
        return [event.text for event in list(self.site.events) if event.kind is EventKind.DISK]

    def send(self, chain: Chain, low: int, high: int) -> bool:
        """Send what is not there; whether it is all there now."""
        missing = [seq for seq in range(low, high + 1) if self.store.state(chain.camera, chain.epoch, seq, seq).missing]
        self.store.append(chain.batch(*missing))
        return not self.store.state(chain.camera, chain.epoch, low, high).missing


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Rig]:
    yield from _running(Rig(Site(tmp_path)))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Rig]:
    yield from _running(Rig(Site(tmp_path, volumes=2)))


def _running(rig: Rig) -> Iterator[Rig]:
    with pytest.MonkeyPatch.context() as patient:  # these volumes do start: the quick verdict is for what a test hangs afterwards
        patient.setattr("watchkeep.hub.store.pulse.STALL_S", STALL_S)
        rig.store.open()
    try:
        yield rig
    finally:
        for disk in rig.disks:
            disk.gate.set()
        rig.store.close()


def test_a_pulse_tells_how_long_a_call_has_been_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", STALL_S)
    monkeypatch.setattr("watchkeep.hub.store.pulse.LATE_S", LATE_S)
    now = [100.0]
    pulse, seen = Pulse(lambda: now[0]), []
    with pulse:
        for age in (0.0, LATE_S - 0.01, LATE_S, STALL_S - 0.01, STALL_S):
            now[0] = 100.0 + age
            seen.append((pulse.late, pulse.hung))
    assert seen == [(False, False), (False, False), (True, False), (True, False), (True, True)]
    assert (pulse.since, pulse.age, pulse.late, pulse.hung) == (None, 0.0, False, False)


def test_recording_goes_on_on_the_other_volume_and_the_hung_one_is_used_again_when_it_answers(two: Rig) -> None:
    chain, store = Chain(segment=100), two.store
    store.append(chain.batch(0, 1))
    until(lambda: durable(store, chain) == [(0, 1)])
    two.hang()
    store.append(chain.chunks(2, 3))
    until(two.hung, "given up")
    until(lambda: two.send(chain, 2, 9), "on the other volume")
    until(lambda: durable(store, chain) == [(0, 9)])
    found = [(chunk.seq, store.read(chunk.path, chunk.offset, chunk.length)) for chunk in store.chunks("cam0") if chunk.seq > 1]
    assert found == [(seq, data) for _, seq, data in expected(chain, *range(2, 10))], "read from where they can be read"
    state, other = store.stats().volumes
    assert (state.online, other.online) == (False, True)
    until(two.told)
    assert [text for text in two.told() if "hangs since" in text] == two.told()
    assert len(two.told()) == 1
    two.first.gate.set()
    until(lambda: store.stats().volumes[0].online, "used again")
    until(lambda: len(two.told()) == 2)
    assert "answers again after" in two.told()[1]
    fresh = Chain("cam1")
    store.append(fresh.batch(0))
    assert (two.first.root / "cam1").exists(), "it has the most free space"
    assert contents(store) == expected(chain, *range(10))
    store.close()
    files = two.site.files()
    held = b"".join(files[path] for path in sorted(files) if path.startswith("cam0"))
    assert [held.count(f"cam0/7/{seq}/".encode()) for seq in range(10)] == [1] * 10, "nothing is there twice"


@pytest.mark.parametrize("hung_in", ["write", "sync"])
def test_the_only_volume_hangs_and_everything_is_refused_at_once_until_it_answers(one: Rig, hung_in: str) -> None:
    chain, store = Chain(segment=100), one.store
    store.append(chain.batch(0, 1))
    until(lambda: durable(store, chain) == [(0, 1)])
    writer = store._writers[0]
    if hung_in == "sync":  # with everything else due as soon as the sync returns
        real, one.first.sync = one.first.sync, lambda handle: (one.hang(), setattr(writer, "_tend_at", 0.0), real(handle))[2]  # type: ignore[method-assign]
    else:
        one.hang()
    store.append(chain.chunks(2, 3))
    until(one.hung, "given up")
    assert store.state("cam0", 7, 0, 9).missing == [(2, 9)], "nothing counts that is not durable"
    began = time.monotonic()
    with pytest.raises(VolumeError, match="hangs since"):
        store.append(chain.chunks(2, 4))
    assert time.monotonic() - began < STALLED_S
    assert durable(store, chain) == [(0, 1)]
    if hung_in == "sync":
        one.first.sync = real  # type: ignore[method-assign]
    found, reopen = list[bytes](), writer.volume.reopen
    writer.volume.reopen = lambda: (found.extend(one.site.files().values()), reopen())[1]  # type: ignore[method-assign]
    one.first.gate.set()
    until(lambda: store.stats().volumes[0].online, "used again")
    assert found == [chain.file(0, 1)], "what was given up is cut off before anything else is done there"
    assert store.state("cam0", 7, 0, 9).missing == [(2, 9)], "what the call did in the end is taken back"
    until(lambda: one.send(chain, 2, 9))
    until(lambda: durable(store, chain) == [(0, 9)])
    assert contents(store) == expected(chain, *range(10))
    until(lambda: chain.file(0, 9) in one.site.files().values() or store.close() is None)
    with one.site.running() as again:
        assert contents(again) == expected(chain, *range(10))
        assert again.stats().damage == ()
        until(lambda: chain.file(0, 9) in one.site.files().values(), "joined")


def test_no_append_waits_for_a_disk_that_is_late_and_chunks_go_to_the_other(two: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", 60.0)
    monkeypatch.setattr("watchkeep.hub.store.store.WRITE_WAIT_S", 20.0)
    chain, store = Chain(segment=100), two.store
    store.append(chain.batch(0))
    until(lambda: durable(store, chain) == [(0, 0)])
    two.hang()
    began = time.monotonic()
    store.append(chain.chunks(1, 1))
    store.append(chain.chunks(2, 4))
    store.append(Chain("cam1").batch(0))
    assert time.monotonic() - began < 10
    until(lambda: durable(store, chain) == [(0, 0), (2, 4)])
    assert store.state("cam0", 7, 1, 1).missing == [(1, 1)]
    two.first.gate.set()
    until(lambda: durable(store, chain) == [(0, 4)])


def test_queued_appends_are_given_up_and_answered(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.writer.MAX_QUEUE_BYTES", 4000)
    chain, store = Chain(segment=100), one.store
    one.hang()
    for seq in range(4):
        store.append(chain.batch(seq))
    until(one.hung)
    with pytest.raises(VolumeError) as caught:
        store.append(chain.batch(*range(4)))
    assert not isinstance(caught.value, StoreBusy), "the queue is empty again"
    one.first.gate.set()
    until(lambda: store.stats().volumes[0].online)
    until(lambda: one.send(chain, 0, 30))
    until(lambda: durable(store, chain) == [(0, 30)])


def test_a_name_keeps_its_hash_while_a_hung_volume_may_have_the_chunk(two: Rig) -> None:
    chain, store = Chain(segment=100), two.store
    store.append(chain.batch(0))
    until(lambda: durable(store, chain) == [(0, 0)])
    two.hang()
    store.append(chain.chunks(1, 2))
    until(two.hung)
    for seq in (1, 2):
        with pytest.raises(Conflict):
            store.append([chain.forged(seq)])
    until(lambda: two.send(chain, 1, 2))


def test_a_crash_while_a_disk_hangs_leaves_chunks_on_two_volumes_and_each_is_served_once(two: Rig, tmp_path: Path) -> None:
    chain, store = Chain(segment=100), two.store
    store.append(chain.batch(0, 1))
    until(lambda: durable(store, chain) == [(0, 1)])
    two.hang()
    store.append(chain.chunks(2, 3))
    until(two.hung)
    until(lambda: two.send(chain, 2, 5))
    until(lambda: durable(store, chain) == [(0, 5)])
    copy = crash_copy(two.site, tmp_path / "crashed")
    twice = b"".join(path.read_bytes() for volume in copy.volumes for path in volume.rglob("*.mp4"))
    assert twice.count(b"cam0/7/2/") == 2, "written before the call hung, and elsewhere"
    with copy.running() as again:
        assert contents(again) == expected(chain, *range(6))
        assert again.stats().damage == ()
        assert again.append(chain.batch(*range(6))).repeated == 6
        assert [(span.first_seq, span.last_seq) for span in again.timeline("cam0").spans] == [(0, 5)]
    with copy.running(retention_days=2, clock=Clock(wall_ns=lambda: chain.start_ns + 10 * DAY_NS)) as again:
        until(lambda: not list(again.chunks("cam0")), "retention takes both")
        assert again.state("cam0", 7, 0, 5).missing == [(0, 5)]


def test_a_disk_that_hangs_in_a_deletion_holds_up_neither_other_volumes_nor_a_stop(tmp_path: Path) -> None:
    site, chains = Site(tmp_path, volumes=2), (Chain("cam0", segment=2), Chain("cam1", segment=2))
    first = Rig(site)
    first.store.open()
    first.store.append(chains[0].batch(*range(4)))
    until(lambda: first.disks[0].root.joinpath("cam0").exists())
    first.disks[0].free = 1 << 30
    until(lambda: first.store.stats().volumes[0].free_bytes <= 1 << 30)
    first.store.append(chains[1].batch(*range(4)))
    first.store.close()
    assert (site.volumes[1] / "cam1").exists()

    wall, later = [chains[0].start_ns], chains[0].start_ns + 10 * DAY_NS
    rig = Rig(site, retention_days=2, clock=Clock(wall_ns=lambda: wall[0]))
    rig.store.open()
    try:
        real = rig.first.unlink
        rig.first.unlink = lambda path: (rig.hang(), real(path))[1]  # type: ignore[method-assign]
        rig.store._keeper._watches = {root: _Trusting() for root in rig.store._keeper._watches}  # type: ignore[misc]
        wall[0] = later
        until(lambda: not list(rig.store.chunks("cam1")), "the other volume's retention")
        until(lambda: rig.first.stuck, "stuck in the deletion")
        rig.store.locks.add(Wanted("cam1", later, later + 1, "case 7", "a theft"), later)
        until(rig.hung, "its writer hangs too")
        began = time.monotonic()
        rig.store.close()
        assert time.monotonic() - began < 10
        rig.first.unlink = real  # type: ignore[method-assign]
        with site.running() as again:
            assert [volume.online for volume in again.stats().volumes] == [False, True]
            assert "in use by another process" in again.stats().volumes[0].why
    finally:
        rig.first.gate.set()
        for thread in [*rig.store._keeper._threads, *rig.store._writers]:
            thread.join(10)
        rig.first.close()


class _Trusting:
    """A clock watch that has seen no step."""

    def look(self, _wall_ns: int, _now: float) -> bool:
        return False

    def trusted(self, _now: float) -> bool:
        return True


def test_a_store_stops_in_time_though_a_disk_hangs_and_lets_go_of_the_others(tmp_path: Path) -> None:
    rig = Rig(Site(tmp_path, volumes=2))
    chain, store = Chain(segment=100), rig.store
    store.open()
    try:
        rig.hang()
        store.append(chain.batch(0))
        until(rig.hung)
        until(lambda: rig.send(chain, 0, 3))
        began = time.monotonic()
        store.close()
        assert time.monotonic() - began < 5
        assert len(rig.site.volumes) == 2
        rig.site.volumes = rig.site.volumes[1:]
        with rig.site.running() as again:
            assert contents(again) == expected(chain, 0, 1, 2, 3), "what was stored elsewhere was synced by the stop"
    finally:
        rig.first.gate.set()
        for thread in [*store._keeper._threads, *store._writers]:
            thread.join(10)
        rig.first.close()


def test_a_late_end_takes_nothing_from_the_volume_that_has_the_chunk_on_its_way_by_then(two: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, store, second = Chain(segment=100), two.store, two.disks[1]
    two.hang()
    store.append(chain.batch(0, 1))
    until(two.hung)
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", 60.0)
    second.gate.clear()
    assert store.append(chain.batch(0, 1)).stored == 2
    two.first.gate.set()
    until(lambda: store.stats().volumes[0].online, "the late end is dealt with")
    assert store.append(chain.batch(0, 1)).repeated == 2, "still on their way to the other volume"
    second.gate.set()
    until(lambda: durable(store, chain) == [(0, 1)])
    assert contents(store) == expected(chain, 0, 1)


def test_the_end_of_a_call_may_come_at_any_moment_of_being_given_up(two: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that take about as long as the bound: every chunk is durable in the end, once, whoever was first."""
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", 0.01)
    monkeypatch.setattr("watchkeep.hub.store.store.WATCH_S", 0.001)
    chain, store = Chain(segment=1000), two.store
    for low in range(0, 120, 4):
        two.hang()
        with suppress(VolumeError):  # a machine that is slow enough hangs the other volume, too: the agent sends again
            store.append(chain.batch(*range(low, low + 4)))
        threading.Timer(0.004 + low % 16 / 1000, two.first.gate.set).start()
        until(lambda low=low: _sent(two, chain, low, low + 3), "stored")  # type: ignore[misc]
    monkeypatch.setattr("watchkeep.hub.store.pulse.STALL_S", 60.0)  # a slow machine hangs no volume that is about to be read
    two.first.gate.set()
    until(lambda: _sent(two, chain, 0, 119) and durable(store, chain) == [(0, 119)])
    until(lambda: all(volume.online for volume in store.stats().volumes), "both answer again")
    assert contents(store) == expected(chain, *range(120))
    store.close()
    with two.site.running() as again:
        assert contents(again) == expected(chain, *range(120))
        assert again.stats().damage == ()


def _sent(rig: Rig, chain: Chain, low: int, high: int) -> bool:
    try:
        return rig.send(chain, low, high)
    except VolumeError:
        return False


def test_a_volume_that_hangs_at_the_start_follows_later_with_all_that_is_on_it(tmp_path: Path) -> None:
    rig, chain = Rig(Site(tmp_path, volumes=2)), Chain(segment=100)
    rig.store.open()
    rig.store.append(chain.batch(0, 1))
    rig.store.close()
    again = Rig(rig.site)
    again.first.gate.clear()
    store = again.store
    store.open()
    try:
        assert again.hung()
        assert store.state("cam0", 7, 0, 1).missing == [(0, 1)], "nobody has looked at its files yet"
        until(lambda: again.send(chain, 1, 3), "on the other volume")
        until(lambda: durable(store, chain) == [(1, 3)])
        assert [span.first_seq for span in store.timeline("cam0").spans] == [0]
        again.first.gate.set()
        until(lambda: store.stats().volumes[0].online, "it follows")
        assert durable(store, chain) == [(0, 3)]
        assert contents(store) == expected(chain, *range(4))
        until(lambda: len(again.told()) == 2, "one event for each")
        store.append(Chain("cam1").batch(0))
        assert (again.first.root / "cam1").exists(), "it is used again"
    finally:
        again.first.gate.set()
        store.close()


def test_without_data_dir_everything_is_locked_until_a_volume_that_hangs_has_been_read(tmp_path: Path) -> None:
    rig, chain = Rig(Site(tmp_path, volumes=2)), Chain(segment=2)
    copies = [volume / LOCKS_COPY for volume in rig.site.volumes]
    wanted = [Wanted("cam0", chain.start_ns, chain.start_ns + end, "case 7", "a theft") for end in (1, 2)]
    rig.store.open()
    rig.store.locks.add(wanted[0], 0)
    until(lambda: all(path.exists() for path in copies))
    older = copies[1].read_bytes()
    rig.store.locks.add(wanted[1], 0)
    until(lambda: all(path.read_bytes() != older for path in copies), "the newest list on both")
    rig.store.close()
    copies[1].write_bytes(older)
    shutil.rmtree(rig.site.state)
    again = Rig(rig.site)
    again.first.gate.clear()
    store = again.store
    store.open()
    try:
        assert again.hung()
        assert store.locks.locks.keeps("cam9", 0, 1), "whatever the older list on the other volume says"
        assert "volume0, not read yet" in store.stats().problems[0]
        with pytest.raises(VolumeError, match="not read yet"):
            store.locks.remove("lock-1")
        again.first.gate.set()
        until(lambda: store.stats().problems == (), "it was read")
        assert [one.id for one in store.locks.locks] == ["lock-1", "lock-2"]
        assert not store.locks.locks.everything
        until(lambda: copies[1].read_bytes() == copies[0].read_bytes(), "the older copy is brought up to date")
    finally:
        again.first.gate.set()
        store.close()


def test_a_start_is_refused_when_every_volume_hangs(tmp_path: Path) -> None:
    rig = Rig(Site(tmp_path))
    rig.hang()
    with pytest.raises(VolumeError, match="hangs since"):
        rig.store.open()
    rig.first.gate.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("wk-store-open")], "its thread's end")
    rig.store._release()
    with rig.site.running() as store:
        assert store.stats().volumes[0].online
