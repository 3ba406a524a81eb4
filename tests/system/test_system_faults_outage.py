"""Both archivers away and back, and what an agent sends replayed, mixed up, doubled and cut: one archive, live video first."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from faultproxy import Mode
from faultrig import FPS, SMALL, FaultSite, fault_site
from wksite import all_frames, wait_until

from watchkeep.agent.replicate.lanes import LIVE_S
from watchkeep.wire import WIRE_VERSION
from watchkeep.wire import http as names
from watchkeep.wire.record import RecordKind, iter_records

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
OUTAGE_CHUNKS = 16
"""Longer than the live lane reaches back, so that there is something to catch up."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def test_after_an_outage_of_both_archivers_everything_arrives_live_first_and_its_requests_in_any_order_are_one_archive(site):
    site.archivers("a", "b")
    proxies = [site.behind_proxy(name, keep_bodies=True) for name in "ab"]
    frames = 26 * FPS
    urls = site.source("--frames", str(frames), *SMALL, cameras=1)
    site.record(urls, copies=2, segment_s=2.0)
    site.recording(1)
    wait_until(lambda: min(site.newest("a"), site.newest("b")) >= 2, 30, "recording")
    for proxy in proxies:
        proxy.set(Mode.RESET)
    known, began = len(proxies[0].bodies), site.view.cameras["cam0"].chunks
    wait_until(lambda: site.view.cameras["cam0"].chunks >= began + OUTAGE_CHUNKS, 40, "a backlog")
    assert site.view.cameras["cam0"].protection == "unprotected"
    back_at = site.view.cameras["cam0"].chunks
    for proxy in proxies:
        proxy.set(Mode.PASS)
    wait_until(lambda: site.frames("cam0") >= frames, 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    assert site.same("a", "b")
    all_frames(site.proof("a").camera("cam0"), frames)
    order = [seq for body in proxies[0].bodies[known:] for seq in chunks_of(body)]
    live_from = back_at - int(LIVE_S) - 3
    old = [at for at, seq in enumerate(order) if seq < live_from]
    assert old, "the outage was longer than the live lane reaches back"
    newest = back_at - 1  # of those cut when they came back; back_at itself may be cut when the backlog has gone already
    assert order.index(newest) < min(old), "what was cut when they came back went before what was cut at the outage's beginning"
    replayed_is_the_same(site, proxies[0].bodies, Random(12))


def chunks_of(body: bytes) -> list[int]:
    return [header.seq for header, _ in iter_records(body) if header.kind is RecordKind.CHUNK]


def replayed_is_the_same(site: FaultSite, bodies: list[bytes], random: Random) -> None:
    """Everything that a was sent goes to c: cut anywhere, in any order and twice, then as it was."""
    site.archivers("c")
    bodies = [body for body in bodies if chunks_of(body)]
    mixed = random.sample(bodies, len(bodies)) * 2
    cut = [body[: random.randrange(1, len(body))] for body in mixed]
    assert {post(site, body) for body in cut} <= {200, 400}, "a cut between two records is a batch of its own; any other is refused whole"
    for body in mixed + bodies:
        assert post(site, body) == 200
    site.stop_all("c")
    assert site.same("a", "c")


def post(site: FaultSite, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port("c"), timeout=10)
    try:
        connection.request("POST", names.APPEND, body, {"Content-Type": names.RECORDS_TYPE, names.VERSION_HEADER: str(WIRE_VERSION)})
        return connection.getresponse().status
    finally:
        connection.close()
