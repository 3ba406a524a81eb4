"""Declared losses are told to every archiver of the list, until each has them, over restarts, and hold up no chunk."""


import pytest
from replicate_fakes import FakeSpool
from replicate_http import HttpArchiver, wait_for

from watchkeep.agent.journal.slots import SlotFile
from watchkeep.agent.replicate import lossbook, worker
from watchkeep.agent.replicate.lossbook import MAX_BYTES, MAX_OWED, LossBook
from watchkeep.agent.replicate.losses import LossDesk
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.replicator import Replicator
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.losses import MAX_LOSSES_A_REPORT, Loss


def chunks(low, high, *, camera="cam0", epoch=7, text="full"):
    return Loss(camera=camera, epoch=epoch, first_seq=low, last_seq=high, text=text)


def frames(start_s, end_s, count):
    return Loss(camera="cam0", start_s=start_s, end_s=end_s, frames=count, text="slow")


def book(**lists):
    made = LossBook()
    made.configure(lists or {"cam0": ("a", "b")})
    return made


def test_a_loss_is_owed_to_every_archiver_of_the_list_until_it_has_it():
    made = book()
    made.declare(chunks(2, 3))
    assert (made.due("a"), made.due("b"), made.due("c")) == ([chunks(2, 3)], [chunks(2, 3)], [])
    made.taken("a", [chunks(2, 3)])
    assert (made.due("a"), made.due("b")) == ([], [chunks(2, 3)])
    made.taken("b", [chunks(2, 3)])
    assert len(made) == 0


def test_a_list_of_all_archivers_is_those_that_are_known_also_when_they_become_known_later():
    made = book(cam0=None)
    made.declare(chunks(2, 3))
    assert made.due("a") == []
    made.know(["a"])
    made.know(["a", "b"])
    assert (made.due("a"), made.due("b")) == ([chunks(2, 3)], [])
    made.declare(chunks(9, 9))
    assert made.due("b") == [chunks(9, 9)]


@pytest.mark.parametrize(("first", "then", "told"), [
    (chunks(2, 3), chunks(4, 9), [chunks(2, 9)]),
    (chunks(2, 3), chunks(5, 9), [chunks(2, 3), chunks(5, 9)]),
    (chunks(2, 3), chunks(2, 3), [chunks(2, 3)]),
    (chunks(2, 3), chunks(4, 9, text="damaged"), [chunks(2, 3), chunks(4, 9, text="damaged")]),
    (chunks(2, 3), chunks(4, 9, epoch=8), [chunks(2, 3), chunks(4, 9, epoch=8)]),
    (frames(1, 3, 5), frames(2, 6, 7), [frames(1, 6, 12)]),
    (frames(1, 3, 5), frames(4, 6, 7), [frames(1, 3, 5), frames(4, 6, 7)]),
])  # fmt: skip
def test_what_follows_for_the_same_reason_is_one_loss_that_is_told_again(first, then, told):
    made = book()
    made.declare(first)
    made.taken("a", [first])
    made.declare(then)
    made.taken("b", [first] if first not in told else [])  # its answer was on the way
    assert made.due("b") == told
    assert made.due("a") == [loss for loss in told if loss != first or first == then]


def test_it_is_bounded_and_reports_are_as_well():
    made = book(cam0=tuple("a" * 63 for _ in range(1)))
    for number in range(MAX_OWED + 5):
        made.declare(chunks(2 * number, 2 * number, text="x" * 200))
    assert len(made) == MAX_OWED
    due = made.due("a" * 63)
    assert (len(due), due[0].seqs) == (MAX_LOSSES_A_REPORT, (10, 10))
    assert len(made.dump()) <= MAX_BYTES
    assert LossBook(made.dump()).dump() == made.dump()


def test_what_is_too_long_for_the_disk_leaves_out_the_oldest(monkeypatch):
    monkeypatch.setattr(lossbook, "MAX_BYTES", 260)
    made = book()
    for number in range(9):
        made.declare(chunks(2 * number, 2 * number))
    kept = LossBook(made.dump())
    assert 0 < len(kept) < 9
    assert kept.due("a") == made.due("a")[-len(kept) :]


@pytest.mark.parametrize("data", [None, b"", b"{", b"3", b"[[1, 2]]", b'[[{"camera": "../x"}, ["a"]]]', b"\xff"])
def test_a_damaged_memory_is_an_empty_one(data):
    assert len(LossBook(data)) == 0


def test_it_survives_a_restart_and_a_disk_that_refuses_is_tried_again(tmp_path, monkeypatch):
    desk = LossDesk(SlotFile(tmp_path / "losses.slots", size=256 << 10))
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    desk.chunks("cam0", 7, 2, 3, "two\nlines")
    with monkeypatch.context() as broken:
        broken.setattr(SlotFile, "write", lambda *_: (_ for _ in ()).throw(VolumeError("bad", remedy="replace it")))
        with pytest.raises(VolumeError):
            desk.save()
    desk.save()
    again = LossDesk(SlotFile(tmp_path / "losses.slots", size=256 << 10))
    assert again.due("a") == [chunks(2, 3, text="two lines")]
    again.taken("a", again.due("a"))
    again.save()
    assert LossDesk(SlotFile(tmp_path / "losses.slots", size=256 << 10)).due("a") == []


@pytest.fixture
def archivers():
    made = {name: HttpArchiver(name) for name in "ab"}
    yield made
    for one in made.values():
        one.close()


def replicating(archivers, desk):
    made = Replicator(FakeSpool(), agent="edge-1", cameras=[CameraPolicy("cam0", 2, ("a", "b"))], tick_s=0.02, losses=desk)
    made.start()
    made.set_archivers({name: one.url for name, one in archivers.items()})
    return made


def test_both_archivers_hear_of_it_with_no_chunk_to_send_and_one_that_is_away_hears_later(archivers, monkeypatch):
    monkeypatch.setattr(worker, "LOSS_PAUSE_S", 0.05)
    desk = LossDesk()
    archivers["b"].kill()
    replicator = replicating(archivers, desk)
    try:
        for number in range(30):
            desk.chunks("cam0", 7, 2 * number, 2 * number, "full")
        wanted = [chunks(2 * number, 2 * number) for number in range(30)]
        assert wait_for(lambda: archivers["a"].losses == wanted)
        assert wait_for(lambda: desk.due("a") == [])
        assert desk.due("b")
        archivers["b"].heal()
        assert wait_for(lambda: set(archivers["b"].losses) == set(wanted))
        assert wait_for(lambda: desk.due("b") == [])
    finally:
        replicator.stop()


@pytest.mark.parametrize("fault", ["500", "wrong id", "page"])
def test_an_archiver_that_does_not_take_it_is_told_again_after_a_pause_and_stays_in_use(archivers, fault, monkeypatch):
    monkeypatch.setattr(worker, "LOSS_PAUSE_S", 0.2)
    desk = LossDesk()
    archivers["a"].loss_fault = fault
    replicator = replicating(archivers, desk)
    try:
        desk.chunks("cam0", 7, 2, 3, "full")
        assert wait_for(lambda: archivers["b"].losses == [chunks(2, 3)])
        assert wait_for(lambda: archivers["a"].loss_attempts >= 2)
        assert desk.due("a") == [chunks(2, 3)]
        assert all(link.healthy for link in replicator.links())
        archivers["a"].loss_fault = ""
        assert wait_for(lambda: desk.due("a") == [])
    finally:
        replicator.stop()
