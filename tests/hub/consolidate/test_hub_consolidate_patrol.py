"""The patrol: every file once, evenly, from where it stood; what it finds is healed by itself."""

import math
import threading
from pathlib import Path
from typing import Any

import pytest
from archive_kit import EAGER, flip, held, hub_named, whole
from hub_kit import film, wait_for

from watchkeep.hub.consolidate import patrol as patrol_file
from watchkeep.hub.consolidate.client import PeerError
from watchkeep.hub.consolidate.patrol import DAY_S, FIRST_S, IDLE_S, PLACE_FILE, SAVE_S, Patrol, PatrolSettings
from watchkeep.hub.consolidate.scrub import MAX_ASIDE, Finding
from watchkeep.hub.consolidate.share import Share
from watchkeep.hub.consolidate.worker import Consolidator, Settings
from watchkeep.hub.store.model import Part
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire.causes import Cause
from watchkeep.wire.messages import CameraInfo

MB = 1_000_000


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def part(camera: str, epoch: int, first: int, size: int = 10 * MB) -> Part:
    path, last = f"{camera}/{epoch}.{first}.mp4", first + 9
    return Part("v", path, camera, epoch, first, first, last, 0, 1, 0, b"", b"", Cause.FIRST_START, size, size)


class Shelf:
    """What the patrol asks of a store."""

    def __init__(self, *parts: Part, open_parts: tuple[Part, ...] = ()) -> None:
        self.parts, self.open_parts = list(parts), open_parts
        self.told: list[str] = []
        self.looks = 0

    def cameras(self) -> list[CameraInfo]:
        self.looks += 1
        names = {one.camera for one in self.parts}
        return [CameraInfo(camera=name, first_s=0, last_s=1, chunks=1, bytes=sum(one.size for one in self.parts if one.camera == name))
                for name in names]  # fmt: skip

    def runs(self, camera: str, epoch: int = 0, seq: int = 0, *, limit: int) -> list[Part]:
        found = [one for one in self.parts if one.camera == camera and (one.epoch, one.last_seq) >= (epoch, seq)]
        return sorted(found, key=lambda one: (one.epoch, one.first_seq))[:limit]

    def closed_part(self, wanted: Part) -> Part | None:
        return None if wanted in self.open_parts else wanted

    def report(self, _kind: object, text: str, *_: object) -> None:
        self.told.append(text)


ARCHIVE = (part("b", 1, 0), part("a", 2, 0), part("a", 1, 0), part("a", 1, 10))
IN_ORDER = ["a/1.0.mp4", "a/1.10.mp4", "a/2.0.mp4", "b/1.0.mp4"]


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were proven, in order; a file with "bad" in its name is damaged, and each takes a second."""
    seen: list[str] = []

    def prove(shelf: Shelf, one: Part) -> Finding:
        seen.append(one.path)
        Clock.now += 1.0
        return Finding(one, {one.first_seq: "flipped"} if "bad" in one.path else {})

    monkeypatch.setattr(patrol_file, "prove_part", prove)
    monkeypatch.setattr(Clock, "now", 1000.0)
    return seen


def walk(patrol: Patrol, clock: Clock, steps: int) -> None:
    for _ in range(steps):
        clock.__class__.now = max(clock.now, patrol.next_at)
        patrol.step()


def test_every_closed_file_is_proven_in_order_and_then_all_of_them_again(proved: list[str], tmp_path: Path) -> None:
    clock = Clock()
    patrol = Patrol(Shelf(*ARCHIVE, open_parts=(ARCHIVE[1],)), PatrolSettings(tmp_path), clock)  # type: ignore[arg-type]
    assert patrol.next_at == clock.now + FIRST_S
    closed = [name for name in IN_ORDER if name != "a/2.0.mp4"]
    walk(patrol, clock, 4)
    assert (proved, patrol.walked.walks, patrol.walked.files, patrol.walked.bytes) == (closed, 1, 3, 30 * MB)
    walk(patrol, clock, 3)
    assert proved == closed * 2


def test_reading_is_spread_over_the_days_and_never_faster_than_its_bound(proved: list[str], tmp_path: Path) -> None:
    clock = Clock()
    big = part("z", 1, 0, 40_000 * MB)
    patrol = Patrol(Shelf(*ARCHIVE, big), PatrolSettings(tmp_path, every_days=10.0), clock)  # type: ignore[arg-type]
    patrol.step()
    share = 10 * DAY_S * 10 / 40_040
    assert patrol.next_at - clock.now == pytest.approx(share - 1.0)
    hasty = Patrol(Shelf(*ARCHIVE), PatrolSettings(tmp_path, every_days=1e-9, max_mbit_s=8.0), clock)  # type: ignore[arg-type]
    hasty.step()
    assert hasty.next_at - clock.now == pytest.approx(10.0 - 1.0), "10 MB at 1 MB/s, less the second that proving took"
    small = Patrol(Shelf(*ARCHIVE), PatrolSettings(tmp_path, every_days=3650), clock)  # type: ignore[arg-type]
    small.step()
    assert small.next_at - clock.now == IDLE_S


def test_a_restart_goes_on_where_it_stood(proved: list[str], tmp_path: Path) -> None:
    clock, shelf, settings = Clock(), Shelf(*ARCHIVE), PatrolSettings(tmp_path)
    first = Patrol(shelf, settings, clock)  # type: ignore[arg-type]
    walk(first, clock, 2)
    first.save()
    walk(Patrol(shelf, settings, clock), clock, 2)  # type: ignore[arg-type]
    assert proved == IN_ORDER


def test_its_place_is_saved_now_and_then_so_that_a_power_cut_costs_minutes(proved: list[str], tmp_path: Path) -> None:
    clock = Clock()
    patrol = Patrol(Shelf(*ARCHIVE), PatrolSettings(tmp_path), clock)  # type: ignore[arg-type]
    patrol.step()
    assert not (tmp_path / PLACE_FILE).exists()
    Clock.now += SAVE_S + FIRST_S
    patrol.step()
    assert '"seq":20' in (tmp_path / PLACE_FILE).read_text()


@pytest.mark.parametrize("content", [b"", b"{", b'{"camera": 7}'])
def test_a_place_that_cannot_be_read_costs_a_walk_from_the_beginning(proved: list[str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / PLACE_FILE).write_bytes(content)
    Patrol(Shelf(*ARCHIVE), PatrolSettings(tmp_path), Clock()).step()  # type: ignore[arg-type]
    assert proved == IN_ORDER[:1]


def test_a_folder_that_takes_nothing_does_not_end_it(proved: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    patrol = Patrol(Shelf(*ARCHIVE), PatrolSettings(tmp_path / "gone"), Clock())  # type: ignore[arg-type]
    patrol.step()
    patrol.save()
    assert "not saved" in caplog.text


def test_a_broken_disk_ends_it_and_is_told(proved: list[str], tmp_path: Path) -> None:
    clock, shelf = Clock(), Shelf(*(part("bad", number, 0) for number in range(MAX_ASIDE + 1)))
    patrol = Patrol(shelf, PatrolSettings(tmp_path), clock)  # type: ignore[arg-type]
    for _ in range(MAX_ASIDE):
        Clock.now = max(clock.now, patrol.next_at)
        assert patrol.step() is not None
    assert (patrol.step(), patrol.next_at) == (None, math.inf)
    assert shelf.told == [f"the patrol has found more than {MAX_ASIDE} damaged files: this is a broken disk; it ends here"]


def test_cameras_are_counted_seldom(proved: list[str], tmp_path: Path) -> None:
    shelf = Shelf(*ARCHIVE)
    patrol = Patrol(shelf, PatrolSettings(tmp_path), Clock())  # type: ignore[arg-type]
    for _ in range(4):
        patrol.step()
    assert shelf.looks == 1


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files close soon after their last chunk, and the patrol begins at once."""
    monkeypatch.setattr("watchkeep.hub.store.keeper.KEEP_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.3)
    monkeypatch.setattr(patrol_file, "FIRST_S", 0.0)
    monkeypatch.setattr(patrol_file, "IDLE_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_a_flipped_byte_is_healed_from_the_other_archiver_though_nobody_asked(tmp_path: Path) -> None:
    made = film(12)
    with hub_named(tmp_path, "b") as other:
        other.stored(made.batch())
        with hub_named(tmp_path, "a") as hub:
            hub.stored(made.batch())
            hub.wait_durable(made)
        flipped = flip(hub, made, 7)
        with hub_named(tmp_path, "a", EAGER, peers={"b": other.url}) as hub:
            wait_for(lambda: flipped.with_name(flipped.name + ".damaged").exists(), "the damaged file's being set aside")
            wait_for(lambda: held(hub, made) == whole(made), "the chunk from b")
            hub.wait_durable(made)
            assert verify_paths(hub.volumes).good


@pytest.mark.usefixtures("quick")
def test_without_another_archiver_it_is_told_and_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = film(12)
    with hub_named(tmp_path, "a") as hub:
        hub.stored(made.batch())
        hub.wait_durable(made)
    flipped = flip(hub, made, 7)
    damaged = flipped.read_bytes()
    with hub_named(tmp_path, "a"):
        wait_for(lambda: "no other archiver is there to heal it from" in caplog.text, "the event")
    assert flipped.read_bytes() == damaged


def test_what_is_doubted_stays_so_when_a_round_fails(tmp_path: Path) -> None:
    store: Any = None
    share = Share(store, "a")
    consolidator = Consolidator(store, share, Settings("a", "site", peers={"b": "http://127.0.0.1:1"}))
    share.doubt([("cam0", 1, 7)])
    with pytest.raises(PeerError):
        consolidator._run(1, "http://127.0.0.1:1", "b", threading.Event(), lambda: False)
    assert share.take_suspects() == {("cam0", 1, 7)}


def test_a_patrol_that_has_ended_lets_the_thread_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock waits for no infinite time: it raises."""
    monkeypatch.setattr("watchkeep.hub.consolidate.worker._IDLE_S", 0.01)
    store: Any = None
    consolidator = Consolidator(store, Share(store, "a"), Settings("a", "site", patrol=PatrolSettings(tmp_path)))
    assert consolidator._patrol is not None
    consolidator._patrol.next_at = math.inf
    consolidator._rest()
