"""mDNS over loopback: found, renamed, withdrawn, in conflict, foreign, and machines where it cannot run."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire import mdns
from watchkeep.wire.errors import DiscoveryError, UsageError, WatchkeepError
from watchkeep.wire.mdns import Announcement, Found, Sightings
from watchkeep.wire.shell import mdns as shell
from watchkeep.wire.shell.mdns import Advertiser, Browser, OnClash

LOOPBACK = ["127.0.0.1"]
WAIT_S = 15.0


class Watch:
    """A browser whose reports can be waited for."""

    def __init__(self, site: str, on_clash: OnClash | None = None) -> None:
        self.hubs: dict[str, Found] = {}
        self._changed = threading.Condition()
        self.browser = Browser(LOOPBACK, site, self._report, on_clash)

    def _report(self, hubs: dict[str, Found]) -> None:
        with self._changed:
            self.hubs = hubs
            self._changed.notify_all()

    def until(self, condition: Callable[[dict[str, Found]], bool]) -> dict[str, Found]:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.hubs), WAIT_S), f"still {self.hubs}"
            return self.hubs


@pytest.fixture
def site() -> str:
    """A site of this run only, so that hubs of other tests on this machine stay out of sight."""
    return f"site-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def watch(site: str) -> Iterator[Watch]:
    one = Watch(site)
    one.browser.start()
    yield one
    one.browser.stop()


@pytest.fixture
def announce() -> Iterator[Callable[..., Advertiser]]:
    started: list[Advertiser] = []

    def start(hub: str, site: str, port: int, roles: tuple[str, ...] = ("archiver",)) -> Advertiser:
        one = Advertiser(Announcement(hub, roles, site, "0.1.0"), port, interfaces=LOOPBACK)
        one.start()
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


def test_a_hub_is_found_with_what_it_says_and_withdrawn_when_it_stops(watch: Watch, announce: Callable[..., Advertiser], site: str) -> None:
    hub = f"hub-{site}"
    advertiser = announce(hub, site, 9701, ("archiver", "broker"))
    assert watch.until(lambda hubs: hub in hubs)[hub] == Found(hub, "http://127.0.0.1:9701", ("archiver", "broker"), site, "0.1.0")
    advertiser.stop()
    assert watch.until(lambda hubs: not hubs) == {}


def test_a_browser_that_starts_later_finds_the_hub(announce: Callable[..., Advertiser], site: str) -> None:
    announce(f"hub-{site}", site, 9702)
    late = Watch(site)
    late.browser.start()
    try:
        late.until(lambda hubs: f"hub-{site}" in hubs)
    finally:
        late.browser.stop()


def test_two_hubs_with_one_id_get_two_names_and_the_first_is_kept_and_reported(
    watch: Watch, announce: Callable[..., Advertiser], site: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub = f"hub-{site}"
    first = announce(hub, site, 9703)
    watch.until(lambda hubs: hub in hubs)
    second = announce(hub, site, 9704)
    assert first.instance != second.instance
    deadline = time.monotonic() + WAIT_S
    while not watch.browser.conflicts and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert watch.browser.conflicts == {hub: ("http://127.0.0.1:9703", "http://127.0.0.1:9704")}
    assert watch.hubs[hub].url == "http://127.0.0.1:9703"
    assert "two hubs announce one id" in caplog.text
    first.stop()
    watch.until(lambda hubs: hub in hubs and hubs[hub].url == "http://127.0.0.1:9704")


def test_an_id_with_two_addresses_is_that_of_the_one_that_answers(announce: Callable[..., Advertiser], site: str,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The first was killed and stays listed; then it is back while the second lives, which is a clash; then the second dies too."""
    monkeypatch.setattr(shell, "RECHECK_S", 0.1)
    hub, clashes = f"hub-{site}", list[tuple[str, tuple[str, ...]]]()
    watch = Watch(site, lambda name, urls: clashes.append((name, urls)))
    watch.browser.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as one:
            ports = [server.getsockname()[1] for server in (one, other)]
            urls = [f"http://127.0.0.1:{port}" for port in ports]
            one.close()
            announce(hub, site, ports[0])
            assert watch.until(lambda hubs: hub in hubs)[hub].url == urls[0]
            announce(hub, site, ports[1])
            watch.until(lambda hubs: hubs[hub].url == urls[1])
            assert clashes == []
            with socket.create_server(("127.0.0.1", ports[0])):
                deadline = time.monotonic() + WAIT_S
                while not clashes and time.monotonic() < deadline:
                    threading.Event().wait(0.02)
                assert clashes == [(hub, (urls[1], urls[0]))]
                assert watch.hubs[hub].url == urls[1], "who serves stays"
                other.close()
                watch.until(lambda hubs: hubs[hub].url == urls[0])
            assert len(clashes) == 1
    finally:
        watch.browser.stop()


def test_hubs_of_other_sites_are_not_reported(watch: Watch, announce: Callable[..., Advertiser], site: str) -> None:
    announce(f"other-{site}", "another-site", 9705)
    announce(f"ours-{site}", site, 9706)
    assert list(watch.until(bool)) == [f"ours-{site}"]


def test_where_mdns_cannot_run_it_says_so_and_leaves_nothing_behind(site: str) -> None:
    elsewhere = ["203.0.113.1"]
    for one in (Advertiser(Announcement("h", ("archiver",), site, "1"), 1, interfaces=elsewhere), Browser(elsewhere, site, print)):
        with pytest.raises(DiscoveryError) as caught:
            one.start()
        assert caught.value.remedy
        one.stop()


def test_an_interface_that_is_no_address_is_a_usage_error(site: str) -> None:
    with pytest.raises(UsageError):
        Browser(["eth0"], site, print).start()


def found(hub: str, url: str, site: str = "s") -> Found:
    return Found(hub, url, ("archiver",), site, "1")


def test_the_same_hub_under_two_names_is_no_conflict() -> None:
    sightings = Sightings("s")
    sightings.saw("a", found("a", "http://1"))
    sightings.saw("a-2", found("a", "http://1"))
    assert sightings.conflicts() == {}
    sightings.gone("a")
    assert sightings.hubs() == {"a": found("a", "http://1")}


def test_a_hub_that_moves_to_another_site_is_gone_here() -> None:
    sightings = Sightings("s")
    sightings.saw("a", found("a", "http://1"))
    sightings.saw("a", found("a", "http://1", "t"))
    assert sightings.hubs() == {}


def test_of_all_sites_one_id_may_be_several_hubs_and_is_no_conflict() -> None:
    sightings, ours, theirs = Sightings(None), found("a", "http://1"), found("a", "http://2", "t")
    for instance, one in (("x", ours), ("x-2", ours), ("y", theirs)):
        sightings.saw(instance, one)
    assert (sightings.all(), sightings.conflicts()) == ((ours, theirs), {})
    sightings.saw("z", found("a", "http://3", "t"))
    assert sightings.conflicts() == {"a": ("http://2", "http://3")}


def test_a_flood_of_announcements_is_bounded_and_counted() -> None:
    sightings = Sightings("s")
    for number in range(mdns.MAX_SIGHTINGS + 5):
        sightings.saw(f"n{number}", found(f"n{number}", "http://1"))
    assert len(sightings.hubs()) == mdns.MAX_SIGHTINGS
    assert sightings.ignored == 5


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=80)))
def test_any_txt_record_is_read_or_refused(txt: dict[str, str]) -> None:
    try:
        said = mdns.parse_txt(txt)
    except WatchkeepError:
        return
    assert mdns.parse_txt(said.txt()) == said


def test_an_announcement_survives_its_txt_record() -> None:
    said = Announcement("a", ("archiver", "broker"), "demo", "0.1.0")
    assert mdns.parse_txt(said.txt()) == said
