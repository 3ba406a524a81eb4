"""Directory servers on PostgreSQL with real processes: the primary is killed and its streaming standby promoted under writes."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from directory_kit import CAMERA
from directory_site import DirectorySite, directory_site
from postgres import PASSWORD, USER, Server, folder
from wksite import free_port, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


class Writer:
    """Puts one camera after the other, at each server in turn, and remembers which were answered as made."""

    def __init__(self, site: DirectorySite, names: str) -> None:
        self._clients = [site.clients[name] for name in names]
        self._stop = threading.Event()
        self.made: list[str] = []
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            with suppress(OSError):
                if self._clients[number % len(self._clients)].put(f"camera/cam{number}", CAMERA).status == 200:
                    self.made.append(f"cam{number}")
                    continue
            self._stop.wait(0.05)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary that waits for its standby at every commit, and that standby."""
    with folder() as root:
        primary, standby = Server(root, "primary", free_port()), Server(root, "standby", free_port())
        try:
            primary.make()
            primary.start()
            primary.run("CREATE DATABASE directory")
            standby.copy(primary)
            standby.start()
            primary.close()
            primary.start("synchronous_standby_names=standby")
            wait_until(lambda: primary.run("SELECT sync_state FROM pg_stat_replication") == [("sync",)], 30, "the standby's streaming")
            yield primary, standby
        finally:
            primary.close()
            standby.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorySite]:
    with directory_site(tmp_path) as made:
        yield made


def test_no_acknowledged_edit_is_lost_when_the_standby_is_promoted_under_writes(site: DirectorySite, pair: tuple[Server, Server]) -> None:
    primary, standby = pair
    site.servers("ab", more=f'database = "{primary.url("directory", standby)}"\n')
    writer = Writer(site, "ab")
    try:
        wait_until(lambda: len(writer.made) >= 30, 30, "edits")
        primary.kill()
        killed = time.monotonic()
        before = len(writer.made)
        assert site.clients["b"].get("/v1/site/camera/cam1").status == 200, "reads go on"
        standby.promote()
        wait_until(lambda: len(writer.made) >= before + 30, 60, "edits after the promotion")
        assert time.monotonic() - killed < 40
    finally:
        writer.stop()
    wait_until(lambda: site.leader("ab") != "", 20, "one leader, equal journals")
    for name in "ab":
        there = set(site.clients[name].get("/v1/site/camera").json())
        assert set(writer.made) - there == set(), "acknowledged, and lost"
    leader = site.leader("ab")
    site.kill(leader)
    wait_until(lambda: site.takes("ab".replace(leader, ""), "after"), 30, "edits by the other server")
    said = site.log("a") + site.log("b") + "".join(payload.decode(errors="replace") for payload in list(site.heard))
    assert PASSWORD not in said
    assert USER not in said
