"""Prometheus metrics of one hub.  The only importer of prometheus-client.

Rules: a registry per process object, nothing global; gauges of the store are read at the scrape, not kept twice; labels
are codes and volume paths, never cameras: 10 000 of those would drown a Prometheus server.
"""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..consolidate.worker import Totals
from ..store.model import Stats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
OK: Final = "ok"


class Metrics:
    """What is counted; `render` is the body of a scrape."""

    def __init__(self, stats: Callable[[], Stats] | None, totals: Callable[[], Totals] | None = None) -> None:
        self._registry = CollectorRegistry()
        self._appends = Counter("watchkeep_appends", "Answers to POST /v1/append, by code (docs/OPERATIONS.md).", ["code"],
                                registry=self._registry)  # fmt: skip
        self._append_bytes = Counter("watchkeep_append_bytes", "Bytes of the bodies that were stored.", registry=self._registry)
        self._append_seconds = Histogram("watchkeep_append_seconds", "From the body's last byte to the answer: verify and store.",
                                         buckets=_BUCKETS_S, registry=self._registry)  # fmt: skip
        self._read_bytes = Counter("watchkeep_read_bytes", "Bytes sent by playback and export.", registry=self._registry)
        if stats is not None:
            self._registry.register(_StoreCollector(stats))
        if totals is not None:
            self._registry.register(_ConsolidationCollector(totals))

    def appended(self, size: int, seconds: float) -> None:
        self._appends.labels(OK).inc()
        self._append_bytes.inc(size)
        self._append_seconds.observe(seconds)

    def refused(self, code: str) -> None:
        self._appends.labels(code).inc()

    def sent(self, size: int) -> None:
        self._read_bytes.inc(size)

    def render(self) -> bytes:
        """The exposition text; reads the store, so it belongs on a worker thread."""
        return generate_latest(self._registry)


class _StoreCollector(Collector):
    """The store's own counts, as they are when Prometheus asks."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the store, which is not open yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        yield CounterMetricFamily("watchkeep_received_chunks", "Chunks received since the start.", value=stats.received)
        yield CounterMetricFamily("watchkeep_durable_chunks", "Chunks made durable since the start.", value=stats.durable)
        yield CounterMetricFamily("watchkeep_refused_chunks", "Chunks refused as conflicting since the start.", value=stats.refused)
        yield GaugeMetricFamily("watchkeep_cameras", "Cameras with video in this archive.", value=stats.cameras)
        yield GaugeMetricFamily("watchkeep_damaged_files", "Files of which only a part can be served.", value=len(stats.damage))
        yield GaugeMetricFamily("watchkeep_locks", "Evidence locks.", value=stats.locks)
        yield GaugeMetricFamily("watchkeep_locked_bytes", "Bytes of finished files that evidence locks keep.", value=stats.locked_bytes)
        for name, text, field in (
            ("watchkeep_volume_online", "1 when the volume can be written.", "online"),
            ("watchkeep_volume_free_bytes", "Free bytes of the volume.", "free_bytes"),
            ("watchkeep_volume_total_bytes", "Size of the volume.", "total_bytes"),
        ):
            family = GaugeMetricFamily(name, text, labels=["path"])
            for volume in stats.volumes:
                family.add_metric([volume.path], float(getattr(volume, field)))
            yield family


class _ConsolidationCollector(Collector):
    """What consolidation has done since the start, as it is when Prometheus asks."""

    def __init__(self, totals: Callable[[], Totals]) -> None:
        self._totals = totals

    def describe(self) -> list[Metric]:
        """Nothing, as for the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        totals = self._totals()
        for name, text, field in (
            ("watchkeep_consolidation_rounds", "Comparisons with a peer that have ended.", "rounds"),
            ("watchkeep_consolidation_failed", "Those of them that failed.", "failed"),
            ("watchkeep_consolidation_pulled_chunks", "Chunks pulled from peers.", "pulled"),
            ("watchkeep_consolidation_pulled_bytes", "Bytes pulled from peers.", "pulled_bytes"),
            ("watchkeep_consolidation_refused_chunks", "Chunks of peers that did not fit what is held.", "refused"),
            ("watchkeep_files_set_aside", "Damaged files taken out of service.", "set_aside"),
            ("watchkeep_patrol_files", "Stored files that the patrol has read and proven.", "proven"),
            ("watchkeep_patrol_bytes", "Bytes of them.", "proven_bytes"),
            ("watchkeep_patrol_damaged_files", "Those of them that were damaged.", "rotten"),
            ("watchkeep_patrol_walks", "Walks of the patrol that came to the end of the archive.", "walks"),
        ):
            yield CounterMetricFamily(name, text, value=getattr(totals, field))
