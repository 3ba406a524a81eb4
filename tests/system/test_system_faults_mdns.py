"""Archivers known by mDNS alone: none yet, dead and still listed, moved, one id twice, and mDNS switched off; nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import FPS, SMALL, FaultSite, fault_site
from wksite import wait_until

from watchkeep.wire.causes import EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def more(site: FaultSite, what: str, archiver: str = "a", camera: str = "cam1") -> None:
    """Wait until an archiver has two more durable chunks of a camera."""
    before = site.newest(archiver, camera)
    wait_until(lambda: site.newest(archiver, camera) >= before + 2, 60, what)


def told(site: FaultSite, kind: EventKind, text: str) -> bool:
    return any(event.kind is kind and text in event.text for event in list(site.view.events))


def move(site: FaultSite, name: str) -> None:
    """The archiver that was killed starts again on another port, under the same id, with what it holds."""
    old = site.ports.pop(name)
    config = site.folder / f"hub-{name}.toml"
    config.write_text(config.read_text().replace(f":{old}", f":{site.port(name)}"))
    site.urls[name] = f"http://127.0.0.1:{site.port(name)}"
    site.again(name)


def impostor(site: FaultSite, name: str, like: str) -> None:
    """Another archiver with another volume that goes by the id of the first."""
    (site.folder / f"volume-{name}").mkdir()
    text = (site.folder / f"hub-{like}.toml").read_text().replace(f"hub-{like}", f"hub-{name}").replace(f"volume-{like}", f"volume-{name}")
    config = site.folder / f"hub-{name}.toml"
    config.write_text(text.replace(f":{site.port(like)}", f":{site.port(name)}"))
    site.add(name, ["hub", "run", "-c", str(config)])
    site.wait_listening(name, "the impostor")


def test_archivers_that_only_mdns_knows_may_come_die_move_and_meet_their_double(site):
    """cam0 with copies = 1, cam1 with copies = 2, both on a before b; the agent has no list of its own until the end."""
    urls = site.source(*SMALL[:-1], "2", cameras=2)
    second = f'[[camera]]\nid = "cam1"\nurl = "{urls["cam1"]}"\ncopies = 2\narchivers = ["a", "b"]\n'
    settings = f"[recording]\nsegment_s = 1.0\n[replication]\nfailback_hold_s = 0.0\n{second}"
    site.agent({"cam0": urls["cam0"]}, archivers=["a", "b"], copies=1, extra=settings)
    wait_until(lambda: {state.protection for state in site.view.cameras.values()} == {Protection.UNPROTECTED}, 60, "its being alone")
    assert site.view.agents["edge-1"].links == ()
    assert site.view.agents["edge-1"].journal_bytes > 0
    site.archivers("a", "b")
    wait_until(lambda: {state.protection for state in site.view.cameras.values()} == {Protection.PROTECTED}, 60, "both copies")
    site.settled()

    more(site, "cam0 on a", camera="cam0")
    site.kill("a")
    more(site, "cam0 on b, although mDNS lists a", "b", "cam0")
    more(site, "cam1 on b", "b", "cam1")
    assert told(site, EventKind.TAKEOVER, "archiver a")

    move(site, "a")
    more(site, "a's being found at its new address")
    site.settled()
    assert not told(site, EventKind.TAMPER, ""), "its old address does not answer"

    impostor(site, "double", like="a")
    wait_until(lambda: told(site, EventKind.TAMPER, "two hubs announce the id a"), 60, "a word about the double")
    more(site, "recording on the a that was there first")
    site.settled()

    site.stop_all("edge-1", "double")
    config = site.folder / "edge-1.toml"
    listed = f'[[archiver]]\nid = "b"\nurl = "{site.urls["b"]}"\n'
    config.write_text(config.read_text().replace("mdns = true", "mdns = false").replace("[[camera]]", f"{listed}[[camera]]", 1))
    site.view.cameras.clear()
    site.view.agents.clear()
    site.start("edge-1")
    site.recording(2)
    wait_until(lambda: all(site.newest("a", camera) >= 2 for camera in urls), 60, "recording on a, whose address is remembered")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    for camera, names in (("cam0", ["a", "b"]), ("cam1", ["a"]), ("cam1", ["b"])):
        report = site.union(*names).camera(camera)
        assert report.damage == ()
        assert [gap.cause for gap in report.gaps] == ["agent-down"]
        assert [(one.first, one.missing, one.duplicates) for one in report.sessions] == [(0, (), ())] * 2
        sent = site.sent()[camera]
        assert [session["frames"] - one.frames <= 2 * FPS for session, one in zip(sent, report.sessions, strict=True)] == [True, True]
