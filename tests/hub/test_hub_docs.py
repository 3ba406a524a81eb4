"""docs/OPERATIONS.md names every key, error code, address and metric that there is."""

import re
from pathlib import Path

from watchkeep.hub.api.errors import STATUS
from watchkeep.hub.api.metrics import Metrics
from watchkeep.hub.config import HubConfig
from watchkeep.hub.store import Stats
from watchkeep.wire import http as names
from watchkeep.wire.config import Config
from watchkeep.wire.messages import VolumeState

PAGE = (Path(__file__).parents[2] / "docs" / "OPERATIONS.md").read_text()


def test_every_key() -> None:
    for section, field in HubConfig.model_fields.items():
        model = next(part for part in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(part, type))
        assert issubclass(model, Config)
        for key in model.model_fields:
            assert f"| `{section}.{key}` |" in PAGE


def test_every_code_with_its_status() -> None:
    for code, status in STATUS.items():
        assert f"| `{code}` | {status} |" in PAGE
    codes = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z-]+", value)
             and name != "SYNC_NOW"}  # fmt: skip
    assert codes == set(STATUS)


def test_every_metric() -> None:
    stats = Stats(0, 0, 0, 0, (VolumeState(path="/v", online=True, free_bytes=0, total_bytes=0),), ())
    exposed = set(re.findall(r"^# TYPE (\w+) (?:counter|gauge|histogram)$", Metrics(lambda: stats).render().decode(), re.MULTILINE))
    for metric in exposed:
        assert metric.endswith("_created") or f"`{metric}" in PAGE, metric


def test_every_address() -> None:
    reading = (names.CAMERAS, names.timeline("{id}"), names.playlist("{id}"), names.export("{id}"))
    locks = (names.LOCKS, names.lock("{id}"), names.lock_export("{id}"))
    site = (names.SITE, names.SITE_EDIT, names.SITE_HISTORY, names.SITE_CONTINGENCY, names.SITE_FAILOVER,
            names.SITE_MOVE, names.SITE_MAINTENANCE, names.SITE_HEALTH, names.SITE_AVAILABILITY, names.SITE_BACKUPS)
    servers = (names.DIRECTORY_STATE, names.DIRECTORY_ENTRIES, names.DIRECTORY_HASH, names.DIRECTORY_PARCEL)
    others = (names.LOSSES, names.EVENTS, names.MAINTENANCE, names.HEALTH, names.METRICS)
    for path in (names.APPEND, *reading, *locks, *site, *servers, *others):
        assert f" {path}`" in PAGE
