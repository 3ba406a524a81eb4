"""Where archivers are: the site's word goes before mDNS, and who was shown stays known."""

from site_kit import Book, put

from watchkeep.hub.directory.whereabouts import MAX_SHOWN, Whereabouts


def test_the_sites_address_goes_first_and_who_is_shown_no_more_stays_known() -> None:
    where, site = Whereabouts(), Book(put("archiver/a", url="http://a:1"), put("archiver/b"), put("archiver/c")).site
    assert where.of(site) == {"a": "http://a:1"}
    where.shown({"a": "http://liar:1", "b": "http://b:1", "x": "http://x:1"})
    assert where.of(site) == {"a": "http://a:1", "b": "http://b:1"}
    where.shown({"c": "http://c:1"})
    assert where.of(site) == {"a": "http://a:1", "b": "http://b:1", "c": "http://c:1"}
    where.shown({"b": "http://b:2"})
    assert where.of(site)["b"] == "http://b:2"


def test_whoever_announces_much_puts_out_nobody_who_is_shown() -> None:
    where, site = Whereabouts(), Book(put("archiver/b"), put("archiver/c")).site
    where.shown({"c": "http://c:1"})
    for number in range(3):
        where.shown({"b": "http://b:1", **{f"x{number}-{one}": "http://x:1" for one in range(MAX_SHOWN - 1)}})
    assert where.of(site) == {"b": "http://b:1"}
