"""Signs of life: when they are given, which, and what follows one that is refused."""

import pytest
from rtsp_kit import Camera, Reply

from watchkeep.agent.rtsp.client import State
from watchkeep.agent.rtsp.keepalive import EARLY_S, KeepAlive

DUE_S = 10 - EARLY_S
"""The camera of the kit names a time-out of 20 s."""


def test_signs_of_life_come_at_half_of_the_time_out_and_whether_they_are_answered_is_not_asked() -> None:
    camera = Camera({})
    camera.run()
    assert camera.client.next_deadline() == camera.now + DUE_S
    assert camera.tick(DUE_S - 0.1) == []
    assert camera.methods[-1] == "PLAY"
    camera.tick(0.1)
    camera.script["GET_PARAMETER"] = (0, {}, b"")
    for _ in range(3):
        assert camera.tick(10) == [], "an unanswered one is nothing: packets tell"
    assert camera.methods[5:] == ["GET_PARAMETER"] * 4
    assert camera.client.state is State.PLAYING


@pytest.mark.parametrize("status", [400, 454, 501])
@pytest.mark.parametrize("behind", [0, 1])
def test_a_refused_sign_of_life_is_followed_by_the_other_one_before_the_session_times_out(status: int, behind: int) -> None:
    """Also by a camera that refuses with the number of the request before, and by one that denies the session while it sends on."""
    camera = Camera({"GET_PARAMETER": (0, {}, b"")})
    camera.run()
    camera.tick(10)
    refusal = f"RTSP/1.0 {status} No\r\nCSeq: {int(camera.requests[-1].header('cseq')) - behind}\r\n\r\n".encode()
    camera.perform(camera.hear(refusal))
    assert camera.methods[5:] == ["GET_PARAMETER", "OPTIONS"]
    assert camera.client.next_deadline() == camera.now + DUE_S
    camera.script["OPTIONS"] = (status, {}, b"")
    assert camera.tick(10) == [], "nothing is left to try, and packets tell"
    assert camera.tick(10) == []
    assert camera.methods[7:] == ["OPTIONS"] * 2
    assert camera.client.state is State.PLAYING


@pytest.mark.parametrize("options", [(501, {}, b""), (200, {}, b""), (200, {"Public": "OPTIONS, DESCRIBE"}, b"")])
def test_a_camera_that_refuses_options_is_kept_alive_by_the_other_one(options: Reply) -> None:
    """Whatever its OPTIONS named, or if it refused them at once."""
    camera = Camera({"OPTIONS": [options, (405, {}, b"")]})
    camera.run()
    for _ in range(3):
        assert camera.tick(10) == []
    assert camera.methods[5:] == ["OPTIONS", *["GET_PARAMETER"] * 3]


@pytest.mark.parametrize(
    ("said", "session", "every_s"),
    [("7", "7", 29.8), ("7;timeout=2", "7", 0.8), (' 7 ; Timeout = "30" ', "7", 14.8), ("7;timeout=1", "7", 0.3),
     ("7;timeout=0", "7", 29.8), ("7;timeout=-1;x", "7", 29.8), ("7;timeout=999999", "7", 1799.8), (";timeout=4", "", 1.8),
     ("x" * 600, "", 29.8)],
)  # fmt: skip
def test_what_cameras_say_of_their_sessions(said: str, session: str, every_s: float) -> None:
    alive = KeepAlive()
    alive.note(said)
    assert (alive.session, alive.every_s, alive.method) == (session, every_s, "OPTIONS")
    alive.note("other;timeout=60")
    assert (alive.session, alive.every_s) == (session or "other", 29.8)
