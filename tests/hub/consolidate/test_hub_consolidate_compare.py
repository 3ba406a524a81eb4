"""Comparing archives by runs: held against a comparison chunk by chunk, over random archives."""

from dataclasses import replace

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeep.hub.consolidate.compare import Compared, Run, compare, lacking, questions, shared, tidy

Archive = dict[tuple[int, int], bytes]
"""Hash by (epoch, seq)."""
EPOCHS, SEQS = 3, 12


def genuine(epoch: int, seq: int, *, forged_from: int | None = None) -> bytes:
    """The hash of a chunk in a chain; forged_from: the seq from which on the chain is another one."""
    other = forged_from is not None and seq >= forged_from
    return blake3(f"{epoch}/{seq}/{forged_from if other else ''}".encode()).digest()


def cut(archive: Archive, ends: set[tuple[int, int]]) -> list[Run]:
    """The archive as files: a new one after every hole, and wherever `ends` says."""
    runs: list[Run] = []
    for (epoch, seq), digest in sorted(archive.items()):
        last = runs[-1] if runs else None
        if last is None or (last.epoch, last.last + 1) != (epoch, seq) or (last.epoch, last.last) in ends:
            runs.append(Run(epoch, seq, seq, digest, seq * 10, seq * 10 + 10, 100))
        else:
            runs[-1] = replace(last, last=seq, last_hash=digest, end_ns=seq * 10 + 10, bytes=last.bytes + 100)
    return runs


def compared(mine: Archive, my_runs: list[Run], theirs: Archive, their_runs: list[Run]) -> Compared:
    here, there = questions(my_runs, their_runs)
    return compare(my_runs, their_runs, {place: mine[place] for place in here}, {place: theirs[place] for place in there})


places = st.sets(st.tuples(st.integers(0, EPOCHS - 1), st.integers(0, SEQS - 1)))
names = st.tuples(st.integers(0, EPOCHS - 1), st.integers(0, SEQS - 1))


def chunks(runs: tuple[Run, ...]) -> set[tuple[int, int]]:
    return {(run.epoch, seq) for run in runs for seq in range(run.first, run.last + 1)}


def spans(found: tuple[tuple[int, int, int], ...]) -> set[tuple[int, int]]:
    return {(epoch, seq) for epoch, first, last in found for seq in range(first, last + 1)}


@settings(max_examples=80)
@given(a=places, b=places, ends_a=places, ends_b=places)
def test_two_honest_archives_lack_exactly_what_the_other_has_more(a: set, b: set, ends_a: set, ends_b: set) -> None:
    mine, theirs = {place: genuine(*place) for place in a}, {place: genuine(*place) for place in b}
    found = compared(mine, cut(mine, ends_a), theirs, cut(theirs, ends_b))
    assert chunks(found.missing_here) == b - a
    assert chunks(found.missing_there) == a - b
    assert found.same == len(a & b)
    assert found.different == found.unproven == ()


@settings(max_examples=80)
@given(a=places, b=places, ends_a=places, ends_b=places, forged=names)
def test_a_forged_chain_is_different_and_every_forged_chunk_that_both_hold_is_in_it(
        a: set, b: set, ends_a: set, ends_b: set, forged: tuple[int, int]) -> None:  # fmt: skip
    mine = {place: genuine(*place) for place in a}
    theirs = {(epoch, seq): genuine(epoch, seq, forged_from=forged[1] if epoch == forged[0] else None) for epoch, seq in b}
    my_runs, their_runs = cut(mine, ends_a), cut(theirs, ends_b)
    found = compared(mine, my_runs, theirs, their_runs)
    wrong = {place for place in a & b if mine[place] != theirs[place]}
    assert wrong <= spans(found.different)
    assert bool(wrong) == bool(found.different)
    assert found.same + len(spans(found.different)) == len(a & b)
    assert chunks(found.missing_here) == b - a


@settings(max_examples=60)
@given(a=places, b=places, ends_a=places, ends_b=places, forged=names)
def test_pulling_what_is_missing_makes_the_union_and_never_changes_what_is_held(
        a: set, b: set, ends_a: set, ends_b: set, forged: tuple[int, int]) -> None:  # fmt: skip
    """Both sides pull, as the store lets them: only names that they do not hold."""
    mine = {place: genuine(*place) for place in a}
    theirs = {(epoch, seq): genuine(epoch, seq, forged_from=forged[1] if epoch == forged[0] else None) for epoch, seq in b}
    before_mine, before_theirs = dict(mine), dict(theirs)
    found = compared(mine, cut(mine, ends_a), theirs, cut(theirs, ends_b))
    for place in chunks(found.missing_here):
        assert place not in mine
        mine[place] = before_theirs[place]
    for place in chunks(found.missing_there):
        assert place not in theirs
        theirs[place] = before_mine[place]
    assert mine.keys() == theirs.keys() == a | b
    assert before_mine.items() <= mine.items()
    assert before_theirs.items() <= theirs.items()
    again = compared(mine, cut(mine, ends_a), theirs, cut(theirs, ends_b))
    assert again.missing_here == again.missing_there == ()


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 5)), max_size=8))
def test_overlapping_files_become_disjoint_runs_of_the_same_chunks(files: list[tuple[int, int, int]]) -> None:
    runs = [Run(epoch, first, first + more, genuine(epoch, first + more)) for epoch, first, more in files]
    found = tidy(runs)
    assert chunks(tuple(found)) == chunks(tuple(runs))
    assert len(chunks(tuple(found))) == sum(run.chunks for run in found)
    assert all(run.last_hash == genuine(run.epoch, run.last) for run in found)
    assert found == sorted(found, key=lambda run: (run.epoch, run.first))


def test_an_hour_of_equal_files_asks_nothing() -> None:
    hour = [Run(7, at * 60, at * 60 + 59, genuine(7, at * 60 + 59)) for at in range(60)]
    assert questions(hour, hour) == ([], [])
    assert compare(hour, hour, {}, {}) == Compared(3600, (), (), (), ())


def test_a_file_that_is_being_written_costs_one_question() -> None:
    mine, theirs = [Run(7, 0, 40, b"h40")], [Run(7, 0, 59, b"h59")]
    assert questions(mine, theirs) == ([], [(7, 40)])
    assert questions(theirs, mine) == ([(7, 40)], [])
    assert compare(mine, theirs, {}, {(7, 40): b"h40"}) == Compared(41, (Run(7, 41, 59, b"h59"),), (), (), ())


@pytest.mark.parametrize("answer", [{}, {(7, 40): None}])
def test_a_question_without_an_answer_is_neither_same_nor_different(answer: dict) -> None:
    found = compare([Run(7, 0, 40, b"h40")], [Run(7, 0, 59, b"h59")], {}, answer)
    assert (found.same, found.different, found.unproven) == (0, (), ((7, 0, 40),))
    assert not found.good


def test_bytes_of_a_missing_piece_are_its_share() -> None:
    assert [run.bytes for run in lacking([Run(7, 0, 4, b"")], [Run(7, 0, 9, b"", 0, 10, 1000)])] == [500]


def test_shared_ranges_lie_in_one_run_of_each() -> None:
    mine, theirs = [Run(7, 0, 9, b""), Run(8, 0, 9, b"")], [Run(7, 5, 7, b""), Run(7, 8, 20, b"")]
    assert [(both.first, both.last) for both in shared(mine, theirs)] == [(5, 7), (8, 9)]
