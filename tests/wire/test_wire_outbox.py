"""What waits for the broker: bounded, newest state per topic, states outlive events."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.outbox import Outbox, Outgoing


def drain(outbox: Outbox) -> list[tuple[str, bytes]]:
    return [(message.topic, message.payload) for message in iter(lambda: outbox.take() if outbox else None, None)]


def test_only_the_newest_state_of_a_topic_waits() -> None:
    outbox = Outbox(10)
    for payload in (b"1", b"2", b"3"):
        outbox.put(Outgoing("state", payload, True))
        outbox.put(Outgoing("event", payload, False))
    assert drain(outbox) == [("event", b"1"), ("event", b"2"), ("state", b"3"), ("event", b"3")]


def test_a_full_outbox_gives_up_the_oldest_event_before_any_state() -> None:
    outbox = Outbox(3)
    outbox.put(Outgoing("state", b"s", True))
    for number in range(4):
        outbox.put(Outgoing("event", b"%d" % number, False))
    assert drain(outbox) == [("state", b"s"), ("event", b"2"), ("event", b"3")]
    assert outbox.dropped == 2


def test_a_full_outbox_of_states_gives_up_the_oldest() -> None:
    outbox = Outbox(2)
    for topic in "abc":
        outbox.put(Outgoing(topic, b"", True))
    assert [topic for topic, _ in drain(outbox)] == ["b", "c"]


def test_births_go_first_and_replace_what_waited_on_their_topics() -> None:
    outbox = Outbox(10)
    outbox.put(Outgoing("other", b"o", True))
    outbox.put(Outgoing("beacon", b"old", True))
    outbox.put_first([("beacon", b"new")])
    assert drain(outbox) == [("beacon", b"new"), ("other", b"o")]


def test_births_are_kept_even_when_they_are_more_than_the_limit() -> None:
    outbox = Outbox(2)
    outbox.put(Outgoing("event", b"", False))
    outbox.put_first([("a", b""), ("b", b""), ("c", b"")])
    assert [topic for topic, _ in drain(outbox)] == ["a", "b", "c"]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans())), st.integers(1, 5))
def test_never_more_than_the_limit_and_nothing_vanishes_uncounted(puts: list[tuple[str, bool]], limit: int) -> None:
    outbox, events, states = Outbox(limit), 0, set()
    for topic, retain in puts:
        outbox.put(Outgoing(topic, b"", retain))
        events += not retain
        states |= {topic} if retain else set()
        assert len(outbox) <= limit
    assert len(outbox) + outbox.dropped >= len(states) + events
