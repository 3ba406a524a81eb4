"""The state table of a camera: agent/camera_state.py."""

from watchkeep.agent.camera_state import MAX_PAUSE_S, CameraLife
from watchkeep.wire.causes import CameraStatus


def test_starts_connecting_then_records_and_says_since_when():
    life = CameraLife(100.0)
    assert life.shown.status is CameraStatus.CONNECTING
    assert life.frame(105.0, 1.0)
    assert (life.shown.status, life.shown.since_s, life.shown.why) == (CameraStatus.RECORDING, 105.0, "")
    assert not life.frame(106.0, 2.0)


def test_same_fault_again_keeps_its_since():
    life = CameraLife(0.0)
    assert life.failed(CameraStatus.STALLED, "silent", 10.0, 1.0)
    assert not life.failed(CameraStatus.STALLED, "silent", 20.0, 2.0)
    assert life.shown.since_s == 10.0
    assert life.reconnects == 2


def test_another_configuration_is_tried_at_once_and_with_its_own_pauses():
    life = CameraLife(0.0)
    for number in range(10):
        life.failed(CameraStatus.UNAUTHORIZED, "wrong password", float(number), float(number))
    assert life.pause_s(0.5) == MAX_PAUSE_S
    assert life.turned(20.0, 2.0)
    assert (life.shown.status, life.shown.why) == (CameraStatus.CONNECTING, "its configuration has changed")
    life.failed(CameraStatus.CONNECTING, "refused", 21.0, 21.0)
    assert [life.pause_s(0.5), life.pause_s(0.5)] == [2.0, 4.0]


def test_pauses_double_up_to_the_limit_and_never_end():
    life = CameraLife(0.0)
    pauses = []
    for number in range(1000):
        life.failed(CameraStatus.CONNECTING, "refused", float(number), float(number))
        pauses.append(life.pause_s(0.5))
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == MAX_PAUSE_S
    assert 0.75 * MAX_PAUSE_S <= life.pause_s(0.0) < life.pause_s(1.0) <= 1.25 * MAX_PAUSE_S


def test_ten_seconds_of_recording_make_the_next_retry_quick():
    life = CameraLife(0.0)
    for _ in range(10):
        life.failed(CameraStatus.CONNECTING, "refused", 0.0, 0.0)
        life.pause_s(0.5)
    life.frame(0.0, 100.0)
    life.failed(CameraStatus.CONNECTING, "ended", 0.0, 111.0)
    assert life.pause_s(0.5) == 0.5


def test_a_pause_of_none_is_for_the_first_try_only():
    life = CameraLife(0.0, 0.0)
    pauses = []
    for _ in range(10):
        life.failed(CameraStatus.CONNECTING, "refused", 0.0, 0.0)
        pauses.append(life.pause_s(0.5))
    assert pauses[:4] == [0.0, 0.5, 1.0, 2.0]
    assert pauses[-1] == MAX_PAUSE_S


def test_a_profiles_pause_is_never_undercut():
    for first in (2.0, 45.0):
        life = CameraLife(0.0, first)
        for _ in range(8):
            life.failed(CameraStatus.CONNECTING, "refused", 0.0, 0.0)
            assert life.pause_s(0.0) >= first


def test_waiting_for_a_key_frame_is_shown_and_does_not_cover_a_recording():
    life = CameraLife(0.0)
    assert life.waits("no key frame yet", 1.0)
    assert not life.waits("no key frame yet", 2.0)
    life.frame(3.0, 3.0)
    assert not life.waits("no key frame yet", 4.0)
    assert life.shown.status is CameraStatus.RECORDING


def test_wrong_credentials_are_tried_slowly():
    life = CameraLife(0.0)
    life.failed(CameraStatus.UNAUTHORIZED, "refused", 0.0, 0.0)
    assert life.pause_s(0.5) == MAX_PAUSE_S
