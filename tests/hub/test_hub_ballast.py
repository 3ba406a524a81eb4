"""The room that a hub keeps for a start on a full disk: made, given up once, and what a hub does with it on a disk that is really full."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from faultrig import fill, small_disk
from hub_kit import Hub, film, running, wait_for

from watchkeep.hub import ballast
from watchkeep.hub.ballast import BYTES, NAME, NEEDED_BYTES, settle


@pytest.mark.parametrize(
    ("free", "there", "given_up", "left"),
    [
        (10 * BYTES, False, False, True),
        (10 * BYTES - 1, False, False, False),
        (NEEDED_BYTES, True, False, True),
        (NEEDED_BYTES - 1, True, True, False),
        (NEEDED_BYTES - 1, False, False, False),
    ],
)
def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, there: bool, given_up: bool, left: bool) -> None:
    monkeypatch.setattr(ballast, "_free_bytes", lambda _: free)
    file = tmp_path / NAME
    if there:
        file.touch()
    assert settle(tmp_path) is given_up
    assert file.exists() is left


def test_it_is_made_of_blocks_and_where_none_can_be_reserved_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "_free_bytes", lambda _: 10 * BYTES)
    settle(tmp_path)
    assert (tmp_path / NAME).stat().st_blocks * 512 >= BYTES
    (tmp_path / NAME).unlink()

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not settle(tmp_path)
    assert list(tmp_path.iterdir()) == []


def told(url: str) -> list[str]:
    with urlopen(f"{url}/v1/events?kind=disk", timeout=10) as answer:
        return [event["text"] for event in json.load(answer)["events"]]


@contextmanager
def full(tmp_path: Path, *, left: bool) -> Iterator[Path]:
    """data_dir of a hub that has run, then the last byte of its disk taken; `left`: the ballast stays."""
    state = tmp_path / "state"
    with small_disk(tmp_path / "disk.img", state, 192):
        with running(tmp_path):
            assert (state / NAME).exists()
        if not left:
            (state / NAME).unlink()
        fill(state / "filler")
        with (state / "rest").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        assert os.statvfs(state).f_bavail == 0
        yield state


def record(hub: Hub) -> None:
    made = film(2)
    hub.stored(made.batch())
    hub.wait_durable(made)


def test_a_hub_starts_once_more_on_a_full_disk_and_says_so(tmp_path: Path) -> None:
    with full(tmp_path, left=True) as state, running(tmp_path) as hub:
        assert told(hub.url) == ["the disk of data_dir is full: this start used the room that was kept for it"]
        assert not (state / NAME).exists()
        record(hub)


def test_an_archiver_records_with_no_byte_free_in_data_dir(tmp_path: Path) -> None:
    with full(tmp_path, left=False), running(tmp_path) as hub:
        record(hub)
        wait_for(lambda: any("catalog cannot be written" in text for text in told(hub.url)), "the disk is told")
