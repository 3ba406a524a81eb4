"""Which gaps declared losses explain, and what is left of a damaged list."""

import pytest

from watchkeep.hub.store import declared as module
from watchkeep.hub.store.declared import Declared, Place, read_lines, to_line
from watchkeep.wire.losses import Loss


def chunks(epoch: int, low: int, high: int, text: str = "full", camera: str = "cam0") -> Loss:
    return Loss(camera=camera, epoch=epoch, first_seq=low, last_seq=high, text=text)


def frames(start_s: float, end_s: float, count: int = 9) -> Loss:
    return Loss(camera="cam0", start_s=start_s, end_s=end_s, frames=count, text="frames did not fit")


@pytest.mark.parametrize(("losses", "before", "after", "unnumbered", "why"), [
    ([chunks(1, 5, 9)], (1, 4), (1, 10), False, "full"),
    ([chunks(1, 0, 20)], (1, 4), (1, 10), False, "full"),
    ([chunks(1, 5, 7), chunks(1, 8, 9, "damaged")], (1, 4), (1, 10), False, "damaged"),
    ([chunks(1, 5, 8)], (1, 4), (1, 10), False, None),  # 9 may be on its way
    ([chunks(1, 5, 5), chunks(1, 7, 9)], (1, 4), (1, 10), False, None),
    ([chunks(1, 0, 4), chunks(1, 10, 12), chunks(2, 5, 9)], (1, 4), (1, 10), False, None),
    ([chunks(1, 5, 9, camera="cam1")], (1, 4), (1, 10), False, None),
    ([chunks(1, 5, 9)], (1, 4), (2, 0), False, "full"),  # the end of an epoch
    ([chunks(2, 0, 9)], (1, 4), (3, 0), False, "full"),  # a whole one
    ([chunks(2, 0, 2)], (1, 4), (2, 3), False, "full"),  # the beginning of one
    ([chunks(1, 5, 9)], (1, 4), (2, 3), False, None),  # 0 to 2 of the later one may be on their way
    ([chunks(1, 0, 4)], (1, 4), (2, 0), False, None),
    ([frames(12, 13)], (1, 4), (2, 0), True, "9 frames did not fit"),
    ([frames(12, 13)], (1, 4), (2, 0), False, None),
    ([frames(1, 9.9), frames(20.1, 30)], (1, 4), (2, 0), True, None),
    ([frames(12, 13), frames(12, 18, 40)], (1, 4), (2, 0), True, "40 frames did not fit"),
    ([frames(12, 13), frames(12.5, 18, 40)], (1, 4), (2, 0), True, "49 frames did not fit"),  # told anew, after the first was taken
    ([frames(12, 13)], (1, 4), (1, 10), True, None),
    ([], (1, 4), (2, 0), True, None),
])  # fmt: skip
def test_what_explains_a_gap_of_ten_seconds(losses: list[Loss], before: tuple[int, int], after: tuple[int, int], unnumbered: bool,
                                            why: str | None) -> None:  # fmt: skip
    assert Declared(losses).why("cam0", Place(before, after, 10.0, 20.0), unnumbered=unnumbered) == why


def test_the_oldest_are_forgotten_and_a_repeated_one_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOSSES", 2)
    known = Declared([chunks(1, 0, 1), frames(1, 2), frames(1, 2)])
    assert len(known) == 2
    known.add(chunks(1, 5, 9))
    known.add(chunks(1, 15, 19))
    assert known.all() == [chunks(1, 5, 9), chunks(1, 15, 19)]
    assert chunks(1, 0, 1) not in known
    assert known.why("cam0", Place((1, 4), (1, 10), 0, 1), unnumbered=False) == "full"
    assert known.why("cam0", Place((0, 4), (1, 2), 0, 1), unnumbered=False) is None


def test_lines_prove_themselves_one_by_one() -> None:
    losses = [chunks(1, 5, 9), frames(1.25, 2.5), chunks(2, 0, 0, "ünïcode")]
    lines = [to_line(loss) for loss in losses]
    whole = b"".join(lines)
    assert read_lines(whole) == (losses, len(whole), 0)
    for cut in range(1, len(lines[2])):
        assert read_lines(whole[:-cut]) == (losses[:2], len(lines[0] + lines[1]), 0)
    for at in range(len(lines[1]) - 1):
        changed = bytearray(whole)
        changed[len(lines[0]) + at] ^= 1
        found = read_lines(bytes(changed))
        assert [loss for loss in found.losses if loss not in (losses[0], losses[2])] == []
        assert (found.losses[0], found.losses[-1], found.damaged > 0) == (losses[0], losses[2], True)
