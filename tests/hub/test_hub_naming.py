"""The first few names, and how many there are besides."""

from watchkeep.hub.naming import NAMED, listed


def test_as_many_as_are_named_and_the_rest_counted() -> None:
    names = [f"cam{number}" for number in range(NAMED + 2)]
    assert listed(names[:2]) == "cam0, cam1"
    assert listed(names[:NAMED]).endswith(f", cam{NAMED - 1}")
    assert listed(tuple(names)).endswith(f", cam{NAMED - 1} and 2 more")
    assert listed([]) == ""
