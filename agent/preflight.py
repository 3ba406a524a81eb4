"""What an agent looks at before it touches anything: its data_dir, the disk under it, and who else has it.

    finding           `agent check`           `agent run`
    folder_problem    refuses                 refuses; records from RAM when it is its disk that fails (`fails`, home/settle.py)
    room_problem      refuses                 warns: a disk that filled up while the box was off must not keep it off
    room_note         says so                 warns
    disk_note         says so                 warns
    in_use            says so                 refuses (the journal's own lock), with exit code 1
    list_notes        says so                 says nothing: all of it may be meant

Rules: leaves no trace on disk; every finding is a ConfigError that names file, key and remedy.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from ..profiles import Storage
from ..wire.errors import MAX_MISTAKES, ConfigError
from ..wire.shell.files import passes
from .home.mounts import unmounted
from .medium import storage_of
from .setup import MIN_JOURNAL_FILES, Plan
from .udp_ports import RECEIVE_BUFFER, most_buffer

DATA_DIR: Final = "agent.data_dir"
_SAYS_NOTHING: Final = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOSPC, errno.EDQUOT}
"""Answers to O_TMPFILE that do not mean "may not be written": file systems without it (NFS, FAT), and disks that are full."""
_SPEED: Final[dict[Storage, int]] = {"sd": 0, "hdd": 1, "ssd": 1, "nvme": 2}
"""A good hard disk bears the times of an SSD profile, as generic.toml says."""


def folder_problem(plan: Plan) -> ConfigError | None:
    """data_dir or its journal folder is not there and cannot be made, or cannot be written."""
    folder = Path(plan.config.agent.data_dir)
    if (missing := unmounted(folder)) is not None:
        return _wrong(plan, f"no disk is mounted on {missing}, and /etc/fstab has one for it", "mount it; dmesg says why it is not")
    for place in (folder, _journal(plan)):
        there = _nearest(place)
        if not os.path.isdir(there):  # noqa: PTH112 Path.is_dir raises where this user may not look
            return _wrong(plan, f"{there} is not a directory", "choose another path")
        if why := _unwritable(there):
            what = f"{there} {why}" if there == place else f"{place} cannot be made: {there} {why}"
            return _wrong(plan, what, "mount it for writing again; dmesg says why it is not" if _is_read_only(there) else
                          f"make it this user's: install -d -o <user> {place}")  # fmt: skip
    return None


def fails(plan: Plan) -> bool:
    """Whether a folder_problem is its disk's, which is not mounted, fails or has become read-only: nothing in the file has to be changed
    for it."""
    if unmounted(Path(plan.config.agent.data_dir)) is not None:
        return True
    for place in (Path(plan.config.agent.data_dir), _journal(plan)):
        there = _nearest(place)
        try:
            if _is_read_only(there):
                return True
            os.close(os.open(there, os.O_TMPFILE | os.O_WRONLY, 0o600))
        except OSError as error:
            if error.errno not in _SAYS_NOTHING and passes(error):
                return True
    return False


def ram_note(plan: Plan) -> ConfigError:
    """What comes of it meanwhile when folder_problem is its disk's."""
    return _wrong(plan, "until then `agent run` records from RAM to the archivers; without any it holds "
                  f"{plan.profile.stage_seconds} s of all cameras at the profile's bitrate",
                  "nothing to do for that: it goes over to the disk as soon as that is well")  # fmt: skip


def room_problem(plan: Plan) -> ConfigError | None:
    """The disk has not even room for the smallest journal."""
    room, needed = _room(plan), MIN_JOURNAL_FILES * plan.profile.journal_file_bytes
    if room is None or room >= needed:
        return None
    return _wrong(plan, f"its disk has room for {_size(room)} of journal, and the smallest journal needs {_size(needed)}",
                  "free space there, or give a folder on another disk")  # fmt: skip


def room_note(plan: Plan) -> ConfigError | None:
    """The disk is full before the journal is: an outage is bridged for a shorter time than the file says."""
    room = _room(plan)
    if room is None or room >= plan.journal_max_bytes or room_problem(plan) is not None:
        return None
    return ConfigError(str(plan.file), "journal.max_bytes",
                       f"the journal may grow to {_size(plan.journal_max_bytes)}, and its disk has room for {_size(room)}",
                       remedy="free space there, or set it lower")  # fmt: skip


def disk_note(plan: Plan) -> ConfigError | None:
    """The disk is of a slower kind than the profile's numbers are meant for: longer stalls, and on an SD card more wear."""
    found, meant = storage_of(_nearest(_journal(plan))), plan.profile.storage
    if found is None or _SPEED[found] >= _SPEED[meant]:
        return None
    return ConfigError(str(plan.file), "agent.profile",
                       f"{plan.config.agent.profile} is made for storage {meant!r}, and {DATA_DIR} stands on {found!r}",
                       remedy=f"choose a profile for {found!r}, or move {DATA_DIR}")  # fmt: skip


def in_use(plan: Plan) -> ConfigError | None:
    """Another process records there.  Asks for a share of the journal's lock, so that two checks do not see each other."""
    try:
        handle = os.open(_journal(plan), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _wrong(plan, "an agent records there now", "stop it before another one is started there")
    finally:
        os.close(handle)
    return None


def list_notes(plan: Plan) -> list[ConfigError]:
    """Archivers that cameras name and nobody lists, a file that makes the agent record nothing, one that lets others say what, and
    cameras over UDP on a kernel that keeps few datagrams."""
    config, file, known = plan.config, str(plan.file), {archiver.id for archiver in plan.config.archiver}
    places = [*((f"group[{number}]", group.archivers) for number, group in enumerate(config.group)),
              *((f"camera[{number}]", camera.archivers) for number, camera in enumerate(config.camera))]  # fmt: skip
    notes, told = list[ConfigError](), set[str]()
    for place, listed in places:
        for name in listed or ():
            if name not in known | told:
                told.add(name)
                how = "mDNS has to find it" if config.discovery.mdns else "mDNS is off, so it is never used"
                notes.append(ConfigError(file, f"{place}.archivers", f"no [[archiver]] has the id {name!r}; {how}",
                                         remedy="correct the name, or add an [[archiver]] with its url"))  # fmt: skip
    if not (config.camera or config.directory.followed):
        notes.append(ConfigError(file, "camera", "there is none, and no directory that could name any: nothing is recorded",
                                 remedy="add a [[camera]], or directory.servers"))  # fmt: skip
    if config.directory.mdns:
        notes.append(ConfigError(file, "directory.mdns", "whoever announces a directory server on this network says what is recorded",
                                 remedy="list directory.servers where you do not trust it"))  # fmt: skip
    udp, most = [number for number, camera in enumerate(config.camera) if plan.transport(camera) == "udp"], most_buffer()
    if udp and most is not None and most < RECEIVE_BUFFER:
        notes.append(ConfigError(file, f"camera[{udp[0]}].transport",
                                 f"the kernel keeps {most // 1000} kB of what a camera sends over UDP: it is read more often, "
                                 "at more cost, and what is still too late is lost",
                                 remedy=f"net.core.rmem_max = {2 * RECEIVE_BUFFER} in /etc/sysctl.d, sysctl --system; or tcp"))  # fmt: skip
    return notes[:MAX_MISTAKES]


def _journal(plan: Plan) -> Path:
    return Path(plan.config.agent.data_dir) / "journal"


def _wrong(plan: Plan, problem: str, remedy: str) -> ConfigError:
    return ConfigError(str(plan.file), DATA_DIR, problem, remedy=remedy)


def _nearest(place: Path) -> Path:
    """place, or the first of its parents that exists."""
    return next(one for one in (place, *place.absolute().parents) if os.path.lexists(one))


def _unwritable(folder: Path) -> str:
    """Why this user cannot make files in folder; empty when nothing speaks against it.

    Tried with a file that never gets a name, because permissions do not tell of a disk that fails.
    """
    if _is_read_only(folder):
        return "is on a file system that is read-only"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written"
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        return "" if error.errno in _SAYS_NOTHING else f"cannot be written ({error.strerror})"
    return ""


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:  # whoever tries to make a file there hears why
        return False


def _room(plan: Plan) -> int | None:
    """Bytes that the journal may have on its disk, what it has already included; None when the disk does not say."""
    folder = _journal(plan)
    try:
        disk = os.statvfs(_nearest(folder))
        held = sum(file.stat().st_blocks * 512 for file in folder.glob("*.wkj"))
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize + held


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 10**9 else f"{number / 1e6:.0f} MB"
