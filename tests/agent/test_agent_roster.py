"""What has to change from one list of cameras to another: agent/roster.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.roster import NAMED, Changes, Source, Wanted, compare


def wanted(name, *, url="rtsp://u:secret@h/x", transport="tcp", copies=1, archivers=None, priority=5, term=0, **habits):
    return Wanted(Source(url, transport, **habits), CameraPolicy(name, copies, archivers, priority), term)


BEFORE = {name: wanted(name) for name in ("cam0", "cam1", "cam2")}


@pytest.mark.parametrize(("change", "what"), [
    ({"url": "rtsp://h/y"}, "turned"),
    ({"transport": "udp"}, "turned"),
    ({"first_pause_s": 3.0}, "turned"),
    ({"timestamps_reliable": False}, "turned"),
    ({"url": "rtsp://h/y", "copies": 2}, "turned"),
    ({"url": "rtsp://h/y", "term": 8}, "turned"),
    ({"term": 8}, "renumbered"),
    ({"term": 8, "copies": 2}, "renumbered"),
    ({"copies": 2}, "rekept"),
    ({"archivers": ("a",)}, "rekept"),
    ({"priority": 9}, "rekept"),
])  # fmt: skip
def test_what_changes_of_one_camera_is_said_of_it_alone(change, what):
    assert compare(BEFORE, BEFORE | {"cam1": wanted("cam1", **change)}) == Changes(**{what: ("cam1",)})


def test_cameras_that_come_and_go():
    after = {"cam9": wanted("cam9"), "cam1": BEFORE["cam1"]}
    changes = compare(BEFORE, after)
    assert changes == Changes(added=("cam9",), removed=("cam0", "cam2"))
    assert str(changes) == "cam9 is added, cam0 and cam2 are removed"


def test_the_same_in_another_order_is_no_change():
    changes = compare(BEFORE, dict(reversed(BEFORE.items())))
    assert not changes
    assert str(changes) == ""


def test_a_long_list_is_counted_and_no_address_is_ever_shown():
    many = {f"cam{number}": wanted(f"cam{number}") for number in range(NAMED + 3)}
    assert str(compare({}, many)).endswith(f"cam{NAMED - 1} and 3 more are added")
    assert "secret" not in repr(many)


sites = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(0, 1)))


@given(sites, sites)
def test_every_camera_stands_in_one_list_at_most_and_in_none_exactly_when_nothing_of_it_changed(before, after):
    made = [{name: wanted(name, url=f"rtsp://h/{url}", copies=copies, term=term) for name, (url, copies, term) in site.items()}
            for site in (before, after)]  # fmt: skip
    changes = compare(*made)
    named = [*changes.added, *changes.turned, *changes.renumbered, *changes.rekept, *changes.removed]
    assert sorted(named) == sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    assert bool(changes) == bool(named)
