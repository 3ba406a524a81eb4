"""Endurance plays over a site that records: the same in a test (few rounds) and in `./run reliability` (many).

Rules: a play leaves the site recording; what it promises is checked afterwards by `lost_frames` and the archives' proofs.
"""

import re
import time
from pathlib import Path
from random import Random
from shutil import copyfile, rmtree

from faultrig import FPS, FaultSite, wait_until

from watchkeep import profiles
from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.layout import file_name
from watchkeep.agent.journal.recover import recover
from watchkeep.agent.journal.slots import SlotFile
from watchkeep.hub.verify.report import CameraReport

CHUNK_S, SYNC_S, TICK_S = 1.0, 1.0, 0.2
"""Defaults of the generic profile: the loss bound by name, and how long a cut chunk waits to be appended."""
IN_FLIGHT = 10
"""Frames that the source counted as sent and that no agent ever read: socket buffers at the moment of the kill."""


def restart_archiver(site: FaultSite, rounds: int) -> None:
    """Kill or stop archiver a again and again, every other time before it has caught up."""
    for number in range(rounds):
        if number % 2:
            site.stop_all("a")
        else:
            wait_until(lambda: site.newest("a") >= site.newest("b") - 1, 60, "a's being up to date")
            site.kill("a")
        site.again("a")


def kill_agent(site: FaultSite, random: Random, *, power_cut: bool) -> dict[int, int]:
    """Kill the agent at a random moment of the two seconds after the first of its video must be safe, and start it again; returns the
    newest durable seq by epoch.

    power_cut: what the disk had not been told to keep is torn at a random byte, then zeros, garbage or nothing; and so is the next record
    of each small file of data_dir, which was being written.
    """
    wait_until(lambda: bool(site.view.cameras) and site.frames("cam0") > bound_frames(), 60, "recording")
    time.sleep(random.uniform(0, 2))  # the moment of the kill, not a wait for anything
    epoch = site.view.cameras["cam0"].epoch
    acknowledged = {epoch: max(site.newest(name) for name in site.urls)}
    site.kill("edge-1")
    killed_ns = time.time_ns()
    if power_cut:
        data = site.folder / "edge-1"
        tear(data / "journal", killed_ns, random)
        for path in sorted(data.glob("*.slots")):
            tear_slot(path, random)
    site.view.cameras.clear()
    site.start("edge-1")
    return acknowledged


def tear(journal: Path, killed_ns: int, random: Random) -> None:
    """Drop what may not have been synced: a suffix of the records of the last sync period, cut anywhere."""
    found = recover(Disk(), journal)
    entries: list[Entry] = [entry for number in found.entries for entry in found.entries[number]]
    unsynced = [entry for entry in entries if entry.wall_start_ns + entry.duration_ns > killed_ns - SYNC_S * 1e9]
    if not unsynced:
        return
    path, last = journal / file_name(entries[-1].file), entries[-1]
    first = next(entry for entry in unsynced if entry.file == last.file)
    at, size = random.randrange(first.offset, last.offset + last.record_bytes), path.stat().st_size
    with path.open("r+b") as file:
        how = random.choice(("zeros", "garbage", "short"))
        if how == "short":
            file.truncate(at)
            return
        file.seek(at)
        file.write(bytes(size - at) if how == "zeros" else random.randbytes(min(size - at, 1 << 16)))


def tear_slot(path: Path, random: Random) -> None:
    """As if the next record had been on its way over the older of the two: its first bytes are there, behind them stand the old ones."""
    ahead = path.with_suffix(".ahead")
    copyfile(path, ahead)
    size = path.stat().st_size // 2
    slots = SlotFile(ahead, size)
    kept = slots.read()
    slots.write(random.randbytes(max(len(kept or b""), 512)))
    before, after = path.read_bytes(), ahead.read_bytes()
    ahead.unlink()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    cut = random.choice(changed)
    path.write_bytes(after[:cut] + before[cut:])
    assert SlotFile(path, size).read() == kept, "what was finished stands, what was begun is not believed"


def lost_frames(report: CameraReport, sent: list[dict]) -> list[int]:
    """By session, how many frames of its end are in no archive; raises AssertionError for any that is missing before."""
    found = {session.session: session for session in report.sessions}
    lost = []
    for number, session in enumerate(sent):
        kept = found.get(number)
        if kept is not None:
            assert (kept.first, kept.missing, kept.duplicates) == (0, (), ()), kept
        lost.append(session["frames"] - (kept.last + 1 if kept is not None else 0))
    return lost


def bound_frames() -> int:
    """chunk_ms + sync_ms, the tick, and what was on its way."""
    return int((CHUNK_S + SYNC_S + TICK_S) * FPS) + IN_FLIGHT


def small_profile(path: Path, **instead: str) -> str:
    """Write the generic profile with other values to a file; returns what an agent calls it."""
    text = (Path(profiles.__file__).parent / "recorders" / "generic.toml").read_text()
    for key, value in instead.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    path.write_text(text)
    return str(path)


def small_journal(site: FaultSite, *, max_bytes: int | None = None) -> None:
    """Start the agent anew with an empty journal in files of a megabyte; max_bytes: its quota, that of the profile when None."""
    site.kill("edge-1")
    values = {"journal_file_bytes": "1_048_576"}
    config = site.folder / "edge-1.toml"
    text = config.read_text()
    if max_bytes is not None:
        values["journal_max_bytes"] = str(max_bytes)
        text = text.replace("max_bytes = 2_000_000_000", "")
    small = small_profile(site.folder / "small.toml", **values)
    assert text.count('profile = "generic"') == 1
    config.write_text(text.replace('profile = "generic"', f'profile = "{small}"'))
    rmtree(site.folder / "edge-1" / "journal", ignore_errors=True)  # killed early, it may have none yet
    site.view.cameras.clear()
    site.start("edge-1")
