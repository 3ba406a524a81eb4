"""Directory servers as real processes: four of five lost at once, databases lost and corrupted; a server that is back has everything."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from directory_kit import CAMERA
from directory_site import DirectorySite, Reader, directory_site
from wksite import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
WRITES_AGAIN_S = 10.0
"""Measured: 1.7 s (`./run reliability directory`); here the machine may be busy with other tests."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorySite]:
    with directory_site(tmp_path) as made:
        yield made


def test_the_last_of_five_servers_goes_on_and_the_others_get_everything_from_it(site):
    site.servers("abcde")
    last = next(name for name in "edcba" if name != site.leader("abcde"))
    lost = "abcde".replace(last, "")
    assert site.clients[last].put("camera/early", CAMERA).json()["copies"] >= 2
    wait_until(lambda: site.leader("abcde") != "", 20, "equal journals")
    reader = Reader([site.clients[last]], "early")
    try:
        for name in lost:
            site.kill(name)
        began = time.monotonic()
        wait_until(lambda: site.takes(last, "alone"), 30, "writes at the last one")
        assert time.monotonic() - began < WRITES_AGAIN_S
    finally:
        reader.stop()
    assert reader.failed == []
    alone = site.clients[last].put("camera/alone", {**CAMERA, "name": "once more"}).json()
    assert alone["copies"] == 1, "it says that it has the only one"
    empty, corrupt = lost[:2]
    for path in (site.folder / empty).glob("directory.sqlite*"):
        path.unlink()
    database = site.folder / corrupt / "directory.sqlite"
    for path in database.parent.glob("directory.sqlite-*"):
        path.unlink()
    database.write_bytes(b"\0" * 4096 + database.read_bytes()[4096:])
    site.start(corrupt)
    site.start(empty)
    wait_until(lambda: not site.members[corrupt].running, 20, "the refusal of a corrupted database")
    assert "directory.database" in site.log(corrupt).splitlines()[-1]
    site.members[corrupt].reaped = True
    database.unlink()
    site.start(corrupt)
    back = last + empty + corrupt
    wait_until(lambda: site.leader(back) == last, 40, "the others' following")
    assert [site.cameras_at(name) for name in back] == [{"early", "alone"}] * 3
    assert site.clients[empty].put("camera/late", CAMERA).json()["copies"] >= 2
