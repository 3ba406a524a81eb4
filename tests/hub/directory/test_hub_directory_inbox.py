"""Which commands over MQTT are carried out: new ones, in time, well formed and allowed; all others are told why not."""

import json

import pytest

from watchkeep.hub.directory.inbox import KEEP_S, MAX_KNOWN, MAX_PAYLOAD_BYTES, SKEW_S, Address, Inbox, addressed
from watchkeep.wire import topics
from watchkeep.wire.commands import WINDOW_S, CommandReply, FailoverCommand, MaintenanceCommand, MoveCommand

UTC = 1_790_000_000.0
NOW = 500.0


def payload(**fields: object) -> bytes:
    return json.dumps({"at_s": UTC, **fields}).encode()


def taken(inbox: Inbox, kind: str, body: bytes, ident: str = "x1", now: float = NOW, utc_s: float = UTC, since: float = 0.0) -> object:
    return inbox.take(Address(kind, ident), body, now, utc_s, since)


def outcome(found: object) -> str:
    assert isinstance(found, CommandReply), found
    assert found.server == "a"
    assert found.text
    assert found.remedy
    return found.outcome.value


@pytest.fixture(name="inbox")
def inbox_() -> Inbox:
    return Inbox("a", ("failover", "move"))


def test_commands_are_taken(inbox: Inbox) -> None:
    assert taken(inbox, "failover", payload(name="directory"), "1") == FailoverCommand(name="directory", at_s=UTC)
    assert taken(inbox, "move", payload(cameras=["cam0"], agent="edge-1", actor="anna"), "2") == MoveCommand(
        cameras=["cam0"], agent="edge-1", actor="anna", at_s=UTC)  # fmt: skip
    both = Inbox("a", ("maintenance",))
    away = MaintenanceCommand(name="s1", on=True, lasting_s=60, at_s=UTC)
    assert taken(both, "maintenance", payload(name="s1", on=True, lasting_s=60)) == away


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("dance", payload(), "unknown"),
    ("maintenance", payload(name="s1", on=True), "not-allowed"),
    ("failover", b"", "malformed"),
    ("failover", b"\xff\x00", "malformed"),
    ("failover", b"[]", "malformed"),
    ("failover", payload(), "malformed"),
    ("failover", payload(name="directory", to="b"), "malformed"),
    ("failover", payload(name="rtsp://u:secret@h"), "malformed"),
    ("failover", json.dumps({"name": "directory"}).encode(), "malformed"),
    ("move", payload(cameras=[], agent="edge-1"), "malformed"),
    ("move", payload(cameras=["c"] * 1001, agent="edge-1"), "malformed"),
    ("move", payload(cameras="cam0", agent="edge-1"), "malformed"),
    ("failover", b" " * (MAX_PAYLOAD_BYTES + 1), "malformed"),
    ("failover", b'{"at_s": NaN, "name": "directory"}', "stale"),
    ("failover", b'{"at_s": Infinity, "name": "directory"}', "stale"),
])  # fmt: skip
def test_what_is_no_command_is_told_so(inbox: Inbox, kind: str, body: bytes, expected: str) -> None:
    found = taken(inbox, kind, body)
    assert outcome(found) == expected
    assert not [word for word in ("secret", "should", "Input", "Extra") if word in str(found)]


def test_a_command_is_good_for_a_minute_by_either_clock(inbox: Inbox) -> None:
    for number, (off_s, good) in enumerate(((WINDOW_S, True), (-WINDOW_S, True), (WINDOW_S + 1, False), (-WINDOW_S - 1, False))):
        found = taken(inbox, "failover", payload(name="directory"), str(number), utc_s=UTC + off_s)
        assert isinstance(found, FailoverCommand) is good
        assert good or outcome(found) == "stale"


def test_an_id_is_good_once_as_long_as_its_command_could_be_in_time(inbox: Inbox) -> None:
    body = payload(name="directory")
    assert isinstance(taken(inbox, "failover", body), FailoverCommand)
    assert outcome(taken(inbox, "failover", body, now=NOW + 1)) == "repeated"
    assert outcome(taken(inbox, "failover", payload(name="other"), now=NOW + 2)) == "repeated"
    assert isinstance(taken(inbox, "failover", body, "x2", now=NOW + 2), FailoverCommand)
    assert outcome(taken(inbox, "failover", body, now=NOW + KEEP_S - 0.1, utc_s=UTC + KEEP_S)) == "repeated"
    assert outcome(taken(inbox, "failover", body, now=NOW + KEEP_S + 1, utc_s=UTC + KEEP_S + 1)) == "stale", "forgotten, and too old"


@pytest.mark.parametrize(("given_s", "good"), [
    (-WINDOW_S, False), (-10.0, False), (SKEW_S - 10.1, False), (SKEW_S - 9.9, True), (1.0, True)])  # fmt: skip
def test_what_was_given_before_a_server_heard_all_commands_may_have_been_carried_out(inbox: Inbox, given_s: float, good: bool) -> None:
    found = taken(inbox, "failover", payload(name="directory", at_s=UTC + given_s), since=NOW - 10.0)
    assert isinstance(found, FailoverCommand) is good
    if not good:
        assert outcome(found) == "unsure"
        assert outcome(taken(inbox, "failover", payload(name="directory"))) == "repeated", "its id was there, whatever became of it"


def test_what_this_server_has_heard_itself_is_repeated_also_after_it_was_away_from_the_broker(inbox: Inbox) -> None:
    body = payload(name="directory")
    assert isinstance(taken(inbox, "failover", body), FailoverCommand)
    assert outcome(taken(inbox, "failover", body, now=NOW + 5, utc_s=UTC + 5, since=NOW + 4)) == "repeated"


def test_nobody_can_push_an_id_out_to_repeat_it(inbox: Inbox) -> None:
    body = payload(name="directory")
    taken(inbox, "failover", body)
    for number in range(MAX_KNOWN + 10):
        taken(inbox, "dance", b"", f"n{number}")
    assert outcome(taken(inbox, "failover", body)) == "repeated"
    assert outcome(taken(inbox, "failover", body, "fresh")) == "busy"
    assert isinstance(taken(inbox, "failover", payload(name="directory"), "fresh", now=NOW + KEEP_S + 1), FailoverCommand)


def test_topics_of_commands() -> None:
    assert addressed(topics.command("demo", "failover", "x-1")) == Address("failover", "x-1")
    assert [addressed(topic) for topic in ("", "x", "watchkeep/v1/demo/cmd/failover/X", "a/b c/d")] == [None] * 4
