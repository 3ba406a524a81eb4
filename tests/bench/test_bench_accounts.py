"""What a source sent against what an archive holds: tests/bench/accounts.py."""

import pytest
from accounts import unaccounted

from watchkeep.hub.verify.report import CameraReport, GapFound, SessionFound

IN_FLIGHT = 10


def session(number, last=359, **more):
    return SessionFound(**{"run": 1, "session": number, "first": 0, "last": last, "frames": last + 1, **more})


def camera(*sessions, gaps=("camera-lost",), **more):
    found = tuple(GapFound(start_s=14.0 * number, end_s=14.0 * number + 1, cause=cause, epoch=number) for number, cause in enumerate(gaps))
    return CameraReport(**{"camera": "cam0", "files": 1, "bytes": 1, "chunks": 1, "copies": 0, "frames": 1, "audio_frames": 0,
                           "uncounted": 0, "transport_damaged": 0, "epochs": (), "spans": (), "gaps": found, "sessions": sessions,
                           "damage": (), "damage_total": 0, **more})  # fmt: skip


SENT = [{"session": 0, "frames": 360}, {"session": 1, "frames": 200}]


def told(*sessions, sent=SENT, plays=2, **more):
    return unaccounted(plays, sent, camera(*sessions, **more), in_flight=IN_FLIGHT)


def test_every_frame_of_every_session_is_there():
    assert told(session(0), session(1, 199)) == []
    assert told(session(1, 199), session(0), gaps=()) == [], "a reconnect need not cost time"


def test_what_was_on_its_way_when_the_recorder_stopped_may_lack_and_no_more():
    assert told(session(0), session(1, 199 - IN_FLIGHT)) == []
    [line] = told(session(0), session(1, 198 - IN_FLIGHT))
    assert "session 1: its last 11 frames" in line
    assert told(session(0), sent=[SENT[0], {"session": 1, "frames": IN_FLIGHT}]) == []


@pytest.mark.parametrize(("wrong", "said"), [
    ({"last": 358}, "its last 1 frames"), ({"missing": ((100, 102),)}, "3 frames missing"), ({"first": 2}, "2 frames missing"),
    ({"duplicates": ((7, 7),)}, "twice"), ({"last": 360}, "360 were sent"),
])  # fmt: skip
def test_one_frame_of_a_session_that_the_camera_ended_fails_it(wrong, said):
    [line] = told(session(0, **wrong), session(1, 199))
    assert line.startswith("cam0: session 0: ")
    assert said in line


def test_a_session_of_which_nothing_is_there_fails_it():
    assert told(session(1, 199)) == ["cam0: session 0: none of 360 frames"]
    assert told(session(0)) == ["cam0: session 1: none of 200 frames"]
    assert told(session(0), session(1, 199), session(2)) == ["cam0: sessions that the source did not tell of: [2]"]


def test_two_sources_are_no_account():
    assert "cam0: sessions of more than one source" in told(session(0), session(1, 199), session(1, 199, run=2))


def test_sessions_that_the_source_has_forgotten_are_no_proof():
    [line] = told(session(0), session(1, 199), plays=3, sent=SENT, gaps=())
    assert "2 sessions only" in line


@pytest.mark.parametrize("gaps", [("hole",), ("camera-lost", "camera-lost"), ("overflow",)])
def test_time_is_missing_where_a_session_ended_and_nowhere_else(gaps):
    [line] = told(session(0), session(1, 199), gaps=gaps)
    assert "gaps" in line


def test_frames_without_a_counter_prove_nothing():
    [line] = told(session(0), session(1, 199), uncounted=1)
    assert "without a counter" in line
