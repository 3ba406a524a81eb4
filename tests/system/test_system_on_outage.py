"""`journal.mode = "on-outage"` with real processes: the disk is spared while archivers answer, and holds what they miss."""

import pytest
from wksite import all_frames, site_in, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def test_nothing_reaches_the_disk_until_both_archivers_are_away_and_nothing_is_lost(tmp_path):
    with site_in(tmp_path) as site:
        site.archivers("a", "b")
        frames = 20 * 25
        urls = site.source("--frames", str(frames), "--fps", "25", "--size", "320x180", cameras=1)
        site.agent(urls, archivers=["a", "b"], copies=2, extra='mode = "on-outage"')
        wait_until(lambda: site.frames("cam0") >= 150, 60, "frame 150")
        assert list((tmp_path / "edge-1" / "journal").glob("*.wkj")) == []
        for name in "ab":
            site.kill(name)
        wait_until(lambda: list((tmp_path / "edge-1" / "journal").glob("*.wkj")) != [], 30, "a journal file")
        for name in "ab":
            site.start(name)
        wait_until(lambda: site.frames("cam0") >= frames, 60, "all frames' arrival")
        site.settled()
        site.stop_all("edge-1", "a", "b")
        assert site.same("a", "b")
        all_frames(site.proof("a").camera("cam0"), frames)
