"""A session's opening has an end, whatever the camera sends meanwhile."""

from types import SimpleNamespace

import pytest

from watchkeep.agent.pyav.ingest import CameraError
from watchkeep.agent.rtsp import opening
from watchkeep.agent.rtsp.client import ANSWER_S
from watchkeep.agent.rtsp.opening import Opened
from watchkeep.wire.causes import CameraStatus

READ_S = 0.01


class Restless:
    """A connection on which the next piece always is there before anybody has to wait for it."""

    def __init__(self, piece: bytes) -> None:
        self.piece, self.now, self.sent, self.closed = piece, 1000.0, 0, False

    def connect(self, host: str, port: int, seconds: float) -> None:
        pass

    def send(self, data: bytes, seconds: float) -> None:
        pass

    def read(self, seconds: float) -> bytes:
        self.now += READ_S
        self.sent += 1
        assert self.sent < 2 * ANSWER_S / READ_S, "nobody gives it up"
        return self.piece

    def close(self) -> None:
        self.closed = True


PIECES = {
    "drip": b"R",
    "empty": b"$\x09\0\0",
    "pictures": b"$\0\x3f\xff" + bytes(0x3FFF),
    "continue": b"RTSP/1.0 100 Continue\r\n\r\n",
    "asks": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
}


@pytest.mark.parametrize("name", PIECES)
def test_a_camera_that_sends_on_and_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    camera = Restless(PIECES[name])
    monkeypatch.setattr(opening, "Link", lambda: camera)
    monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: camera.now))
    with pytest.raises(CameraError, match="does not answer") as caught:
        Opened("rtsp://camera/live", "tcp")
    assert caught.value.status is CameraStatus.CONNECTING
    assert camera.closed
    assert camera.sent == pytest.approx(ANSWER_S / READ_S, abs=2)
