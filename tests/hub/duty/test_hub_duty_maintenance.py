"""An announced maintenance: how long it lasts, who knows of it, how it is ordered over HTTP and by the command."""

import json
import re
import threading
from pathlib import Path

import pytest
from hub_kit import Hub, film, running, wait_for
from typer.testing import CliRunner, Result

from watchkeep.hub.cli import app
from watchkeep.hub.duty.maintenance import MAX_CALLERS, SEEN_S, Maintenance, seconds_of
from watchkeep.wire import http
from watchkeep.wire.errors import RemoteError, UsageError
from watchkeep.wire.messages import MAX_MAINTENANCE_S


def test_it_lasts_as_long_as_announced_and_ends_early_when_told() -> None:
    maintenance = Maintenance()
    assert maintenance.left_s(100.0) == 0.0
    maintenance.order(60.0, 100.0)
    assert (maintenance.left_s(100.0), maintenance.left_s(159.0), maintenance.left_s(160.0)) == (60.0, 1.0, 0.0)
    maintenance.order(0.0, 110.0)
    assert maintenance.left_s(110.0) == 0.0
    maintenance.order(1e9, 120.0)
    assert maintenance.left_s(120.0) == MAX_MAINTENANCE_S


def test_who_knows_of_it_is_whoever_was_answered_since() -> None:
    maintenance = Maintenance()
    for at, agent in ((0.0, "gone"), (99.0, "edge-1"), (99.0, "edge-2")):
        maintenance.told(agent, maintenance.version, at)
    under_way = maintenance.version
    maintenance.order(60.0, 100.0)
    assert maintenance.untold(100.0) == ["edge-1", "edge-2"]
    maintenance.told("edge-1", under_way, 100.1)
    maintenance.told("edge-2", maintenance.version, 100.1)
    assert maintenance.untold(100.1) == ["edge-1"], "its answer was made before the order"
    maintenance.told("edge-1", maintenance.version, 100.5)
    assert maintenance.untold(100.5) == []
    maintenance.order(0.0, 101.0)
    assert maintenance.untold(101.0) == ["edge-1", "edge-2"]
    assert maintenance.untold(101.0 + SEEN_S) == [], "they are not there any more"


def test_the_callers_kept_are_bounded() -> None:
    maintenance = Maintenance()
    for number in range(MAX_CALLERS + 5):
        maintenance.told(f"edge-{number}", 0, float(number))
    maintenance.order(60.0, float(MAX_CALLERS + 5))
    assert len(maintenance._callers) == MAX_CALLERS


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), (" 15m ", 900), ("4h", 14_400)])
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "5h", "soon", "-1", "1d", "1e3", "nan"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        seconds_of(text)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["maintenance", *arguments])


def left(hub: Hub) -> float:
    """What an agent is told with the answer to a batch."""
    return hub.stored(film(2).batch()).maintenance_s


def test_agents_are_told_with_every_answer_until_it_ends(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        assert left(hub) == 0.0
        assert hub.request("POST", f"{http.MAINTENANCE}?seconds=60").json()["agents"] == ["edge-1"]
        assert 55 < left(hub) <= 60
        state = hub.get(http.MAINTENANCE).json()
        assert (state["archiver"], state["agents"]) == ("a", [])
        assert 55 < state["maintenance_s"] <= 60
        hub.request("POST", f"{http.MAINTENANCE}?seconds=0")
        assert left(hub) == 0.0
        texts = [event["text"] for event in hub.get(f"{http.EVENTS}?kind=archiver").json()["events"]]
        assert texts == ["maintenance of archiver a is announced for 60 s", "maintenance of archiver a has ended"]
        for wrong in ("", "?seconds=-1", "?seconds=14401", "?seconds=nan", "?seconds=soon"):
            assert hub.request("POST", f"{http.MAINTENANCE}{wrong}").status == 400, wrong


def test_a_restart_ends_it(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        hub.request("POST", f"{http.MAINTENANCE}?seconds=60")
    with running(tmp_path) as hub:
        assert left(hub) == 0.0


def test_the_command_waits_until_the_agents_know(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        hub.stored(film(2).batch())
        assert run("show", "--url", hub.url).stdout == "archiver a is not in maintenance\n"
        shown: list[Result] = []
        ordering = threading.Thread(target=lambda: shown.append(run("on", "--for", "15m", "--url", hub.url)), name="order")
        ordering.start()
        wait_for(lambda: hub.get(http.MAINTENANCE).json()["agents"] == ["edge-1"], "the order")
        assert ordering.is_alive()
        hub.stored(film(2).batch())
        ordering.join(20)
        assert shown[0].exit_code == 0
        assert re.fullmatch(r"archiver a is in maintenance for another (?:900|89\d) s; all agents know\n", shown[0].stdout)
        assert json.loads(run("show", "--json", "--url", hub.url).stdout)["maintenance_s"] > 890
        config = tmp_path / "hub.toml"
        config.write_text(f'[hub]\nid = "a"\nsite = "s"\nroles = ["archiver"]\nlisten = "0.0.0.0:{hub.url.rpartition(":")[2]}"\n'
                          f'data_dir = "{tmp_path}"\n[archiver]\nvolumes = ["/srv/video"]\n')  # fmt: skip
        assert run("show", "-c", str(config)).stdout.startswith("archiver a is in maintenance for another")


def test_an_agent_that_fell_silent_is_named_and_the_command_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.duty.client.WAIT_S", 0.3)
    with running(tmp_path) as hub:
        hub.stored(film(2).batch())
        found = run("on", "--url", hub.url)
        assert (found.exit_code, found.stdout.partition("; ")[2]) == (1, "not yet told: edge-1\n")


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    assert isinstance(run("on", "--for", "soon", "--url", "http://127.0.0.1:1").exception, UsageError)
    assert isinstance(run("show", "--url", "http://127.0.0.1:1").exception, RemoteError)
