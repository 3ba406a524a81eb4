"""Which files an export of a window is."""

from test_hub_api_playable import FILE, made

from watchkeep.hub.api.export import Piece, parts
from watchkeep.hub.api.playable import decodable
from watchkeep.hub.api.window import NS, parse_time


def test_adjacent_chunks_are_one_piece_and_a_hole_splits_it() -> None:
    (part,) = parts(decodable(made("K..-K."), 0))
    assert part.pieces == [Piece(FILE, 1000, 300), Piece(FILE, 1400, 200)]
    assert part.media_bytes == 500
    assert (part.start_ns, part.end_ns) == (0, 6 * NS)


def test_another_file_is_another_piece_of_the_same_part() -> None:
    other = FILE.with_name("01-00.000Z.7.2.mp4")
    (part,) = parts(decodable(made("K.") + made("K.", path=other, start_s=2, first_seq=2), 0))
    assert [piece.path for piece in part.pieces] == [FILE, other]


def test_every_epoch_is_a_part_of_its_own() -> None:
    first, second = parts(decodable(made("K.") + made("K..", epoch=8, start_s=10), 0))
    assert (first.epoch, second.epoch) == (7, 8)
    assert second.query() == "start=10.000&end=13.000&epoch=8"
    assert second.file_name("cam0") == "cam0_1970-01-01T00-00-10Z.mp4"


def test_the_query_of_a_part_covers_it() -> None:
    (part,) = parts(decodable(made("K."), 0))
    part.start_ns, part.end_ns = 1_999_999, 2_000_001
    fields = dict(pair.split("=") for pair in part.query().split("&"))
    assert parse_time("start", fields["start"]) <= part.start_ns
    assert parse_time("end", fields["end"]) >= part.end_ns


def test_nothing_is_nothing() -> None:
    assert parts(decodable(made("..."), 0)) == []
