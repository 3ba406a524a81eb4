"""GET /v1/freshness: the newest durable chunk of each camera, and no reason for a standby to stay awake."""

from pathlib import Path

from hub_kit import EPOCH, film, running

from watchkeep.hub.api.activity import IDLE_PATHS
from watchkeep.wire import http as names


def test_the_newest_durable_chunk_of_each_camera_and_its_age(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        assert hub.get(names.FRESHNESS).json()["cameras"] == {}
        made, old = film(4), film(4, epoch=EPOCH - 100)
        hub.stored(made.batch())
        hub.wait_durable(made)
        answer = hub.get(names.FRESHNESS).json()
        assert answer["archiver"] == "a"
        [(camera, first)] = answer["cameras"].items()
        assert (camera, first["epoch"], first["seq"]) == ("cam0", EPOCH, len(made.chunks) - 1)
        assert 0 <= first["age_s"] < 20
        hub.stored(old.batch())
        hub.wait_durable(old)
        second = hub.get(names.FRESHNESS).json()["cameras"]["cam0"]
        assert second["epoch"] == EPOCH
        assert second["age_s"] >= first["age_s"]


def test_a_standby_may_sleep_though_it_is_asked() -> None:
    assert names.FRESHNESS in IDLE_PATHS
