"""Cameras that come, change and go while others are recorded: agent/crew.py, with real threads, rings, ingests and a real writer."""

import itertools
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from ingest_kit import FakeSession, frame

from watchkeep.agent.clock import Clock
from watchkeep.agent.crew import Crew, Member
from watchkeep.agent.ingest import Ingest
from watchkeep.agent.line import Line
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.roster import Changes, Source, Wanted
from watchkeep.agent.writer import Writer
from watchkeep.native import Ring
from watchkeep.wire.causes import Cause
from watchkeep.wire.errors import UsageError
from watchkeep.wire.record import RecordKind, check_payload
from watchkeep.wire.shell.threads import Supervised

pytestmark = pytest.mark.timeout(120)
LIMIT = 6


class Film(FakeSession):
    """Frames for ever, until the camera's thread has enough of them; `hold` makes it mute, deaf to everything."""

    def __init__(self, url):
        super().__init__(self._frames())
        self.url, self.shown = url, 0
        self.hold, self.muted = threading.Event(), threading.Event()
        self.hold.set()
        self._pace = threading.Event()

    def _frames(self):
        for number in itertools.count():
            if not self.hold.is_set():
                self.muted.set()
                assert self.hold.wait(60)
            self._pace.wait(0.002)
            self.shown = number + 1
            yield frame(number, size=50)


class Ram:
    """A journal that keeps everything, as long as it has room."""

    def __init__(self):
        self.records, self.room = [], 1 << 30

    def append(self, records):
        taken = list(records) if self.room else []
        self.records += taken
        return [header for header, _ in taken]


class Stage:
    """A crew, its writer's thread and every session that was opened."""

    def __init__(self):
        self.clock, self.journal, self.films, self.kept = Clock(), Ram(), [], []
        self._epochs, self._known = itertools.count(500), set()
        self.writer = Writer((), self.journal, self.clock, tick_ms=2, offer=lambda _: None, stepped=lambda _: None, look=lambda: None)
        self.writing = Supervised("wk-writer", self.writer.run_ticks)
        self.crew = Crew(self._hire, self.writer, self.kept.append, self.clock.monotonic, limit=LIMIT)
        self.lines = []

    def _hire(self, camera, wanted, cause):
        line = Line(camera, Ring(1 << 20, 2000, chunk_ticks=9000, segment_ticks=90_000), lambda _: next(self._epochs), chunk_s=0.1)
        self.lines.append(line)
        first = (cause or Cause.AGENT_DOWN) if camera in self._known else Cause.FIRST_START
        self._known.add(camera)
        ingest = Ingest(wanted.source, line, self.clock, first_cause=first, changed=lambda _: None, tell=lambda *_: None,
                        open_session=lambda url, _: self._open(camera, url))  # fmt: skip
        return Member(line, ingest, Supervised(f"wk-cam-{camera}", ingest.run), wanted)

    def _open(self, camera, url):
        self.films.append((camera, Film(url)))
        return self.films[-1][1]

    def of(self, camera):
        return [film for name, film in self.films if name == camera]

    def until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            self.crew.tend()
            threading.Event().wait(0.001)

    def recorded(self, camera):
        """(cause, numbers of its frames) of each epoch, in order; proves numbering and chaining on the way."""
        epochs = {}
        for header, payload in self.journal.records:
            if header.kind is RecordKind.CHUNK and header.camera == camera:
                seal = check_payload(header, payload)
                cause, count, last = epochs.get(seal.epoch, (seal.cause, 0, bytes(32)))
                assert (seal.prev_hash, cause) == (last, seal.cause)
                epochs[seal.epoch] = cause, count + seal.video_frames, header.hash
        assert list(epochs) == sorted(epochs)
        return [(cause, count) for cause, count, _ in epochs.values()]


@contextmanager
def stage():
    made = Stage()
    made.writing.start()
    made.crew.start()
    try:
        yield made
    finally:
        for _, film in made.films:
            film.hold.set()
        made.crew.stop()
        made.crew.wait(made.clock.monotonic() + 10)
        made.writing.stop()
        assert made.writing.join(10)
        made.crew.close()
        assert made.crew.stragglers == []


def wanted(camera, *, url="rtsp://h/x", copies=1):
    return Wanted(Source(url, "tcp", 0.0), CameraPolicy(camera, copies))


def cast(*names, **options):
    return {name: wanted(name, **options) for name in names}


def test_a_camera_that_is_only_kept_otherwise_is_not_asked_anew():
    with stage() as made:
        made.crew.apply(cast("cam0"))
        made.until(lambda: made.films and made.films[0][1].shown > 50)
        assert made.crew.apply(cast("cam0", copies=2)) == Changes(rekept=("cam0",))
        assert [one.policy for one in made.kept[-1]] == [CameraPolicy("cam0", 2)]
        shown = made.films[0][1].shown
        made.until(lambda: made.films[0][1].shown > shown + 50)
        assert len(made.films) == 1


def test_a_camera_for_which_there_is_no_memory_keeps_no_other_one_from_being_recorded(monkeypatch):
    with stage() as made:
        made.crew.apply(cast("cam0"))
        hire = made.crew._hire

        def short(camera, *rest):
            if camera == "cam2":
                raise MemoryError(camera)
            return hire(camera, *rest)

        monkeypatch.setattr(made.crew, "_hire", short)
        with pytest.raises(MemoryError):
            made.crew.apply(cast("cam0", "cam1", "cam2"))
        made.until(lambda: made.of("cam1") and made.recorded("cam1"))
        monkeypatch.setattr(made.crew, "_hire", hire)
        made.crew.apply(cast("cam0", "cam1", "cam2"))
        made.until(lambda: made.recorded("cam2"))
        assert len(made.of("cam1")) == 1


def test_a_camera_that_nobody_else_has_any_more_is_asked_again_and_is_no_change(monkeypatch):
    asked = []
    monkeypatch.setattr(Ingest, "again", lambda self: asked.append(self))  # noqa: PLW0108 (a list's method is bound to no instance)
    with stage() as made:
        relieving = replace(wanted("cam0"), relieves=True)
        made.crew.apply({"cam0": relieving} | cast("cam1"))
        made.until(lambda: len(made.films) == 2 and all(made.crew.epochs().values()))
        assert (made.crew.apply({"cam0": relieving} | cast("cam1")), asked) == (Changes(), [])
        assert made.crew.apply(cast("cam0", "cam1")) == Changes()
        assert asked == [made.crew.there()["cam0"].ingest]
        assert made.crew.apply(cast("cam0", "cam1")) == Changes()
        assert len(asked) == 1
        assert set(made.crew.epochs()) == {"cam0", "cam1"}


def test_another_address_is_the_same_cameras_next_epoch_with_its_cause():
    with stage() as made:
        made.crew.apply(cast("cam0", "cam1"))
        made.until(lambda: len(made.films) == 2 and all(film.shown > 50 for _, film in made.films))
        made.crew.apply(cast("cam0") | cast("cam1", url="rtsp://h/y"))
        made.until(lambda: len(made.of("cam1")) == 2 and made.of("cam1")[1].shown > 50)
        assert [film.url for film in made.of("cam1")] == ["rtsp://h/x", "rtsp://h/y"]
        assert len(made.of("cam0")) == 1
        made.crew.apply({})
        made.until(lambda: not made.crew.everyone())
        assert [cause for cause, _ in made.recorded("cam1")] == [Cause.FIRST_START, Cause.CONFIGURATION]
        assert [cause for cause, _ in made.recorded("cam0")] == [Cause.FIRST_START]


def test_too_many_cameras_are_refused_and_change_nothing():
    with stage() as made:
        made.crew.apply(cast("cam0"))
        with pytest.raises(UsageError, match=f"{LIMIT + 1} cameras are more than the {LIMIT}"):
            made.crew.apply(cast(*(f"cam{number}" for number in range(LIMIT + 1))))
        assert list(made.crew.there()) == ["cam0"]


def test_a_mute_camera_that_leaves_and_comes_back_waits_for_itself_and_for_nobody_else():
    with stage() as made:
        made.crew.apply(cast("cam0", "cam1"))
        made.until(lambda: len(made.films) == 2 and all(film.shown > 10 for _, film in made.films))
        mute = made.of("cam0")[0]
        mute.hold.clear()
        assert mute.muted.wait(10)
        made.crew.apply(cast("cam1"))
        assert list(made.crew.there()) == ["cam1"]
        made.crew.apply(cast("cam1", "cam0", url="rtsp://h/y"))
        other = made.of("cam1")
        made.until(lambda: len(other) < len(made.of("cam1")) and made.of("cam1")[-1].shown > 50)
        assert len(made.of("cam0")) == 1, "its ring still has the old thread"
        assert not made.lines[0].ring.closed
        mute.hold.set()
        made.until(lambda: len(made.of("cam0")) == 2 and made.of("cam0")[1].shown > 10)
        assert made.lines[0].ring.closed


def test_those_that_leave_are_bounded_and_others_wait_for_their_turn():
    with stage() as made:
        made.crew.apply(cast(*(f"old{number}" for number in range(LIMIT))))
        made.until(lambda: len(made.films) == LIMIT and all(film.shown for _, film in made.films))
        for _, film in made.films:
            film.hold.clear()
        assert all(film.muted.wait(10) for _, film in made.films)
        made.crew.apply(cast(*(f"mid{number}" for number in range(LIMIT))))
        made.until(lambda: len(made.films) == 2 * LIMIT)
        made.crew.apply(cast("new0"))
        made.until(lambda: not any(name.startswith("mid") for name in made.crew.everyone()))
        assert len(made.crew.everyone()) == LIMIT + 1
        assert "old0" in made.crew.everyone()
        assert {one.policy.camera for one in made.kept[-1]} == {"new0", *(f"old{number}" for number in range(LIMIT))}


def test_another_term_is_another_epoch_and_no_other_session():
    with stage() as made:
        made.crew.apply({"cam0": wanted("cam0")})
        made.until(lambda: made.films and made.films[0][1].shown > 30)
        changes = made.crew.apply({"cam0": replace(wanted("cam0"), term=8)})
        assert changes.renumbered == ("cam0",)
        made.until(lambda: len(made.recorded("cam0")) == 2)
        assert [cause for cause, _ in made.recorded("cam0")] == [Cause.FIRST_START, Cause.CONFIGURATION]
        assert len(made.films) == 1


def test_a_camera_stays_until_the_journal_has_taken_what_its_ring_held():
    with stage() as made:
        made.crew.apply(cast("cam0"))
        made.until(lambda: made.films and made.films[0][1].shown > 50)
        made.journal.room = 0
        made.crew.apply({})
        made.until(lambda: not made.crew.everyone()["cam0"].thread.alive)
        settled = made.writer.settled
        made.until(lambda: made.writer.settled > settled or made.writer._waiting)
        assert "cam0" in made.crew.everyone()
        made.journal.room = 1 << 30
        made.until(lambda: not made.crew.everyone())
        assert made.recorded("cam0")[0][1] >= 50


def test_a_hundred_random_sequences_lose_nothing_disturb_nobody_and_leave_nothing():
    """Every frame that a camera gave is recorded, but the one that its thread held when it was told to end."""
    with stage() as made:
        for seed in range(100):
            rng, before = random.Random(seed), dict[str, Wanted]()
            expected = {name: len(made.of(name)) for name in "abcde"}
            for _ in range(rng.randint(2, 5)):
                names = [name for name in "abcde" if rng.random() < 0.6]
                now = {name: wanted(name, url=f"rtsp://h/{rng.randint(0, 1)}", copies=rng.randint(1, 2)) for name in names}
                now = {name: before[name] if name in before and rng.random() < 0.5 else one for name, one in now.items()}
                changes = made.crew.apply(now)
                for name in (*changes.added, *changes.turned):
                    expected[name] += 1
                before = now
                made.until(lambda expected=expected, now=now: all(
                    len(made.of(name)) == expected[name] and made.of(name)[-1].shown > 2 for name in now))  # fmt: skip
            made.crew.apply({})
            made.until(lambda: not made.crew.everyone())
            assert made.kept[-1] == []
            assert {name: len(made.of(name)) for name in "abcde"} == expected, f"seed {seed}: a camera was asked anew without need"
        assert all(line.ring.closed for line in made.lines)
        for name in "abcde":
            epochs = made.recorded(name)
            assert len(epochs) == len(made.of(name))
            assert all(film.shown - count in (0, 1) for film, (_, count) in zip(made.of(name), epochs, strict=True))
            assert {cause for cause, _ in epochs} == {Cause.FIRST_START, Cause.CONFIGURATION}


def test_a_camera_for_whose_thread_there_was_no_room_begins_when_there_is(monkeypatch):
    refusals = [True, True]

    def start(thread):
        if thread.name == "wk-cam-b" and refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        ordinary(thread)

    with stage() as made:
        ordinary = Supervised.start
        monkeypatch.setattr(Supervised, "start", start)
        with pytest.raises(RuntimeError):
            made.crew.apply(cast("a", "b", "c"))
        made.until(lambda: all(made.of(name) for name in "abc"))
        assert refusals == []
        assert [name for name in "abc" if len(made.of(name)) != 1] == []
