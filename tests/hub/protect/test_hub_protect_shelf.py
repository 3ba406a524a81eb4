"""Locks on disk: kept over restarts, bounded, and never lost to a file that cannot be read."""

import json
import threading
from pathlib import Path

import pytest

from watchkeep.hub.protect import shelf as module
from watchkeep.hub.protect.model import MAX_LOCKS, MAX_OWNER, MAX_REASON, Lock, state_of
from watchkeep.hub.protect.shelf import LOCKS_FILE, MAX_FILE_BYTES, LockShelf, TooManyLocks, Wanted
from watchkeep.wire.errors import VolumeError

WANTED = Wanted("cam0", 100, 200, "case 7", "a theft")


def opened(folder: Path) -> LockShelf:
    shelf = LockShelf(folder)
    shelf.open()
    return shelf


def test_a_lock_survives_a_restart_and_its_id_is_never_given_again(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    first, new = shelf.add(WANTED, 5)
    assert (first.id, new, first.created_ns) == ("lock-1", True, 5)
    again = opened(tmp_path)
    assert list(again.locks) == [first]
    assert again.remove("lock-1") == first
    assert again.remove("lock-1") is None
    assert opened(tmp_path).add(WANTED, 6)[0].id == "lock-2"


def test_a_repeated_request_is_the_same_lock(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    lock, _ = shelf.add(WANTED, 5)
    assert shelf.add(WANTED, 6) == (lock, False)
    assert shelf.add(Wanted("cam0", 100, 200, "case 8", "a theft"), 6)[1]
    assert len(shelf.locks) == 2


def test_expiry_and_losses_are_kept(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.add(Wanted("cam0", 100, 200, "me", "x", expires_ns=1000), 5)
    kept, _ = shelf.add(WANTED, 5)
    shelf.count_lost([(kept.id, 2, 300), ("lock-99", 1, 1)])
    shelf.count_lost([(kept.id, 1, 50)])
    assert shelf.expire(999) == []
    assert [lock.id for lock in shelf.expire(1000)] == ["lock-1"]
    (left,) = opened(tmp_path).locks
    assert (left.id, left.lost_files, left.lost_bytes) == (kept.id, 3, 350)


def test_there_are_at_most_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOCKS", 2)
    shelf = opened(tmp_path)
    for end in (200, 300):
        shelf.add(Wanted("cam0", 100, end, "me", "x"), 0)
    with pytest.raises(TooManyLocks) as caught:
        shelf.add(Wanted("cam0", 100, 400, "me", "x"), 0)
    assert "remove" in caught.value.remedy
    assert not shelf.add(Wanted("cam0", 100, 300, "me", "x"), 0)[1], "one that is there already is no new one"


def test_the_largest_locks_fit_the_largest_file() -> None:
    owner, reason = "\U0001f512" * MAX_OWNER, "\U0001f512" * MAX_REASON
    largest = Lock(id="lock-" + "9" * 19, camera="c" * 63, start_ns=10**19, end_ns=10**19, owner=owner, reason=reason,
                   created_ns=10**19, expires_ns=10**19, lost_files=10**9, lost_bytes=10**15)  # fmt: skip
    assert MAX_LOCKS * (len(largest.model_dump_json().encode()) + 1) + 100 < MAX_FILE_BYTES
    assert MAX_LOCKS * len(state_of(largest, 10**6, 10**15).model_dump_json().encode()) < 8 << 20


BAD = [b"{", b"\xff\xfe", b'{"version": 2, "next": 1, "locks": []}', b'{"version": 1, "locks": [{"id": "x"}]}']


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_cannot_be_read_locks_everything_and_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCKS_FILE).write_bytes(content)
    shelf = opened(tmp_path)
    assert shelf.locks.keeps("any", 0, 1)
    assert "locks.json" in shelf.problem
    with pytest.raises(VolumeError, match="cannot be read"):
        shelf.add(WANTED, 0)
    assert shelf.expire(1 << 62) == []
    assert (tmp_path / LOCKS_FILE).read_bytes() == content
    (tmp_path / LOCKS_FILE).unlink()
    assert opened(tmp_path).problem == ""


def test_a_lock_that_cannot_be_kept_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = opened(tmp_path)
    shelf.add(WANTED, 0)

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "publish", full)
    with pytest.raises(VolumeError, match="No space"):
        shelf.add(Wanted("cam0", 100, 900, "me", "x"), 0)
    with pytest.raises(VolumeError):
        shelf.remove("lock-1")
    assert [lock.id for lock in shelf.locks] == ["lock-1"]
    assert [lock["id"] for lock in json.loads((tmp_path / LOCKS_FILE).read_text())["locks"]] == ["lock-1"]


def test_no_lock_comes_between_the_look_and_the_deletion(tmp_path: Path) -> None:
    shelf, order = opened(tmp_path), list[str]()
    deleting, go_on = threading.Event(), threading.Event()

    def delete() -> None:
        deleting.set()
        assert go_on.wait(10)
        order.append("deleted")

    def add() -> None:
        shelf.add(WANTED, 0)
        order.append("added")

    workers = [threading.Thread(target=shelf.unless_kept, args=("cam0", 150, 160, delete)), threading.Thread(target=add)]
    workers[0].start()
    assert deleting.wait(10)
    workers[1].start()
    go_on.set()
    for worker in workers:
        worker.join(10)
    assert order == ["deleted", "added"]
    assert not shelf.unless_kept("cam0", 150, 160, delete), "kept from now on"
