"""Which video locks keep, against a plain check of every lock."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.protect.locks import FAR_PAST_NS, Locks
from watchkeep.hub.protect.model import Lock

CAMERAS = ("cam0", "cam1")


@dataclass(frozen=True)
class File:
    camera: str
    start: int
    end: int


def lock(number: int, camera: str, start: int, end: int, expires: int | None = None) -> Lock:
    return Lock(id=f"lock-{number}", camera=camera, start_ns=start, end_ns=end, owner="me", reason="why", created_ns=0, expires_ns=expires)


spans = st.tuples(st.sampled_from(CAMERAS), st.integers(0, 60), st.integers(1, 20))
lock_lists = st.lists(spans, max_size=8).map(lambda found: [lock(n, camera, at, at + size) for n, (camera, at, size) in enumerate(found)])
files = st.lists(spans, max_size=12).map(lambda found: [File(camera, at, at + size) for camera, at, size in found])


def overlaps(one: Lock, file: File) -> bool:
    return one.camera == file.camera and one.start_ns < file.end and one.end_ns > file.start


@given(lock_lists, files)
def test_a_file_is_kept_when_any_of_its_time_is_locked(wanted: list[Lock], stored: list[File]) -> None:
    locks = Locks(wanted)
    for file in stored:
        holders = [one for one in wanted if overlaps(one, file)]
        assert locks.keeps(file.camera, file.start, file.end) == bool(holders)
        assert locks.holders(file.camera, file.start, file.end) == holders


@given(lock_lists, files, st.integers(0, 90))
def test_the_files_inside_the_free_windows_are_those_that_are_old_and_not_kept(wanted: list[Lock], stored: list[File], before: int) -> None:
    locks = Locks(wanted)
    for camera in CAMERAS:
        windows = list(locks.free(camera, before))
        mine = [file for file in stored if file.camera == camera]
        inside = [file for file in mine if any(low <= file.start and file.end <= high for low, high in windows)]
        assert inside == [file for file in mine if file.end < before and not locks.keeps(camera, file.start, file.end)]
        assert windows == sorted(windows)


@given(lock_lists)
def test_ranges_are_apart_and_hold_every_locked_moment_once(wanted: list[Lock]) -> None:
    moments = {(one.camera, at) for one in wanted for at in range(one.start_ns, one.end_ns)}
    ranges = list(Locks(wanted).ranges())
    assert sum(high - low for _, (low, high) in ranges) == len(moments)
    assert {(camera, at) for camera, (low, high) in ranges for at in range(low, high)} == moments


def test_the_edges() -> None:
    locks = Locks([lock(1, "cam0", 100, 200)])
    assert not locks.keeps("cam0", 90, 100), "ends where the lock begins"
    assert locks.keeps("cam0", 90, 101)
    assert locks.keeps("cam0", 199, 300)
    assert not locks.keeps("cam0", 200, 300), "the end is not part of it"
    assert not locks.keeps("cam1", 120, 130)
    assert list(locks.free("cam0", 150)) == [(FAR_PAST_NS, 100)]
    assert list(locks.free("cam0", 300)) == [(FAR_PAST_NS, 100), (200, 299)]


def test_expiry_includes_its_moment() -> None:
    locks = Locks([lock(1, "cam0", 0, 9, 50), lock(2, "cam0", 0, 9), lock(3, "cam0", 0, 9, 51)])
    assert [one.id for one in locks.expired(49)] == []
    assert [one.id for one in locks.expired(50)] == ["lock-1"]
    assert [one.id for one in locks.expired(1000)] == ["lock-1", "lock-3"]


def test_locks_that_cannot_be_read_keep_everything() -> None:
    locks = Locks(everything=True)
    assert locks.keeps("cam0", 0, 1)
    assert list(locks.free("cam0", 1 << 60)) == []
