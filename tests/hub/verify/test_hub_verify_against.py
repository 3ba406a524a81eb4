"""Two archives compared chunk by chunk."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from verify_archive import Recorder, sealed, volume, write

from watchkeep.hub.verify.against import compare_paths
from watchkeep.hub.verify.compare import compare
from watchkeep.hub.verify.report import Difference

NAMES = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 9)), st.sampled_from([b"x", b"y"]))


def keys(differences: tuple[Difference, ...]) -> set[tuple[int, int]]:
    return {(one.epoch, seq) for one in differences for seq in range(one.first_seq, one.last_seq + 1)}


@given(NAMES, NAMES)
def test_the_comparison_is_that_of_two_dictionaries(here: dict[tuple[int, int], bytes], there: dict[tuple[int, int], bytes]) -> None:
    found = compare("cam0", sorted(here.items()), sorted(there.items()))
    common = here.keys() & there.keys()
    assert keys(found.missing_here) == there.keys() - here.keys()
    assert keys(found.missing_there) == here.keys() - there.keys()
    assert keys(found.different) == {key for key in common if here[key] != there[key]}
    assert found.same == sum(here[key] == there[key] for key in common)
    assert found.good == (here == there)


def test_the_same_chunks_in_other_files_are_the_same(tmp_path: Path) -> None:
    chunks = Recorder(per_file=10).record(10).files[0]
    here, there = volume(tmp_path / "a"), volume(tmp_path / "b")
    write(here, chunks)
    for part in (chunks[:4], chunks[2:6], chunks[6:]):
        write(there, part)
    found = compare_paths([here], [there])
    assert found.good
    assert [camera.same for camera in found.cameras] == [10]


def test_what_is_missing_or_different_is_named(tmp_path: Path) -> None:
    chunks = Recorder(per_file=10).record(10).files[0]
    epoch = chunks[0][0].epoch
    here, there = volume(tmp_path / "a"), volume(tmp_path / "b")
    write(here, chunks[:8])
    other = sealed(chunks[5][0]._replace(pts=1), [b"other"], [])
    write(there, [*chunks[1:5], other, *chunks[6:]])
    Recorder("cam1").record(1).write(there)
    (one, two) = compare_paths([here], [there]).cameras
    assert one.missing_there == (Difference(epoch=epoch, first_seq=0, last_seq=0),)
    assert one.missing_here == (Difference(epoch=epoch, first_seq=8, last_seq=9),)
    assert one.different == (Difference(epoch=epoch, first_seq=5, last_seq=5),)
    assert (two.camera, two.missing_here) == ("cam1", (Difference(epoch=epoch, first_seq=0, last_seq=0),))


def test_a_torn_file_counts_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    chunks = Recorder(per_file=10).record(4).files[0]
    here, there = volume(tmp_path / "a"), volume(tmp_path / "b")
    write(here, chunks)
    torn = write(there, chunks)
    torn.write_bytes(torn.read_bytes()[:-10])
    (camera,) = compare_paths([here], [there]).cameras
    assert keys(camera.missing_there) == {(chunks[3][0].epoch, 3)}
