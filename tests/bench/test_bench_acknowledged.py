"""Whether edits that were acknowledged are found again in journals: tests/bench/acknowledged.py."""

from acknowledged import Acknowledged, lost, told


def change(value):
    return {"entity": "camera", "id": "cam0", "value": value, "was": None}


def edit(*values):
    return {"changes": [change(value) for value in values], "note": ""}


def book(count):
    made = Acknowledged()
    values = [made.value() for _ in range(count)]
    for value in values:
        made.take(value)
    return made, values


def test_each_edit_is_told_from_all_others_and_only_what_was_answered_counts():
    made, values = book(3)
    made.value()  # refused
    assert len({value["name"] for value in values}) == made.count == 3
    assert made.missing({"a": [edit(*values)]}) == {}


def test_what_one_server_lacks_is_named_and_counted_once():
    made, (first, second, third) = book(3)
    found = made.missing({"a": [edit(first), edit(second), edit(third)], "b": [edit(first)], "c": [edit(first), edit(second)]})
    assert found == {"b": [second["name"], third["name"]], "c": [third["name"]]}
    assert lost(found) == 2
    assert told(found) == f"; b lacks 2: {second['name']}, {third['name']}; c lacks 1: {third['name']}"
    assert (lost({}), told({})) == (0, "")


def test_an_edit_that_is_kept_for_an_operator_is_not_lost_and_other_entries_are_none():
    made, (first, second) = book(2)
    kept = {"origin": "h", "entries": [{"actor": "ops", "changes": [change(first)], "now": {}}], "why": "both sides", "of": ["h"]}
    other = [{"server": "a"}, {"recorders": {}, "archivers": {}}, edit(None), {"changes": [], "note": "merged", "of": ["h"]}]
    assert made.missing({"a": [*other, kept]}) == {"a": [second["name"]]}
