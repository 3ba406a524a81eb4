"""The kind of disk under a folder, and what is said when it is slower than the profile's: agent/medium.py, preflight.py."""

import os
from pathlib import Path

import pytest

from watchkeep.agent import preflight
from watchkeep.agent.config import read
from watchkeep.agent.medium import storage_of
from watchkeep.agent.setup import plan


def kernel(tmp_path: Path, disk: str, partition: str = "", rotational: str = "0") -> Path:
    """/sys/dev/block of a machine on which tmp_path stands on this disk or partition of it."""
    place = tmp_path / "devices" / disk / partition
    place.mkdir(parents=True)
    if partition:
        (place / "partition").write_text("1\n")
    (tmp_path / "devices" / disk / "queue").mkdir()
    (tmp_path / "devices" / disk / "queue" / "rotational").write_text(f"{rotational}\n")
    blocks = tmp_path / "block"
    blocks.mkdir()
    device = tmp_path.stat().st_dev
    (blocks / f"{os.major(device)}:{os.minor(device)}").symlink_to(place)
    return blocks


@pytest.mark.parametrize(
    ("disk", "partition", "rotational", "kind"),
    [
        ("mmcblk0", "mmcblk0p2", "0", "sd"),
        ("nvme0n1", "nvme0n1p1", "0", "nvme"),
        ("nvme0n1", "", "0", "nvme"),
        ("sda", "sda1", "1", "hdd"),
        ("sdb", "", "0", "ssd"),
        ("vda", "", "1", None),
        ("dm-0", "", "0", None),
    ],
)
def test_the_kinds_that_the_kernel_tells(tmp_path, disk, partition, rotational, kind):
    assert storage_of(tmp_path, kernel(tmp_path, disk, partition, rotational)) == kind


def test_a_file_system_without_a_disk_is_of_no_kind(tmp_path):
    assert storage_of(tmp_path, tmp_path / "nothing") is None
    assert storage_of(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("profile", "found", "told"),
    [
        ("generic", "sd", True), ("generic", "hdd", False), ("generic", "nvme", False), ("generic", None, False),
        ("intel-n100", "ssd", True), ("intel-n100", "hdd", True), ("raspberry-pi-5", "sd", False),
    ],
)  # fmt: skip
def test_a_disk_slower_than_the_profiles_is_named_with_key_and_remedy(tmp_path, monkeypatch, profile, found, told):
    monkeypatch.setattr(preflight, "storage_of", lambda _folder: found)
    file = tmp_path / "agent.toml"
    file.write_text(f'[agent]\nid = "e"\nsite = "s"\ndata_dir = "{tmp_path}/not/yet"\nprofile = "{profile}"\n')
    note = preflight.disk_note(plan(file, read(file)))
    assert (note is not None) == told
    if note is not None:
        assert (note.file, note.key) == (str(file), "agent.profile")
        assert f"stands on '{found}'; choose a profile for '{found}'" in note.line()
