"""What agents are to record is told on MQTT once for each change, by the leader, bounded, and without what is nobody's business."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from blake3 import blake3
from directory_kit import Client, directory
from hub_kit import wait_for
from mosquitto import Mosquitto
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.announcer import MAX_PLAN_BYTES, Announcer, archiver_plan, plan
from watchkeep.wire import topics
from watchkeep.wire.desired import AgentDesired, AgentPlan, ArchiverDesired, ArchiverPlan, DesiredArchiver, DesiredCamera
from watchkeep.wire.shell.mqtt import MqttClient

UTC_S = 1_790_000_000.0


def book() -> Book:
    found = Book(put("agent/one"), put("agent/two"), camera(0, copies=2, archivers=["a", "b"], credentials="door-login", priority=7),
                 camera(1), put("archiver/a"), put("archiver/b"))  # fmt: skip
    found.assign({"cam0": "one", "cam1": "one"}, {"cam1": ["b"]})
    return found


class Told:
    """What was published, since last asked."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.announcer = Announcer("demo", "d1", lambda topic, payload: self.sent.append((topic, payload)))

    def look(self, made: Book, *, leads: bool = True) -> dict[str, AgentPlan | None]:
        self.sent.clear()
        self.announcer.look(made.site.copy(), UTC_S, leads=leads)
        return {topic.split("/")[4]: AgentPlan.model_validate_json(payload) if payload else None
                for topic, payload in self.sent if "/agent/" in topic}  # fmt: skip

    def archivers(self) -> dict[str, ArchiverPlan | None]:
        """What the last look told of archivers."""
        return {topic.split("/")[4]: ArchiverPlan.model_validate_json(payload) if payload else None
                for topic, payload in self.sent if "/archiver/" in topic}  # fmt: skip


def test_a_plan_is_told_once_for_each_change_and_taken_back_with_its_agent() -> None:
    told, made = Told(), book()
    found = told.look(made)
    one = found["one"]
    assert one is not None
    assert (one.term, one.index, one.cameras, one.server) == (1, 2, 2, "d1")
    assert [(each.id, each.copies, each.archivers, each.priority) for each in one.plan] == [
        ("cam0", 2, ["a", "b"], 7), ("cam1", 1, ["b"], 5)]  # fmt: skip
    assert found["two"] is not None
    assert found["two"].plan == ()
    assert told.look(made) == {}
    made.edit(put("location/hall"))
    assert told.look(made) == {}
    made.assign({"cam1": "two"})
    assert {agent: [(each.id, each.relieves, each.leaving) for each in one.plan] for agent, one in told.look(made).items() if one} == {
        "one": [("cam0", False, False), ("cam1", False, True)],
        "two": [("cam1", True, False)]}, "both record it until it is known that the new one has begun"  # fmt: skip
    made.assign({}, left={"cam1": 2})
    assert {agent: [each.id for each in one.plan] for agent, one in told.look(made).items() if one} == {"one": ["cam0"], "two": ["cam1"]}
    archivers = {topics.archiver_desired("demo", archiver) for archiver in ("a", "b")}
    assert {topic for topic, _ in told.announcer.birth()} == {topics.agent_desired("demo", agent) for agent in ("one", "two")} | archivers
    made.assign({"cam1": "one"})
    made.edit(gone("agent/two"))
    assert told.look(made)["two"] is None
    assert {topic for topic, _ in told.announcer.birth()} == {topics.agent_desired("demo", "one")} | archivers


def test_of_archivers_is_told_how_long_they_are_to_keep_video_and_whom_they_compare_themselves_with() -> None:
    told, made = Told(), book()
    told.look(made)
    assert {name: one and (one.retention_days, one.peers) for name, one in told.archivers().items()} == {"a": (None, ()), "b": (None, ())}
    made.edit(put("archiver/a", url="http://10.0.0.7:1", retention_days=7.0))
    told.look(made)
    assert {name: one and (one.retention_days, one.peers, one.index) for name, one in told.archivers().items()} == {
        "a": (7.0, (), 3), "b": (None, ("a",), 3)}  # fmt: skip
    made.edit(put("archiver/b", max_cameras=3), camera(1, retention_days=9.0))
    told.look(made)
    found = told.archivers()["b"]
    assert found is not None
    assert (found.own_days, found.retention) == (1, {"cam1": 9.0})
    made.edit(put("archiver/b", max_cameras=5))
    told.look(made)
    assert told.archivers() == {}
    made.edit(camera(0), put("archiver/b", max_cameras=4))
    made.edit(gone("archiver/a"))
    told.look(made)
    found = told.archivers()
    assert found["a"] is None
    assert found["b"] is not None
    assert found["b"].peers == ()


def test_only_the_leader_tells_and_a_new_one_tells_everything() -> None:
    told, made = Told(), book()
    assert told.look(made, leads=False) == {}
    assert len(told.look(made)) == 2
    assert told.look(made, leads=False) == {}
    assert told.announcer.birth() == []
    assert len(told.look(made)) == 2


def test_no_address_and_no_login_leaves_by_the_broker() -> None:
    told = Told()
    made = book()
    made.edit(put("archiver/a", url="http://10.0.0.7:1"))
    told.look(made)
    everything = b"".join(payload for _, payload in told.sent)
    assert b"cam0" in everything
    assert [word for word in (b"rtsp", b"10.0.0", b"door-login", b"credentials", b"url") if word in everything] == []


def test_days_of_cameras_that_are_too_many_are_counted() -> None:
    days = {f"{number:063}": 90.0 for number in range(2000)}
    peers = tuple(DesiredArchiver(id=f"{number:063}", url="http://h:1") for number in range(1000))
    body = ArchiverDesired(site="demo", archiver="a", term=8, index=9, retention=days, peers=peers).model_dump_json().encode()
    payload = archiver_plan(body, "d1", UTC_S)
    found = ArchiverPlan.model_validate_json(payload)
    assert len(payload) <= MAX_PLAN_BYTES
    assert (found.own_days, list(found.retention)) == (2000, list(days)[: len(found.retention)])
    assert len(found.retention) > 50


def test_a_plan_that_is_too_long_is_cut_and_counted() -> None:
    cameras = tuple(DesiredCamera(id=f"cam{number}", url="rtsp://h/0", archivers=("x" * 63,) * 64) for number in range(100))
    body = AgentDesired(site="demo", agent="one", term=8, index=9, cameras=cameras).model_dump_json().encode()
    payload = plan(body, "d1", UTC_S)
    found = AgentPlan.model_validate_json(payload)
    assert len(payload) <= MAX_PLAN_BYTES
    assert found.cameras == 100
    assert [one.id for one in found.plan] == [f"cam{number}" for number in range(len(found.plan))]
    assert len(found.plan) > 10
    assert found.digest == blake3(body).hexdigest()


def test_it_is_retained_at_a_real_broker_with_the_digest_of_what_http_answers(tmp_path: Path, free_port: Callable[[], int]) -> None:
    broker, heard = Mosquitto(tmp_path, free_port()), dict[str, bytes]()
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.kill)
        client: Client = stack.enter_context(directory(tmp_path, free_port, "a", mqtt={"url": broker.url})).led()
        assert client.put("agent/edge-1", {}).status == 200
        assert client.put("camera/cam0", {"url": "rtsp://10.0.0.1/a", "recorders": ["edge-1"]}).status == 200
        late = MqttClient(broker.url, client_id="late", will=None, birth=list)
        late.subscribe(topics.agent_desired("demo", "edge-1"), heard.__setitem__)
        late.start()
        stack.callback(late.stop)

        def same() -> bool:
            document = client.get("/v1/site/agents/edge-1/desired").body
            return any(json.loads(payload)["digest"] == blake3(document).hexdigest() for payload in list(heard.values()))

        wait_for(same, "the plan")
