"""The table of agent/engine_choice.py, and what the ingest of a camera makes of it."""

from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_kit import FakeSession, bench, frame

from watchkeep.agent.engine_choice import COMMON_TRIES, MOST_TRIALS, PROVEN_S, TIMES, TRIES, EngineChoice
from watchkeep.agent.pyav.ingest import CameraError
from watchkeep.agent.roster import Source
from watchkeep.agent.rtsp.opening import CommonError, UnfitError
from watchkeep.wire.causes import CameraStatus


@pytest.mark.parametrize("engine", ["native", "pyav"])
def test_what_was_asked_for_is_never_left(engine):
    choice = EngineChoice(engine)
    for _ in range(2 * TRIES):
        assert not choice.unfit("AV1")
        assert not choice.recorded(1e6)
        assert not choice.ended(0.0, "broken")
        assert (choice.engine, choice.why, choice.whole, choice.settled) == (engine, "", False, False)


def test_auto_falls_back_at_once_and_for_good_when_native_is_unfit():
    choice = EngineChoice("auto")
    assert (choice.engine, choice.whole) == ("native", True)
    assert choice.unfit("video av1: it is not recorded")
    assert choice.settled
    for seconds in (0.0, 1e6):
        assert not choice.ended(seconds, "broken")
        assert (choice.engine, choice.why) == ("pyav", "video av1: it is not recorded")
    choice.turned("auto")
    assert (choice.engine, choice.why) == ("native", "")


WHY = "the native engine could not read it: no picture"


def breaks(choice, seconds):
    """So many native sessions as make it PyAV's turn, each of which recorded for so long."""
    for _ in range(TRIES):
        assert (choice.engine, choice.why) == ("native", "")
        assert not choice.ended(seconds, "no picture")
    assert (choice.engine, choice.why, choice.settled) == ("pyav", WHY, False)


def test_auto_tries_pyav_after_sessions_that_break_and_stays_only_when_that_records():
    choice = EngineChoice("auto")
    for proven in (0.0, 0.0, 0.0, 0.0, PROVEN_S):
        breaks(choice, 0.0)
        assert choice.ended(proven, "ended") == (proven > 0)
    assert (choice.engine, choice.why, choice.settled) == ("pyav", WHY, True)


@pytest.mark.parametrize("native_s", [0.0, 0.1, 8.0])
def test_pyav_is_settled_upon_and_told_of_while_its_session_goes_on_once(native_s):
    choice = EngineChoice("auto")
    breaks(choice, native_s)
    enough = max(PROVEN_S, TIMES * native_s)
    assert not choice.recorded(enough - 0.1)
    assert not choice.settled
    assert choice.recorded(enough)
    assert choice.settled
    assert not choice.recorded(2 * enough)
    assert not choice.ended(3 * enough, "ended")
    assert (choice.engine, choice.why) == ("pyav", WHY)


@pytest.mark.parametrize("pyav_s", [0.5, 8.0, PROVEN_S, TIMES * 8.0 - 0.1])
def test_a_camera_whose_sessions_are_short_with_either_is_natives_after_one_trial(pyav_s):
    choice = EngineChoice("auto")
    breaks(choice, 8.0)
    assert not choice.ended(pyav_s, "ended")
    for _ in range(20 * TRIES):
        assert (choice.engine, choice.why) == ("native", "")
        assert not choice.ended(8.0, "ended")


@pytest.mark.parametrize(
    ("native_s", "pyav_s", "engine"), [(8.0, 0.0, "native"), (0.0, 8.0, "pyav"), (0.5, 8.0, "pyav"), (1.7, 8.0, "native")]
)
def test_where_one_alone_records_a_few_trials_decide(native_s, pyav_s, engine):
    choice, engines, told = EngineChoice("auto"), [], []
    for _ in range(100):
        engines.append(choice.engine)
        told.append(choice.ended(pyav_s if choice.engine == "pyav" else native_s, "no picture"))
    trials = MOST_TRIALS if not (native_s and pyav_s) or engine == "pyav" else 1
    turns = [*["native"] * TRIES, "pyav"] * trials
    assert engines == turns + [engine] * (100 - len(turns))
    assert [number for number, one in enumerate(told) if one] == ([len(turns) - 1] if engine == "pyav" else [])
    assert choice.why == (WHY if engine == "pyav" else "")


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


def test_a_proven_native_engine_is_kept_through_one_garbled_answer():
    choice = EngineChoice("auto")
    choice.ended(30 * 86_400.0, "ended")
    for _ in range(10):
        assert not choice.unfit("the camera sends something that is not RTSP")
        assert not choice.ended(0.0, "the camera sends something that is not RTSP")
        assert not choice.ended(0.0, "the camera cannot be reached", common=True)
        assert (choice.engine, choice.why) == ("native", "")
        assert not choice.ended(60.0, "ended")


def test_a_proven_native_engine_that_is_unfit_again_is_doubted_for_a_session_and_given_up_when_it_is_unfit_after_that():
    choice = EngineChoice("auto")
    choice.ended(PROVEN_S, "ended")
    assert not choice.unfit("audio aac: it is HE-AAC")
    choice.ended(0.0, "unfit")
    assert choice.unfit("audio aac: it is HE-AAC")
    assert (choice.engine, choice.why, choice.settled) == ("pyav", "audio aac: it is HE-AAC", False)
    assert not choice.recorded(PROVEN_S - 1)
    assert choice.recorded(PROVEN_S), "told once"
    assert not choice.recorded(PROVEN_S)
    assert not choice.ended(86_400.0, "ended")
    assert (choice.engine, choice.why) == ("native", "")
    assert choice.unfit("audio aac: it is HE-AAC")
    assert (choice.engine, choice.why, choice.settled) == ("pyav", "audio aac: it is HE-AAC", True)
    choice.ended(86_400.0, "ended")
    assert choice.engine == "pyav"


def test_a_doubt_that_ends_is_told_of_no_more_as_native_is_next():
    """It stalls: the time that proves something has gone only when it ends."""
    choice = EngineChoice("auto")
    choice.ended(PROVEN_S, "ended")
    for doubted in (False, True):
        assert choice.unfit("garbled") == doubted
        if not doubted:
            choice.ended(0.0, "garbled")
    assert not choice.recorded(PROVEN_S - 1)
    assert not choice.ended(PROVEN_S + 1, "the camera sends nothing")
    assert (choice.engine, choice.why) == ("native", "")


def test_a_camera_that_starts_for_long_is_read_natively_in_the_end():
    """What it says is cut off, and PyAV makes nothing of it either; once it does."""
    choice = EngineChoice("auto")
    choice.ended(PROVEN_S, "ended")
    for number in range(20):
        assert choice.unfit("no video of the stream is supported") == (number > 0)
        choice.ended(0.0, "broken")
    assert choice.engine == "native"
    assert choice.unfit("no video of the stream is supported")
    choice.ended(86_400.0, "the camera ended the session")
    assert choice.engine == "native"
    choice.ended(1.0, "the camera ended the session")
    assert not choice.unfit("garbled"), "that was long ago"


seconds = st.one_of(st.sampled_from([0.0, 0.1, 1.0, 8.0, PROVEN_S]), st.floats(0.0, 1000.0))


@given(st.lists(st.tuples(seconds, st.booleans()), max_size=200))
def test_nothing_flaps_however_long_sessions_last(sessions):
    """From the first one that recorded, which is by chance."""
    choice, engines, any_recorded = EngineChoice("auto"), [], False
    for recorded_s, common in sessions:
        any_recorded = any_recorded or recorded_s > 0
        engines += [choice.engine] if any_recorded else []
        assert (choice.engine == "pyav") == bool(choice.why), "PyAV never reads without a reason"
        choice.ended(recorded_s, "why", common=common)
    assert sum(before != after for before, after in pairwise(engines)) <= 2 * MOST_TRIALS


@given(st.lists(st.one_of(st.just(None), st.tuples(st.booleans(), seconds)), max_size=60))
def test_what_is_told_has_a_reason_and_is_so(events):
    """None: unfit; True: the session is over."""
    choice = EngineChoice("auto")
    for event in events:
        if event is None:
            told = choice.unfit("why")
        else:
            over, recorded_s = event
            told = choice.ended(recorded_s, "why") if over else choice.recorded(recorded_s)
            assert choice.settled or not (told and over), "who reads the next session"
        assert not told or (choice.engine == "pyav" and choice.why)


@given(st.lists(st.one_of(st.just(None), seconds), max_size=60))
def test_what_native_is_unfit_for_time_and_again_is_pyavs(events):
    """Whatever was before."""
    choice = EngineChoice("auto")
    for event in events:
        if event is None:
            choice.unfit("why")
        else:
            choice.ended(event, "why")
    for _ in range(3):
        choice.unfit("why")
        choice.ended(PROVEN_S if choice.engine == "pyav" else 0.0, "why")
    assert choice.settled


@contextmanager
def auto(*sessions, native):
    """A camera with ingest auto: `native` are the sessions of agent/rtsp, or what opening them raises."""
    left = list(native)

    def open_native(url, transport, whole):
        assert whole
        if not left:
            made.stop.set()
            return FakeSession([])
        session = left.pop(0)
        if isinstance(session, BaseException):
            raise session
        return session

    with bench(*sessions, source=Source("rtsp://u:secret@h/x", "tcp", 0.0, ingest="auto"), open_native=open_native) as made:
        yield made


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


def test_pyavs_session_after_native_ones_that_broke_says_why_and_is_told_of_while_it_goes_on():
    off, seen = CameraError(CameraStatus.CONNECTING, "the camera ended the session", remedy="r"), []

    def look():
        seen.append((made.line.stats.ingest, made.line.stats.ingest_why, len(made.told)))
        made.clock.now += PROVEN_S

    session = FakeSession([step for number in range(0, 15, 5) for step in (*[frame(number + more) for more in range(5)], look)])
    with auto(session, native=[off] * TRIES) as made:
        made.run()
        why = "the native engine could not read it: the camera ended the session; r"
        assert seen == [("pyav", why, 0), ("pyav", why, 1), ("pyav", why, 1)]
        assert made.told[0][0].endswith(why)


def test_a_proven_camera_that_is_garbled_once_stays_native_and_twice_is_recorded_by_pyav_for_a_session():
    garbled = UnfitError(CameraStatus.CONNECTING, "the camera sends something that is not RTSP", remedy="r")

    def later():
        made.clock.now += PROVEN_S

    def proven(first):
        numbers = range(first, first + 25)
        return FakeSession([*[frame(number) for number in numbers[:5]], later, *[frame(number) for number in numbers[5:]]])

    native = [proven(0), garbled, proven(25), garbled, garbled, proven(75)]
    with auto(proven(50), native=native) as made:
        made.run()
        assert made.numbers == list(range(100))
        assert (made.line.stats.ingest, made.line.stats.ingest_why) == ("native", "")
        assert len(made.told) == 1, made.told
        assert made.told[0][0].endswith("is read by PyAV for this session: the camera sends something that is not RTSP")


def test_a_doubted_camera_that_stalls_is_not_told_of_as_pyavs():
    garbled = UnfitError(CameraStatus.CONNECTING, "the camera sends something that is not RTSP", remedy="r")

    def later(seconds):
        def go():
            made.clock.now += seconds

        return go

    def session(first, between, last):
        numbers = [frame(number) for number in range(first, first + 25)]
        return FakeSession([*numbers[:5], later(between), *numbers[5:], later(last)])

    with auto(session(25, PROVEN_S - 1, 2), native=[session(0, PROVEN_S, 0), garbled, garbled, session(50, 0, 0)]) as made:
        made.run()
        assert made.numbers == list(range(75))
        assert made.told == []
