"""Publishing a file: whatever step fails, the old file or the new one stands, whole."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.shell import files


class Crash(BaseException):
    """Stands for SIGKILL: no `except Exception` of the code under test may catch it."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    files.publish(path, b"old")
    return path


def watch(monkeypatch: pytest.MonkeyPatch, fail: str = "", error: BaseException | None = None) -> list[str]:
    """Record the order of the steps; raise error instead of the step named fail."""
    steps: list[str] = []

    def step(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            label = name if name != "fsync" else "sync dir" if Path(f"/proc/self/fd/{args[0]}").resolve().is_dir() else "sync file"
            steps.append(label)
            if label == fail and error is not None:
                raise error
            return real(*args, **named)

        return run

    monkeypatch.setattr(files.os, "fsync", step("fsync", os.fsync))
    monkeypatch.setattr(Path, "replace", step("rename", Path.replace))
    return steps


def test_the_steps_come_in_the_only_safe_order(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = watch(monkeypatch)
    files.publish(target, b"new")
    assert steps == ["sync file", "rename", "sync dir"]
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError(5, "I/O error"), Crash()])
@pytest.mark.parametrize(("fail", "left"), [("sync file", b"old"), ("rename", b"old"), ("sync dir", b"new")])
def test_a_failed_step_is_raised_and_leaves_one_whole_file(
    fail: str, left: bytes, error: BaseException, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        watch(patch, fail, error)
        with pytest.raises(type(error)):
            files.publish(target, b"new")
    assert target.read_bytes() == left
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file(target: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        files.publish(target.parent / "absent" / "state.json", b"new")
    target.with_name(".state.json.tmp").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.publish(target, b"new")
    assert target.read_bytes() == b"old"


def test_a_leftover_of_a_crash_is_overwritten(target: Path) -> None:
    target.with_name(".state.json.tmp").write_bytes(b"half of something longer")
    files.publish(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@given(st.lists(st.binary(max_size=50), max_size=40), st.integers(1, 64))
def test_write_all_goes_on_after_short_writes(parts: list[bytes], most: int) -> None:
    written = bytearray()

    def short_writev(_handle: int, views: list[memoryview]) -> int:
        assert len(views) <= 512
        taken = b"".join(views)[:most]
        written.extend(taken)
        return len(taken)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "writev", short_writev)
        assert files.write_all(-1, parts) == sum(map(len, parts))  # type: ignore[arg-type]
    assert bytes(written) == b"".join(parts)


def test_write_all_takes_more_parts_than_one_call_may(tmp_path: Path) -> None:
    parts = [bytes([number % 256]) * 3 for number in range(2000)]
    with (tmp_path / "out").open("wb") as stream:
        assert files.write_all(stream.fileno(), [*parts, b"", bytearray(b"x"), memoryview(b"y")]) == 6002
    assert (tmp_path / "out").read_bytes() == b"".join(parts) + b"xy"


def test_write_all_raises_on_a_full_disk() -> None:
    handle = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left"):
            files.write_all(handle, [b"x"])
    finally:
        os.close(handle)
