"""Two real archivers side by side: filled, healed, contradicted, by themselves and on order."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from archive_kit import EAGER, Pair, flip, held, hub_named, pair, whole
from hub_kit import Film, Hub, film, wait_for

from watchkeep.hub.verify.against import compare_paths
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import http
from watchkeep.wire.causes import ConsolidationPhase

FILM = film(30)
OTHER = film(12, camera="cam1", epoch=FILM.epoch + 1)


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files close and are joined soon after their last chunk."""
    monkeypatch.setattr("watchkeep.hub.store.keeper.KEEP_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.3)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as made:
        yield made


def closed(hub: Hub, made: Film) -> None:
    """Wait until every chunk is durable and every file is closed and joined: what proving files looks at."""
    hub.wait_durable(made)
    segments = len({seal.segment_seq for seal in made.seals})
    (home,) = [volume.parent for volume in hub.volumes]

    def complete() -> bool:
        with closing(sqlite3.connect(f"file:{home / 'state/catalog.sqlite'}?mode=ro", uri=True)) as catalog:
            parts = catalog.execute("SELECT open FROM part WHERE camera = ? AND epoch = ?", (made.camera, made.epoch)).fetchall()
        return parts == [(0,)] * segments

    wait_for(complete, "closed and joined files")


def asides(hub: Hub) -> list[Path]:
    return [path for volume in hub.volumes for path in volume.rglob("*.damaged*")]


def test_what_only_one_holds_is_pulled_by_the_other_and_is_the_same_then(both: Pair) -> None:
    both.a.stored(FILM.batch())
    both.b.stored(FILM.batch(0, 1, 2, 10, 11))
    both.a.wait_durable(FILM)
    state = both.ask(both.b, both.a)
    assert (state.phase, state.missing, state.pulled) == (ConsolidationPhase.DONE, len(FILM.chunks) - 5, len(FILM.chunks) - 5)
    assert held(both.b, FILM) == whole(FILM)
    both.b.wait_durable(FILM)
    assert compare_paths(both.a.volumes, both.b.volumes).good
    again = both.ask(both.b, both.a)
    assert (again.missing, again.pulled, again.same) == (0, 0, len(FILM.chunks))


def test_only_cameras_that_are_held_unless_one_is_named(both: Pair) -> None:
    both.a.stored(FILM.batch())
    both.a.stored(OTHER.batch())
    both.b.stored(FILM.batch(0))
    assert both.ask(both.b, both.a).cameras == 1
    assert held(both.b, FILM) == whole(FILM)
    assert held(both.b, OTHER) == {}
    assert both.ask(both.b, both.a, OTHER.camera).pulled == len(OTHER.chunks)
    assert held(both.b, OTHER) == whole(OTHER)


@pytest.mark.parametrize("seq", [7, 0, 29])
def test_a_flipped_byte_is_found_named_set_aside_and_healed(both: Pair, seq: int) -> None:
    for hub in (both.a, both.b):
        hub.stored(FILM.batch())
        closed(hub, FILM)
    hub, other = both.a, both.b
    path = flip(hub, FILM, seq)
    damaged = path.read_bytes()
    state = both.ask(hub, other)
    assert state.phase is ConsolidationPhase.DONE, state.why
    (aside,) = state.set_aside
    assert (aside.camera, aside.epoch, aside.damaged) == (FILM.camera, FILM.epoch, [seq])
    assert Path(aside.path) == path.with_name(path.name + ".damaged")
    assert Path(aside.path).read_bytes() == damaged, "kept as it was"
    assert (state.pulled, state.refused) == (1, 0)
    closed(hub, FILM)
    assert Path(aside.path).read_bytes() == damaged, "also after its segment was joined again"
    assert held(hub, FILM) == whole(FILM)
    assert verify_paths(hub.volumes).good
    assert compare_paths(hub.volumes, other.volumes).good


def test_a_peer_never_gives_a_damaged_chunk_and_heals_itself_afterwards(both: Pair) -> None:
    both.a.stored(FILM.batch())
    both.b.stored(FILM.batch(0))
    closed(both.a, FILM)
    flip(both.a, FILM, 7)
    state = both.ask(both.b, both.a)
    assert (state.pulled, state.unavailable) == (len(FILM.chunks) - 2, 1)
    assert held(both.b, FILM) == {seq: digest for seq, digest in whole(FILM).items() if seq != 7}
    # the recorder still has it and brings it to b; then a heals itself from there
    both.b.stored(FILM.batch(7))
    state = both.ask(both.a, both.b)
    assert [aside.damaged for aside in state.set_aside] == [[7]]
    assert held(both.a, FILM) == held(both.b, FILM) == whole(FILM)


def test_a_hole_that_a_peer_does_not_fill_is_told_once_until_it_is_closed(both: Pair) -> None:
    """b lists chunk 7, has it damaged, and cannot deliver it; the recorder still has it."""
    def told() -> list[str]:
        events = both.b.get(f"{http.EVENTS}?kind=hole").json()["events"]
        return [event["text"] for event in events if event["source"] == "b"]

    both.a.stored(FILM.batch())
    both.b.stored(FILM.batch(0))
    closed(both.a, FILM)
    flip(both.a, FILM, 7)
    for _ in range(3):
        assert both.ask(both.b, both.a).unavailable == 1
    assert [text.split(":")[0] for text in told()] == ["opened"]
    both.b.stored(FILM.batch(7))
    assert both.ask(both.b, both.a).missing == 0
    assert [text.split(":")[0] for text in told()] == ["opened", "closed"]


def test_two_genuine_chains_under_one_name_are_reported_and_never_replaced(both: Pair) -> None:
    """The same names with other content: another recorder, or a changed past.  Each archiver keeps what it has."""
    forged = film(30, width=80)
    assert forged.epoch == FILM.epoch
    both.a.stored(FILM.batch())
    both.b.stored(forged.batch(*range(12)))
    before = held(both.b, forged)
    state = both.ask(both.b, both.a)
    assert (state.different, state.contested) == (12, len(FILM.chunks) - 12)
    assert state.pulled == 0, "what follows belongs to another past"
    assert held(both.b, FILM) == before
    assert not asides(both.b)
    assert both.ask(both.a, both.b).different == 12
    assert held(both.a, FILM) == whole(FILM)


def test_a_chunk_that_does_not_fit_its_successor_is_refused(both: Pair) -> None:
    """b lacks chunk 5 only; a has another chunk 5 that proves itself, and no more."""
    forged = film(30, width=80)
    both.b.stored(FILM.batch(*(seq for seq in range(30) if seq != 5)))
    both.a.stored(forged.batch(5))
    state = both.ask(both.b, both.a)
    assert (state.missing, state.pulled, state.refused) == (1, 0, 1)
    assert 5 not in held(both.b, FILM)


def test_a_returning_peer_is_noticed_and_what_was_missed_is_pulled_without_anybody_asking(
        tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("watchkeep.hub.consolidate.schedule.PROBE_S", 0.1)
    port = free_port()
    with hub_named(tmp_path, "b", EAGER, peers={"a": f"http://127.0.0.1:{port}"}) as b:
        b.stored(FILM.batch(0))
        for _ in range(2):  # it is away first, and once more in between
            with hub_named(tmp_path, "a", listen=f"127.0.0.1:{port}") as a:
                a.stored(FILM.batch())
                wait_for(lambda: b.get(http.CONSOLIDATE).json()["phase"] == "done", "the end of the round")
        assert held(b, FILM) == whole(FILM)
        assert "watchkeep_consolidation_pulled_chunks_total 29.0" in b.get(http.METRICS).body.decode()
        b.wait_durable(FILM)


def test_what_retention_would_delete_at_once_is_not_pulled(tmp_path: Path) -> None:
    """The film is from years ago; b keeps a day."""
    archiver = {"retention_days": 1.0}
    with hub_named(tmp_path, "a") as a, hub_named(tmp_path, "b", archiver=archiver) as b:
        a.stored(FILM.batch())
        state = Pair(a, b).ask(b, a, FILM.camera)
        assert (state.missing, state.pulled, state.expiring) == (0, 0, len(FILM.chunks))
        assert b.files() == {}
