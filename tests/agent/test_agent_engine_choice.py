"""The table of agent/engine_choice.py, and what the ingest of a camera makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_kit import FakeSession, bench, frame

from watchkeep.agent.engine_choice import COMMON_TRIES, PROVEN_S, TRIES, EngineChoice
from watchkeep.agent.pyav.ingest import CameraError
from watchkeep.agent.roster import Source
from watchkeep.agent.rtsp.opening import CommonError, UnfitError
from watchkeep.wire.causes import CameraStatus


@pytest.mark.parametrize("engine", ["native", "pyav"])
def test_what_was_asked_for_is_never_left(engine):
    choice = EngineChoice(engine)
    for _ in range(2 * TRIES):
        assert not choice.unfit("AV1")
        assert not choice.ended(0.0, "broken")
        assert (choice.engine, choice.why, choice.whole) == (engine, "", False)


def test_auto_falls_back_at_once_and_for_good_when_native_is_unfit():
    choice = EngineChoice("auto")
    assert (choice.engine, choice.whole) == ("native", True)
    assert choice.unfit("video av1: it is not recorded")
    for seconds in (0.0, 1e6):
        assert not choice.ended(seconds, "broken")
        assert (choice.engine, choice.why) == ("pyav", "video av1: it is not recorded")
    choice.turned("auto")
    assert (choice.engine, choice.why) == ("native", "")


def test_auto_tries_pyav_once_after_sessions_that_break_and_stays_only_when_that_records():
    choice = EngineChoice("auto")
    for proven in (0.0, PROVEN_S):
        for _ in range(TRIES):
            assert choice.engine == "native"
            assert not choice.ended(PROVEN_S - 1, "no picture")
        assert choice.engine == "pyav"
        assert choice.ended(proven, "ended") == (proven > 0)
    assert (choice.engine, choice.why) == ("pyav", "the native engine could not read it: no picture")


def test_a_camera_that_is_off_is_hardly_ever_asked_by_pyav():
    choice = EngineChoice("auto")
    turns = []
    for _ in range(4 * (COMMON_TRIES + 1)):
        turns.append(choice.engine)
        choice.ended(0.0, "no route to host", common=True)
    assert turns.count("pyav") == 4
    choice.ended(0.0, "no picture")
    choice.ended(PROVEN_S, "ended")
    assert choice.engine == "native"


def test_a_proven_native_engine_is_kept_through_every_fault_but_its_own():
    choice = EngineChoice("auto")
    choice.ended(PROVEN_S, "ended")
    for _ in range(5 * TRIES):
        assert not choice.ended(0.0, "the camera is off")
        assert choice.engine == "native"
    assert choice.unfit("audio aac: it is HE-AAC")
    assert choice.engine == "pyav"


@given(st.lists(st.one_of(st.just(None), st.sampled_from([0.0, PROVEN_S])), max_size=60))
def test_a_camera_that_recorded_changes_its_engine_once_at_most(events):
    choice, recorded = EngineChoice("auto"), []
    for event in events:
        before = choice.engine
        if event is None:
            if before == "native":
                choice.unfit("why")
        else:
            choice.ended(event, "why")
            recorded += [before] if event == PROVEN_S else []
    assert recorded == sorted(recorded), "native first, then PyAV, and never back"


def auto(*sessions, native):
    """A camera with ingest auto: `native` are the sessions of agent/rtsp, or what opening them raises."""
    left = list(native)

    def open_native(url, transport, whole):
        assert whole
        session = left.pop(0)
        if isinstance(session, BaseException):
            raise session
        return session

    return bench(*sessions, source=Source("rtsp://u:secret@h/x", "tcp", 0.0, ingest="auto"), open_native=open_native)


def frames(first, count):
    return FakeSession([frame(number) for number in range(first, first + count)])


def test_an_unfit_camera_is_recorded_by_pyav_in_the_same_try_and_says_why():
    unfit = UnfitError(CameraStatus.UNSUPPORTED, "the native engine does not record audio aac: it is HE-AAC", remedy="r")
    with auto(frames(0, 50), native=[unfit]) as made:
        made.run()
        assert made.numbers == list(range(50))
        assert (made.line.stats.ingest, made.line.stats.ingest_why) == ("pyav", unfit.message)
        assert "is read by PyAV from now on: the native engine does not record audio aac" in made.told[0][0]
        assert len(made.told) == 1


def test_native_records_and_a_fault_of_the_camera_is_a_state_like_pyavs():
    fault = CameraError(CameraStatus.UNAUTHORIZED, "the camera refuses the user name or password", remedy="r")
    with auto(native=[frames(0, 25), fault, frames(25, 25)]) as made:
        made.run()
        assert made.numbers == list(range(50))
        assert CameraStatus.UNAUTHORIZED in [shown.status for shown in made.states]


@pytest.mark.parametrize(("kind", "engine"), [(CommonError, "native"), (CameraError, "pyav")])
def test_a_camera_that_comes_back_after_the_agent_is_read_natively_unless_it_was_there_and_could_not_be(kind, engine):
    off, read = kind(CameraStatus.CONNECTING, "the camera cannot be reached (no route to host)", remedy="r"), []

    def session(name):
        def is_read():
            read.append(name)
            made.stop.set()

        return FakeSession([frame(0), is_read, frame(1)])

    with auto(session("pyav"), native=[*[off] * TRIES, session("native")]) as made:
        made.run()
    assert read == [engine]
