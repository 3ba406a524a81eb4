"""What survives a crash: agent/journal/recover.py and scan.py, through the journal that opens what a crash left."""

import errno
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_lab import (
    FILE_BYTES,
    ForgetfulDisk,
    chunk_record,
    chunk_records,
    in_blocks,
    init_record,
    kill,
    open_journal,
    seqs,
    snapshot,
)

from watchkeep.agent.journal.disk import Disk, Read
from watchkeep.agent.journal.layout import CLOSE, FILE_HEAD_BYTES, FileHead, file_name, pack_head
from watchkeep.agent.journal.scan import BAD_MEDIUM
from watchkeep.wire.errors import BusyError, FullError, GoneError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, pack_header

RAM_DISK = Path("/dev/shm")
"""Hundreds of examples: what counts is which bytes stand, and fsync costs nothing there."""
DAMAGES = ("truncate", "zeros", "garbage", "flip")


BLOCK = 512


@pytest.fixture(scope="module", params=[(CLOSE, FILE_BYTES, 3), (BLOCK, 7168, 4)], ids=["close", "in blocks"])
def written(request, tmp_path_factory):
    """A journal killed with two full files and a third one begun; the records of the last file are not known to be synced."""
    folder = tmp_path_factory.mktemp("written") / "journal"
    block, file_bytes, more = request.param
    journal = open_journal(folder, in_blocks(block), file_bytes=file_bytes)
    entries = journal.append([init_record(), *chunk_records(5)])
    journal.sync()
    entries += journal.append(chunk_records(more, start=5))
    kill(journal)
    return folder, entries


def spoil(path: Path, at: int, how: str) -> None:
    raw = bytearray(path.read_bytes())
    if how == "truncate":
        del raw[at:]
    elif how == "zeros":
        raw[at:] = bytes(len(raw) - at)
    elif how == "garbage":
        raw[at:] = random.Random(at).randbytes(len(raw) - at)
    else:
        raw[at] ^= 0x40
    path.write_bytes(raw)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), how=st.sampled_from(DAMAGES))
def test_exactly_what_stands_before_the_cut_survives(written, data, how):
    folder, entries = written
    last = [entry for entry in entries if entry.file == entries[-1].file]
    first = max(last[0].offset, FILE_HEAD_BYTES)
    # a flip in a payload that whole records follow is no cut: the next test
    first = last[-1].offset if how == "flip" else first
    at = data.draw(st.integers(first, last[-1].offset + last[-1].record_bytes - 1))
    with tempfile.TemporaryDirectory(dir=RAM_DISK) as scratch:
        copy = snapshot(folder, Path(scratch) / "journal")
        spoil(copy / file_name(last[0].file), at, how)
        journal = open_journal(copy)
        whole = [entry for entry in entries if entry.file < last[0].file or entry.offset + entry.record_bytes <= at]
        assert journal.recovered == whole
        ends = [FILE_HEAD_BYTES, *(entry.offset + entry.record_bytes for entry in last)]
        clean = how in ("truncate", "zeros") and any(end <= at <= entry.offset for end, entry in zip(ends, last, strict=False))
        assert bool(journal.cuts) != clean
        assert all(cut.why for cut in journal.cuts)
        (added,) = journal.append(chunk_records(1, start=100))
        assert added.position == max(whole[-1].position + 1, last[0].position)
        journal.close()
        again = open_journal(copy)
        assert seqs(again.recovered) == [*seqs(whole), 100]
        assert again.cuts == []
        payloads = [again.read(entry)[HEADER_BYTES:] for entry in again.recovered[1:]]
        assert payloads == [chunk_record(seq)[1] for seq in seqs(again.recovered)]
        again.close()


def test_one_damaged_chunk_among_unsynced_ones_costs_itself_and_a_damaged_header_what_follows(written, tmp_path):
    folder, entries = written
    last = [entry for entry in entries if entry.file == entries[-1].file]
    assert len(last) >= 2
    for number, (at, left) in enumerate([(HEADER_BYTES + 300, entries[:-2] + entries[-1:]), (20, entries[:-2])]):
        copy = snapshot(folder, tmp_path / str(number))
        spoil(copy / file_name(last[-2].file), last[-2].offset + at, "flip")
        journal = open_journal(copy, file_bytes=7168)
        assert journal.recovered == left
        [cut] = journal.cuts
        assert cut.name == (last[-2].name if at > HEADER_BYTES else None)
        journal.append(chunk_records(1, start=100))
        journal.close()
        again = open_journal(copy, file_bytes=7168)
        assert seqs(again.recovered) == [*seqs(left), 100]
        again.close()


@pytest.mark.parametrize("how", DAMAGES)
def test_one_bad_sector_in_a_file_head_costs_nothing_two_cost_the_file(written, tmp_path, how):
    folder, entries = written
    victim = file_name(entries[-1].file)
    if how == "flip":
        copy = snapshot(folder, tmp_path / "one")
        spoil(copy / victim, 20, how)
        journal = open_journal(copy)
        assert journal.recovered == entries
        journal.close()
    copy = snapshot(folder, tmp_path / "two")
    for at in (512 + 20, 20):
        spoil(copy / victim, at, how)
    journal = open_journal(copy)
    assert journal.recovered == [entry for entry in entries if entry.file < entries[-1].file]
    journal.append(chunk_records(1, start=100))
    journal.close()


def test_a_torn_earlier_file_does_not_cost_the_later_ones(written, tmp_path):
    folder, entries = written
    copy = snapshot(folder, tmp_path / "copy")
    torn = [entry for entry in entries if entry.file == 1]
    spoil(copy / file_name(1), torn[1].offset, "zeros")
    journal = open_journal(copy)
    assert journal.recovered == [torn[0], *(entry for entry in entries if entry.file > 1)]
    assert [(cut.file, cut.offset, cut.why) for cut in journal.cuts] == [(1, torn[1].offset, "records are missing here")]
    journal.close()


def recycled(folder: Path) -> tuple:
    """A journal whose active file is recycled: stale records stand behind its tail."""
    journal = open_journal(folder)
    for seq in range(9):
        journal.append(chunk_records(1, start=seq))
        journal.sync()
    journal.release("cam0", 1, 0, 8)
    journal.sync()
    entries = journal.append(chunk_records(2, start=9))
    kill(journal)
    return entries


def test_stale_records_of_a_recycled_file_are_not_resurrected(tmp_path):
    entries = recycled(tmp_path / "journal")
    raw = (tmp_path / "journal" / file_name(entries[-1].file)).read_bytes()
    end = entries[-1].offset + entries[-1].record_bytes
    assert any(raw[end + HEADER_BYTES :]), "the file is a recycled one"
    journal = open_journal(tmp_path / "journal")
    fresh = [entry for entry in journal.recovered if entry.file == entries[-1].file]
    assert fresh == entries
    assert journal.cuts == []
    journal.close()


@pytest.mark.parametrize("keep", range(3))
def test_a_stale_record_exactly_behind_the_tail_is_told_by_its_position(tmp_path, keep):
    """The worst alignment: torn blocks leave old records, whole and in step, right behind the new ones."""
    folder = tmp_path / "journal"
    entries = recycled(folder)
    journal_file = folder / file_name(entries[0].file)
    raw = bytearray(journal_file.read_bytes())
    old = tmp_path / "old"
    other = open_journal(old)
    stale = other.append(chunk_records(3))
    other.close()
    stale_raw = (old / file_name(stale[0].file)).read_bytes()
    at = entries[keep].offset if keep < 2 else entries[1].offset + entries[1].record_bytes
    piece = stale_raw[stale[0].offset : stale[-1].offset + stale[-1].record_bytes]
    raw[at : at + len(piece)] = piece[: len(raw) - at]
    journal_file.write_bytes(raw)
    journal = open_journal(folder)
    assert [entry.seq for entry in journal.recovered if entry.file == entries[0].file] == [9, 10][:keep]
    if keep:
        assert "stale" in journal.cuts[-1].why
    journal.close()


def test_a_recycled_file_that_was_never_written_holds_nothing(written, tmp_path):
    folder, entries = written
    copy = snapshot(folder, tmp_path / "copy")
    shutil.copy(copy / file_name(1), copy / file_name(entries[-1].file + 1))
    journal = open_journal(copy)
    assert journal.recovered == entries
    assert journal.cuts == []
    journal.close()


def test_a_later_file_outranks_an_earlier_one(written, tmp_path):
    """After a failed fsync the records stand twice; the earlier file's may be anything, even of another content."""
    folder, entries = written
    copy = snapshot(folder, tmp_path / "copy")
    last = [entry for entry in entries if entry.file == entries[-1].file]
    number, raw = last[0].file + 1, (copy / file_name(last[0].file)).read_bytes()
    records = b"".join(raw[entry.offset : entry.offset + entry.record_bytes] for entry in last[1:])
    anew = pack_head(FileHead(number, last[1].position, last[0].position)) + records
    (copy / file_name(number)).write_bytes(anew)
    spoil(copy / file_name(last[0].file), last[1].offset + 200, "garbage")
    journal = open_journal(copy)
    assert [entry.name for entry in journal.recovered] == [entry.name for entry in entries]
    assert journal.cuts == []
    assert {entry.file for entry in journal.recovered[-(len(last) - 1) :]} == {number}
    journal.close()


def test_records_that_a_later_file_does_not_have_are_not_taken_from_the_earlier_one(written, tmp_path):
    """A write failed midway and its records were refused: they stand whole in the earlier file, and others took their positions."""
    folder, entries = written
    copy = snapshot(folder, tmp_path / "copy")
    last = [entry for entry in entries if entry.file == entries[-1].file]
    number, (header, payload) = last[0].file + 1, chunk_record(100)
    head = FileHead(number, last[1].position, last[0].position)
    record = pack_header(header._replace(position=head.first)) + payload
    (copy / file_name(number)).write_bytes(pack_head(head) + record)
    journal = open_journal(copy)
    assert seqs(journal.recovered) == [*seqs(entries[: entries.index(last[1])]), 100]
    assert journal.cuts == []
    journal.close()


STEPS = ["append"] * 6 + ["sync"] * 3 + ["release", "fault", "power_cut", "kill"]


class Site:
    """An agent's life with its journal: appends, syncs, releases, disk faults and power cuts, and what has to hold after each."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder, self._rng, self._lives, self._seq = folder, rng, 0, 0
        self._possible: dict[int, bytes] = {}
        self._safe: set[int] = set()
        self._high = 0
        """The highest position that was ever durable, released or not: it is not given out twice."""
        self._begin(folder / "life-0")

    def _begin(self, home: Path) -> None:
        self._disk = ForgetfulDisk(home)
        self._start(home)

    def _start(self, home: Path) -> None:
        """Every other start has an fsync that fails, of one of its files or of all: what it read there may be gone in a power cut."""
        self._home = home
        if failing := self._rng.choice([0, 0, 0, 1, 2, 3]):
            self._disk.fail["sync"] = [None] * self._rng.randint(0, 1) + [5] * failing
        self._disk.block = self._rng.choice([CLOSE, BLOCK])  # another profile: files of both kinds
        self.journal = open_journal(home, self._disk, files=self._rng.choice([5, 12]), ram_bytes=6000)

    def append(self) -> None:
        count = self._rng.randint(1, 5)
        records = [chunk_record(self._seq + at, size=self._rng.choice([100, 300, 300, 900])) for at in range(count)]
        self._seq += count
        self._possible |= {header.seq: payload for header, payload in records}
        try:
            self.journal.append(records)
        except FullError:
            self.reclaim()
        except VolumeError:
            pass  # an injected fault: the batch was refused and may be torn away or not

    def reclaim(self) -> None:
        """The quota takes a file; what has no copy is carried, or declared lost."""
        with suppress(FullError, VolumeError):  # nothing to free, or an injected fault: then nothing was dropped
            freed = self.journal.reclaim(lambda camera, epoch, seq: seq % 3 > 0)
            self._safe -= {entry.seq for entry in (*freed.copied, *freed.lost)}
            assert {entry.seq for entry in freed.carried} <= self._possible.keys()

    def sync(self) -> None:
        try:
            durable = self.journal.sync()
        except VolumeError:
            return
        entries = [entry for seq in self._possible if (entry := self.journal.chunk("cam0", 1, seq)) and entry.position <= durable]
        self._safe |= {entry.seq for entry in entries}
        self._high = max([self._high, *(entry.position for entry in entries)])

    def release(self) -> None:
        low = self._rng.randint(0, self._seq)
        self.journal.release("cam0", 1, low, low + self._rng.randint(0, 12))
        self._safe = {seq for seq in self._safe if self.journal.chunk("cam0", 1, seq)}

    def fault(self) -> None:
        self._disk.fail[self._rng.choice(["sync", "write", "sync_dir", "allocate"])] = [5] * self._rng.randint(1, 3)

    def power_cut(self) -> None:
        self._disk.fail.clear()
        kill(self.journal)
        self._lives += 1
        self._begin(self._disk.power_cut(self._folder / f"life-{self._lives}", self._rng))
        self._found()

    def kill(self) -> None:
        """SIGKILL: the page cache stays, and nobody knows any more which fsync has failed (docs/RELIABILITY.md, limits)."""
        self._disk.fail.clear()
        kill(self.journal)
        self._disk.killed()
        self._start(self._home)
        self._found()

    def _found(self) -> None:
        found = {entry.seq: entry for entry in self.journal.recovered}
        assert len(found) == len(self.journal.recovered), "a chunk stands once"
        assert self._safe <= found.keys(), f"durable chunks are gone: {sorted(self._safe - found.keys())}"
        assert found.keys() <= self._possible.keys(), "a chunk came back that had been cut or never written"
        for seq, entry in found.items():
            assert self.journal.read(entry)[HEADER_BYTES:] == self._possible[seq]
        positions = [entry.position for entry in self.journal.recovered]
        assert len(positions) == len(set(positions))
        assert self.journal.usage().next_position > max([self._high, *positions])
        self._possible = {seq: self._possible[seq] for seq in found}
        durable = self.journal.usage().durable
        self._safe = {seq for seq, entry in found.items() if entry.position <= durable}

    def end(self) -> None:
        self._disk.fail.clear()
        for seq in self._safe:
            try:
                assert self.journal.read(self.journal.chunk("cam0", 1, seq))[HEADER_BYTES:] == self._possible[seq]
            except GoneError as error:
                raise AssertionError(f"{seq} is gone without a word") from error
        kill(self.journal)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=60))
def test_nothing_durable_is_lost_and_nothing_cut_comes_back_over_many_power_cuts(seed, steps):
    with tempfile.TemporaryDirectory(dir=RAM_DISK) as scratch:
        site = Site(Path(scratch), random.Random(seed))
        try:
            for step in [*steps, "sync", "power_cut"]:
                getattr(site, step)()
        finally:
            site.end()


def test_the_fixture_is_as_the_tests_assume(written):
    _, entries = written
    assert sorted({entry.file for entry in entries}) == [1, 2, 3]
    assert len([e for e in entries if e.file == 3]) >= 2
    assert FILE_BYTES == 4096


class RottenDisk(Disk):
    """Gives nothing back of 512 bytes of a file, as a bad sector does, or fails at it with another error."""

    def __init__(self, sectors: dict[str, int], number: int = errno.EIO) -> None:
        super().__init__()
        self.sectors, self.number = sectors, number

    @contextmanager
    def reader(self, path: Path) -> Iterator[Read]:
        bad = self.sectors.get(path.name)
        with super().reader(path) as read:

            def rotten(offset: int, length: int) -> bytes:
                if bad is not None and offset < bad + 512 and bad < offset + length:
                    raise OSError(self.number, "a bad sector")
                return read(offset, length)

            yield rotten


@pytest.mark.parametrize("number", sorted(BAD_MEDIUM))
def test_a_bad_sector_costs_the_records_that_it_holds_and_keeps_nobody_from_recording(tmp_path, written, number):
    folder, entries = written
    copy = snapshot(folder, tmp_path / "journal")
    hit = entries[2]
    disk = RottenDisk({file_name(hit.file): hit.offset + hit.record_bytes - 600}, number)
    journal = open_journal(copy, disk)
    kept = set(seqs(journal.recovered))
    assert {entry.seq for entry in entries[1:]} - kept == {hit.seq}
    assert [(cut.name, cut.position) for cut in journal.cuts] == [(hit.name, hit.position)]
    assert journal.append(chunk_records(1, start=50))
    journal.close()


def test_a_bad_sector_in_a_header_costs_what_follows_in_its_file_and_is_told(tmp_path, written):
    folder, entries = written
    copy = snapshot(folder, tmp_path / "journal")
    hit = entries[2]
    journal = open_journal(copy, RottenDisk({file_name(hit.file): hit.offset}))
    gone = {entry.seq for entry in entries if entry.file == hit.file and entry.offset >= hit.offset}
    assert {entry.seq for entry in entries[1:]} - set(seqs(journal.recovered)) == gone
    assert [(cut.file, cut.offset, cut.unread) for cut in journal.cuts] == [(hit.file, hit.offset, True)]
    journal.close()


def test_a_file_whose_head_cannot_be_read_is_set_aside_as_it_is(tmp_path, written):
    folder, entries = written
    copy = snapshot(folder, tmp_path / "journal")
    name = file_name(entries[-1].file)
    raw = (copy / name).read_bytes()
    journal = open_journal(copy, RottenDisk({name: 0}))
    assert set(seqs(journal.recovered)) == {entry.seq for entry in entries[1:] if entry.file != entries[-1].file}
    assert [(cut.file, cut.offset, cut.unread) for cut in journal.cuts if cut.unread] == [(entries[-1].file, 0, True)]
    assert (copy / f"{name}.unread").read_bytes() == raw
    journal.close()


def test_a_disk_that_gives_nothing_back_or_a_process_that_lacks_something_touches_nothing(tmp_path, written):
    folder, _ = written
    copy = snapshot(folder, tmp_path / "journal")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    with pytest.raises(VolumeError):
        open_journal(copy, RottenDisk(dict.fromkeys(before, 0)))
    with pytest.raises(BusyError):
        open_journal(copy, RottenDisk({max(before): 0}, errno.EMFILE))
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
