"""Which server is asked, what is taken, and what cameras are made of it: wire/follow.py, agent/directory/, agent/credentials.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.credentials import NAME, read_logins
from watchkeep.agent.directory.follow import Follower
from watchkeep.agent.directory.resolve import Login, resolve
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.roster import Source, Wanted
from watchkeep.profiles import camera_profile
from watchkeep.wire.causes import CameraStatus
from watchkeep.wire.desired import AgentDesired, DesiredCamera
from watchkeep.wire.errors import ConfigError, FormatError
from watchkeep.wire.follow import FIRST_PAUSE_S, MAX_PAUSE_S, Verdict
from watchkeep.wire.ids import TERM_SHIFT


def document(term, index, *cameras, site="demo", agent="edge-1"):
    return AgentDesired(site=site, agent=agent, term=term, index=index, cameras=cameras)


def follower(*servers, taken=None):
    return Follower("demo", "edge-1", servers or ("http://one",), taken)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=20))
def test_what_is_taken_never_goes_back(answers):
    made, taken = follower(), (0, 0)
    for at in answers:
        try:
            verdict = made.answered(document(*at))
        except FormatError:
            assert at < taken
        else:
            assert at >= taken
            assert (verdict is Verdict.NEWS) == (at > taken)
            taken = at
        assert made.at == taken


def test_what_is_recorded_of_cameras_that_another_agent_leaves_is_said_until_none_is_left():
    asked = []

    def epochs():
        asked.append(True)
        return {"mine": 24 << TERM_SHIFT, "begun": (24 << TERM_SHIFT) + 7, "old": 16 << TERM_SHIFT, "new": 0}

    made = follower()
    assert (made.begun(epochs), asked) == ("", [])
    given = [DesiredCamera(id=name, url="rtsp://h/1", term=24, relieves=name != "mine") for name in ("mine", "begun", "old", "new", "none")]
    made.answered(document(1, 1, *given))
    assert made.begun(epochs) == "begun.24"
    made.answered(document(1, 2, *(one.model_copy(update={"relieves": False}) for one in given)))
    asked.clear()
    assert (made.begun(epochs), asked) == ("", [])


def test_for_one_that_leaves_the_room_of_others_is_not_taken_and_nobody_is_told():
    given = [DesiredCamera(id=name, url="rtsp://h/1", term=24, leaving=name == "last", relieves=name == "new") for name in ("new", "last")]
    found = resolve({}, document(1, 1, *given), {}, camera_profile, 1)
    assert (list(found.wanted), found.without_room) == (["new"], ())
    assert found.wanted["new"].relieves


@pytest.mark.parametrize("wrong", [
    document(9, 9, agent="edge-2"), document(9, 9, site="other"),
    document(9, 9, DesiredCamera(id="x", url="rtsp://h/1"), DesiredCamera(id="x", url="rtsp://h/2")),
])  # fmt: skip
def test_documents_of_others_are_refused_from_servers_and_from_the_cache(wrong):
    made = follower(taken=document(1, 4))
    with pytest.raises(FormatError) as caught:
        made.answered(wrong)
    assert caught.value.remedy
    assert made.at == (1, 4)
    assert follower(taken=wrong).taken is None


def test_servers_are_tried_in_turn_and_only_a_round_in_vain_has_a_pause():
    made = follower("http://one", "http://two")
    assert [(made.server, made.missed(1.0)) for _ in range(6)] == [
        ("http://two", 0.0), ("http://one", FIRST_PAUSE_S), ("http://two", 0.0), ("http://one", 2 * FIRST_PAUSE_S),
        ("http://two", 0.0), ("http://one", 4 * FIRST_PAUSE_S)]  # fmt: skip
    for _ in range(20):
        assert made.missed(1.0) <= MAX_PAUSE_S
    server = made.server
    made.answered(None)
    assert made.server == server
    assert sorted([made.missed(1.0), made.missed(1.0)]) == [0.0, FIRST_PAUSE_S]


def test_many_agents_are_spread_over_all_servers_each_always_at_the_same_one():
    servers = ("http://one", "http://two", "http://three")
    first = [Follower("demo", f"edge-{number}", servers, None).server for number in range(300)]
    assert all(80 <= first.count(server) <= 120 for server in servers)
    assert first == [Follower("demo", f"edge-{number}", servers, None).server for number in range(300)]


def test_servers_that_come_and_go_leave_the_one_that_is_asked_alone():
    made = Follower("demo", "edge-1", (), None)
    assert made.server == ""
    made.use(["http://two"])
    assert made.server == "http://two"
    for servers in (["http://one", "http://two"], ["http://two", "http://three"], ["http://zero", "http://one", "http://two"]):
        made.use(servers)
        assert made.server == "http://two"
    assert made.missed(1.0) == 0.0
    assert made.server == "http://zero"
    made.use(["http://nine"])
    assert made.server == "http://nine"
    made.use([])
    assert made.server == ""


STATIC = {"cam0": Wanted(Source("rtsp://static/x", "tcp"), CameraPolicy("cam0", 1))}
LOGINS = {"yard": Login("viewer", "p@ss/word")}


def resolved(*cameras, static=(), limit=10):
    return resolve(dict(static), document(1, 1, *cameras), LOGINS, camera_profile, limit)


def test_cameras_are_made_as_those_of_agent_toml_are():
    found = resolved(
        DesiredCamera(id="a", url="rtsp://h/x", transport="udp", copies=2, archivers=("b", "a"), priority=9, term=11,
                      failback="sticky", ingest="native"),
        DesiredCamera(id="b", host="10.0.0.9", channel=2, stream="sub", profile="axis", credentials="yard"),
    ).wanted  # fmt: skip
    kept = CameraPolicy("a", 2, ("b", "a"), 9, "sticky")
    assert found["a"] == Wanted(Source("rtsp://h/x", "udp", *_quirks("generic"), ingest="native"), kept, 11)
    assert found["b"].policy.failback is None, "as agent.toml says"
    make = camera_profile("axis")
    plain = make.url("10.0.0.9", channel=2, stream="sub")
    assert found["b"].source == Source(plain.replace("rtsp://", "rtsp://viewer:p%40ss%2Fword@"), make.transport, *_quirks("axis"),
                                       ingest="auto")  # fmt: skip
    assert "p@ss" not in repr((found, LOGINS))
    assert "p%40ss" not in repr((found, LOGINS))


def _quirks(name):
    quirks = camera_profile(name).quirks
    return quirks.reconnect_pause_s, quirks.timestamps_reliable


@pytest.mark.parametrize(("camera", "status", "said"), [
    ({"url": "rtsp://h/x", "credentials": "gate"}, CameraStatus.UNAUTHORIZED, "credentials 'gate' are not in"),
    ({"url": "rtsp://h/x", "profile": "unheard-of"}, CameraStatus.UNSUPPORTED, "unheard-of"),
    ({"url": "http://h/x"}, CameraStatus.UNSUPPORTED, "not rtsp://"),
    ({"url": "rtsp://u:open-sesame@h/x"}, CameraStatus.UNSUPPORTED, "not rtsp://"),
    ({"url": "rtsp://h:99999/x"}, CameraStatus.UNSUPPORTED, "ort"),
    ({"url": "rtsp://h/x", "host": "h"}, CameraStatus.UNSUPPORTED, "exactly one"),
    ({}, CameraStatus.UNSUPPORTED, "exactly one"),
])  # fmt: skip
def test_one_camera_that_cannot_be_asked_says_why_and_the_others_are_recorded(camera, status, said):
    found = resolved(DesiredCamera(id="bad", **camera), DesiredCamera(id="good", url="rtsp://h/x"), static=STATIC.items()).wanted
    fault = found["bad"].source.fault
    assert (fault.status, said in fault.why) == (status, True)
    assert fault.remedy
    assert "open-sesame" not in repr(fault)
    assert found["good"].source.fault is None
    assert found["cam0"] == STATIC["cam0"]


NEWER = {"site": "demo", "agent": "edge-1", "term": 1, "index": 2, "seal": {"by": "d1"},
         "cameras": [{"id": "x", "url": "rtsp://h/x", "term": 8, "transport": "quic", "ingest": "holographic", "failback": "by-moonlight",
                      "stream": "third", "colour": ["red"]}],
         "archivers": [{"id": "a", "url": "http://h:1", "tier": 2}],
         "absences": [{"archiver": "a", "start_s": 1.0, "end_s": 2.0, "why": "paint"}]}  # fmt: skip


def test_what_a_newer_directory_says_more_changes_nothing_and_is_there_after_an_update():
    """Who has taken up (term, index) is told it once: what its older version left out of its cache would be lost to the newer one."""
    made = follower(taken=document(1, 1, DesiredCamera(id="x", url="rtsp://h/x", term=8)))
    assert made.answered(AgentDesired.model_validate(NEWER)) is Verdict.NEWS
    [camera] = made.taken.cameras
    assert (camera.id, camera.url, camera.term) == ("x", "rtsp://h/x", 8)
    kept = json.loads(made.taken.model_dump_json())
    for whole, said in ((kept, NEWER), *((kept[part][0], NEWER[part][0]) for part in ("cameras", "archivers", "absences"))):
        assert {name: whole[name] for name in said if not isinstance(said[name], list) or name == "colour"} == {
            name: item for name, item in said.items() if not isinstance(item, list) or name == "colour"}  # fmt: skip


def test_words_of_a_newer_directory_count_as_not_said_and_are_told():
    old = DesiredCamera(id="x", url="rtsp://h/x", term=8)
    found = resolve({}, AgentDesired.model_validate(NEWER), {}, camera_profile, 10)
    assert found.wanted == resolved(old).wanted
    assert found.passed_over == ("x: transport 'quic'", "x: ingest 'holographic'", "x: failback 'by-moonlight'")
    [(text, remedy)] = found.told(10)
    assert "3 words that this version does not know, the first is x: transport 'quic'" in text
    assert remedy == "update this agent"
    assert list(resolved(old).told(10)) == []
    assert list(resolved(old, limit=0).told(0)) == [
        ("1 cameras of the directory are not recorded, the first is x: this recorder's profile has room for 0",
         "lower max_cameras of this agent in the directory, or choose another profile")]  # fmt: skip


def test_what_an_older_directory_does_not_say_has_its_default():
    found = AgentDesired.model_validate({"site": "demo", "agent": "edge-1", "term": 1, "index": 1, "cameras": [{"id": "x", "url": "rtsp://h/x"}]})
    assert resolve({}, found, {}, camera_profile, 10) == resolved(DesiredCamera(id="x", url="rtsp://h/x"))


def test_agent_toml_wins_and_comes_first_when_there_is_no_room():
    cameras = [DesiredCamera(id=name, url="rtsp://h/x") for name in ("cam0", "x", "y", "z")]
    found = resolved(*cameras, static=STATIC.items(), limit=3)
    assert list(found.wanted) == ["cam0", "x", "y"]
    assert found.wanted["cam0"] == STATIC["cam0"]
    assert found.without_room == ("z",)
    assert resolve(STATIC, None, {}, camera_profile, 3) == (STATIC, (), ())


def test_credentials_are_read_from_a_file_that_only_its_owner_may_read(tmp_path):
    file = tmp_path / NAME
    assert read_logins(file) == {}
    file.write_text('[[login]]\nname = "yard"\nuser = "viewer"\npassword = "open-sesame"\n')
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640") as caught:
        read_logins(file)
    assert "chmod 600" in caught.value.remedy
    file.chmod(0o600)
    assert read_logins(file) == {"yard": Login("viewer", "open-sesame")}
    for more in ('[[login]]\nname = "yard"\nuser = "x"\n', '[[login]]\nname = "Yard!"\nuser = "x"\npassword = "hush"\n', "[login\n"):
        file.write_text('[[login]]\nname = "yard"\nuser = "viewer"\npassword = "open-sesame"\n' + more)
        with pytest.raises(ConfigError) as caught:
            read_logins(file)
        assert "open-sesame" not in caught.value.line()
        assert "hush" not in caught.value.line()
