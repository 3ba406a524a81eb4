"""Archives on disk: what is good is called good, and every kind of damage is named with its place."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealed import INIT, WALL_NS, box
from verify_archive import FRAMES, RUN, Recorder, sealed, volume, write

from watchkeep.hub.verify.files import Plan
from watchkeep.hub.verify.report import CameraReport, DamageFound, Report
from watchkeep.hub.verify.verify import iter_counters, verify_paths
from watchkeep.wire.causes import Cause
from watchkeep.wire.errors import UsageError
from watchkeep.wire.seal import FIXED_BYTES, HASH_BYTES
from watchkeep.wire.segment import iter_chunks

START_S = WALL_NS / 1e9


def only(report: Report) -> CameraReport:
    assert len(report.cameras) == 1
    return report.cameras[0]


def flip(path: Path, offset: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)


def offsets(path: Path) -> list[tuple[int, int]]:
    """(offset, seal bytes) of each chunk of a good file."""
    data = path.read_bytes()
    return [(chunk.offset, chunk.seal.size) for chunk in iter_chunks(lambda at, length: data[at : at + length], len(INIT))]


def damage(path: Path) -> list[tuple[int | None, int | None, int, str]]:
    """(seq, frame, offset, reason) of everything found wrong in the only file."""
    return [(one.seq, one.frame, one.offset, one.reason) for one in only(verify_paths([path])).damage]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return volume(tmp_path / "volume")


@pytest.fixture
def segment(root: Path) -> Path:
    """The only file of an archive: five chunks."""
    return Recorder(audio=True).record(5).write(root)[0]


def test_a_good_volume_is_good_and_counted(root: Path) -> None:
    Recorder("cam0", audio=True).record(12).write(root)
    Recorder("cam1", counted=False).record(3).write(root)
    report = verify_paths([root])
    assert report.good
    assert (report.files, report.bytes) == (4, sum(path.stat().st_size for path in root.rglob("*.mp4")))
    one, two = report.camera("cam0"), report.camera("cam1")
    assert (one.chunks, one.frames, one.audio_frames, one.copies, one.uncounted) == (12, 12 * FRAMES, 12, 0, 0)
    assert [(span.start_s, span.end_s, span.chunks) for span in one.spans] == [(START_S, START_S + 12, 12)]
    assert [(s.run, s.session, s.first, s.last, s.frames, s.missing, s.duplicates) for s in one.sessions] == [
        (RUN, 1, 0, 12 * FRAMES - 1, 12 * FRAMES, (), ())]  # fmt: skip
    assert (two.chunks, two.sessions, two.uncounted) == (3, (), 0)
    with pytest.raises(KeyError):
        report.camera("cam2")


@pytest.mark.parametrize("cause", list(Cause)[1:])
def test_a_new_epoch_after_lost_time_is_a_gap_with_its_declared_cause(root: Path, cause: Cause) -> None:
    Recorder().record(3).restart(cause, 2.5).record(2).write(root)
    report = verify_paths([root])
    assert not report.good
    camera = only(report)
    assert [(gap.start_s - START_S, gap.end_s - START_S, gap.cause) for gap in camera.gaps] == [(3.0, 5.5, cause.label)]
    assert camera.gaps[0].first_seq is None
    assert len(camera.spans) == len(camera.epochs) == 2
    assert not camera.damage
    assert all(not session.missing for session in camera.sessions)


def test_a_parameter_change_without_lost_time_is_no_gap(root: Path) -> None:
    Recorder().record(3).restart(Cause.PARAMETER_CHANGE, 0.04).record(2).write(root)
    report = verify_paths([root])
    assert report.good
    assert [span.chunks for span in only(report).spans] == [5]
    assert [epoch.cause for epoch in only(report).epochs] == ["first-start", "parameter-change"]


@pytest.mark.parametrize(("away_s", "gaps"), [(0.5, 0), (0.501, 1)])
def test_half_a_second_is_where_a_gap_begins(root: Path, away_s: float, gaps: int) -> None:
    Recorder().record(1).restart(Cause.CAMERA_LOST, away_s).record(1).write(root)
    assert len(only(verify_paths([root])).gaps) == gaps


def test_a_clock_that_steps_back_ends_the_span_and_is_no_gap(root: Path) -> None:
    Recorder().record(3).restart(Cause.CLOCK_STEP, -30).record(3).write(root)
    report = verify_paths([root])
    assert report.good
    assert [span.chunks for span in only(report).spans] == [3, 3]


def test_a_missing_file_is_a_hole_with_its_numbers_and_its_frames(root: Path) -> None:
    paths = Recorder().record(15).write(root)
    paths[1].unlink()
    camera = only(verify_paths([root]))
    assert [(gap.cause, gap.first_seq, gap.last_seq, gap.end_s - gap.start_s) for gap in camera.gaps] == [("hole", 5, 9, 5.0)]
    assert camera.sessions[0].missing == ((5 * FRAMES, 10 * FRAMES - 1),)
    assert not camera.damage


def test_an_archive_that_begins_inside_an_epoch_is_good(root: Path) -> None:
    Recorder().record(15).write(root)[0].unlink()
    report = verify_paths([root])
    assert report.good
    assert only(report).epochs[0].first_seq == 5


def test_a_later_epoch_without_its_beginning_is_a_hole(root: Path) -> None:
    Recorder().record(5).restart(Cause.CAMERA_LOST, 0.0).record(10).write(root)[1].unlink()
    assert [(gap.cause, gap.first_seq, gap.last_seq) for gap in only(verify_paths([root])).gaps] == [("hole", 0, 4)]


def test_two_volumes_complete_each_other_and_copies_are_merged(tmp_path: Path) -> None:
    recorder = Recorder().record(20)
    here, there = volume(tmp_path / "a"), volume(tmp_path / "b")
    for path in recorder.write(here)[2:]:
        path.unlink()
    recorder.write(there)[0].unlink()
    assert verify_paths([here, there]).good
    both = only(verify_paths([here, there]))
    assert (both.chunks, both.copies, both.files) == (20, 5, 5)
    assert both.sessions[0].duplicates == ()


def test_parts_that_overlap_are_merged(root: Path) -> None:
    chunks = Recorder(per_file=20).record(20).files[0]
    for part in (chunks[:12], chunks[5:8], chunks[10:]):
        write(root, part)
    report = verify_paths([root])
    assert report.good
    assert (only(report).chunks, only(report).copies) == (20, 5)


def test_a_second_chunk_under_one_name_is_damage(tmp_path: Path) -> None:
    one, other = volume(tmp_path / "a"), volume(tmp_path / "b")
    Recorder().record(3).write(one)
    path = Recorder(audio=True).record(3).write(other)[0]
    camera = only(verify_paths([one, other]))
    assert [(found.file, found.seq) for found in camera.damage] == [(str(path), seq) for seq in range(3)]
    assert all("another hash" in found.reason for found in camera.damage)


def test_a_broken_chain_is_damage(root: Path) -> None:
    chunks = Recorder().record(5).files[0]
    forged = sealed(chunks[2][0]._replace(prev_hash=bytes(32)), [b"forged"], [])
    write(root, [*chunks[:2], forged, *chunks[3:]])
    assert [(seq, reason[:40]) for seq, _, _, reason in damage(root)] == [
        (seq, "chunk does not carry the hash of the chu") for seq in (2, 3)]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "frame", "says"),
    [([b"one", b"twO"], 1, "frame does not match its hash, but the chunk does"), ([b"one"], None, "sample table does not fit")],
)
def test_a_chunk_that_was_sealed_wrongly_proves_nothing(root: Path, stored: list[bytes], frame: int | None, says: str) -> None:
    """Its own hash is right: only the frames' hashes can tell that the recorder failed."""
    (seal, _), *_ = Recorder().record(1).files[0]
    ((_, at, _, reason),) = damage(write(root, [sealed(seal, [b"one", b"two"], [], stored=stored)]))
    assert at == frame
    assert reason.startswith(says)
    assert only(verify_paths([root])).chunks == 0


def test_chunks_that_stand_in_the_wrong_order_or_file_are_named(root: Path) -> None:
    chunks = Recorder().record(4).files[0]
    (other,) = Recorder("cam1").record(1).files[0]
    path = write(root, [chunks[0], chunks[2], chunks[1], other, chunks[3]])
    assert [(seq, reason) for seq, _, _, reason in damage(path)] == [
        (1, "chunk stands after chunk 2"),
        (None, f"chunk of cam1 epoch {other[0].epoch} in a file of cam0 epoch {other[0].epoch}"),
    ]


@pytest.mark.parametrize("frame", [0, 2, 4])
def test_a_flipped_frame_byte_names_the_frame_of_the_chunk(segment: Path, frame: int) -> None:
    """Frames 0 to 3 are video, 4 is audio."""
    data, (offset, _) = segment.read_bytes(), offsets(segment)[3]
    wanted = b"sound 3" if frame == 4 else b"picture %d" % (3 * FRAMES + frame)
    flip(segment, data.index(wanted, offset))
    assert damage(segment) == [(3, frame, offset, "frame does not match its hash")]
    camera = only(verify_paths([segment]))
    assert [(gap.cause, gap.first_seq, gap.last_seq) for gap in camera.gaps] == [("damage", 3, 3)]
    assert camera.damage[0] == DamageFound(file=str(segment), offset=offset, reason="frame does not match its hash",
                                           epoch=WALL_NS // 10**9, seq=3, frame=frame)  # fmt: skip


def test_a_flipped_frame_hash_names_the_frame(segment: Path) -> None:
    offset, _ = offsets(segment)[1]
    flip(segment, offset + FIXED_BYTES + 2 * HASH_BYTES)
    assert damage(segment) == [(1, 2, offset, "frame does not match its hash")]


@pytest.mark.parametrize("at", [26, 72, 80, 184])
def test_a_flipped_seal_field_names_the_chunk(segment: Path, at: int) -> None:
    """Flags, wall clock, pts, previous hash: nothing but the chunk hash can tell."""
    offset, _ = offsets(segment)[2]
    flip(segment, offset + at)
    assert damage(segment) == [(2, None, offset, "chunk does not match its hash, every frame does: seal or moof is damaged")]


def test_a_flipped_chunk_hash_names_the_chunk(segment: Path) -> None:
    offset, size = offsets(segment)[2]
    flip(segment, offset + size - 1)
    assert damage(segment) == [(2, None, offset, "chunk does not match its hash, every frame does: seal or moof is damaged")]


def test_a_flipped_moof_byte_names_the_chunk(segment: Path) -> None:
    offset, size = offsets(segment)[2]
    flip(segment, offset + size + 8 + 15)  # the sequence number in mfhd
    assert damage(segment) == [(2, None, offset, "chunk does not match its hash, every frame does: seal or moof is damaged")]


def test_a_flipped_init_byte_is_one_fault_at_byte_0_and_the_chunks_stay_proven(segment: Path) -> None:
    flip(segment, len(INIT) - 1)
    assert damage(segment) == [(0, None, 0, "init segment is not the one that the chunk was sealed with")]
    assert only(verify_paths([segment])).chunks == 5


def test_a_bad_box_names_where_proof_ends_and_keeps_what_precedes(segment: Path) -> None:
    offset, _ = offsets(segment)[3]
    flip(segment, offset + 4)
    left = segment.stat().st_size - offset
    assert [(found[2], found[3]) for found in damage(segment)] == [
        (offset, f"no Watchkeep seal here; {left} bytes from here on are not proven")]  # fmt: skip
    assert only(verify_paths([segment])).chunks == 3


@pytest.mark.parametrize("cut", [1, 100, 400])
def test_a_torn_tail_is_named_and_the_rest_is_proven(segment: Path, cut: int) -> None:
    offset, _ = offsets(segment)[4]
    size = segment.stat().st_size - cut
    os.truncate(segment, size)
    (found,) = damage(segment)
    assert found[2] == offset
    assert found[3].startswith(f"torn tail of {size - offset} bytes")
    assert only(verify_paths([segment])).chunks == 4


@pytest.mark.parametrize("zeros", [1, 7, 5000, 3 << 20])
def test_a_zero_filled_tail_is_named(segment: Path, zeros: int) -> None:
    size = segment.stat().st_size
    os.truncate(segment, size + zeros)
    assert damage(segment) == [(None, None, size, f"zero-filled tail of {zeros} bytes")]
    assert only(verify_paths([segment])).chunks == 5


@pytest.mark.parametrize("content", [b"", INIT, INIT[:20], b"not a video", box(b"free", bytes(50))])
def test_a_file_that_is_no_segment_is_damage_and_stops_nothing(root: Path, segment: Path, content: bytes) -> None:
    other = segment.with_name(segment.name.replace(".0.mp4", ".5.mp4"))
    other.write_bytes(content)
    camera = only(verify_paths([root]))
    assert camera.chunks == 5
    assert [found.file for found in camera.damage] == [str(other)]


def test_a_name_that_disagrees_with_the_first_seal_is_damage(segment: Path) -> None:
    where = segment.relative_to(segment.parents[3])
    moved = segment.rename(segment.with_name(segment.name.replace(".000Z", ".001Z")))
    assert damage(moved) == [(0, None, 0, f"the name does not agree with the first chunk, which belongs to {where}")]
    assert only(verify_paths([moved])).chunks == 5


def test_a_file_of_another_camera_proves_nothing_for_this_one(root: Path) -> None:
    path = Recorder("cam1").record(2).write(root)[0]
    target = root / "cam0" / path.relative_to(root / "cam1")
    target.parent.mkdir(parents=True)
    path.rename(target)
    camera = only(verify_paths([root]))
    assert (camera.camera, camera.chunks) == ("cam0", 0)
    assert sum("in a file of cam0" in found.reason for found in camera.damage) == 2


def test_in_a_volume_every_segment_must_stand_under_its_name(root: Path, segment: Path) -> None:
    stray = root / "cam0" / "copy.mp4"
    stray.write_bytes(segment.read_bytes())
    top = root / "top.mp4"
    top.write_bytes(b"")
    report = verify_paths([root])
    assert {found.file for camera in report.cameras for found in camera.damage} == {str(stray), str(top)}


def test_a_file_under_a_name_of_its_own_is_known_by_its_seals(tmp_path: Path, segment: Path) -> None:
    copy = tmp_path / "evidence.mp4"
    copy.write_bytes(segment.read_bytes())
    assert verify_paths([copy]).good
    assert only(verify_paths([copy])).camera == "cam0"


def test_hidden_temporary_and_foreign_files_are_not_segments(root: Path, segment: Path) -> None:
    for name in (".stitch-1.mp4", f".{segment.name}.tmp", "notes.txt", f"{segment.name}.damaged"):
        segment.with_name(name).write_bytes(b"half a file")
    (root / "lost+found").mkdir()
    (root / "lost+found" / "x.mp4").write_bytes(b"x")
    segment.with_name("link.mp4").symlink_to(segment)
    assert verify_paths([root]).good


def test_a_bad_sector_is_damage_from_there_on_and_stops_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Recorder().record(15).write(root)
    bad, at, pread = paths[1].stat().st_ino, offsets(paths[1])[2][0], os.pread

    def failing(handle: int, length: int, offset: int) -> bytes:
        if os.fstat(handle).st_ino == bad and offset + length > at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(handle, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    camera = only(verify_paths([root]))
    assert [(found.file, found.offset, found.reason) for found in camera.damage] == [
        (str(paths[1]), at, "cannot be read from here on: Input/output error")]  # fmt: skip
    assert camera.chunks == 12


@pytest.mark.parametrize("steps", [1, 3])
def test_a_folder_that_cannot_be_listed_is_not_proven(root: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Its files would be missing from the report as if they had never been there."""
    Recorder("cam0").record(3).write(root)
    (path,) = Recorder("cam1").record(3).write(root)
    bad, real = str(path.parents[3 - steps]), os.scandir

    def failing(folder: str) -> Any:
        if os.fspath(folder) == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO), folder)
        return real(folder)

    monkeypatch.setattr("os.scandir", failing)
    report = verify_paths([root])
    assert not report.good
    assert [(found.file, found.reason) for camera in report.cameras for found in camera.damage] == [
        (bad, "cannot be looked into: Input/output error")]  # fmt: skip


def test_a_name_that_is_no_text_can_be_reported(root: Path, segment: Path) -> None:
    strange = segment.with_name(os.fsdecode(b"\xff.mp4"))
    segment.rename(strange)
    report = verify_paths([root])
    assert r"\udcff.mp4" in report.model_dump_json().replace("\\\\", "\\")
    assert only(report).damage[0].file.endswith(r"\udcff.mp4")


def test_a_file_that_goes_while_it_is_verified_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Recorder().record(10).write(root)
    listed = Plan([root]).entries("cam0")
    monkeypatch.setattr(Plan, "entries", lambda _plan, _camera: listed)
    paths[1].unlink()
    assert [found.reason for found in only(verify_paths([root])).damage] == ["cannot be read from here on: No such file or directory"]


def test_what_is_no_regular_file_is_not_opened(root: Path) -> None:
    """Opening a FIFO would wait for ever."""
    paths = Recorder().record(15).write(root)
    for path in paths[1:]:
        path.unlink()
    os.mkfifo(paths[1])
    paths[2].mkdir()
    assert verify_paths([root]).good


def test_nothing_to_verify_is_a_usage_error_and_never_all_good(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path, volume(tmp_path / "empty")):
        with pytest.raises(UsageError) as caught:
            verify_paths([path])
        assert caught.value.remedy


def test_frames_lost_or_repeated_inside_a_session_are_found_even_when_every_chunk_is_there(root: Path) -> None:
    recorder = Recorder().record(2)
    recorder.counter += 3
    recorder.record(1)
    recorder.counter -= 2
    recorder.record(1).write(root)
    report = verify_paths([root])
    assert not report.good
    (session,) = only(report).sessions
    assert session.missing == ((8, 10),)
    assert session.duplicates == ((13, 14),)
    assert session.missing_frames == 3
    assert not only(report).gaps


def test_iter_counters_reads_each_frame_once_in_order(tmp_path: Path) -> None:
    recorder = Recorder().record(7).restart(Cause.CAMERA_LOST, 9).record(2)
    root = volume(tmp_path / "a")
    recorder.write(root)
    write(root, recorder.files[0][2:4])
    found = [(one.camera, one.counter.session, one.counter.counter) for one in iter_counters(root)]
    assert found == [("cam0", 1, number) for number in range(7 * FRAMES)] + [("cam0", 2, number) for number in range(2 * FRAMES)]


def test_progress_ends_at_the_total(root: Path) -> None:
    Recorder().record(12).write(root)
    seen: list[tuple[int, int]] = []
    report = verify_paths([root], lambda done, total: seen.append((done, total)))
    assert seen[-1] == (report.bytes, report.bytes)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_only_files_that_overlap_are_open_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder(per_file=1).record(40).write(root)
    opened = [0]
    most = [0]
    real_open, real_close = os.open, os.close

    def counting_open(*args: object, **options: object) -> int:
        opened[0] += 1
        most[0] = max(most[0], opened[0])
        return real_open(*args, **options)  # type: ignore[arg-type]

    def counting_close(handle: int) -> None:
        opened[0] -= 1
        real_close(handle)

    monkeypatch.setattr(os, "open", counting_open)
    monkeypatch.setattr(os, "close", counting_close)
    assert verify_paths([root]).good
    assert most[0] <= 2


GOOD = Recorder(audio=True).record(3).files[0]
GOOD_BYTES = INIT + b"".join(payload for _, payload in GOOD)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(GOOD_BYTES) - 1), mask=st.integers(1, 255))
def test_any_flipped_byte_is_reported_with_its_file(tmp_path: Path, at: int, mask: int) -> None:
    path = write(tmp_path, GOOD)
    flip(path, at, mask)
    report = verify_paths([path])
    assert not report.good
    assert [found for camera in report.cameras for found in camera.damage]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(end=st.integers(0, len(GOOD_BYTES) - 1))
def test_any_cut_is_reported_unless_it_falls_between_two_chunks(tmp_path: Path, end: int) -> None:
    path = write(tmp_path, GOOD)
    ends = {len(INIT) + sum(len(payload) for _, payload in GOOD[:count]) for count in (1, 2)}
    os.truncate(path, end)
    report = verify_paths([path])
    assert report.good == (end in ends)
