"""The two-slot state record: agent/journal/slots.py."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeep.agent.journal.slots import SlotFile
from watchkeep.wire.errors import FullError, VolumeError


def test_a_new_file_holds_nothing_and_then_the_newest_record(tmp_path):
    slots = SlotFile(tmp_path / "state")
    assert slots.read() is None
    for data in (b"one", b"", b"three", b"x" * 4048):
        slots.write(data)
        assert slots.read() == data == SlotFile(tmp_path / "state").read()
    assert (tmp_path / "state").stat().st_size == 8192


def test_a_record_that_does_not_fit_is_refused_and_changes_nothing(tmp_path):
    slots = SlotFile(tmp_path / "state", size=512)
    slots.write(b"kept")
    with pytest.raises(FullError) as refused:
        slots.write(bytes(512 - 47))
    assert refused.value.remedy
    assert slots.read() == b"kept" == SlotFile(tmp_path / "state", size=512).read()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.integers(1, 4), torn=st.integers(0, 99), how=st.sampled_from(["stop", "garbage"]), length=st.integers(0, 200))
def test_a_torn_write_leaves_the_record_before_it(tmp_path, before, torn, how, length):
    path = tmp_path / "state"
    path.unlink(missing_ok=True)
    slots = SlotFile(path, size=256)
    for number in range(before):
        slots.write(b"record %d" % number)
    old = path.read_bytes()
    slots.write(b"n" * length)
    new = path.read_bytes()
    changed = [at for at in range(len(old)) if old[at] != new[at]]
    cut = changed[torn % len(changed)]
    end = changed[-1] + 1
    middle = old[cut:end] if how == "stop" else os.urandom(end - cut)
    path.write_bytes(new[:cut] + middle + new[end:])
    again = SlotFile(path, size=256)
    assert again.read() == b"record %d" % (before - 1)
    again.write(b"after")
    assert SlotFile(path, size=256).read() == b"after"


def test_both_slots_damaged_read_as_nothing_and_can_be_written(tmp_path):
    path = tmp_path / "state"
    slots = SlotFile(path)
    slots.write(b"one")
    slots.write(b"two")
    path.write_bytes(b"\xff" * 8192)
    again = SlotFile(path)
    assert again.read() is None
    again.write(b"three")
    assert SlotFile(path).read() == b"three"


@pytest.mark.parametrize(("small", "large"), [(256, 4096), (4096, 256)])
@pytest.mark.parametrize("writes", [1, 2])
def test_another_size_keeps_the_record(tmp_path, small, large, writes):
    for number in range(writes):
        SlotFile(tmp_path / "state", size=small).write(b"%d" % number)
    again = SlotFile(tmp_path / "state", size=large)
    assert again.read() == b"%d" % (writes - 1)
    again.write(b"after")
    assert SlotFile(tmp_path / "state", size=large).read() == b"after"


@pytest.mark.parametrize("size", [0, 1, 100, 4095])
def test_a_file_cut_short_is_made_anew(tmp_path, size):
    path = tmp_path / "state"
    SlotFile(path).write(b"one")
    os.truncate(path, size)
    again = SlotFile(path)
    again.write(b"two")
    assert SlotFile(path).read() == b"two"
    assert path.stat().st_size == 8192


def test_a_failed_fsync_leaves_the_record_before_it(tmp_path, monkeypatch):
    slots = SlotFile(tmp_path / "state")
    slots.write(b"one")

    def fail(handle):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(VolumeError):
            slots.write(b"two")
    assert slots.read() == b"one"
    slots.write(b"three")
    assert SlotFile(tmp_path / "state").read() == b"three"


def test_a_folder_that_is_missing_is_a_typed_error(tmp_path):
    with pytest.raises(VolumeError):
        SlotFile(tmp_path / "missing" / "state")
