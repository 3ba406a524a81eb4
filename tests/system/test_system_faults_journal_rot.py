"""One byte of the agent's journal is changed while archivers are away: that chunk is named and lost, all others arrive."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultplays import small_journal
from faultproxy import Mode
from faultrig import FaultSite, fault_site
from wksite import wait_until

from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.layout import FILE_HEAD_BYTES, file_name, parse_head
from watchkeep.agent.journal.scan import walk
from watchkeep.wire.causes import EventKind
from watchkeep.wire.record import HEADER_BYTES, RecordKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SOURCE = ("--fps", "25", "--size", "640x360", "--bitrate", "3M", "--loop-seconds", "4")
"""A file of a megabyte every three seconds."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        made.archivers("a", "b")
        yield made


def entries(path: Path) -> list[Entry]:
    """The chunks in one journal file."""
    with Disk().reader(path) as read:
        head = parse_head(read(0, FILE_HEAD_BYTES))
        assert head is not None
        return [entry for entry in walk(read, head, durable=1 << 40).entries if entry.kind is RecordKind.CHUNK]


def told(site: FaultSite, kind: EventKind, *parts: str) -> bool:
    return any(event.kind is kind and all(part in event.text for part in parts) for event in list(site.view.events))


def test_a_flipped_byte_in_the_journal_costs_one_chunk_that_is_named_and_holds_nothing_up(site):
    proxies = [site.behind_proxy(name) for name in "ab"]
    for proxy in proxies:
        proxy.set(Mode.RESET)
    site.record(site.source(*SOURCE, cameras=1), copies=2)
    small_journal(site)
    site.recording(1)
    journal = site.folder / "edge-1" / "journal"
    wait_until(lambda: len(list(journal.glob("*.wkj"))) >= 3, 60, "three journal files")
    site.kill("edge-1")
    first = sorted(journal.glob("*.wkj"))[0]
    victim = entries(first)[1]
    with (journal / file_name(victim.file)).open("r+b") as file:
        file.seek(victim.offset + HEADER_BYTES + (victim.record_bytes - HEADER_BYTES) // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    site.view.cameras.clear()
    site.start("edge-1")
    for proxy in proxies:
        proxy.set(Mode.PASS)
    name = f"{victim.epoch}.{victim.seq}"
    wait_until(lambda: told(site, EventKind.DISK, f"chunk {name} is damaged in the journal", f"file {victim.file} "), 60, "its being named")
    lost = f"chunks {victim.seq} to {victim.seq} of epoch {victim.epoch} are lost: damaged"
    wait_until(lambda: told(site, EventKind.LOSS, lost), 30, "the declared loss")
    site.recording(1)
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    assert site.same("a", "b")
    report = site.proof("a").camera("cam0")
    assert report.damage == (), "the changed bytes went nowhere"
    [hole] = [gap for gap in report.gaps if gap.epoch == victim.epoch and gap.first_seq is not None]
    assert (hole.first_seq, hole.last_seq) == (victim.seq, victim.seq)
    epoch = next(one for one in report.epochs if one.epoch == victim.epoch)
    assert (epoch.first_seq, epoch.chunks) == (0, epoch.last_seq)
