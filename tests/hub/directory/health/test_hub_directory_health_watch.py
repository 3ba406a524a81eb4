"""When a camera's video is protected, degraded, an alarm, or cannot be judged; and what is told of it, once."""

from collections.abc import Mapping

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.health.model import Level
from watchkeep.hub.directory.health.standing import Members, absences
from watchkeep.hub.directory.health.watch import Note, Scene, Watch
from watchkeep.wire.messages import CameraFreshness

NOW = 1_790_000_000.0
LIMIT_S = 15.0
Ages = Mapping[str, Mapping[str, float]]


def a_site(cameras: int = 1, *, copies: int = 2) -> Book:
    book = Book(*(put(f"archiver/{name}", url=f"http://10.0.0.1:{port}") for port, name in enumerate("abc", 9701)), put("agent/e1"),
                put("group/g", copies=copies, archivers=["a", "b", "c"]),
                *(camera(number, group="g") for number in range(cameras)))  # fmt: skip
    book.assign({f"cam{number}": "e1" for number in range(cameras)})
    return book


class World:
    """A watch over a site, and how everybody answers."""

    def __init__(self, book: Book) -> None:
        self.book, self.watch, self.now = book, Watch(LIMIT_S), 100.0
        self.lives, self.isolated = {"e1": "lives"}, False

    def look(self, ages: Ages, *, silent: str = "", after_s: float = 3.0) -> list[Note]:
        self.now += after_s
        site = self.book.site
        reports = {store: {name: CameraFreshness(epoch=1, seq=1, age_s=age_s) for name, age_s in said.items()}
                   for store, said in ages.items()}  # fmt: skip
        members = Members(self.lives, self.isolated, frozenset(ages), frozenset(silent), frozenset("x"), "x")
        return self.watch.look(Scene(site, reports, members, absences(site, NOW + self.now), NOW + self.now), self.now)

    def state(self, name: str = "cam0") -> tuple[Level, str]:
        one = self.watch.cameras[name]
        return one.state, one.why


def everywhere(age_s: float, cameras: int = 1) -> Ages:
    return {store: {f"cam{number}": age_s for number in range(cameras)} for store in "ab"} | {"c": {}}


@pytest.mark.parametrize(("ages", "silent", "state", "why"), [
    ({"a": {"cam0": 1.0}, "b": {"cam0": 15.0}, "c": {}}, "", Level.PROTECTED, ""),
    ({"a": {"cam0": 1.0}, "b": {"cam0": 15.1}, "c": {"cam0": 0.5}}, "", Level.PROTECTED, ""),
    ({"a": {"cam0": 1.0}, "b": {"cam0": 15.1}, "c": {}}, "", Level.DEGRADED, "1 of 2 copies: b has nothing new"),
    ({"a": {"cam0": 1.0}, "c": {}}, "b", Level.DEGRADED, "1 of 2 copies: b does not answer"),
    ({"a": {"cam0": 1.0}, "c": {}}, "", Level.UNSEEN, "archiver b cannot be asked"),
    ({"a": {"cam0": 16.0}, "b": {"cam0": 20.0}, "c": {}}, "", Level.UNPROTECTED, "no archiver gets anything new from its recorder e1"),
    ({"c": {}}, "ab", Level.UNSEEN, "nothing of it yet"),
    ({}, "", Level.UNSEEN, "archiver a cannot be asked"),
])  # fmt: skip
def test_a_camera_is_judged_by_what_archivers_have_durable(ages: Ages, silent: str, state: Level, why: str) -> None:
    world = World(a_site())
    world.look(ages, silent=silent)
    assert world.state() == (state, why)


def test_video_that_ends_is_an_alarm_once_and_its_return_is_told() -> None:
    world = World(a_site())
    assert world.look(everywhere(1.0)) == []
    assert world.look(everywhere(15.0), after_s=14.0) == []
    [note] = world.look(everywhere(15.5), after_s=0.5)
    assert note.text == "no durable video for more than 15 s: cam0; no archiver gets anything new from its recorder e1"
    assert (note.camera, bool(note.remedy)) == ("cam0", True)
    since_s = world.watch.cameras["cam0"].since_s
    assert world.look(everywhere(18.5)) == []
    assert world.watch.cameras["cam0"].since_s == since_s
    [note] = world.look(everywhere(0.5))
    assert (note.text, note.remedy) == ("durable video again, or its absence is announced: cam0", "")


def test_an_archiver_that_cannot_be_asked_is_told_once_with_what_follows_from_it_and_when_it_can() -> None:
    world, ages = World(a_site()), {"a": {"cam0": 1.0}, "c": {}}
    assert world.look(ages) == []
    assert world.look(ages, after_s=LIMIT_S) == [], "mDNS may still show it"
    [note] = world.look(ages, after_s=0.1)
    assert note.text == "archiver b cannot be asked what it has: cameras that only it has raise no alarm"
    assert "--url" in note.remedy
    assert world.look(ages) == []
    world.isolated = True
    world.look({}, silent="ac")
    world.isolated = False
    assert [note.text for note in world.look(ages)] == ["the site is seen again"]
    assert [note.text for note in world.look(everywhere(1.0))] == ["archiver b can be asked again"]
    world.book.edit(gone("camera/cam0"), put("group/g", archivers=["a"]), gone("archiver/b"), put("archiver/x"))
    assert world.look({"a": {}, "c": {}}) == []


def test_cameras_that_stop_together_are_one_event_that_names_the_first_ones() -> None:
    world = World(a_site(20))
    world.look(everywhere(1.0, 20))
    assert world.look({"c": {}}, silent="ab") == []
    assert world.state() == (Level.DEGRADED, "0 of 2 copies: a does not answer, b does not answer")
    [note] = world.look({"c": {}}, silent="ab", after_s=12.0)
    assert "cam0, cam1, cam10" in note.text
    assert "and 12 more" in note.text
    assert note.text.endswith("cam0: archiver a, b, which had it, does not answer")
    assert note.camera == ""


def test_what_is_never_seen_is_an_alarm_after_the_limit() -> None:
    world = World(a_site())
    nothing: Ages = {"a": {}, "b": {}, "c": {}}
    assert world.look(nothing) == []
    assert world.look(nothing, after_s=15.0) == []
    assert world.state() == (Level.UNSEEN, "nothing of it yet")
    assert len(world.look(nothing, after_s=0.1)) == 1
    assert world.state()[0] is Level.UNPROTECTED
    assert world.watch.cameras["cam0"].age_s is None


def test_who_is_cut_off_from_everybody_says_so_and_raises_no_alarm_of_a_camera() -> None:
    world = World(a_site(3))
    world.look(everywhere(1.0, 3))
    world.isolated = True
    [note] = world.look({}, silent="abc")
    assert "nothing can be said of 3 cameras" in note.text
    assert "this server is cut off" in note.text
    for _ in range(20):
        assert world.look({}, silent="abc") == []
    assert {one.state for one in world.watch.cameras.values()} == {Level.UNSEEN}
    world.isolated = False
    assert [note.text for note in world.look(everywhere(1.0, 3))] == ["the site is seen again"]
    assert world.state() == (Level.PROTECTED, "")


def test_an_alarm_that_stood_before_the_server_was_cut_off_is_not_told_again() -> None:
    world = World(a_site())
    world.look(everywhere(20.0))
    world.lives = {"e1": "gone"}
    assert len(world.look({}, silent="abc")) == 1
    assert [note.text for note in world.look(everywhere(60.0))] == ["the site is seen again"]
    assert world.state()[0] is Level.UNPROTECTED
    assert len(world.look(everywhere(1.0))) == 1


def test_silent_archivers_are_an_alarm_while_agents_are_heard() -> None:
    world = World(a_site())
    world.look(everywhere(1.0))
    [note] = world.look({}, silent="abc", after_s=15.0)
    assert note.text.endswith("archiver a, b, which had it, does not answer")
    assert world.watch.blind == ""


@pytest.mark.parametrize(("life", "agent", "why"), [
    ("gone", "e1", "its recorder e1 is gone"), ("lives", "", "nobody records it"),
])  # fmt: skip
def test_the_likeliest_reason_is_named(life: str, agent: str, why: str) -> None:
    world = World(a_site())
    world.book.assign({"cam0": agent})
    world.lives = {"e1": life}
    world.look(everywhere(99.0))
    assert world.state() == (Level.UNPROTECTED, why)


@pytest.mark.parametrize(("kind", "target"), [("agent", "e1"), ("archiver", "a")])
def test_an_announced_absence_is_no_alarm_until_it_is_over(kind: str, target: str) -> None:
    book = a_site(copies=1)
    book.edit(put("window/w", kind=kind, target=target, start_s=NOW + 105, end_s=NOW + 200))
    world = World(book)
    world.look({"a": {"cam0": 1.0}, "b": {}, "c": {}})
    assert world.look({"a": {"cam0": 30.0}, "b": {}, "c": {}}, after_s=30.0) == []
    assert world.state() == (Level.PLANNED, f"{kind}/{target} is in maintenance")
    assert len(world.look({"a": {"cam0": 99.0}, "b": {}, "c": {}}, after_s=99.0)) == 1


def test_a_camera_that_is_taken_off_the_site_is_forgotten() -> None:
    book = a_site(2)
    world = World(book)
    world.look(everywhere(99.0, 2))
    book.site.entities["camera"].pop("cam1")
    assert world.look(everywhere(99.0, 2)) == []
    assert list(world.watch.cameras) == ["cam0"]
