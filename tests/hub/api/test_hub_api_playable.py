"""Key-frame-aligned groups: what a player gets of chunks with holes, several files and several epochs."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.api.playable import GROUP_NS, Group, decodable, groups
from watchkeep.hub.api.window import NS
from watchkeep.hub.store.model import StoredChunk

FILE = Path("/v/cam0/2026-01-02/03/00-00.000Z.7.0.mp4")


def made(pattern: str, *, epoch: int = 7, path: Path = FILE, start_s: int = 0, first_seq: int = 0) -> list[StoredChunk]:
    """One chunk of a second and 100 bytes per letter: K key, . not, - a hole (the seq is missing)."""
    return [
        StoredChunk(path=path, offset=1000 + 100 * at, length=100, start_ns=(start_s + at) * NS, duration_ns=NS, key=letter == "K",
                    segment_start=at == 0, epoch=epoch, seq=first_seq + at, init_hash=bytes([epoch % 256]) * 32, init_bytes=1000,
                    discontinuity=False, cause="first-start")
        for at, letter in enumerate(pattern) if letter != "-"
    ]  # fmt: skip


def grouped(chunks: list[StoredChunk], start_s: float = 0, *, ended: bool = True) -> list[Group]:
    return list(groups(decodable(chunks, int(start_s * NS)), ended=ended))


def shape(found: list[Group]) -> list[tuple[int, int, bool]]:
    """(start second, seconds, fresh) of each group."""
    return [(group.start_ns // NS, group.duration_ns // NS, group.fresh) for group in found]


def test_groups_end_at_the_first_key_frame_after_four_seconds() -> None:
    assert GROUP_NS == 4 * NS
    assert shape(grouped(made("K.K.K.K.K."))) == [(0, 4, True), (4, 4, False), (8, 2, False)]
    assert shape(grouped(made("K......K."))) == [(0, 7, True), (7, 2, False)]


def test_a_group_is_one_byte_range() -> None:
    (first, second) = grouped(made("K...K."))
    assert (first.offset, first.length) == (1000, 400)
    assert (second.offset, second.length) == (1400, 200)


def test_after_a_hole_nothing_before_the_next_key_frame() -> None:
    assert shape(grouped(made("K..-..K."))) == [(0, 3, True), (6, 2, True)]
    assert shape(grouped(made("K.-K."))) == [(0, 2, True), (3, 2, True)]


def test_a_start_without_a_key_frame_is_left_out() -> None:
    assert shape(grouped(made("..K."))) == [(2, 2, True)]
    assert grouped(made("....")) == []


def test_a_window_starts_at_the_key_frame_before_it() -> None:
    chunks = made("K...K...K...")
    assert shape(grouped(chunks, 6.5)) == [(4, 4, True), (8, 4, False)]
    assert shape(grouped(chunks, 4)) == [(4, 4, True), (8, 4, False)]
    assert shape(grouped(chunks, 3.999)) == [(0, 4, True), (4, 4, False), (8, 4, False)]
    assert grouped(chunks, 12) == []


def test_a_window_that_starts_in_a_gap_starts_behind_it() -> None:
    assert shape(grouped(made("K..") + made("K.", epoch=8, start_s=60), 30)) == [(60, 2, True)]


def test_a_new_epoch_is_fresh_and_a_new_file_is_not() -> None:
    other = FILE.with_name("01-00.000Z.7.4.mp4")
    assert shape(grouped(made("K...") + made("K...", path=other, start_s=4, first_seq=4))) == [(0, 4, True), (4, 4, False)]
    assert shape(grouped(made("K.") + made("K.", epoch=8, start_s=2))) == [(0, 2, True), (2, 2, True)]


def test_one_gop_over_two_files_is_two_byte_ranges() -> None:
    other = FILE.with_name("01-00.000Z.7.2.mp4")
    found = grouped(made("K.") + made("..", path=other, start_s=2, first_seq=2))
    assert [(group.path, group.fresh) for group in found] == [(FILE, True), (other, False)]


def test_while_it_grows_the_last_group_is_left_out() -> None:
    assert shape(grouped(made("K...K."), ended=False)) == [(0, 4, True)]
    assert grouped(made("K."), ended=False) == []


@given(st.text("K.-", max_size=60), st.integers(0, 60))
def test_every_group_starts_with_a_key_frame_and_no_decodable_chunk_is_lost(pattern: str, start_s: int) -> None:
    chunks = made(pattern)
    found = grouped(chunks, start_s)
    keys = {chunk.offset for chunk in chunks if chunk.key}
    assert all(group.offset in keys for group in found)
    served = {at for group in found for at in range(group.offset, group.offset + group.length, 100)}
    wanted, decodes = set(), False
    for at, letter in enumerate(pattern):
        decodes = letter == "K" or (decodes and letter == ".")
        if decodes and at >= start_s:
            wanted.add(1000 + 100 * at)
    assert wanted <= served
    assert all(offset >= 1000 + 100 * start_s or offset < min(wanted, default=0) for offset in served - wanted)
