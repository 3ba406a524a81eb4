"""The demo's judge and its view of the site: hub/demo/verdict.py, hub/demo/follow.py."""

from dataclasses import replace

import pytest

from watchkeep.hub.demo.follow import SiteView
from watchkeep.hub.demo.verdict import Archive, Takeover, Verdict, archive_of, judge, sent_frames
from watchkeep.hub.verify.report import CameraReport, GapFound, Report, SessionFound

GOOD = Verdict(
    cameras=1, seconds=10, sent={"cam0": 250}, archives=[Archive(name, {"cam0": 250}, {"cam0": 0}, {"cam0": 0}, []) for name in "ab"],
    identical=True, takeover=Takeover("a", "b", 0.2, 3.0, 1.0, 0.9), clean_exits=True)  # fmt: skip


def test_a_complete_run_has_no_problem():
    assert judge(GOOD) == []
    assert GOOD.good
    assert GOOD.as_json()["good"] is True


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sent": {}}, "sent nothing"),
        ({"sent": {"cam0": 0}}, "cam0 sent nothing"),
        ({"archives": [Archive("a", {"cam0": 249}, {"cam0": 1}, {"cam0": 0}, [])]}, "1 of 250 frames of cam0 are missing"),
        ({"archives": [Archive("a", {}, {}, {}, [])]}, "250 of 250 frames of cam0 are missing"),
        ({"archives": [Archive("a", {"cam0": 250}, {"cam0": 0}, {"cam0": 2}, [])]}, "2 gaps in cam0"),
        ({"archives": [Archive("b", {"cam0": 250}, {"cam0": 0}, {"cam0": 0}, ["cam0: bad"])]}, "archive b: cam0: bad"),
        ({"identical": False}, "differ"),
        ({"takeover": replace(GOOD.takeover, detected_s=None)}, "never said that archiver a was gone"),
        ({"takeover": replace(GOOD.takeover, caught_up_s=None)}, "did not catch up"),
        ({"clean_exits": False}, "did not end cleanly"),
    ],
)
def test_each_shortcoming_is_a_problem_in_words(change, says):
    assert says in "; ".join(judge(replace(GOOD, **change)))


def camera(**sessions: tuple[int, int, tuple]) -> CameraReport:
    found = tuple(SessionFound(run=1, session=int(name[1:]), first=first, last=last, frames=0, missing=missing)
                  for name, (first, last, missing) in sessions.items())  # fmt: skip
    return CameraReport(camera="cam0", files=1, bytes=1, chunks=1, copies=0, frames=99, audio_frames=0, uncounted=0, transport_damaged=0,
                        epochs=(), spans=(), gaps=(GapFound(start_s=0, end_s=1, cause="hole", epoch=1),), sessions=found, damage=(),
                        damage_total=0)  # fmt: skip


def report(*cameras: CameraReport) -> Report:
    return Report(paths=(), good=True, files=1, bytes=1, cameras=cameras)


def test_frames_are_counted_by_session_and_those_of_others_do_not_fill_in():
    sent = {"cam0": {0: 100, 1: 50}}
    assert archive_of("a", report(camera(s0=(0, 99, ()), s1=(0, 49, ()))), sent).missing == {"cam0": 0}
    assert archive_of("a", report(camera(s0=(0, 99, ((10, 12),)), s1=(0, 48, ()))), sent).missing == {"cam0": 4}
    assert archive_of("a", report(camera(s0=(5, 99, ()), s7=(0, 999, ()))), sent).missing == {"cam0": 55}
    assert archive_of("a", report(), sent).missing == {"cam0": 150}
    assert archive_of("a", report(camera(s0=(0, 99, ()))), sent).gaps == {"cam0": 1}


def test_the_sources_report_is_read_by_camera_and_session():
    session = {"session": 3, "frames": 7}
    empty = {"session": 4, "frames": 0}
    assert sent_frames({"run": 1, "cameras": {"cam0": {"plays": 2, "sessions": [session, empty]}}}) == {"cam0": {3: 7}}


def test_the_view_takes_what_is_ours_and_counts_what_is_not():
    view = SiteView()
    view.take("watchkeep/v1/demo/camera/cam0/state", b"{not json")
    view.take("watchkeep/v1/demo/something/else", b"{}")
    assert (view.foreign, view.cameras, view.recording(), view.settled()) == (2, {}, 0, False)
    beacon = '{"agent":"e","site":"demo","version":"1","online":true,"boot":"x","beat":BEAT,"sent_s":1,"links":[LINKS]}'
    view.take("watchkeep/v1/demo/agent/e/beacon", beacon.replace("LINKS", "").replace("BEAT", "0").encode())
    assert not view.settled(), "an agent that knows no archiver has delivered nothing"
    link = '{"archiver":"a","healthy":true,"since_s":1,"received":1,"durable":1,"missing":MISSING,"sent_bytes":1}'
    view.take("watchkeep/v1/demo/agent/e/beacon", beacon.replace("LINKS", link.replace("MISSING", "2")).replace("BEAT", "1").encode())
    assert not view.settled()
    view.take("watchkeep/v1/demo/agent/e/beacon", beacon.replace("LINKS", link.replace("MISSING", "0")).replace("BEAT", "2").encode())
    assert view.settled()
