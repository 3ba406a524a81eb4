"""`watchkeep archive diff` and `heal` against real archivers: what they print and their exit codes."""

import json
from pathlib import Path

import pytest
from archive_kit import flip, held, hub_named, pair, whole
from hub_kit import START_NS, Hub, film, wait_for
from typer.testing import CliRunner, Result

from watchkeep.hub.consolidate.cli import app
from watchkeep.hub.consolidate.client import PeerError
from watchkeep.wire import http as names
from watchkeep.wire.errors import UsageError

FILM = film(12)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_two_archives_that_differ_are_healed_in_both_directions_and_are_the_same_then(tmp_path: Path) -> None:
    with pair(tmp_path) as both:
        both.a.stored(FILM.batch(*range(8)))
        both.b.stored(FILM.batch(*range(6, 12)))
        shown = run("diff", both.a.url, both.b.url)
        assert shown.exit_code == 1
        assert f"missing on A {FILM.camera} epoch {FILM.epoch} chunks 8 to 11" in shown.stdout
        assert f"missing on B {FILM.camera} epoch {FILM.epoch} chunks 0 to 5" in shown.stdout
        found = json.loads(run("diff", both.a.url, both.b.url, "--json").stdout)
        assert not found["good"]
        assert [found["cameras"][0][key] for key in ("same", "different", "unproven")] == [2, [], []]
        healed = run("heal", both.a.url, both.b.url)
        assert healed.exit_code == 0, healed.stdout
        assert "4 of 4 missing ones pulled" in healed.stdout
        assert run("heal", both.b.url, both.a.url, "--camera", FILM.camera).exit_code == 0
        same = run("diff", both.a.url, both.b.url)
        assert (same.exit_code, "the same: 12 chunks" in same.stdout) == (0, True)


def test_damage_of_both_copies_is_shown_with_file_and_chunk_and_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.2)
    with pair(tmp_path) as both:
        for hub in (both.a, both.b):
            hub.stored(FILM.batch())
            hub.wait_durable(FILM)
        path = flip(both.a, FILM, 2)
        flip(both.b, FILM, 2)
        shown = wait_shown(both.a, both.b, path.name)
        assert "damaged chunks of cam0 epoch" in shown.stdout
        assert "1 chunk(s) not available at the peer" in shown.stdout
        assert shown.exit_code == 1
        assert path.with_name(path.name + ".damaged").exists()


def test_a_rotten_file_that_is_too_old_is_left_alone_and_told_until_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.2)
    monkeypatch.setattr("watchkeep.hub.store.keeper.Keeper.horizon_ns", lambda _self, _camera="": 1 << 62)
    with pair(tmp_path) as both:
        for hub in (both.a, both.b):
            hub.stored(FILM.batch())
            hub.wait_durable(FILM)
        path = flip(both.a, FILM, 2)
        left = wait_shown(both.a, both.b, path.name)
        assert "1 chunk(s) not pulled: retention would delete them at once" in left.stdout
        assert "1 chunk(s) of files that were set aside are still missing" in left.stdout
        assert (left.exit_code, "not healed" in left.stdout) == (1, True)
        wanted = {"camera": FILM.camera, "start": START_NS / 1e9 + 1, "end": START_NS / 1e9 + 2, "owner": "case 7", "reason": "a theft"}
        assert both.a.request("POST", names.LOCKS, json.dumps(wanted).encode()).status == 201
        healed = run("heal", both.a.url, both.b.url)
        assert "1 of 1 missing ones pulled" in healed.stdout
        assert healed.exit_code == 0
        assert held(both.a, FILM) == whole(FILM)


def wait_shown(target: Hub, source: Hub, text: str) -> Result:
    """Heal until the file that is named was closed, and so proven."""
    found: list[Result] = []

    def healed() -> bool:
        found.append(run("heal", target.url, source.url))
        return text in found[-1].stdout

    wait_for(healed, f"{text} in a report")
    return found[-1]


def test_what_cannot_be_asked_is_exit_2(tmp_path: Path) -> None:
    with hub_named(tmp_path, "a") as hub:
        assert isinstance(run("diff", hub.url, "nowhere").exception, UsageError)
        assert isinstance(run("diff", hub.url, hub.url, "--camera", "No_Such").exception, UsageError)
        gone = run("diff", hub.url, "http://127.0.0.1:1").exception
        assert isinstance(gone, PeerError)
        assert gone.exit_code == UsageError.exit_code == 2
        assert "check its address" in gone.line()
        failed = run("heal", hub.url, "http://127.0.0.1:1")
        assert failed.exit_code == 1
        assert "failed: " in failed.stdout
