"""Who else speaks under an agent's id: agent/namesake.py."""

from watchkeep.agent.namesake import MAX_BOOTS, Heard, NamesakeWatch
from watchkeep.wire.messages import AgentBeacon


def said(boot: str, beat: int, *, online: bool = True) -> bytes:
    beacon = AgentBeacon(agent="edge-1", site="demo", version="0", online=online, boot=boot, beat=beat, sent_s=0.0)
    return beacon.model_dump_json().encode()


def test_our_own_echo_is_nothing_and_whatever_is_not_a_living_beacon_is_stale() -> None:
    watch = NamesakeWatch("us")
    assert watch.hear(said("us", 3)) is Heard.NOTHING
    assert watch.hear(said("us", -1, online=False)) is Heard.NOTHING, "our own goodbye"
    assert watch.hear(said("before", -1, online=False)) is Heard.STALE
    assert watch.hear(b"{}") is Heard.STALE
    assert watch.hear(b"") is Heard.STALE, "somebody cleared the topic"


def test_what_the_process_before_us_left_is_no_namesake_however_often_the_broker_says_it() -> None:
    watch = NamesakeWatch("us")
    assert {watch.hear(said("before", 7)) for _ in range(3)} == {Heard.NOTHING}


def test_a_namesake_is_told_once_a_boot_also_among_others() -> None:
    watch = NamesakeWatch("us")
    heard = [(boot, watch.hear(said(boot, beat))) for beat in range(4) for boot in ("one", "two")]
    assert [boot for boot, what in heard if what is Heard.NAMESAKE] == ["one", "two"]
    assert watch.hear(said("three", 0)) is Heard.NOTHING
    assert watch.hear(said("three", 1)) is Heard.NAMESAKE


def test_a_flood_of_boots_is_forgotten() -> None:
    watch = NamesakeWatch("us")
    for number in range(1000):
        watch.hear(said(f"boot-{number}", 0))
    assert len(watch._beats) == MAX_BOOTS
