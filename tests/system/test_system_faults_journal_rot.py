"""A byte of two chunks in the agent's journal is changed: both are named, one is healed from the other copy, the one without is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultplays import small_journal
from faultproxy import Mode
from faultrig import FaultSite, epoch_states, fault_site
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
        made.archivers("a", "b", extra="[consolidation]\nsettle_s = 5\n")  # the journal goes first, and finds the damage
        yield made


def entries(path: Path) -> list[Entry]:
    """The chunks in one journal file."""
    with Disk().reader(path) as read:
        head = parse_head(read(0, FILE_HEAD_BYTES))
        assert head is not None
        return [entry for entry in walk(read, head, durable=1 << 40).entries if entry.kind is RecordKind.CHUNK]


def told(site: FaultSite, kind: EventKind, *parts: str) -> bool:
    return any(event.kind is kind and all(part in event.text for part in parts) for event in list(site.view.events))


def flip(journal: Path, victim: Entry) -> None:
    """Change one bit in the middle of a chunk."""
    with (journal / file_name(victim.file)).open("r+b") as file:
        file.seek(victim.offset + HEADER_BYTES + (victim.record_bytes - HEADER_BYTES) // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def has(site: FaultSite, name: str, chunk: Entry) -> bool:
    states = epoch_states(site.direct(name), {"cam0": chunk.epoch})
    return states is not None and any(low <= chunk.seq <= high for low, high in states["cam0"].durable)


def test_a_rotten_journal_is_healed_from_the_other_copy_and_costs_what_has_none_and_holds_nothing_up(site):
    """b falls out, a goes on and falls out too; a byte rots of a chunk that a has, and one of a chunk that nobody has."""
    proxy = site.behind_proxy("a")
    site.record(site.source(*SOURCE, cameras=1), copies=2)
    small_journal(site)
    site.recording(1)
    journal = site.folder / "edge-1" / "journal"
    wait_until(lambda: site.newest("b") >= 1, 40, "a piece of the camera on b")
    site.kill("b")
    only_a = site.newest("a") + 4  # above what b got in its last second
    wait_until(lambda: site.newest("a") > only_a, 40, "chunks on a alone")
    proxy.set(Mode.RESET)
    nobody = site.newest("a") + 3
    wait_until(lambda: site.view.cameras["cam0"].chunks > nobody + 5, 40, "chunks on nobody")
    site.kill("edge-1")
    found = [entry for path in sorted(journal.glob("*.wkj")) for entry in entries(path)]
    copied, bare = (next(entry for entry in found if entry.seq == seq) for seq in (only_a, nobody))
    assert has(site, "a", copied) and not has(site, "a", bare)  # noqa: PT018
    for victim in (copied, bare):
        flip(journal, victim)
    site.view.cameras.clear()
    site.start("edge-1")
    proxy.set(Mode.PASS)
    site.again("b")
    names = [f"{victim.epoch}.{victim.seq}" for victim in (copied, bare)]
    wait_until(lambda: all(told(site, EventKind.DISK, name, "damaged in the journal") for name in names), 60, "their being named")
    lost = f"of epoch {bare.epoch} are lost: damaged"
    wait_until(lambda: told(site, EventKind.LOSS, f"chunks {bare.seq} to {bare.seq} {lost}"), 30, "the declared loss")
    wait_until(lambda: has(site, "b", copied), 40, "the other one's coming to b from a")
    site.recording(1)
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    assert len([event for event in site.view.events if event.kind is EventKind.LOSS]) == 1
    assert site.same("a", "b")
    report = site.proof("b").camera("cam0")
    assert report.damage == (), "the changed bytes went nowhere"
    [hole] = [gap for gap in report.gaps if gap.epoch == bare.epoch and gap.first_seq is not None]
    assert (hole.first_seq, hole.last_seq) == (bare.seq, bare.seq)
    epoch = next(one for one in report.epochs if one.epoch == bare.epoch)
    assert (epoch.first_seq, epoch.chunks) == (0, epoch.last_seq)
