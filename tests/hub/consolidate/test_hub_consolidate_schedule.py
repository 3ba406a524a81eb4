"""Which peer is looked at when: returns, hours, addresses, floods."""

from watchkeep.hub.consolidate.schedule import MAX_PEERS, PROBE_S, RETRY_S, Schedule

EVERY_S, SETTLE_S = 3600.0, 60.0


def schedule(**listed: str) -> Schedule:
    return Schedule(listed, every_s=EVERY_S, settle_s=SETTLE_S, now=0.0)


def test_a_listed_peer_is_probed_at_once_and_due_when_its_agents_had_their_turn() -> None:
    made = schedule(b="http://b")
    peer = made.to_probe(0.0)
    assert peer is not None
    assert made.to_compare(1e9) is None
    assert made.answered("b", "boot1", 1.0)
    assert made.to_compare(1.0 + SETTLE_S - 1) is None
    assert made.to_compare(1.0 + SETTLE_S) is peer
    assert made.to_probe(1.0) is None
    assert made.to_probe(1.0 + PROBE_S) is peer


def test_then_it_is_due_every_hour_however_often_it_answers() -> None:
    made = schedule(b="http://b")
    made.answered("b", "boot1", 0.0)
    made.compared("b", 100.0)
    assert not made.answered("b", "boot1", 200.0)
    assert made.to_compare(100.0 + EVERY_S - 1) is None
    assert made.to_compare(100.0 + EVERY_S) is not None


def test_the_first_answer_after_failures_and_a_restart_make_it_due() -> None:
    made = schedule(b="http://b")
    made.answered("b", "boot1", 0.0)
    made.compared("b", 100.0)
    made.failed("b", "refused", 200.0)
    assert made.to_compare(1e9) is None
    assert made.answered("b", "boot1", 300.0)
    assert made.to_compare(300.0 + SETTLE_S) is not None
    made.compared("b", 400.0)
    assert made.answered("b", "boot2", 500.0)
    assert made.to_compare(500.0 + SETTLE_S) is not None


def test_what_the_directory_lists_is_looked_at_and_wins_over_mdns_but_not_over_hub_toml() -> None:
    made = schedule(b="http://b")
    made.sighted({"c": "http://any"}, 0.0)
    made.told({"b": "http://other", "c": "http://c", "d": "http://d"}, 1.0)
    assert {peer.id: peer.url for peer in made.peers} == {"b": "http://b", "c": "http://c", "d": "http://d"}
    made.sighted({"c": "http://any", "d": "http://any"}, 2.0)
    assert {peer.id: peer.url for peer in made.peers} == {"b": "http://b", "c": "http://c", "d": "http://d"}
    for name in "cd":
        made.answered(name, "boot1", 3.0)
    made.told({"c": "http://c", "d": "http://new"}, 4.0)
    assert made.to_probe(4.0) is made.peers[0], "the one of hub.toml has waited longest"
    made.answered("b", "boot1", 4.0)
    assert [peer.id for peer in [made.to_probe(4.0)] if peer] == ["d"], "its address is another one"
    made.told({}, 5.0)
    assert [peer.id for peer in made.peers] == ["b", "c", "d"], "mDNS shows them still"
    made.failed("c", "refused", 6.0)
    made.sighted({"d": "http://any"}, 6.0)
    assert {peer.id: peer.url for peer in made.peers} == {"b": "http://b", "d": "http://any"}
    made.told({"e": "http://e"}, 7.0)
    made.told({}, 8.0)
    assert [peer.id for peer in made.peers] == ["b", "d"]
    made.told({f"x{number}": "http://x" for number in range(100)}, 9.0)
    assert len(made.peers) == MAX_PEERS


def test_what_was_left_to_the_agents_is_looked_at_once_more_and_not_for_ever() -> None:
    made = schedule(b="http://b")
    made.answered("b", "boot1", 0.0)
    made.compared("b", 100.0, early=True)
    assert made.to_compare(100.0 + SETTLE_S) is not None
    made.compared("b", 200.0, early=True)
    assert made.to_compare(200.0 + SETTLE_S) is None


def test_a_comparison_that_failed_is_tried_again_seldom_and_the_peer_asked_at_once() -> None:
    made = schedule(b="http://b")
    made.answered("b", "boot1", 0.0)
    made.faltered("b", 100.0)
    assert made.to_probe(100.0) is not None
    assert not made.answered("b", "boot1", 100.0)
    assert made.to_compare(100.0 + RETRY_S - 1) is None
    assert made.to_compare(100.0 + RETRY_S) is not None
    made.faltered("b", 500.0)
    made.failed("b", "refused", 500.0)
    assert made.to_compare(1e9) is None


def test_sightings_add_move_and_forget_peers() -> None:
    made = schedule()
    assert made.next_deadline() is None
    made.sighted({"b": "http://one"}, 5.0)
    assert made.next_deadline() == 5.0
    made.answered("b", "boot1", 5.0)
    made.sighted({"b": "http://two"}, 6.0)
    assert [(peer.url, peer.probe_at) for peer in made.peers] == [("http://two", 6.0)]
    made.sighted({}, 7.0)
    assert made.peers, "mDNS forgetting a peer that answers says nothing"
    made.failed("b", "refused", 8.0)
    made.sighted({}, 9.0)
    assert not made.peers
    made.compared("b", 10.0)


def test_an_announcement_never_moves_a_listed_peer() -> None:
    made = schedule(b="http://b")
    made.sighted({"b": "http://evil"}, 1.0)
    assert made.peers[0].url == "http://b"


def test_a_flood_of_announcements_is_bounded() -> None:
    made = schedule()
    made.sighted({f"peer-{number}": "http://x" for number in range(10 * MAX_PEERS)}, 0.0)
    assert len(made.peers) == MAX_PEERS


def test_a_damaged_file_here_makes_those_that_are_there_due_at_once() -> None:
    schedule = Schedule({"b": "http://b", "c": "http://c"}, every_s=3600, settle_s=60, now=0.0)
    assert not schedule.hurried(0.0), "nobody has answered yet"
    schedule.answered("b", "boot", 1.0)
    schedule.failed("c", "no connection", 1.0)
    assert schedule.to_compare(2.0) is None
    assert schedule.hurried(2.0)
    due = schedule.to_compare(2.0)
    assert due is not None
    assert due.id == "b"
    schedule.compared("b", 3.0)
    assert schedule.to_compare(100.0) is None
