"""/healthz, /metrics, /docs and /openapi.json of a real hub."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_kit import Hub, film, running
from prometheus_client.parser import text_string_to_metric_families

from watchkeep.hub.api import operations as module
from watchkeep.hub.store import Stats, Store
from watchkeep.wire import http as names


@pytest.fixture(name="hub")
def hub_(tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path, volumes=2) as made:
        yield made


def values(hub: Hub) -> dict[tuple[str, ...], float]:
    """Every sample of a scrape by its name and label values."""
    text = hub.get(names.METRICS).body.decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_health(hub: Hub) -> None:
    answer = hub.get(names.HEALTH)
    assert (answer.status, answer.json()["status"], answer.json()["why"]) == (200, "ok", [])
    assert [volume["path"] for volume in answer.json()["volumes"]] == [str(path) for path in hub.volumes]


def test_a_store_that_hangs_is_failing_and_nothing_else_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back, real = threading.Event(), Store.stats

    def hang(store: Store) -> Stats:
        back.wait(20)
        return real(store)

    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    monkeypatch.setattr(Store, "stats", hang)
    with running(tmp_path) as hub:
        try:
            answer = hub.get(names.HEALTH)
            assert (answer.status, answer.json()["status"]) == (503, "failing")
            assert "hangs" in answer.json()["why"][0]
            assert hub.get(names.METRICS).json()["code"] == names.STORAGE_FAILED
            hub.stored(film(2).batch())
        finally:
            back.set()


def test_metrics_count_what_happened(hub: Hub) -> None:
    made = film(6)
    hub.stored(made.batch())
    hub.append(b"garbage")
    hub.get("/v1/cameras/cam0/export.mp4?start=1767225600&end=1767225606")
    found = values(hub)
    assert found["watchkeep_appends_total", "ok"] == 1
    assert found["watchkeep_appends_total", "truncated"] == 1
    assert found["watchkeep_append_bytes_total",] == len(made.batch())
    assert found["watchkeep_append_seconds_count",] == 1
    assert found["watchkeep_received_chunks_total",] == 6
    assert found["watchkeep_cameras",] == 1
    assert found["watchkeep_read_bytes_total",] == sum(map(len, made.chunks))
    assert [found["watchkeep_volume_online", str(path)] for path in hub.volumes] == [1, 1]


def dangling(described: Any) -> set[str]:
    """References to nothing."""
    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(described))) - known


def test_the_description_is_complete_and_typed(hub: Hub) -> None:
    described = hub.get("/openapi.json").json()
    reading = (names.CAMERAS, names.timeline("{camera}"), names.playlist("{camera}"), names.export("{camera}"))
    for path in (names.APPEND, *reading, names.HEALTH, names.METRICS):
        assert path in described["paths"], path
    append = described["paths"][names.APPEND]["post"]
    assert list(append["requestBody"]["content"]) == [names.RECORDS_TYPE]
    assert append["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("AppendAnswer")
    assert {"400", "409", "413", "415", "422", "503", "507"} <= set(append["responses"])
    assert dangling(described) == set()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            for status, answer in operation["responses"].items():
                assert status == "304" or answer["content"], (path, status)


def test_the_docs_page_needs_nothing_from_elsewhere(hub: Hub) -> None:
    answer = hub.get("/docs")
    page = answer.body.decode()
    assert answer.status == 200
    assert "/v1/append" in page
    assert "EpochState" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_bug_is_answered_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_store: Store) -> None:
        raise RuntimeError("rtsp://me:hunter2@camera")

    monkeypatch.setattr(Store, "cameras", broken)
    with running(tmp_path) as hub:
        answer = hub.get(names.CAMERAS)
        assert (answer.status, answer.json()["code"]) == (500, names.INTERNAL)
        assert b"hunter2" not in answer.body
