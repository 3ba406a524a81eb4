"""site.toml: compared, refused whole, shown before anything happens, and written back."""

from pathlib import Path

import pytest
from site_kit import Book, camera, put

from watchkeep.hub.directory.rules import problems
from watchkeep.hub.directory.site import Change, Key, Site
from watchkeep.hub.directory.sitefile import ORDER, changes, check, difference, read, text
from watchkeep.hub.directory.siteplaces import Places
from watchkeep.wire.errors import ConfigError

FILE = b"""
[[archiver]]
id = "a"
url = "http://10.0.0.2:9701"

[[camera]]
id = "cam0"
url = "rtsp://10.0.0.9/door"
copies = 1
archivers = ["a"]

[[camera]]
id = "cam1"
host = "10.0.0.8"
profile = "axis"
"""


def applied(site: Site, data: bytes) -> tuple[Change, ...]:
    return changes(site, *read("site.toml", data))


def test_a_file_makes_a_site_and_then_changes_nothing_more() -> None:
    book = Book(*applied(Site(), FILE))
    assert sorted(map(str, book.site.keys())) == ["archiver/a", "camera/cam0", "camera/cam1"]
    assert applied(book.site, FILE) == ()


def test_what_a_file_does_not_mention_stays_and_what_it_leaves_out_goes() -> None:
    book = Book(*applied(Site(), FILE))
    book.edit(put("location/hq"), camera(7))
    found = applied(book.site, FILE)
    assert [(str(change.key), change.value) for change in found] == [("camera/cam7", None)]
    assert changes(book.site, *read("site.toml", FILE), remove=False) == ()


def test_every_change_names_the_revision_that_it_was_compared_with() -> None:
    book = Book(*applied(Site(), FILE))
    found = applied(book.site, FILE.replace(b"copies = 1\n", b""))
    assert [(change.key.id, change.was) for change in found] == [("cam0", 1)]
    book.edit(camera(0, name="somebody else's"))
    assert [problem.code for problem in problems(book.site, found)] == ["stale"]


def test_the_difference_is_shown_in_a_persons_order() -> None:
    book = Book(camera(0, copies=1), camera(5), put("archiver/b"))
    found = applied(book.site, FILE)
    assert [one.line() for one in difference(book.site, found)] == [
        "+ archiver/a: url http://10.0.0.2:9701",
        "- archiver/b",
        "~ camera/cam0: url rtsp://10.0.0.0/s0 → rtsp://10.0.0.9/door, archivers (default) → a",
        "+ camera/cam1: host 10.0.0.8, profile axis",
        "- camera/cam5",
    ]


@pytest.mark.parametrize(("data", "key", "reason"), [
    (b"[[camera]\n", "", "not TOML"),
    (b"\xff", "", "not TOML"),
    (b"[[tree]]\nid = 'oak'\n", "tree", "no kind"),
    (b"[camera]\nid = 'x'\n", "camera", "one table"),
    (b"camera = 3\n", "camera", "one table"),
    (b"camera = [3]\n", "camera[0].id", "missing"),
    (b"[[camera]]\nhost = 'h'\n", "camera[0].id", "missing"),
    (b"[[group]]\nid = 'g'\n[[group]]\nid = 'g'\n", "group[1].id", "twice"),
])  # fmt: skip
def test_what_is_no_site_is_refused_with_its_key(data: bytes, key: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        read("site.toml", data)
    assert caught.value.key == key
    assert caught.value.remedy


def test_one_wrong_line_refuses_the_whole_file_and_all_of_them_are_told() -> None:
    data = FILE.replace(b'archivers = ["a"]', b'archivers = ["z"]').replace(b'profile = "axis"', b"copys = 2")
    with pytest.raises(ConfigError) as caught:
        check("site.toml", data, Site(), applied(Site(), data))
    assert caught.value.key == "camera/cam1.copys"
    assert "did you mean copies?" in caught.value.line()
    assert caught.value.file == "site.toml:15"
    data = FILE.replace(b'archivers = ["a"]', b'archivers = ["z"]').replace(b'profile = "axis"', b'group = "none"')
    with pytest.raises(ConfigError) as caught:
        check("site.toml", data, Site(), applied(Site(), data))
    assert "archiver 'z'" in caught.value.line()
    assert caught.value.file == "site.toml:6", "the line of the entity, where it is a reference that is wrong"
    assert "\nsite.toml:12: camera/cam1: names group 'none'" in caught.value.line()


def test_a_line_is_told_where_it_is_known_and_none_where_it_is_not() -> None:
    places = Places(FILE + b"[[window]]\nid = 'w'\n  end_s=1 # x\n")
    assert [places.line(path) for path in ("camera", "camera[1].host", "camera/cam1.profile", "camera/cam0", "window/w.end_s")] == [
        6, 14, 15, 6, 18]  # fmt: skip
    assert [places.line(path) for path in ("camera/none", "camera[7].id", "tree", "", "group/g")] == [None] * 5
    inline = Places(b"camera = [{id = 'x', host = 'h'}, {id = 'y', host = 'h'}]\n")
    assert inline.line("camera/y.host") is None
    assert Places(b"[[camera]\n").line("camera") is None


def test_a_default_that_is_written_out_is_no_difference() -> None:
    book = Book(put("group/g", copies=1, priority=5), put("camera/cam0", url="rtsp://h/s", copies=None, mbit_s=4.0))
    assert applied(book.site, b"[[group]]\nid='g'\n[[camera]]\nid='cam0'\nurl='rtsp://h/s'\nmbit_s=4\n") == ()


def test_a_site_comes_back_from_its_text() -> None:
    book = Book(put("location/hq", name='two "quoted" \\ words ü'), put("archiver/a", max_mbit_s=12.5),
                put("agent/edge-1", standby=True, reaches=["hq"]),
                put("group/g", archivers=["a"]), camera(0, group="g", name=None), put("server/d1", url="http://d1:1", rank=0),
                put("role/backup", servers=["d1"]), put("window/w", kind="agent", target="edge-1", start_s=1.0, end_s=2.0))  # fmt: skip
    kinds, wanted = read("site.toml", text(book.site).encode())
    assert kinds == set(ORDER)
    again = Book(*(Change(key, value) for key, value in wanted.items()))
    assert {key: again.site.get(key).value for key in again.site.keys()} == {  # type: ignore[union-attr] # noqa: SIM118
        key: {name: item for name, item in book.site.get(key).value.items() if item is not None} for key in book.site.keys()}  # type: ignore[union-attr] # noqa: SIM118 # fmt: skip
    assert again.site.get(Key("location", "hq")).value["name"] == 'two "quoted" \\ words ü'  # type: ignore[union-attr]


def test_the_sample_describes_a_site() -> None:
    data = (Path(__file__).parents[3] / "docs" / "examples" / "site.toml").read_bytes()
    found = applied(Site(), data)
    check("site.toml", data, Site(), found)
    assert {change.key.kind for change in found} == {"location", "archiver", "agent", "group", "camera"}
    assert Places(data).line("camera/gate.profile") == data.decode().splitlines().index(
        'profile = "axis"                   # firmware-profiles/cameras knows its URL') + 1  # fmt: skip
