"""Consolidation with real processes: what the agent's journal no longer has comes from the other archiver."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from wksite import Site, site_in, wait_until

from watchkeep.hub.consolidate.client import PeerClient, PeerError
from watchkeep.hub.consolidate.diff import diff

pytestmark = pytest.mark.system

QUICK = "[consolidation]\nsettle_s = 1\nevery_s = 3600\n"
_COMMAND = [sys.executable, "-m", "watchkeep.wire.shell.cli", "archive"]


def archive(site: Site, command: str, first: str, second: str) -> subprocess.CompletedProcess[str]:
    urls = [site_url(site, first), site_url(site, second)]
    return subprocess.run([*_COMMAND, command, *urls, "--json"], capture_output=True, text=True, timeout=60, check=False)


def missing_on_b(site: Site) -> int | None:
    """Ranges that a has and b lacks; None while one of the two does not answer."""
    with closing(PeerClient(site_url(site, "a"))) as a, closing(PeerClient(site_url(site, "b"))) as b:
        try:
            return sum(len(camera.missing_b) for camera in diff(a, b).cameras)
        except PeerError:
            return None


def site_url(site: Site, name: str) -> str:
    return f"http://127.0.0.1:{site.port(name)}"


def test_an_archiver_that_was_away_gets_from_its_peer_what_no_journal_has(tmp_path: Path) -> None:
    """a records alone with copies = 1, so the journal lets go of everything.  b, which holds a first piece of the camera, comes
    back, finds a by mDNS, and pulls the rest by itself; a damaged file of a is healed from b afterwards."""
    with site_in(tmp_path) as site:
        urls = site.source("--size", "320x180", "--bitrate", "300k", cameras=1)
        site.archiver("b", extra=QUICK)
        site.agent(urls, archivers=["b"], copies=1, static=True)
        site.recording(1)
        wait_until(lambda: site.frames("cam0") > 25, 30, "a first piece on b")
        site.stop_all("edge-1", "b")
        site.archiver("a", extra=QUICK)
        site.agent(urls, archivers=["a"], copies=1, static=True)
        site.recording(1)
        wait_until(lambda: site.frames("cam0") > 100, 40, "the rest on a")
        site.stop_all("edge-1", "source")
        site.start("b")
        wait_until(lambda: missing_on_b(site) == 0, 40, "b's catching up")
        wait_until(lambda: "filled: " in (site.folder / "b.log").read_text(), 20, "b's word of it")
        assert archive(site, "heal", "a", "b").returncode == 0, "a lacks what b recorded alone"
        assert archive(site, "diff", "a", "b").returncode == 0

        site.stop_all("a")  # which closes its files: only closed ones are proven
        path = max(site.volume("a").rglob("*.mp4"), key=lambda file: file.stat().st_size)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        site.start("a")
        wait_until(lambda: missing_on_b(site) == 0, 20, "the start of a")
        healed = archive(site, "heal", "a", "b")
        assert healed.returncode == 0, healed.stdout + healed.stderr
        (aside,) = json.loads(healed.stdout)["set_aside"]
        assert Path(aside["path"]).read_bytes() == data
        assert len(aside["damaged"]) == 1
        site.stop_all("a", "b")
        assert site.same("a", "b")
        assert not site.proof("a").cameras[0].damage_total
