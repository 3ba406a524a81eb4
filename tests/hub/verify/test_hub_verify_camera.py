"""One camera's rules, chunk by chunk, without files."""

import pytest
from verify_archive import Recorder, sealed

from watchkeep.hub.verify.camera import CameraCheck
from watchkeep.hub.verify.report import CameraReport
from watchkeep.hub.verify.scan import Proven
from watchkeep.wire.causes import Cause
from watchkeep.wire.seal import Seal, SealFlag
from watchkeep.wire.segment import ChunkAt


def proven(seal: Seal) -> Proven:
    return Proven(ChunkAt(0, 1000, seal))


def seals(recorder: Recorder) -> list[Seal]:
    return [seal for chunks in recorder.files for seal, _ in chunks]


def report(check: CameraCheck) -> CameraReport:
    return check.report(files=1, damage=[], damage_total=0)


def feed(*chain: Seal) -> tuple[list[str], CameraReport]:
    check = CameraCheck("cam0")
    return [wrong for seal in chain if (wrong := check.add(proven(seal)))], report(check)


def test_a_chain_in_order_has_nothing_wrong() -> None:
    wrong, found = feed(*seals(Recorder().record(6)))
    assert not wrong
    assert found.good
    assert found.bytes == 6000


def test_the_same_chunk_again_is_a_copy_and_not_counted_twice() -> None:
    first, second = seals(Recorder().record(2))
    wrong, found = feed(first, first, second, second, second)
    assert not wrong
    assert (found.chunks, found.copies, found.frames) == (2, 3, first.video_frames * 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prev_hash": b"\1" * 32}, "chain is broken"),
        ({"init_hash": b"\1" * 32}, "init segment changes"),
        ({"cause": Cause.OVERFLOW}, "cause of the epoch changes"),
    ],
)
def test_what_must_not_change_inside_an_epoch(change: dict[str, object], says: str) -> None:
    first, second = seals(Recorder().record(2))
    wrong, _ = feed(first, second._replace(**change))  # type: ignore[arg-type]
    assert len(wrong) == 1
    assert says in wrong[0]


def test_chunk_0_has_no_chunk_before_it() -> None:
    first, *_ = seals(Recorder().record(1))
    wrong, _ = feed(first._replace(prev_hash=b"\1" * 32))
    assert wrong == ["chunk 0 names a chunk before it"]


def test_a_name_that_was_passed_already_is_out_of_order() -> None:
    first, second, third = seals(Recorder().record(3))
    wrong, found = feed(first, third, second)
    assert len(wrong) == 1
    assert "out of order" in wrong[0]
    assert [gap.cause for gap in found.gaps] == ["hole"]


def test_time_that_is_lost_inside_an_epoch_is_unexplained() -> None:
    first, second = seals(Recorder().record(2))
    wrong, found = feed(first, second._replace(wall_start_ns=second.wall_start_ns + 600_000_000))
    assert not wrong
    assert [(gap.cause, round(gap.end_s - gap.start_s, 3)) for gap in found.gaps] == [("unexplained", 0.6)]


def test_a_hole_where_a_chunk_is_damaged_says_damage_and_others_say_hole() -> None:
    chain = seals(Recorder().record(7))
    check = CameraCheck("cam0")
    check.damaged(chain[0].epoch, 5)
    for seal in (chain[0], chain[2], chain[4], chain[6]):
        assert not check.add(proven(seal))
    assert [(gap.first_seq, gap.cause) for gap in report(check).gaps] == [(1, "hole"), (3, "hole"), (5, "damage")]


def test_a_hole_without_lost_time_is_still_a_gap() -> None:
    first, _, third = seals(Recorder().record(3))
    _, found = feed(first, third._replace(wall_start_ns=first.wall_end_ns))
    assert [(gap.first_seq, gap.last_seq) for gap in found.gaps] == [(1, 1)]


def test_chunks_that_the_recorder_marked_are_counted_and_good() -> None:
    first, second = seals(Recorder().record(2))
    marked, _ = sealed(second._replace(flags=second.flags | SealFlag.DAMAGED), [b"half"], [])
    wrong, found = feed(first, marked)
    assert not wrong
    assert found.good
    assert found.transport_damaged == 1


def test_a_year_of_reconnects_keeps_few_numbers_each() -> None:
    """Runs keep no seal: a seal of 75 frames is 5 kB."""
    recorder = Recorder()
    for _ in range(50):
        recorder.record(1).restart(Cause.CAMERA_LOST, 1.0)
    check = CameraCheck("cam0")
    for seal in seals(recorder):
        check.add(proven(seal))
    assert len(report(check).spans) == 50
    assert not any(isinstance(getattr(run, name), Seal) for run in check._epochs for name in run.__slots__)
