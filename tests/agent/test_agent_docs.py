"""docs/OPERATIONS.md says of every state, event and cause what it means for whoever keeps an edge box."""

import re
from pathlib import Path

import pytest

from watchkeep.agent.config import AgentConfig
from watchkeep.wire.causes import HOLE, LOST, CameraStatus, Cause, EventKind, Protection

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "agent"
OPERATIONS = (ROOT / "docs" / "OPERATIONS.md").read_text()
PAGE = OPERATIONS.partition("# Running an agent")[2]
FIRST_CELLS = " ".join(re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE))


def _keys(annotation: object) -> list[str]:
    """The keys of a section, optional or not."""
    return [key for part in (annotation, *getattr(annotation, "__args__", ())) for key in getattr(part, "model_fields", ())]


def test_every_state_event_and_cause_has_its_line() -> None:
    source = "".join(file.read_text() for file in AGENT.rglob("*.py"))
    said = [kind for kind in EventKind if f"EventKind.{kind.name}" in source]
    assert EventKind.LOSS in said
    names = [*CameraStatus, *Protection, *said, *(cause.label for cause in Cause), HOLE, LOST]
    assert [name for name in names if f"`{name}`" not in FIRST_CELLS] == []


def test_every_key_that_the_page_names_exists() -> None:
    known = {f"{section}.{key}" for section, field in AgentConfig.model_fields.items() for key in _keys(field.annotation)}
    named = set(re.findall(rf"`((?:{'|'.join(AgentConfig.model_fields)})\.[a-z_]+)", PAGE))
    assert named
    assert named <= known


def test_a_service_that_failed_is_started_again_however_often_and_has_descriptors_for_all_its_cameras() -> None:
    """systemd's own bound, five starts in ten seconds, keeps a recorder down whose disk is well again in the eleventh."""
    units = [unit for unit in re.findall(r"```ini\n(.*?)```", OPERATIONS, re.DOTALL) if "[Service]" in unit and "run -c" in unit]
    assert len(units) == 2
    for unit in units:
        assert {"StartLimitIntervalSec=0", "RestartSec=1", "LimitNOFILE=65536"} <= set(unit.splitlines())


@pytest.mark.parametrize(("part", "after"), [("hub", "remote-fs.target"), ("agent", "time-sync.target var-lib-watchkeep.mount")])
def test_a_mount_that_fails_once_keeps_nobody_down(part: str, after: str) -> None:
    """A unit with RequiresMountsFor is not started any more after its mount has failed, and nothing of Watchkeep can try again."""
    (unit,) = [unit for unit in re.findall(r"```ini\n(.*?)```", OPERATIONS, re.DOTALL) if f"{part} run -c" in unit]
    assert "RequiresMountsFor" not in unit
    assert f"After=network-online.target {after}" in unit.splitlines()
