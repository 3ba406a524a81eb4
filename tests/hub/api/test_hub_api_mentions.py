"""Which states a batch asks for: only what it mentions, missing only what it asked about."""

from blake3 import blake3

from watchkeep.hub.api.batch import Record
from watchkeep.hub.api.mentions import mentions, states
from watchkeep.wire.messages import EpochState
from watchkeep.wire.ranges import RangeSet
from watchkeep.wire.record import Header, RecordKind

HELD_RECEIVED, HELD_DURABLE = RangeSet([(4, 6)]), RangeSet([(0, 3)])


def store_state(camera: str, epoch: int, low: int, high: int) -> EpochState:
    """A store that holds 0..6 of every epoch; it calls everything else missing."""
    held = RangeSet([*HELD_RECEIVED, *HELD_DURABLE])
    return EpochState(epoch=epoch, received=HELD_RECEIVED.clip(low, high).spans(), durable=HELD_DURABLE.clip(low, high).spans(),
                      missing=RangeSet([(low, high)]).minus(held).spans(), need_init=epoch == 9)  # fmt: skip


def chunk(camera: str, epoch: int, seq: int) -> Record:
    return Header(RecordKind.CHUNK, camera, epoch, seq, 0, bytes(32)), memoryview(b""), None


def ask(camera: str, epoch: int, low: int, high: int) -> Record:
    payload = high.to_bytes(8, "little")
    return Header(RecordKind.ASK, camera, epoch, low, 8, blake3(payload).digest()), memoryview(payload), None


def test_states_of_everything_mentioned_and_of_nothing_else() -> None:
    found = states(mentions([chunk("a", 1, 3), chunk("a", 1, 4), chunk("b", 1, 5), chunk("a", 2, 0)]), store_state)
    assert list(found) == ["a", "b"]
    assert [(state.epoch, state.durable, state.received) for state in found["a"]] == [(1, [(3, 3)], [(4, 4)]), (2, [(0, 0)], [])]
    assert found["b"][0].received == [(5, 5)]
    assert not any(state.missing for states_ in found.values() for state in states_)


def test_missing_is_what_an_ask_asked_for_and_the_store_has_not() -> None:
    (state,) = states(mentions([ask("a", 1, 5, 9), chunk("a", 1, 20)]), store_state)["a"]
    assert state.received == [(5, 6)]
    assert state.missing == [(7, 9)]


def test_a_chunk_that_lacks_its_init_is_neither_held_nor_missing() -> None:
    (state,) = states(mentions([chunk("a", 9, 30)]), store_state)["a"]
    assert state.need_init
    assert (state.received, state.durable, state.missing) == ([], [], [])


def test_an_init_that_the_store_cannot_read_is_asked_for_as_well() -> None:
    found = states(mentions([chunk("a", 1, 30), chunk("a", 2, 30)]), store_state, {("a", 2)})
    assert [(state.epoch, state.need_init) for state in found["a"]] == [(1, False), (2, True)]


def test_an_epoch_of_which_only_the_init_came_is_answered() -> None:
    init: Record = (Header(RecordKind.INIT, "a", 1, 0, 0, bytes(32)), memoryview(b""), None)
    (state,) = states(mentions([init]), store_state)["a"]
    assert (state.epoch, state.received, state.durable, state.missing) == (1, [], [], [])
